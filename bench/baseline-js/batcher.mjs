// Joins decoded requests into batches, as the Collector's `batch` processor does: sent when `items` are there or after
// `timeoutMs`, and the caller is not kept waiting for either.
import { countItems } from './otlp.mjs';

export class Batcher {
  #otlp;
  #send;
  #limits;
  #pending = [];
  #items = 0;
  #timer;

  /** @param send takes a joined request, and returns a promise. */
  constructor(otlp, limits, send) {
    this.#otlp = otlp;
    this.#limits = limits;
    this.#send = send;
  }

  add(request) {
    this.#pending.push(request);
    this.#items += countItems(this.#otlp, request);
    if (this.#items >= this.#limits.items) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), this.#limits.timeoutMs);
  }

  flush() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#pending.length === 0) return;
    const resources = this.#otlp.levels[0];
    const joined = { [resources]: this.#pending.flatMap((request) => request[resources]) };
    this.#pending = [];
    this.#items = 0;
    this.#send(joined).catch((error) => process.stderr.write(`batch lost: ${error.message}\n`));
  }
}
