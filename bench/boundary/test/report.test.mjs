import assert from 'node:assert/strict';
import { test } from 'node:test';

import { figures, significant, table } from '../report.mjs';

const CASES = [
  { name: 'control: a', side: 'control', beside: null },
  { name: 'product: a', side: 'product', beside: 'control: a' },
  { name: 'product: b', side: 'product', beside: 'control: b' },
];
const SAMPLES = new Map([
  ['control: a', [[10], [10]]],
  ['product: a', [[20], [40]]],
  ['product: b', [[5], [5]]],
]);

test('figures compare with the control that was measured, and with nothing else', () => {
  const [control, compared, alone] = figures(CASES, SAMPLES);
  assert.equal(control.times_control, null);
  assert.deepEqual(compared.times_control, { median: 2, low: 2, high: 4 });
  assert.deepEqual([alone.beside, alone.times_control, alone.ns_p99], [null, null, 5]);
});

test('table has a line for each case', () => {
  const lines = table('calls', figures(CASES, SAMPLES)).split('\n');
  assert.equal(lines.length, 5);
  assert.match(lines[2], /product: a +20\.0 +40\.0 +40\.0 {2}2\.00x \[2\.00, 4\.00\] of control: a$/);
  assert.match(lines[3], /5\.00$/);
});

test('numbers keep three digits that count', () => {
  assert.deepEqual([1.234, 12.34, 123.4, 12_345].map(significant), ['1.23', '12.3', '123', '12345']);
});
