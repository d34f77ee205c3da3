// Whether what a process holds stays level, however often it does the same.
import { node } from './node.mjs';

/**
 * The growth in a turn that is no leak, and the growth from one look to the next that says nothing. A request that each
 * cycle forgets would be 100 KiB a turn. The resident size is a second look: V8 keeps many pages of isolates that are gone.
 */
const LIMITS = {
  mallocKib: { perTurn: 5, noise: 128 },
  heapKib: { perTurn: 5, noise: 512 },
  rssKib: { perTurn: 20, noise: 16_384 },
};

/**
 * Runs a script that does something `count` times, after `warmUp`, and says what the process holds meanwhile; what has
 * grown. `noiseKib` is for scripts that make more noise than usual.
 */
export async function level(script, { warmUp = [], count, more = [], noiseKib = {} }, say) {
  const { code, signal, stdout, stderr } = await node(script, [...warmUp, count, ...more]);
  if (code !== 0) return [`${script} ended with ${code ?? signal}: ${stderr}`];
  const { looks, ...counts } = JSON.parse(stdout);
  if (Object.keys(counts).length > 0) say(JSON.stringify(counts));
  for (const look of looks) {
    const words = Object.entries(look).map((entry) => entry.join(' '));
    say(words.join('  '));
  }
  const [first, last] = [looks[0], looks.at(-1)];
  const faults = ['threads', 'files', 'handles']
    .filter((name) => last[name] > first[name])
    .map((name) => `${name} grew from ${first[name]} to ${last[name]}`);
  const turns = count / (looks.length - 1);
  for (const [name, { perTurn, noise: usual }] of Object.entries(LIMITS)) {
    const noise = noiseKib[name] ?? usual;
    const grown = Math.round(slope(looks.map((look) => look[name])));
    if (grown > Math.max(turns * perTurn, noise)) faults.push(`${name} grew by ${grown} each ${turns} turns`);
  }
  if (counts.taken !== counts.sent) faults.push(`${counts.taken} of ${counts.sent} requests were taken`);
  if (counts.lives === 0) faults.push('no collector ran in a worker');
  return faults;
}

/**
 * How much numbers grow from one to the next: the median slope of all pairs (the Theil-Sen estimator). What leaks grows all
 * the time; a heap that is laid out anew grows once, by much, which moves few of the pairs.
 */
function slope(numbers) {
  const slopes = numbers
    .flatMap((later, end) => numbers.slice(0, end).map((earlier, start) => (later - earlier) / (end - start)))
    .toSorted((one, other) => one - other);
  return slopes[Math.floor(slopes.length / 2)];
}
