import assert from 'node:assert/strict';
import { test } from 'node:test';
import { control, peers } from './peers/index.mjs';
import { estimateSeconds, procedures } from './procedures.mjs';
import { dfEngineToOtelcol } from './published.mjs';
import { cells, selectCells, tags } from './scenarios.mjs';

test('ids are unique and say nothing a file name could not', () => {
  assert.equal(new Set(cells.map(({ id }) => id)).size, cells.length);
  for (const { id } of cells) assert.match(id, /^[a-z0-9-]+$/);
});

test('every cell is well formed', () => {
  for (const cell of cells) {
    assert.ok(procedures[cell.kind], cell.id);
    assert.ok(['traces', 'metrics', 'logs'].includes(cell.signal), cell.id);
    assert.ok(cell.transport === 'grpc' || cell.streams === 1, `${cell.id}: HTTP/1.1 has one request at a time`);
    assert.ok(cell.encoding === 'proto' || cell.transport === 'http', `${cell.id}: JSON goes over HTTP`);
    if (cell.kind === 'rate') assert.ok(cell.requestsPerSecond > 0, cell.id);
    if (cell.kind === 'latency')
      assert.ok(
        peers.some(({ id }) => id === cell.against),
        cell.id,
      );
  }
});

const some = (wanted) => cells.some((cell) => Object.entries(wanted).every(([key, value]) => cell[key] === value));

test('the table covers what is promised', () => {
  for (const signal of ['traces', 'metrics', 'logs']) {
    for (const transport of ['grpc', 'http'])
      assert.ok(some({ signal, transport, items: 1000 }), `${signal} ${transport}`);
  }
  for (const compressionIn of ['none', 'gzip', 'zstd']) assert.ok(some({ compressionIn }), compressionIn);
  for (const action of ['insert', 'rename', 'delete', 'filter']) {
    assert.ok(
      cells.some(({ step }) => step?.action === action),
      action,
    );
  }
  for (const connections of [1, 100, 1000, 10_000]) assert.ok(some({ connections, kind: 'rate' }), String(connections));
  assert.deepEqual(tags, ['headline', 'signal', 'step', 'codec', 'connections', 'overload', 'soak', 'latency']);
});

test('published ratios name cells that exist', () => {
  for (const id of Object.keys(dfEngineToOtelcol))
    assert.ok(
      cells.some((cell) => cell.id === id),
      id,
    );
});

test('cells are selected by id and tag', () => {
  assert.deepEqual(
    selectCells({ only: '^zstd' }).map(({ id }) => id),
    ['zstd-kept-logs-grpc', 'zstd-logs-grpc', 'zstd-traces-http'],
  );
  assert.ok(selectCells({ tags: 'soak,overload' }).every(({ tag }) => tag === 'soak' || tag === 'overload'));
  assert.equal(selectCells({}).length, cells.length);
  assert.throws(() => selectCells({ tags: 'nope' }), /unknown tags: nope/);
});

test('a whole campaign can fit into 45 minutes', () => {
  const settings = { pairs: 4, seconds: 1.5, warmup: 0.5, soak: 20, overload: 10 };
  const seconds = cells.reduce((sum, cell) => {
    const contenders = cell.kind === 'latency' ? 2 : peers.filter((peer) => peer.absent(cell) === null).length;
    return sum + estimateSeconds(cell, contenders + (cell.kind === 'throughput' ? 1 : 0), settings);
  }, 0);
  assert.ok(seconds < 45 * 60, `${Math.round(seconds / 60)} minutes`);
});

test('the control is teleferric under another name', () => {
  assert.equal(control.configure, peers[0].configure);
  assert.notEqual(control.id, peers[0].id);
});
