// Percentiles and ratios of samples.

/**
 * The value that `percent` of the values do not exceed (nearest rank); NaN for none.
 * @param {readonly number[]} sorted ascending
 * @param {number} percent from 0 to 100
 */
export function percentile(sorted, percent) {
  const rank = Math.ceil((percent / 100) * sorted.length);
  return sorted[Math.min(Math.max(rank, 1), sorted.length) - 1] ?? Number.NaN;
}

/** @param {readonly number[]} samples in any order */
export function summary(samples) {
  const sorted = samples.toSorted((a, b) => a - b);
  return {
    samples: sorted.length,
    p50: percentile(sorted, 50),
    p95: percentile(sorted, 95),
    p99: percentile(sorted, 99),
  };
}

/**
 * The median of one case by the median of another, and the same round by round: how far the machine has let it move.
 * @param {readonly (readonly number[])[]} rounds
 * @param {readonly (readonly number[])[]} others
 */
export function ratio(rounds, others) {
  const each = rounds.map((samples, round) => middle(samples) / middle(others[round]));
  return { median: middle(rounds.flat()) / middle(others.flat()), low: Math.min(...each), high: Math.max(...each) };
}

function middle(samples) {
  return summary(samples).p50;
}
