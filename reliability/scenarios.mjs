// What is done to a collector. Each scenario takes a stage and options, and returns what it saw beside the verdict.
import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { failover } from './failover.mjs';
import { freeze } from './freeze.mjs';
import { outage } from './outage.mjs';
import { overload } from './overload.mjs';
import { slow } from './slow.mjs';
import { spread } from './spread.mjs';
import { QUIET_MS_MAX, Stage } from './stage.mjs';
import { storm } from './storm.mjs';

/** By when everything is in a checkpoint. */
const CHECKPOINT_MS = 1500;

export const scenarios = { kill, restarts, stop, outage, overload, slow, damage, storm, failover, freeze };

/** kill -9 at random moments under load, while the target takes, refuses, hangs or is away. */
async function kill({ cycles, connections }) {
  const stage = await Stage.make({ connections });
  const starts = [];
  for (let cycle = 0; cycle < cycles; cycle += 1) {
    starts.push(await stage.collector.start());
    await turn(stage.target, Math.random());
    const producer = stage.newProducer();
    producer.start();
    await sleep(200 + Math.random() * 800);
    await stage.collector.kill();
    await producer.stop();
    if ((cycle + 1) % 25 === 0) process.stderr.write(`${cycle + 1} kills, ${stage.oracle.accepted} requests taken\n`);
  }
  starts.push(await stage.collector.start());
  const faults = await stage.settle();
  const verdict = stage.oracle.verdict();
  await stage.end();
  return { cycles, start_ms: spread(starts), ...verdict, faults: [...faults, ...verdict.faults] };
}

async function turn(target, chance) {
  target.set(chance < 0.15 ? 'refuse' : chance < 0.3 ? 'hang' : 'take');
  if (chance > 0.8 && target.isOpen) await target.close();
  if (chance <= 0.8 && !target.isOpen) await target.open();
}

const RESTARTS_QUEUE_SIZE = 5000;
/** Requests that were delivered and not written down so far, when the process ends; those under way may come again too. */
const CHECKPOINT_REQUESTS = 4096 + 10;

/** Killed again and again with a full queue, at any moment of a start, also while it reads what an earlier life left. */
async function restarts({ cycles, connections }) {
  const stage = await Stage.make({ connections, queue: { queue_size: RESTARTS_QUEUE_SIZE } });
  const { collector, target, oracle } = stage;
  await collector.start();
  await target.close();
  const producer = stage.newProducer();
  producer.start();
  while (producer.refusals[503] === undefined) await sleep(20);
  await producer.stop();
  await collector.kill();
  const [queued, began] = [oracle.missing(), performance.now()];
  // Some are delivered and most are not.
  target.takesMs = 100;
  let ready = 0;
  for (let cycle = 0; cycle < cycles; cycle += 1) {
    await turn(target, Math.random());
    // A start takes about a second, most of it before the log is opened.
    if (await collector.startBriefly(300 + Math.random() * 1200)) ready += 1;
  }
  const restarts_s = (performance.now() - began) / 1000;
  const left = oracle.missing();
  target.takesMs = 0;
  const start_ms = await collector.start();
  const faults = await stage.settle();
  const verdict = oracle.verdict();
  await stage.end();
  if (queued < RESTARTS_QUEUE_SIZE) faults.push(`the queue was full with ${queued} requests`);
  if (verdict.duplicates > cycles * CHECKPOINT_REQUESTS) faults.push(`${verdict.duplicates} requests arrived twice`);
  return { cycles, ready, restarts_s, start_ms, queued, left, ...verdict, faults: [...faults, ...verdict.faults] };
}

const DRAIN_MS = 1000;
/** How the target holds up what is sent, and the exporter with it. Without retries a request that failed is over. */
const STOPS = {
  away: { leave: (target) => target.close(), exporter: {} },
  'hanging, no retries': {
    leave: (target) => target.set('hang'),
    exporter: { timeout: '1h', retry_on_failure: { enabled: false } },
  },
};

/** SIGTERM while nothing leaves and much is queued: it ends in time, and the next life delivers. */
async function stop({ requests, connections }) {
  const [found, faults] = [{}, []];
  for (const [name, way] of Object.entries(STOPS)) {
    const { faults: some, ...figures } = await stopped(way, requests, connections);
    found[name] = figures;
    faults.push(...some.map((fault) => `${name}: ${fault}`));
  }
  return { ...found, faults };
}

async function stopped({ leave, exporter }, requests, connections) {
  const queue = { num_consumers: 100 };
  const stage = await Stage.make({ connections, drainMs: DRAIN_MS, queue, exporter: () => exporter });
  await stage.collector.start();
  await leave(stage.target);
  const producer = stage.newProducer();
  producer.start();
  while (stage.oracle.accepted < requests) await sleep(20);
  const exit = await stage.collector.stop();
  await producer.stop();
  const left = stage.oracle.missing();
  stage.target.set('take');
  const restart_ms = await stage.collector.start();
  const faults = await stage.settle();
  if (exit.code !== 0) faults.push(`ended with ${JSON.stringify(exit)}`);
  if (exit.ms > DRAIN_MS + 1000) faults.push(`took ${Math.round(exit.ms)} ms to end`);
  const verdict = stage.oracle.verdict();
  await stage.end();
  return { left, stop_ms: exit.ms, restart_ms, ...verdict, faults: [...faults, ...verdict.faults] };
}

/** Between two lives bytes on the disk change: it starts, and what it could not read is counted. */
async function damage({ cycles, connections }) {
  const stage = await Stage.make({ connections, storage: { max_bytes: 8 << 20, segment_bytes: 1 << 20 } });
  let damaged = 0;
  for (let cycle = 0; cycle < cycles; cycle += 1) {
    await stage.collector.start();
    // What earlier damage cost is found out when it is read.
    await drained(stage);
    damaged += await stage.collector.metric('teleferric_dropped_items_total', 'reason="damaged"');
    await stage.target.close();
    const producer = stage.newProducer();
    producer.start();
    await sleep(500);
    await producer.stop();
    // Of what was written since the last checkpoint, damage cannot be told from a write that was cut short.
    await sleep(CHECKPOINT_MS);
    await stage.collector.kill();
    hurt(stage.files());
  }
  await stage.collector.start();
  await drained(stage);
  damaged += await stage.collector.metric('teleferric_dropped_items_total', 'reason="damaged"');
  const faults = await stage.settle({ mayMiss: true });
  const verdict = stage.oracle.verdict({ damaged });
  await stage.end();
  return { cycles, damaged, ...verdict, faults: [...faults, ...verdict.faults] };
}

async function drained({ target, collector }) {
  if (!target.isOpen) await target.open();
  const end = performance.now() + QUIET_MS_MAX;
  while ((await collector.metric('otelcol_exporter_queue_size')) > 0 && performance.now() < end) await sleep(50);
}

/** One of the things that happen to files. */
function hurt(files) {
  const logs = files.filter((file) => path.basename(file).startsWith('seg-'));
  const file = logs[Math.floor(Math.random() * logs.length)];
  if (file === undefined) return;
  const { size } = statSync(file);
  const at = Math.floor(Math.random() * size);
  const bytes = readFileSync(file);
  const kind = Math.random();
  if (kind < 0.5) bytes[at] ^= 1 << Math.floor(Math.random() * 8);
  else if (kind < 0.9) bytes.fill(0, at - (at % 4096), at - (at % 4096) + 4096);
  writeFileSync(file, bytes);
  if (kind >= 0.9) truncateSync(file, at);
}
