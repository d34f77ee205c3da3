// What was sent, what was answered with OK, what arrived; whether the promises were kept, and whether the collector's own
// account of its queues adds up.
import { setTimeout as sleep } from 'node:timers/promises';

const SENT = 1;
const ACCEPTED = 2;
const DELIVERED = 4;

export class Oracle {
  #flags = new Uint8Array(1 << 16);
  #next = 0;
  sent = 0;
  accepted = 0;
  delivered = 0;
  duplicates = 0;
  /** Arrived with another payload, or was never sent. */
  invented = 0;

  /** The number of the next request. */
  take() {
    const id = this.#next;
    this.#next += 1;
    if (id === this.#flags.length) {
      const larger = new Uint8Array(2 * id);
      larger.set(this.#flags);
      this.#flags = larger;
    }
    this.#flags[id] = SENT;
    this.sent += 1;
    return id;
  }

  noteAccepted(id) {
    this.#flags[id] |= ACCEPTED;
    this.accepted += 1;
  }

  noteDelivered(id, payload) {
    if (!(this.#flags[id] & SENT) || payload !== payloadOf(id)) {
      this.invented += 1;
    } else if (this.#flags[id] & DELIVERED) {
      this.duplicates += 1;
    } else {
      this.#flags[id] |= DELIVERED;
      this.delivered += 1;
    }
  }

  isDelivered(id) {
    return (this.#flags[id] & DELIVERED) !== 0;
  }

  /** How many were answered with OK and have not arrived. */
  missing() {
    let count = 0;
    for (let id = 0; id < this.#next; id += 1) {
      if ((this.#flags[id] & (ACCEPTED | DELIVERED)) === ACCEPTED) count += 1;
    }
    return count;
  }

  /** The counts, and what is wrong. `damaged` requests may be missing. */
  verdict({ damaged = 0 } = {}) {
    const missing = this.missing();
    const faults = [];
    if (missing > damaged) faults.push(`${missing} requests were answered with OK and did not arrive, ${damaged} may`);
    if (this.invented > 0) faults.push(`${this.invented} requests arrived that were not sent like that`);
    if (this.accepted === 0) faults.push('nothing was answered with OK');
    const { sent, accepted, delivered, duplicates, invented } = this;
    return { sent, accepted, delivered, duplicates, invented, missing, faults };
  }
}

/** The payload of a request: of a length and with bytes that follow from its number. */
export function payloadOf(id) {
  let state = (id * 2654435761 + 1) >>> 0;
  let text = '';
  for (let words = 4 + (id % 29); words > 0; words -= 1) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) >>> 0;
    text += state.toString(36);
  }
  return text;
}

/** How often a page is read again on which numbers may have moved while it was made. */
const READINGS_MAX = 50;
const READING_MS = 20;

/** The account of each queue on a metrics page: items put in, held, and left, together and by what became of them. */
export function queuesOf(page) {
  const queues = new Map();
  for (const line of page.split('\n')) {
    const found = /^teleferric_queue_(enqueued|held|left)_items(?:_total)?\{(.*)\} (\S+)$/.exec(line);
    if (found === null) continue;
    const [, name, labels, value] = found;
    const {
      exporter,
      data_type: signal,
      outcome,
    } = Object.fromEntries(Array.from(labels.matchAll(/(\w+)="([^"]*)"/g), ([, key, text]) => [key, text]));
    const id = `${exporter} ${signal}`;
    if (!queues.has(id)) queues.set(id, { enqueued: 0, held: 0, left: 0, outcomes: {} });
    const queue = queues.get(id);
    queue[name] += Number(value);
    if (outcome !== undefined) queue.outcomes[outcome] = Number(value);
  }
  return queues;
}

/**
 * What is wrong with the account of a queue in which everything was that the oracle knows of, in all lives of the
 * collector, and which is empty now. Of what was damaged nobody knows whether it had been delivered before.
 */
export function judgeAccount(oracle, { enqueued, outcomes }, { damaged = false } = {}) {
  const faults = [];
  const taken = enqueued - (outcomes.handed_over ?? 0);
  const { sent, accepted, delivered, duplicates } = oracle;
  if (taken < accepted || taken > sent) {
    faults.push(`the queue says it was given ${taken} items; ${sent} were sent, and ${accepted} taken`);
  }
  const left = outcomes.delivered ?? 0;
  if (!damaged && (left < delivered || left > delivered + duplicates)) {
    faults.push(`the queue says ${left} items were delivered; ${delivered} arrived, and ${duplicates} again`);
  }
  return faults;
}

/** What does not add up on the collector's page, though it was read again and again. */
export async function audit(collector) {
  let faults = [];
  for (let reading = 0; reading < READINGS_MAX; reading += 1) {
    const queues = [...queuesOf(await collector.page())];
    const wrong = queues.filter(([, { enqueued, held, left }]) => enqueued !== held + left);
    faults = wrong.map(([id, queue]) => `the account of queue ${id} does not balance: ${JSON.stringify(queue)}`);
    if (faults.length === 0) return [];
    await sleep(READING_MS);
  }
  return faults;
}

/** Audits a collector each second for as long as a scenario lasts, but for when it is down. */
export class Auditor {
  #timer;
  #look = Promise.resolve();
  audits = 0;
  faults = [];

  constructor(collector) {
    this.#timer = setInterval(() => (this.#look = this.#look.then(() => this.#audit(collector))), 1000);
    this.#timer.unref();
  }

  async #audit(collector) {
    try {
      this.faults.push(...(await audit(collector)));
      this.audits += 1;
    } catch {
      // It is down, or went down meanwhile.
    }
  }

  /** What it found. */
  async end() {
    clearInterval(this.#timer);
    await this.#look;
    return [...new Set(this.faults)];
  }
}
