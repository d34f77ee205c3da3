import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkOf } from './checks.mjs';
import { turns } from './measure.mjs';
import { cells } from './scenarios.mjs';

const cellOf = (id) => cells.find((cell) => cell.id === id);
const report = { window: { items: 100, body_bytes: 30_000 }, total: { accepted_items: 200, refused: {}, failed: 0 } };
const sink = (changes = {}) => ({ requests: 2, items: 200, body_bytes: 60_000, wire_bytes: 60_000, ...changes });
const problemsOf = (id, stats) => checkOf(cellOf(id), report, stats).problems;

test('a faithful pass-through has no problems', () => {
  assert.deepEqual(problemsOf('s3-traces-grpc', sink()), []);
});

test('what a contender does not do is named', () => {
  assert.deepEqual(problemsOf('insert-logs', sink()), ['nothing was inserted']);
  assert.deepEqual(problemsOf('delete-logs', sink()), ['nothing was deleted']);
  assert.deepEqual(problemsOf('filter-logs', sink()), ['not 50 % of the items arrived']);
  assert.deepEqual(problemsOf('gzip-logs-grpc', sink()), ['not compressed']);
  assert.deepEqual(problemsOf('s3-traces-grpc', sink({ wire_bytes: 6000 })), ['compressed']);
  assert.deepEqual(problemsOf('batch-s3-traces', sink()), ['not batched']);
  assert.deepEqual(problemsOf('s3-traces-grpc', sink({ items: 100 })).length, 2);
});

test('one that accepts nothing is unfit', () => {
  const refusing = { ...report, total: { accepted_items: 0, refused: { UNAVAILABLE: 3 }, failed: 0 } };
  assert.match(checkOf(cellOf('s3-traces-grpc'), refusing, sink()).problems[0], /accepted nothing.*UNAVAILABLE/);
});

test('turns are ABBA', () => {
  const order = [...turns(['a', 'b', 'c'], 2)];
  assert.deepEqual(
    order.map(({ contender }) => contender),
    ['a', 'b', 'c', 'c', 'b', 'a'],
  );
  assert.deepEqual(
    order.map(({ pair }) => pair),
    [0, 0, 0, 1, 1, 1],
  );
});
