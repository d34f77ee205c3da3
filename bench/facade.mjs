// What the JavaScript around the data plane costs: the CPU of every thread of a loaded collector, by role. Throughput per
// CPU-second with the facade is that of the core alone times the data plane's share, so the share is the answer. The
// collector runs as users run it: metrics on, a scrape a second, the log at its default level.
//
//   node bench/facade.mjs [--duration SECONDS] [--rounds N]
import { readFileSync, readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { collectorConfig } from './compare/peers/collector-config.mjs';
import { teleferric } from './compare/peers/teleferric.mjs';
import { buildLoadTool, send, sendFlags, Sink } from './compare/load.mjs';
import { Contender, endAll, freeAddress, pinSelf } from './compare/processes.mjs';
import { cells } from './compare/scenarios.mjs';

/** Small requests in batches, where the facade would weigh most, and large ones passed through. */
const CELLS = ['batch-s1-traces', 's3-logs-grpc'];
const SCRAPE_MS = 1000;

const { values } = parseArgs({
  options: { duration: { type: 'string', default: '4' }, rounds: { type: 'string', default: '3' } },
});
const [duration, rounds] = [Number(values.duration), Number(values.rounds)];

pinSelf();
process.on('exit', endAll);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));
await buildLoadTool();
process.stdout.write('cell             round   data plane      event loop  other threads   requests a CPU-second\n');
for (const id of CELLS) await measure(cells.find((cell) => cell.id === id));
process.exit(0);

async function measure(cell) {
  const sink = await Sink.start(cell);
  const [listen, metrics] = [await freeAddress(), await freeAddress()];
  const collector = new Contender('teleferric', configuration(cell, { listen, next: sink.address }, metrics), listen);
  await collector.listening();
  const scrapes = setInterval(() => void scrape(metrics), SCRAPE_MS);
  for (let round = 1; round <= rounds; round += 1) {
    const before = threadsOf(collector.pid);
    const report = await send(listen, sendFlags(cell, { warmup: 0.5, duration }), [collector.pid]);
    const after = threadsOf(collector.pid);
    print(cell, round, shares(before, after, collector.pid), report);
  }
  clearInterval(scrapes);
  await collector.stop();
  await sink.stop();
}

/** The cell's configuration with the collector's own telemetry as it is by default. */
function configuration(cell, ports, metrics) {
  const document = collectorConfig(cell, ports);
  const [host, port] = metrics.split(':');
  const reader = { pull: { exporter: { prometheus: { host, port: Number(port) } } } };
  document.service.telemetry = { metrics: { level: 'normal', readers: [reader] } };
  const base = teleferric.configure(cell, ports);
  return { ...base, files: { 'config.yaml': JSON.stringify(document) } };
}

async function scrape(address) {
  const response = await fetch(`http://${address}/metrics`);
  await response.text();
}

/** Run time of each thread in seconds, by thread id, with its name. */
function threadsOf(pid) {
  const threads = new Map();
  for (const id of readdirSync(`/proc/${pid}/task`)) {
    const folder = `/proc/${pid}/task/${id}`;
    const [nanoseconds] = readFileSync(`${folder}/schedstat`, 'utf8').split(' ');
    threads.set(Number(id), {
      name: readFileSync(`${folder}/comm`, 'utf8').trim(),
      seconds: Number(nanoseconds) / 1e9,
    });
  }
  return threads;
}

function shares(before, after, pid) {
  const used = { plane: 0, loop: 0, other: 0 };
  for (const [id, { name, seconds }] of after) {
    const role = /^teleferric-\d+$/.test(name) ? 'plane' : id === pid ? 'loop' : 'other';
    used[role] += seconds - (before.get(id)?.seconds ?? 0);
  }
  return used;
}

function print(cell, round, { plane, loop, other }, { window, watch }) {
  const total = plane + loop + other;
  const share = (seconds) => `${((100 * seconds) / total).toFixed(2)} %`.padStart(10);
  const rate = Math.round(window.requests / watch[0].cpu_s).toLocaleString('en');
  process.stdout.write(
    `${cell.id.padEnd(16)} ${String(round).padStart(5)}   ${share(plane)}      ${share(loop)}     ${share(other)}   ${rate.padStart(21)}\n`,
  );
}
