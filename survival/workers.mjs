// Worker threads that own collectors under traffic are terminated at any moment, while a collector of the main thread
// takes data. Prints what it counted, and what the process holds after each eighth. Needs --expose-gc.
// oxlint-disable unicorn/require-post-message-target-origin -- threads have no origins
import { request } from 'node:http';
import { Worker, isMainThread, parentPort } from 'node:worker_threads';

import { Collector } from '../dist/index.js';
import { held } from './held.mjs';

const SPAN = Uint8Array.from([0x0a, 4, 0x12, 2, 0x12, 0]);
const endpoint = '127.0.0.1:0';
/** How often what the process holds is looked at. */
const PARTS = 8;

/** With two threads of its own, and an exporter whose target is away, so that something is always under way. */
const config = {
  receivers: { otlp: { protocols: { grpc: { endpoint }, http: { endpoint } } } },
  processors: { batch: { timeout: '2ms' } },
  exporters: { nop: null, otlp_http: { endpoint: 'http://127.0.0.1:1' } },
  service: {
    threads: 2,
    telemetry: { logs: { output_paths: [] }, metrics: { level: 'none' } },
    pipelines: { traces: { receivers: ['otlp'], processors: ['batch'], exporters: ['nop', 'otlp_http'] } },
  },
};

/** A worker's life: it starts a collector, keeps it busy in three ways, and reloads and closes it from time to time. */
async function live() {
  for (;;) {
    const collector = await Collector.start({ config });
    const [, http] = collector.listening();
    parentPort.postMessage(http.address);
    for (let round = 0; round < 20; round += 1) {
      await Promise.all([collector.ingest('traces', SPAN), collector.ingest('traces', SPAN)]);
      if (round % 8 === 7) await collector.reload({ config });
    }
    void collector.ingest('traces', SPAN);
    await collector.close({ deadlineMs: 10 });
  }
}

/** Posts to a worker's collector until nobody answers any more. */
async function trouble(address) {
  while (await post(address).catch(() => false));
}

/** One request of one span; whether it was taken. */
function post(address) {
  const headers = { 'content-type': 'application/x-protobuf' };
  return new Promise((resolve, reject) => {
    const call = request(`http://${address}/v1/traces`, { method: 'POST', agent: false, headers }, (response) => {
      response
        .resume()
        .on('end', () => resolve(response.statusCode === 200))
        .on('error', reject);
    });
    call.on('error', reject).end(SPAN);
  });
}

/** Numbers from 0 to 1, the same for the same seed. */
function* randoms(seed) {
  for (let state = seed >>> 0; ;) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state / 2 ** 32;
  }
}

async function churn(count, seed) {
  const random = randoms(seed);
  const pipelines = { traces: { receivers: ['otlp'], processors: ['batch'], exporters: ['nop'] } };
  const own = { ...config, service: { ...config.service, pipelines } };
  const collector = await Collector.start({ config: own });
  const [, http] = collector.listening();
  const counts = { left: 0, lives: 0, sent: 0, taken: 0, over: false };
  const traffic = async () => {
    while (!counts.over) {
      const outcomes = await Promise.all([post(http.address), collector.ingest('traces', SPAN)]);
      counts.sent += 2;
      counts.taken += outcomes.filter((outcome) => outcome === true || outcome.outcome === 'accepted').length;
    }
  };
  const one = async () => {
    const worker = new Worker(new URL(import.meta.url));
    const exited = new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject));
    const started = new Promise((resolve) => {
      worker.on('message', (address) => {
        counts.lives += 1;
        resolve();
        void trouble(address);
      });
    });
    // Half of them while they load and start, the others in the first lives of their collectors.
    if (random.next().value < 0.5) await started;
    await new Promise((resolve) => setTimeout(resolve, random.next().value * 300));
    await worker.terminate();
    await exited;
    counts.left += 1;
  };
  /** Goes on until so many are gone; what is held when all is quiet. */
  const until = async (goal) => {
    counts.over = false;
    const sending = traffic();
    while (counts.left < goal) await Promise.all(Array.from({ length: Math.min(4, goal - counts.left) }, one));
    counts.over = true;
    await sending;
    return held();
  };
  const looks = [];
  for (let part = 1; part <= PARTS; part += 1) looks.push(await until(Math.ceil((count * part) / PARTS)));
  await collector.close();
  const { left, lives, sent, taken } = counts;
  return { left, lives, sent, taken, looks };
}

if (isMainThread) {
  const [count, seed] = process.argv.slice(2).map(Number);
  process.stdout.write(JSON.stringify(await churn(count, seed)));
} else {
  await live();
}
