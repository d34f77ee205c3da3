// What was sent, what was answered with OK, what arrived; and whether the promises were kept.

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
