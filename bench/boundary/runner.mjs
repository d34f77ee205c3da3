// The one place that knows the `benchmark` package: runs cases in turns and gives back their samples.
//
// Functions are handed over without set-up code, because with it the package would compile their source anew and they
// would lose their closures. A case that gives a promise is run as a deferred one; that adds the package's own
// scheduling to each operation, so such cases may be compared with each other only.
import Benchmark from 'benchmark';

/** How often the list is run; every other time backwards, so that no case is always the first or the last. */
const ROUNDS = 4;
/** Seconds that one sample takes at least. */
const SAMPLE_SECONDS = 0.004;
/** Samples of a round, at least. */
const SAMPLES_MIN = 8;
const NS_PER_SECOND = 1e9;

let last;

/** Keeps the latest result where the compiler cannot prove that nobody looks. */
function sink(value) {
  last = value;
}

/** The latest result. */
export function sunk() {
  return last;
}

/**
 * @typedef {object} Case
 * @property {string} name unique
 * @property {() => unknown} run does the operation; what it gives is sunk
 * @property {boolean} [settles] whether it gives a promise that is waited for
 * @property {number} [operations] how many operations one run covers; 1 by default
 */

/**
 * Nanoseconds per operation by case and round.
 * @param {readonly Case[]} cases
 * @param {{ seconds: number, rounds?: number }} options seconds for each case over all rounds
 * @returns {Promise<Map<string, number[][]>>}
 */
export async function measure(cases, { seconds, rounds = ROUNDS }) {
  const samples = new Map(cases.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const each of round % 2 === 0 ? cases : cases.toReversed()) {
      samples.get(each.name).push(await measureOnce(each, seconds / rounds));
    }
  }
  return samples;
}

/** @returns {Promise<number[]>} */
function measureOnce({ name, run, settles = false, operations = 1 }, seconds) {
  return new Promise((resolve, reject) => {
    const fail = (error) => reject(new Error(`${name} failed`, { cause: error }));
    const fn = settles
      ? (deferred) => {
          run().then((value) => {
            sink(value);
            deferred.resolve();
          }, fail);
        }
      : () => sink(run());
    const benchmark = new Benchmark(name, fn, {
      async: true,
      defer: settles,
      delay: 0.001,
      initCount: 1,
      maxTime: seconds,
      minSamples: SAMPLES_MIN,
      minTime: SAMPLE_SECONDS,
      onError: ({ target }) => fail(target.error),
      onComplete: ({ target }) => resolve(target.stats.sample.map((each) => (each * NS_PER_SECOND) / operations)),
    });
    benchmark.run();
  });
}
