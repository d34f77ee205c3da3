// Another configuration in the place of the running one, again and again, under load. There are two ways through the
// collector, each with a receiver, an exporter and a target of its own: one queue is on disk, the other in memory.
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { temporaryFolder } from './folder.mjs';
import { Oracle } from './oracle.mjs';
import { Collector, freePort } from './process.mjs';
import { Producer } from './producer.mjs';
import { Stage } from './stage.mjs';
import { Target } from './target.mjs';

const WAYS = ['stored', 'memory'];
/** How many reloads of each sort there are to one of the others. */
const SORTS = [
  ['unchanged', 1],
  ['exporters', 4],
  ['batch', 2],
  ['listeners', 1],
  ['invalid', 2],
];
const CONNECTIONS_MAX = 8;
/** Longer than an attempt may take. */
const FAIL_MS = 3000;
/** Longer than a target fails and its circuit breaker is open afterwards. */
const PATIENCE_MS = 40_000;
/** Longer than a sender waits: a listener that is replaced breaks nobody off who has patience. */
const DRAIN_MS = 60_000;

/** Reloads under load. Nobody is refused, nothing is lost, what is invalid leaves the old one running. */
export async function reload({ cycles, connections }) {
  const scene = await Scene.make(Math.min(connections, CONNECTIONS_MAX));
  const [counts, took, faults] = [{}, [], []];
  await scene.collector.start();
  const producers = scene.ways.map((way) => way.newProducer());
  for (const producer of producers) producer.start();
  for (let cycle = 0; cycle < cycles; cycle += 1) {
    for (const { target } of scene.ways) fail(target, modeOf(Math.random()));
    const sort = pick(SORTS);
    scene.change(sort, cycle);
    await sleep(20 + Math.random() * 100);
    const { taken, ms } = await scene.collector.reload();
    if (taken === (sort === 'invalid')) faults.push(`reload ${cycle} (${sort}) was ${taken ? 'taken' : 'refused'}`);
    took.push(ms);
    counts[sort] = (counts[sort] ?? 0) + 1;
    if ((cycle + 1) % 100 === 0) process.stderr.write(`${cycle + 1} reloads, ${scene.accepted()} requests taken\n`);
  }
  for (const { target } of scene.ways) target.set('take');
  for (const producer of producers) await producer.stop();
  const verdicts = {};
  for (const [place, way] of scene.ways.entries()) {
    const producer = producers[place];
    faults.push(...(await way.settle()));
    const { faults: broken, ...verdict } = way.oracle.verdict();
    const refused = verdict.sent - verdict.accepted;
    if (refused > 0) broken.push(`${refused} requests were not answered with OK`);
    verdicts[way.name] = { ...verdict, refused, refusals: producer.refusals };
    faults.push(...broken.map((fault) => `${way.name}: ${fault}`));
  }
  const account = await scene.account();
  if (account.taken !== account.sent || account.dropped > 0) faults.push('the account does not balance');
  await scene.end();
  const sorted = took.toSorted((a, b) => a - b);
  const reload_ms = { p50: Math.round(sorted[Math.floor(took.length / 2)]), max: Math.round(sorted.at(-1)) };
  return { cycles, reloads: counts, reload_ms, ...verdicts, account, faults };
}

/** A reload that replaces a listener waits for its senders, so a target fails for less time than they wait. */
function fail(target, mode) {
  target.set(mode);
  if (mode !== 'take') setTimeout(() => target.set('take'), FAIL_MS).unref();
}

/** Mostly it takes; sometimes it refuses what may be tried again, or does not answer. */
function modeOf(chance) {
  if (chance < 0.8) return 'take';
  return chance < 0.97 ? 'refuse' : 'hang';
}

function pick(weighted) {
  const sum = weighted.reduce((total, [, weight]) => total + weight, 0);
  let chance = Math.random() * sum;
  for (const [name, weight] of weighted) {
    chance -= weight;
    if (chance < 0) return name;
  }
  return weighted[0][0];
}

/** A collector whose configuration is in a file, and what is around it. */
class Scene {
  #batch = false;
  /** What was accepted last. */
  #good;

