// Small statistics for paired runs: medians, and a percentile bootstrap of the median with a fixed seed, so that a
// report made twice from the same raw results says the same.

export function median(values) {
  return percentile(values, 0.5);
}

/** Linear interpolation between closest ranks; undefined for no values. */
export function percentile(values, fraction) {
  if (values.length === 0) return undefined;
  const sorted = values.toSorted((a, b) => a - b);
  const rank = fraction * (sorted.length - 1);
  const low = Math.floor(rank);
  const high = Math.ceil(rank);
  return sorted[low] + (sorted[high] - sorted[low]) * (rank - low);
}

/**
 * The median of `values` with the 95 % interval of its bootstrap distribution. With fewer than three values there is
 * no spread to speak of, and the interval is their range.
 */
export function medianWithInterval(values, { resamples = 2000, seed = 1 } = {}) {
  if (values.length === 0) return undefined;
  const estimate = median(values);
  if (values.length < 3)
    return { median: estimate, low: Math.min(...values), high: Math.max(...values), n: values.length };
  const random = seededRandom(seed);
  const medians = Array.from({ length: resamples }, () =>
    median(values.map(() => values[Math.floor(random() * values.length)])),
  );
  return { median: estimate, low: percentile(medians, 0.025), high: percentile(medians, 0.975), n: values.length };
}

/** The ratio `mine / theirs` of each pair of runs that have the same `pair` number; pairs with a hole are left out. */
export function pairRatios(mine, theirs, value) {
  const byPair = new Map(theirs.map((run) => [run.pair, value(run)]));
  return mine.map((run) => value(run) / byPair.get(run.pair)).filter((ratio) => Number.isFinite(ratio) && ratio > 0);
}

/** Mulberry32: 32 bits of state are plenty for resampling a dozen numbers. */
export function seededRandom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
