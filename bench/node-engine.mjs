// What a request costs in the Node engine, beside the native engine and beside a collector written by hand in JavaScript
// (node:http or @grpc/grpc-js, protobufjs): requests per CPU-second of the whole process, measured in turns.
//
//   node bench/node-engine.mjs [--pairs N] [--duration S] [--json FILE] [--quick]
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Sink } from './compare/load.mjs';
import { cells } from './compare/scenarios.mjs';
import { inTurns, prepare, ratioText, startBaseline, startCollector, stopCollector } from './pairs.mjs';

const CELLS = ['s1-traces-http', 's3-traces-http', 's2-traces-json', 's2-traces-grpc', 's3-traces-grpc'];
const CELLS_QUICK = ['s1-traces-http', 's1-traces-100x1'];
const GOAL = 2;
/** All requests of a cell have as many items. */
const perCpuSecond = ({ itemsPerCpuSecond }) => itemsPerCpuSecond;

const { values } = parseArgs({
  options: {
    pairs: { type: 'string' },
    duration: { type: 'string' },
    json: { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
});
const defaults = values.quick ? { pairs: 1, duration: 1 } : { pairs: 8, duration: 3 };
const rounds = {
  pairs: Number(values.pairs ?? defaults.pairs),
  duration: Number(values.duration ?? defaults.duration),
};

await prepare();
process.stdout.write(`requests a CPU-second of the Node engine; goal ${GOAL} times those of JavaScript\n`);
const runs = {};
for (const id of values.quick ? CELLS_QUICK : CELLS) runs[id] = await compare(cells.find((cell) => cell.id === id));
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ rounds, runs }, null, 2)}\n`);
process.exit(0);

async function compare(cell) {
  const sink = await Sink.start(cell);
  const engine = (name) =>
    startCollector(cell, sink, (document) => {
      document.receivers.otlp.protocols[cell.transport].engine = name;
    });
  const collectors = [await engine('node'), await startBaseline(cell, sink), await engine('native')];
  const [node, baseline, native] = await inTurns(cell, collectors, rounds);
  const text = `${ratioText(node, baseline, perCpuSecond)} x JavaScript, ${ratioText(node, native, perCpuSecond)} x native engine`;
  process.stdout.write(`${cell.id.padEnd(16)} ${text}\n`);
  await Promise.all(collectors.map(stopCollector));
  await sink.stop();
  return { node, baseline, native };
}