  static async make(connections) {
    const scene = new Scene();
    scene.folder = temporaryFolder('reload');
    scene.file = path.join(scene.folder, 'collector.json');
    const metricsPort = await freePort();
    scene.collector = new Collector({ folder: scene.folder, metricsPort, drainMs: DRAIN_MS });
    scene.collector.source = scene.file;
    scene.ways = [];
    for (const name of WAYS) scene.ways.push(await openWay(name, scene.collector, connections));
    scene.#good = configOf(scene.collector.config, scene.ways, scene.folder);
    scene.#write(scene.#good);
    return scene;
  }

  /** Writes the next configuration. */
  change(sort, cycle) {
    const config = structuredClone(this.#good);
    const { receivers, exporters } = config;
    if (sort === 'exporters') {
      const changed = WAYS.filter(() => Math.random() < 0.6);
      for (const name of changed) exporters[`otlp_http/${name}`].sending_queue.queue_size = 500 + (cycle % 1000);
    }
    if (sort === 'batch') this.#batch = !this.#batch;
    config.service.pipelines['traces/memory'].processors = this.#batch ? ['batch'] : [];
    if (sort === 'listeners') {
      for (const { protocols } of Object.values(receivers)) protocols.http.max_request_body_size = 1_000_000 + cycle;
    }
    if (sort === 'invalid') return this.#write(invalid(config, cycle, this.ways[0].target.port));
    this.#good = config;
    this.#write(config);
  }

  #write(config) {
    writeFileSync(this.file, typeof config === 'string' ? config : JSON.stringify(config));
  }

  accepted() {
    return this.ways.reduce((sum, { oracle }) => sum + oracle.accepted, 0);
  }

  /** What the collector itself counts. */
  async account() {
    const { collector } = this;
    return {
      taken: await collector.metric('otelcol_receiver_accepted_spans'),
      sent: await collector.metric('otelcol_exporter_sent_spans'),
      dropped: await collector.metric('teleferric_dropped_items_total'),
    };
  }

  async end() {
    await this.collector.kill();
    for (const { target } of this.ways) {
      target.set('take');
      await target.close();
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function openWay(name, collector, connections) {
  const oracle = new Oracle();
  const target = new Target(oracle);
  await target.open();
  const port = await freePort();
  const newProducer = () => new Producer({ port, oracle, connections, patienceMs: PATIENCE_MS });
  const exporter = `otlp_http/${name}`;
  return Object.assign(new Stage(), { name, exporter, collector, oracle, target, port, newProducer });
}

/** From the configuration with one stored queue, that with both ways. */
function configOf({ exporters, extensions, service }, ways, folder) {
  const config = { receivers: {}, exporters: {}, extensions, service: { ...service, pipelines: {} } };
  config.processors = { batch: { timeout: '20ms' } };
  for (const { name, port, target } of ways) {
    const exporter = { ...exporters.otlp_http, endpoint: `http://127.0.0.1:${target.port}` };
    const { storage, ...queue } = exporter.sending_queue;
    // A target that fails for a while makes senders wait, so whoever is refused is refused by a reload.
    exporter.sending_queue = { ...queue, queue_size: 1000, block_on_overflow: true };
    if (name === 'stored') exporter.sending_queue.storage = storage;
    config.receivers[`otlp/${name}`] = { protocols: { http: { endpoint: `127.0.0.1:${port}` } } };
    config.exporters[`otlp_http/${name}`] = exporter;
    config.service.pipelines[`traces/${name}`] = {
      receivers: [`otlp/${name}`],
      exporters: [`otlp_http/${name}`],
    };
  }
  config.extensions.file_storage.directory = path.join(folder, 'queues');
  config.extensions.file_storage.create_directory = true;
  return config;
}

/** Text that is no configuration, a key that does not exist, a port in use, a storage that cannot be had, by turns. */
function invalid(config, turn, takenPort) {
  const [receiver] = Object.values(config.receivers);
  if (turn % 4 === 0) return 'receivers: [';
  if (turn % 4 === 1) config.receviers = {};
  if (turn % 4 === 2) receiver.protocols.http.endpoint = `127.0.0.1:${takenPort}`;
  if (turn % 4 === 3) {
    config.extensions['file_storage/missing'] = { directory: '/nonexistent/queues', create_directory: false };
    config.service.extensions.push('file_storage/missing');
    config.exporters['otlp_http/memory'].sending_queue.storage = 'file_storage/missing';
  }
  return config;
}
