import assert from 'node:assert/strict';
import { test } from 'node:test';
import { median, medianWithInterval, pairRatios, percentile, seededRandom } from './statistics.mjs';

test('median and percentiles interpolate between ranks', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.equal(percentile([0, 10], 0.25), 2.5);
  assert.equal(median([]), undefined);
});

test('the interval holds the median and is the same each time', () => {
  const values = [1.8, 2.1, 1.9, 2.0, 2.2, 2.4, 1.7, 2.0];
  const first = medianWithInterval(values);
  assert.deepEqual(medianWithInterval(values), first);
  assert.ok(first.low <= first.median && first.median <= first.high);
  assert.ok(first.low > 1.7 && first.high < 2.4);
  assert.equal(first.n, 8);
});

test('the interval covers the true median about as often as it says', () => {
  const random = seededRandom(7);
  let covered = 0;
  for (let trial = 0; trial < 200; trial += 1) {
    const values = Array.from({ length: 12 }, () => 1 + random());
    const { low, high } = medianWithInterval(values, { resamples: 200, seed: trial });
    if (low <= 1.5 && high >= 1.5) covered += 1;
  }
  assert.ok(covered >= 176 && covered <= 200, `covered ${covered} of 200`);
});

test('two values give their range, none gives nothing', () => {
  assert.deepEqual(medianWithInterval([2, 4]), { median: 3, low: 2, high: 4, n: 2 });
  assert.equal(medianWithInterval([]), undefined);
});

test('ratios are taken within a pair, and pairs with a hole are left out', () => {
  const mine = [
    { pair: 0, v: 10 },
    { pair: 1, v: 20 },
    { pair: 2, v: 30 },
  ];
  const theirs = [
    { pair: 1, v: 5 },
    { pair: 0, v: 5 },
  ];
  assert.deepEqual(
    pairRatios(mine, theirs, (run) => run.v),
    [2, 4],
  );
});
