import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { writeCharts } from './charts.mjs';
import { fixtureResults } from './fixture.mjs';
import { goalRows } from './goals.mjs';
import { renderReport } from './report.mjs';
import { readResults, writeResults } from './results.mjs';
import { pooledControl, summarizeCell } from './summary.mjs';

const summaryOf = (results, id) => summarizeCell(results.cells[id]);
const rowOf = (summary, id) => summary.rows.find((row) => row.id === id);

test('ratios are teleferric over the peer', () => {
  const summary = summaryOf(fixtureResults(['s3-logs-grpc']), 's3-logs-grpc');
  assert.equal(rowOf(summary, 'otelcol').ratio.median, 10);
  assert.equal(rowOf(summary, 'teleferric').ratio, undefined);
  assert.equal(rowOf(summary, 'teleferric').items_per_cpu_s, 4040 * 1000);
});

test('what is answered on acceptance is counted over the whole run, for both sides', () => {
  const results = fixtureResults(['s3-logs-grpc']);
  results.cells['s3-logs-grpc'].contenders.otelcol.ack = 'acceptance';
  for (const run of results.cells['s3-logs-grpc'].runs) if (run.contender === 'otelcol') run.whole.items /= 2;
  assert.equal(rowOf(summaryOf(results, 's3-logs-grpc'), 'otelcol').ratio.median.toFixed(6), '20.000000');
});

test('runs with stolen time are left out and counted', () => {
  const results = fixtureResults(['s3-logs-grpc']);
  const [first] = results.cells['s3-logs-grpc'].runs;
  Object.assign(first, { steal_share: 0.05, items: 1 });
  const row = rowOf(summaryOf(results, 's3-logs-grpc'), 'teleferric');
  assert.equal(row.dropped.length, 1);
  assert.ok(row.items_per_cpu_s > 1e6);
  assert.match(renderReport(results), /1 of teleferric in `s3-logs-grpc`/);
});

test('the control is judged over the pairs of all cells together', () => {
  const results = fixtureResults(['s3-logs-grpc', 'insert-logs', 'connections-1']);
  const pooled = () => pooledControl(Object.values(results.cells).map(summarizeCell));
  const inOne = rowOf(summaryOf(results, 's3-logs-grpc'), 'control').ratio.n;
  assert.equal(pooled().n, 2 * inOne);
  assert.match(renderReport(results), /all together \| +\d+ \|.*\| good/);
  for (const { runs } of Object.values(results.cells)) {
    for (const run of runs) if (run.contender === 'control') run.items *= 1.1;
  }
  assert.match(renderReport(results), /all together \|.*does not contain 1/);
});

test('goals are reached, missed or open by the interval', () => {
  const ids = ['s3-logs-grpc', 's1-traces-8x32', 'overload-down-grpc', 'connections-1', 'latency-otelcol-s1'];
  const results = fixtureResults(ids);
  const runs = results.cells['s1-traces-8x32'].runs.filter(({ contender }) => contender === 'otelcol');
  for (const [index, run] of runs.entries()) run.items *= 1 + index / 2;
  const rows = goalRows(ids.map((id) => summaryOf(results, id)));
  const reached = (goal, target) => rows.find((row) => row.goal === goal && row.target === target)?.reached;
  assert.equal(reached('G1', '>= 8x otelcol'), 'yes');
  assert.equal(reached('G1', '>= 2x df_engine (indirect)'), 'yes');
  assert.equal(reached('G7', '>= 8x otelcol'), 'open');
  assert.equal(reached('G9', '<= 0.33x otelcol'), 'yes');
  assert.equal(reached('G10', '<= 60 MiB'), 'yes');
  assert.equal(reached('G11', '<= 1126 MiB, 0 lost'), 'yes');
});

test('the report has every section, the losing rows and the absent peers', () => {
  const results = fixtureResults([
    's3-logs-grpc',
    'connections-1',
    'overload-down-grpc',
    'latency-otelcol-s1',
    'insert-logs',
  ]);
  const text = renderReport(results);
  for (const heading of [
    'Goals',
    'Headline',
    'Batching and edits',
    'Connections',
    'Overload',
    'Latency',
    'Validity',
    'Method',
  ]) {
    assert.match(text, new RegExp(`^## ${heading}`, 'm'));
  }
  assert.match(text, /Rotel \| absent: no network/);
  assert.match(text, /\| rotel \|.*absent: no network/);
  assert.match(text, /df_engine \|.*indirect: 3.5-3.7 x otelcol, published/);
  assert.match(text, /1\.00x \[.*\| good \|/);
  assert.doesNotMatch(text, /undefined|NaN/);
});

test('latency of which every run is void is shown as such', () => {
  const results = fixtureResults(['latency-otelcol-s1']);
  for (const run of results.cells['latency-otelcol-s1'].runs) run.void = true;
  assert.match(renderReport(results), /\| teleferric \| - \| - .*3 runs left out/);
});

test('an empty campaign still makes a report', () => {
  assert.doesNotMatch(renderReport(fixtureResults([])), /undefined|NaN/);
});

test('results survive writing and reading, and make charts', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'compare-test-'));
  try {
    const results = fixtureResults(['s3-logs-grpc', 'connections-1', 'latency-otelcol-s1']);
    writeResults(folder, results);
    assert.equal(renderReport(readResults(folder)), renderReport(results));
    const files = await writeCharts(folder, results);
    assert.deepEqual(
      files.map((file) => path.basename(file)),
      ['headline.svg', 'latency.svg', 'memory.svg'],
    );
    for (const file of files) assert.match(readFileSync(file, 'utf8'), /^<svg[^]*<\/svg>\n$/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
