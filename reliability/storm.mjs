// A retry storm: a collector with many exporters, whose targets refuse everything for a while. What is asked of it is not
// that all arrives, which the other scenarios judge, but how often the targets are asked, and when.
import { createServer } from 'node:http';
import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { temporaryFolder } from './folder.mjs';
import { audit, Oracle } from './oracle.mjs';
import { Collector, freePort } from './process.mjs';
import { Producer } from './producer.mjs';

const EXPORTERS = 50;
/** Requests that are tried again in any case, and the shortest of their waits once these have grown. */
const PLACES = 3;
const WAIT_MS_MIN = 1000;
/** Waits until then. */
const SHORT_WAITS = 5;
const RATIO = 0.2;
/** What every other target asks its senders to wait. */
const HINT_MS = 1000;
/** A timer of either side may be early by its grain. */
const SLACK_MS = 5;
const QUIET_MS_MAX = 60_000;
const REQUEST_MS = 50;

/** All targets in one server, told apart by their paths. */
class Targets {
  refusing = true;
  attempts = 0;
  offered = 0;
  delivered = 0;
  shortest_gap_ms = Number.POSITIVE_INFINITY;
  #seen = new Map();
  #server = createServer((incoming, outgoing) => this.#answer(incoming, outgoing));

  async open() {
    await new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this.#server.address().port;
  }

  close() {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(incoming, outgoing) {
    const chunks = [];
    incoming.on('data', (chunk) => chunks.push(chunk));
    incoming.on('error', () => undefined);
    incoming.on('end', () => {
      const exporter = Number(incoming.url.split('/')[1]);
      const asks = exporter % 2 === 0;
      const id = JSON.parse(Buffer.concat(chunks)).resourceSpans[0].scopeSpans[0].spans[0].name;
      this.#note(`${exporter} ${id}`, this.refusing && asks);
      if (!this.refusing) {
        this.delivered += 1;
        outgoing.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      } else {
        outgoing.writeHead(503, asks ? { 'retry-after': String(HINT_MS / 1000) } : {}).end();
      }
    });
  }

  /** Only what was asked to wait is held to it: when all comes at once, a sender may time out and come again. */
  #note(request, asks) {
    const last = this.#seen.get(request);
    const now = performance.now();
    this.attempts += 1;
    if (last === undefined) this.offered += 1;
    else if (last.asked) this.shortest_gap_ms = Math.min(this.shortest_gap_ms, now - last.at);
    this.#seen.set(request, { at: now, asked: asks });
  }
}

/** The exporters by id, each with a queue in memory and a path of its own. */
function exportersTo(port) {
  const exporter = (number) => ({
    endpoint: `http://127.0.0.1:${port}/${number}`,
    encoding: 'json',
    compression: 'none',
    timeout: '2s',
    retry_on_failure: {
      initial_interval: '400ms',
      max_interval: `${2 * WAIT_MS_MIN}ms`,
      randomization_factor: 0.5,
      max_elapsed_time: 0,
      budget: { ratio: RATIO, min_concurrent: PLACES },
    },
    // It would hold back most of what the budget is to hold back.
    circuit_breaker: { enabled: false },
    sending_queue: { queue_size: 100_000, num_consumers: 100 },
  });
  return Object.fromEntries(
    Array.from({ length: EXPORTERS }, (_, number) => [`otlp_http/${number}`, exporter(number)]),
  );
}

/** All targets refuse for some seconds while requests come, then take everything. */
export async function storm({ seconds }) {
  const targets = new Targets();
  const targetPort = await targets.open();
  const folder = temporaryFolder('faults');
  const [port, metricsPort] = [await freePort(), await freePort()];
  const collector = new Collector({ folder, port, metricsPort, targetPort });
  const { config } = collector;
  config.exporters = exportersTo(targetPort);
  config.service.pipelines.traces.exporters = Object.keys(config.exporters);
  await collector.start();

  const oracle = new Oracle();
  const producer = new Producer({ port, oracle, connections: 1 });
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    await producer.send();
    await sleep(REQUEST_MS);
  }
  const { attempts, offered } = targets;
  targets.refusing = false;
  const recovering = performance.now();
  const expected = oracle.accepted * EXPORTERS;
  while (targets.delivered < expected && performance.now() < recovering + QUIET_MS_MAX) await sleep(50);
  const recovery_s = (performance.now() - recovering) / 1000;
  await producer.stop();
  const faults = await audit(collector);
  await collector.kill();
  await targets.close();
  rmSync(folder, { recursive: true, force: true });

  const probes = EXPORTERS * PLACES * ((seconds * 1000) / WAIT_MS_MIN + SHORT_WAITS);
  const bound = (1 + RATIO) * offered + probes;
  if (attempts > bound) faults.push(`${attempts} attempts for ${offered} requests, more than ${Math.round(bound)}`);
  if (targets.shortest_gap_ms < HINT_MS - SLACK_MS) {
    faults.push(`a request came again after ${Math.round(targets.shortest_gap_ms)} ms`);
  }
  if (targets.delivered < expected) faults.push(`${expected - targets.delivered} requests do not arrive`);
  // What is tried while all is well is tried once; some were under way as it turned.
  const again = targets.attempts - attempts - targets.delivered;
  if (again > EXPORTERS * 100) faults.push(`${again} attempts too many after the targets came back`);
  return { offered, attempts, bound, again, recovery_s, shortest_gap_ms: targets.shortest_gap_ms, faults };
}
