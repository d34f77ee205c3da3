// Sends numbered requests over OTLP/HTTP, one after another on each of some connections, at a rate if one is set.
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { payloadOf } from './oracle.mjs';

/** After a request that failed, so that a collector that is away is not asked in a tight loop. */
const PAUSE_MS = 20;
const PATIENCE_MS = 10_000;

export class Producer {
  #agent;
  #loops = [];
  #stopped = false;
  /** How often each answer came that was not OK: a status, or the code of an error. */
  refusals = {};
  /** Refusals without a word on when to come again. */
  unhinted = 0;

  /** When the next request is due, if there is a rate. */
  #due = 0;

  /** `rate` is requests a second over all connections; 0: each sends as soon as it has its answer. `padding` is bytes more in each, `headers` go with all. */
  constructor({ port, oracle, connections, rate = 0, padding = 0, patienceMs = PATIENCE_MS, headers = {} }) {
    this.port = port;
    this.rate = rate;
    this.padding = 'x'.repeat(padding);
    this.patienceMs = patienceMs;
    this.oracle = oracle;
    this.headers = headers;
    this.connections = connections;
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  start() {
    this.#loops = Array.from({ length: this.connections }, () => this.#loop());
  }

  async stop() {
    this.#stopped = true;
    await Promise.all(this.#loops);
    this.#agent.destroy();
  }

  async #loop() {
    while (!this.#stopped) {
      await this.#turn();
      if (!(await this.send()).accepted) await sleep(PAUSE_MS);
    }
  }

  /** Waits until the next request is due. What could not be sent in time is not made up for. */
  async #turn() {
    if (this.rate === 0) return;
    const now = performance.now();
    const due = Math.max(this.#due, now);
    this.#due = due + 1000 / this.rate;
    if (due > now) await sleep(due - now);
  }

  /** Sends one request; its number, and whether it was answered with OK. */
  async send() {
    const id = this.oracle.take();
    const accepted = await this.#post(bodyOf(id, this.padding));
    if (accepted) this.oracle.noteAccepted(id);
    return { id, accepted };
  }

  #post(body) {
    return new Promise((resolve) => {
      const refused = (why) => {
        this.refusals[why] = (this.refusals[why] ?? 0) + 1;
        resolve(false);
      };
      const options = {
        host: '127.0.0.1',
        port: this.port,
        path: '/v1/traces',
        method: 'POST',
        agent: this.#agent,
        timeout: this.patienceMs,
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...this.headers },
      };
      const call = request(options, (response) => {
        response.resume();
        if (response.statusCode !== 200 && response.headers['retry-after'] === undefined) this.unhinted += 1;
        response.once('end', () => (response.statusCode === 200 ? resolve(true) : refused(response.statusCode)));
        response.once('error', ({ code }) => refused(code));
      });
      call.once('error', ({ code }) => refused(code));
      call.once('timeout', () => call.destroy());
      call.end(body);
    });
  }
}

function bodyOf(id, padding) {
  const more = padding === '' ? '' : `,${attribute('padding', padding)}`;
  const attributes = `[${attribute('payload', payloadOf(id))}${more}]`;
  const span = `{"traceId":"5b8aa5a2d2c872e8321cf37308d69df2","spanId":"051581bf3cb55c13","name":"${id}","attributes":${attributes}}`;
  return `{"resourceSpans":[{"scopeSpans":[{"spans":[${span}]}]}]}`;
}

function attribute(key, value) {
  return `{"key":"${key}","value":{"stringValue":"${value}"}}`;
}
