// A collector with a stored queue, as a process of its own.
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../bin/teleferric.js', import.meta.url));
const READY = 'Everything is ready';
const START_MS_MAX = 60_000;

const running = new Set();

/** Ends what is left, for a run that is broken off. */
export function endAll() {
  for (const child of running) child.kill('SIGKILL');
}

export class Collector {
  #child = null;
  #exited = Promise.resolve();
  stderr = '';

  /** `folder` is where the queue lies; `drainMs` how long a stop may take. */
  constructor({ folder, port, metricsPort, targetPort, drainMs = 5000, storage = {}, queue = {} }) {
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
    const child = spawn(process.execPath, [BIN, `--config=yaml:${JSON.stringify(this.config)}`], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.stderr = '';
    const ready = new Promise((resolve) => {
      child.stderr.setEncoding('utf8').on('data', (text) => {
        // What matters is what it said last.
        this.stderr = (this.stderr + text).slice(-20_000);
        if (this.stderr.includes(READY)) resolve(true);
      });
    });
    running.add(child);
    this.#child = child;
    this.#exited = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        running.delete(child);
        resolve({ code, signal });
      });
    });
    const failed = Promise.race([this.#exited, sleep(START_MS_MAX, null, { ref: false })]).then(() => false);
    if (!(await Promise.race([ready, failed]))) throw new Error(`did not start:\n${this.stderr}`);
    return performance.now() - started;
  }

  async kill() {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  /** SIGTERM; how it ended, and milliseconds until then. */
  async stop() {
    const asked = performance.now();
    this.#child.kill('SIGTERM');
    const exit = await this.#exited;
    return { ...exit, ms: performance.now() - asked };
  }

  /** The sum of all series of a metric on its page. */
  async metric(name, label = '') {
    const page = await (await fetch(`http://127.0.0.1:${this.metricsPort}/metrics`)).text();
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
