// Whether what a process holds stays level, however often it does the same.
import { node } from './node.mjs';

/** The growth of memory in a turn that is no leak, KiB: a fifth of what one forgotten request of a cycle would leave. */
const GROWTH_MAX_KIB = { rssKib: 20, heapKib: 5 };

/**
 * Runs a script that does something `count` times, after `warmUp`, and says what the process holds meanwhile; what has
 * grown. Pages come and go with the allocators: what is below `noiseKib` between two looks says nothing.
 */
export async function level(script, { warmUp = [], count, more = [], noiseKib = 512 }, say) {
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
  for (const [name, most] of Object.entries(GROWTH_MAX_KIB)) {
    const grown = Math.round(slope(looks.map((look) => look[name])));
    if (grown > Math.max(turns * most, noiseKib)) faults.push(`${name} grew by ${grown} each ${turns} turns`);
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
