// Three exporters share the record of each request, and the target of one is a hundred times too slow: the others have
// everything at once, memory holds no more than each queue may have there, and in the end all have everything.
import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { temporaryFolder } from './folder.mjs';
import { audit, Oracle } from './oracle.mjs';
import { Collector, freePort } from './process.mjs';
import { Producer } from './producer.mjs';
import { QUIET_MS_MAX } from './stage.mjs';
import { Target } from './target.mjs';

const RATE = 400;
const PADDING_BYTES = 16 << 10;
/** So many requests at once, each for so long, make a hundredth of the rate. */
const CONSUMERS = 10;
const TAKES_MS = (CONSUMERS * 1000) / (RATE / 100);
const THREADS = 2;
/** What the documentation grants: 4 MiB for each thread of a queue that cannot send, and 8 MiB for the log. Beside
 * that each thread of each queue may be reading 1 MiB, and some is on its way in. */
const HELD_MIB_MAX = (4 + 3) * THREADS + 8 + 2;
/** By how much resident memory may grow in the second half, while the backlog doubles. */
const GROWTH_MAX = 1.1;
/** Of what was taken, what the others have at any moment is all but this time's worth. */
const LATE_MS_MAX = 1000;
const SAMPLE_MS = 100;

export async function slow({ seconds, connections }) {
  const folder = temporaryFolder('faults');
  const oracles = [new Oracle(), new Oracle(), new Oracle()];
  const targets = oracles.map((oracle) => new Target(oracle));
  for (const target of targets) await target.open();
  const collector = await collectorFor(folder, targets);
  await collector.start();
  const sender = () => new Producer({ port: collector.port, oracle: all(oracles), connections, ...PACE });

  const producer = sender();
  producer.start();
  const [slowest, ...others] = targets;
  const lateMs = () => ((oracles[0].accepted - Math.min(...others.map(({ delivered }) => delivered))) * 1000) / RATE;
  // The first requests come to programs that are not warm.
  await sleep(1000);
  while (lateMs() > LATE_MS_MAX / 10) await sleep(SAMPLE_MS);
  const before = slowest.delivered;
  slowest.takesMs = TAKES_MS;
  const [began, halves, found] = [performance.now(), [0, 0], { held_mib: 0, late_ms: 0 }];
  for (let ms = 0; ms < seconds * 1000; ms = performance.now() - began) {
    await sleep(SAMPLE_MS);
    const half = ms < seconds * 500 ? 0 : 1;
    halves[half] = Math.max(halves[half], collector.rssMib());
    found.held_mib = Math.max(found.held_mib, (await collector.metric('teleferric_memory_used_bytes')) / (1 << 20));
    found.late_ms = Math.max(found.late_ms, lateMs());
  }
  const [accepted, there] = [oracles[0].accepted, slowest.delivered - before];
  const backlog_mib = ((accepted - slowest.delivered) * PADDING_BYTES) / (1 << 20);
  await producer.stop();

  slowest.takesMs = 0;
  const faults = [...(await arrived(oracles, sender())), ...(await audit(collector))];
  if (found.held_mib > HELD_MIB_MAX) faults.push(`${found.held_mib.toFixed(1)} MiB were held, above ${HELD_MIB_MAX}`);
  const [first, second] = halves;
  if (second > first * GROWTH_MAX) faults.push(`memory rose from ${Math.round(first)} to ${Math.round(second)} MiB`);
  if (backlog_mib < HELD_MIB_MAX) faults.push(`a backlog of ${Math.round(backlog_mib)} MiB tells nothing about memory`);
  if (found.late_ms > LATE_MS_MAX) faults.push(`the others were ${Math.round(found.late_ms)} ms behind`);
  const verdicts = oracles.map((oracle) => oracle.verdict());
  await collector.kill();
  for (const target of targets) await target.close();
  rmSync(folder, { recursive: true, force: true });
  faults.push(...verdicts.flatMap((verdict) => verdict.faults));
  const { sent, duplicates } = verdicts[0];
  return { sent, accepted, slow_delivered: there, backlog_mib, rss_mib: halves, ...found, duplicates, faults };
}

const PACE = { rate: RATE, padding: PADDING_BYTES };

async function collectorFor(folder, targets) {
  const places = { folder, port: await freePort(), metricsPort: await freePort(), targetPort: targets[0].port };
  const collector = new Collector({ ...places, queue: { num_consumers: CONSUMERS } });
  const { config } = collector;
  const { otlp_http: exporter } = config.exporters;
  const exporters = targets.map(({ port }, index) => {
    const endpoint = `http://127.0.0.1:${port}`;
    return [`otlp_http/${index}`, { ...exporter, endpoint, timeout: `${4 * TAKES_MS}ms` }];
  });
  config.exporters = Object.fromEntries(exporters);
  config.service.pipelines.traces.exporters = Object.keys(config.exporters);
  config.service.threads = THREADS;
  return Object.assign(collector, { port: places.port });
}

/** One producer's requests are meant for every target. */
function all(oracles) {
  return {
    take: () => oracles.map((oracle) => oracle.take())[0],
    noteAccepted: (id) => oracles.forEach((oracle) => oracle.noteAccepted(id)),
  };
}

/** Waits until everything has arrived everywhere, then sends a fresh request; what is wrong. */
async function arrived(oracles, producer) {
  const wait = async (holds) => {
    const end = performance.now() + QUIET_MS_MAX;
    while (!oracles.every(holds) && performance.now() < end) await sleep(50);
  };
  await wait((oracle) => oracle.missing() === 0);
  const { id } = await producer.send();
  await producer.stop();
  await wait((oracle) => oracle.isDelivered(id));
  return oracles.every((oracle) => oracle.isDelivered(id)) ? [] : ['a fresh request does not arrive everywhere'];
}
