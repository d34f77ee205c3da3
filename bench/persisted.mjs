// A queue on disk against one in memory: what an answer that waits for the disk costs in requests, CPU time and latency.
//
//   node bench/persisted.mjs [--duration SECONDS] [--pairs N]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Sink } from './compare/load.mjs';
import { cells } from './compare/scenarios.mjs';
import { median } from './compare/statistics.mjs';
import { inTurns, prepare, ratioText, startCollector, stopCollector } from './pairs.mjs';

const CELLS = ['s1-traces-8x32', 's1-traces-100x1', 's2-traces-grpc', 's3-traces-grpc'];
/** Senders wait for room, so that no more is taken in than is delivered. */
const QUEUE = { queue_size: 1000, num_consumers: 32, block_on_overflow: true };

const rate = ({ requestsPerSecond }) => requestsPerSecond;
const cost = ({ itemsPerCpuSecond }) => 1 / itemsPerCpuSecond;

const { values } = parseArgs({
  options: { duration: { type: 'string', default: '2' }, pairs: { type: 'string', default: '6' } },
});
const folder = mkdtempSync(path.join(tmpdir(), 'teleferric-persisted-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
await prepare();
for (const id of CELLS) await compare(cells.find((cell) => cell.id === id));
process.exit(0);

async function compare(cell) {
  const sink = await Sink.start(cell);
  const collectors = [
    await startCollector(cell, sink, (document) => queue(document, QUEUE)),
    await startCollector(cell, sink, (document) => stored(document, cell.id, 'group')),
    await startCollector(cell, sink, (document) => stored(document, cell.id, 'never')),
  ];
  const rounds = { pairs: Number(values.pairs), duration: Number(values.duration) };
  const [memory, ...onDisk] = await inTurns(cell, collectors, rounds);
  print(cell.id, 'in memory', memory);
  for (const [index, name] of ['synced', 'not synced'].entries()) print('', name, onDisk[index], memory);
  await Promise.all(collectors.map(stopCollector));
  await sink.stop();
}

function queue({ exporters }, keys) {
  for (const exporter of Object.values(exporters)) exporter.sending_queue = keys;
}

function stored(document, id, sync) {
  const directory = path.join(folder, `${id}-${sync}`);
  document.extensions = { file_storage: { directory, sync } };
  document.service.extensions = ['file_storage'];
  queue(document, { ...QUEUE, storage: 'file_storage' });
}

function print(id, name, runs, base) {
  const of = (value) => median(runs.map(value));
  const ratios =
    base === undefined ? '' : `  ${ratioText(runs, base, rate)} x requests, ${ratioText(runs, base, cost)} x CPU`;
  const figures = `${Math.round(of(rate))} requests/s, p99 ${of(({ p99Ms }) => p99Ms).toFixed(2)} ms`;
  process.stdout.write(`${id.padEnd(16)} ${name.padEnd(11)} ${figures}${ratios}\n`);
}
