// One data-plane thread against two. On a machine of two cores the generator must share them, so the measure is items
// per CPU-second of the collector, which a second thread must not lower: what threads cost each other shows there.
//
//   node bench/scaling.mjs [--duration SECONDS] [--pairs N]
import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { teleferric } from './compare/peers/teleferric.mjs';
import { buildLoadTool, send, sendFlags, Sink } from './compare/load.mjs';
import { endAll, freeAddress, sleep, stopChild } from './compare/processes.mjs';
import { cells } from './compare/scenarios.mjs';
import { medianWithInterval } from './compare/statistics.mjs';

const CELLS = ['batch-s1-traces', 's3-logs-grpc'];

const { values } = parseArgs({
  options: { duration: { type: 'string', default: '2' }, pairs: { type: 'string', default: '6' } },
});
const [duration, pairs] = [Number(values.duration), Number(values.pairs)];
const children = new Set();

process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  endAll();
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));
await buildLoadTool();
for (const id of CELLS) await measure(cells.find((cell) => cell.id === id));
process.exit(0);

async function measure(cell) {
  const sink = await Sink.start(cell);
  const one = await start(cell, sink, 1);
  const two = await start(cell, sink, 2);
  const ratios = [];
  for (let pair = 0; pair < pairs; pair += 1) {
    const order = pair % 2 === 0 ? [one, two] : [two, one];
    const found = new Map();
    for (const collector of order) found.set(collector, await perCpuSecond(cell, collector));
    ratios.push(found.get(two) / found.get(one));
  }
  const { median, low, high } = medianWithInterval(ratios);
  process.stdout.write(
    `${cell.id.padEnd(16)} two threads / one, items a CPU-second: ${median.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})\n`,
  );
  await Promise.all([one, two].map(({ child }) => stopChild(child)));
  await sink.stop();
}

/** Not pinned: both threads may run at the same time. */
async function start(cell, sink, threads) {
  const listen = await freeAddress();
  const { command, args, files } = teleferric.configure(cell, { listen, next: sink.address });
  const document = JSON.parse(files['config.yaml']);
  document.service.threads = threads;
  const config = `yaml:${JSON.stringify(document)}`;
  const child = spawn(command, [args[0], '--config', config], { stdio: ['ignore', 'ignore', 'inherit'] });
  children.add(child);
  await sleep(1500);
  return { child, listen };
}

async function perCpuSecond(cell, { child, listen }) {
  const { window, watch } = await send(listen, sendFlags(cell, { warmup: 0.5, duration }), [child.pid]);
  return window.items / watch[0].cpu_s;
}
