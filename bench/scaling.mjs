// One data-plane thread against two. On a machine of two cores the generator must share them, so the measure is items
// per CPU-second of the collector, which a second thread must not lower: what threads cost each other shows there.
//
//   node bench/scaling.mjs [--duration SECONDS] [--pairs N]
import { parseArgs } from 'node:util';
import { Sink } from './compare/load.mjs';
import { cells } from './compare/scenarios.mjs';
import { inTurns, prepare, ratioText, startCollector, stopCollector } from './pairs.mjs';

const CELLS = ['batch-s1-traces', 's3-logs-grpc'];

const { values } = parseArgs({
  options: { duration: { type: 'string', default: '2' }, pairs: { type: 'string', default: '6' } },
});
await prepare();
for (const id of CELLS) await compare(cells.find((cell) => cell.id === id));
process.exit(0);

async function compare(cell) {
  const sink = await Sink.start(cell);
  const start = (threads) => startCollector(cell, sink, ({ service }) => Object.assign(service, { threads }));
  const collectors = [await start(1), await start(2)];
  const rounds = { pairs: Number(values.pairs), duration: Number(values.duration) };
  const [one, two] = await inTurns(cell, collectors, rounds);
  const ratio = ratioText(two, one, ({ itemsPerCpuSecond }) => itemsPerCpuSecond);
  process.stdout.write(`${cell.id.padEnd(16)} two threads / one, items a CPU-second: ${ratio}\n`);
  await Promise.all(collectors.map(stopCollector));
  await sink.stop();
}
