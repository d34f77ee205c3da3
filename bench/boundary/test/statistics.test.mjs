import assert from 'node:assert/strict';
import { test } from 'node:test';

import { percentile, ratio, summary } from '../statistics.mjs';

test('percentiles are values that occurred', () => {
  const sorted = Array.from({ length: 100 }, (_, index) => index + 1);
  assert.deepEqual(
    [0, 50, 95, 99, 100].map((percent) => percentile(sorted, percent)),
    [1, 50, 95, 99, 100],
  );
  assert.equal(percentile([3], 99), 3);
  assert.ok(Number.isNaN(percentile([], 50)));
});

test('summary sorts and leaves the samples as they were', () => {
  const samples = [3, 1, 2];
  assert.deepEqual(summary(samples), { samples: 3, p50: 2, p95: 3, p99: 3 });
  assert.deepEqual(samples, [3, 1, 2]);
});

test('ratio compares medians over all and by round', () => {
  const ours = [
    [10, 10, 10],
    [30, 30, 30],
    [20, 20, 20],
  ];
  const others = [
    [10, 10, 10],
    [10, 10, 10],
    [10, 10, 1000],
  ];
  assert.deepEqual(ratio(ours, others), { median: 2, low: 1, high: 3 });
});
