// A collector with a stored queue, as a process of its own.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../bin/teleferric.js', import.meta.url));
const READY = 'Everything is ready';
const KEPT = 'the running configuration stays';
const START_MS_MAX = 60_000;

const running = new Set();

/** Ends what is left, for a run that is broken off. */
export function endAll() {
  for (const child of running) child.kill('SIGKILL');
}

/** Has a process ended with this one. */
export function keep(child) {
  running.add(child);
  child.once('close', () => running.delete(child));
  return child;
}

export class Collector {
  #child = null;
  #exited = Promise.resolve();
  #waits = new Set();
  stderr = '';
  /** A file to read the configuration from instead of `config`. */
  source = null;

  /** `folder` is where the queue lies; `drainMs` how long a stop may take; `exporter` has more settings for it. */
  constructor({ folder, port, metricsPort, targetPort, drainMs = 5000, storage = {}, queue = {}, exporter = {} }) {
    this.port = port;
    this.metricsPort = metricsPort;
    this.config = {
      receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${port}` } } } },
      exporters: {
        otlp_http: {
          endpoint: `http://127.0.0.1:${targetPort}`,
          encoding: 'json',
          compression: 'none',
          timeout: '2s',
          retry_on_failure: { initial_interval: '100ms', max_interval: '500ms' },
          circuit_breaker: { open: '200ms', max_open: '500ms' },
          sending_queue: { storage: 'file_storage', queue_size: 1_000_000, num_consumers: 10, ...queue },
          ...exporter,
        },
      },
      extensions: { file_storage: { directory: folder, ...storage } },
      service: {
        extensions: ['file_storage'],
        drain: { timeout: `${drainMs}ms` },
        telemetry: {
          metrics: { readers: [{ pull: { exporter: { prometheus: { host: '127.0.0.1', port: metricsPort } } } }] },
        },
        pipelines: { traces: { receivers: ['otlp'], exporters: ['otlp_http'] } },
      },
    };
  }

  /** Milliseconds until it was ready. */
  async start() {
    const started = performance.now();
    if ((await this.#before(this.#launch(), START_MS_MAX)) === null) throw new Error(`did not start:\n${this.stderr}`);
    return performance.now() - started;
  }

  /** Starts it and kills it after that time, whatever it is at; whether it was ready by then. */
  async startBriefly(ms) {
    const ready = this.#launch();
    const was = await Promise.race([ready.then(() => true), sleep(ms, false)]);
    if (was) await sleep(ms);
    await this.kill();
    return was;
  }

  /** Starts the process; resolves when it is ready. */
  #launch() {
    const source = this.source ?? `yaml:${JSON.stringify(this.config)}`;
    const child = spawn(process.execPath, [BIN, `--config=${source}`], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.stderr = '';
    const ready = this.#says([READY]);
    createInterface(child.stderr).on('line', (line) => {
      // What matters is what it said last.
      this.stderr = `${this.stderr}${line}\n`.slice(-20_000);
      for (const wait of this.#waits) wait(line);
    });
    this.#child = keep(child);
    this.#exited = new Promise((resolve) => {
      child.once('close', (code, signal) => resolve({ code, signal }));
    });
    return ready;
  }

  /** SIGHUP; whether what the source says now was taken, and milliseconds until that was known. */
  async reload() {
    const asked = performance.now();
    const said = this.#says([READY, KEPT]);
    this.#child.kill('SIGHUP');
    const text = await this.#before(said, START_MS_MAX);
    if (text === null) throw new Error(`did not reload:\n${this.stderr}`);
    return { taken: text === READY, ms: performance.now() - asked };
  }

  /** The first of these texts that a line of its log has from now on. */
  #says(texts) {
    return new Promise((resolve) => {
      const wait = (line) => {
        const text = texts.find((each) => line.includes(each));
        if (text === undefined) return;
        this.#waits.delete(wait);
        resolve(text);
      };
      this.#waits.add(wait);
    });
  }

  /** What `promise` comes to; null if that takes too long or the process ends first. */
  #before(promise, ms) {
    const failed = Promise.race([this.#exited, sleep(ms, null, { ref: false })]).then(() => null);
    return Promise.race([promise, failed]);
  }

  async kill() {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  /** Stops all of it for a while, as a machine that is suspended does. */
  async freeze(ms) {
    this.#child.kill('SIGSTOP');
    await sleep(ms);
    this.#child.kill('SIGCONT');
  }

  /** SIGTERM; how it ended, and milliseconds until then. */
  async stop() {
    const asked = performance.now();
    this.#child.kill('SIGTERM');
    const exit = await this.#exited;
    return { ...exit, ms: performance.now() - asked };
  }

  /** Its metrics page. */
  async page() {
    return (await fetch(`http://127.0.0.1:${this.metricsPort}/metrics`)).text();
  }

  /** Resident memory of the process now. */
  rssMib() {
    const kib = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${this.#child.pid}/status`, 'utf8'))?.[1];
    return Number(kib) / 1024;
  }

  /** Resident memory that is neither telemetry nor a free buffer for it. */
  async baseMib() {
    const names = ['teleferric_memory_used_bytes', 'teleferric_pool_cached_bytes'];
    const [used, cached] = await Promise.all(names.map((name) => this.metric(name)));
    return this.rssMib() - (used + cached) / (1 << 20);
  }

  /** The sum of all series of a metric on its page. */
  async metric(name, label = '') {
    const page = await this.page();
    return page
      .split('\n')
      .filter((line) => line.startsWith(name) && line.includes(label))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }
}

export async function freePort() {
  const server = createServer();
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
