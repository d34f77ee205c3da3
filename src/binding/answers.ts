/**
 * What the core has still to answer. One call takes all answers that there are, and each has the number of what was asked.
 */
// Not the global ones, which the test of a host may have replaced.
import { clearInterval, setInterval } from 'node:timers';

import { wrap } from './guard.js';
import { parseOutcome, type IngestOutcome } from './messages.js';

/** The part of the addon that hands answers over: number, head and body of each by turns. */
export interface AnswerSource {
  takeAnswers(): readonly (number | string | null)[];
}

/** Makes something of an answer, of which the head is null if there is none. */
type Read<T> = (head: string | null, body: string) => T;

/** As long as a timer can wait. */
const FOREVER_MS = 2 ** 31 - 1;

/** What waits for one source. */
export class Answers {
  readonly #source: AnswerSource;
  readonly #waiting = new Map<number, Waiting>();
  #asked = 0;
  /** How many of those that wait keep the process alive, and by what. */
  #held = 0;
  #alive: NodeJS.Timeout | null = null;

  constructor(source: AnswerSource) {
    this.#source = source;
  }

  /** A number for what will be asked. */
  next(): number {
    const number = this.#asked;
    this.#asked += 1;
    return number;
  }

  /** What `read` makes of the answer with this number. */
  answer<T>(number: number, read: Read<T>): Promise<T> {
    return this.#wait(number, read, false);
  }

  /**
   * What becomes of a request without a socket. Until that is known, the process lives: no socket keeps it alive.
   * @param handOver gives the request to the core, with this number. What it throws is thrown.
   */
  async outcome(handOver: (number: number) => void): Promise<IngestOutcome> {
    const number = this.next();
    handOver(number);
    return this.#wait(number, (head) => parseOutcome(head ?? ''), true);
  }

  /** Does not wait for the core: the answer with this number is that there is none. */
  forget(number: number): void {
    this.#conclude(number, null, '');
  }

  /** Passes on what the core has answered; an addon that fails here fails all that wait. */
  settle(): void {
    try {
      const told = this.#source.takeAnswers();
      for (let at = 0; at < told.length; at += 3) {
        this.#conclude(told[at] as number, told[at + 1] as string | null, told[at + 2] as string);
      }
    } catch (error) {
      for (const { reject } of this.#waiting.values()) reject(wrap('takeAnswers', error));
      this.#waiting.clear();
      this.#release(this.#held);
    }
  }

  #wait<T>(number: number, read: Read<T>, holds: boolean): Promise<T> {
    if (holds) this.#hold();
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, { settle: (head, body) => resolve(read(head, body)), reject, holds });
    });
  }

  #conclude(number: number, head: string | null, body: string): void {
    const waiting = this.#waiting.get(number);
    if (waiting === undefined) return;
    waiting.settle(head, body);
    this.#waiting.delete(number);
    if (waiting.holds) this.#release(1);
  }

  #hold(): void {
    this.#held += 1;
    // The timer refers to this object, which who asked may have let go of.
    this.#alive ??= setInterval(() => this, FOREVER_MS);
  }

  #release(count: number): void {
    this.#held -= count;
    if (this.#held > 0 || this.#alive === null) return;
    clearInterval(this.#alive);
    this.#alive = null;
  }
}

/** What the addon calls for answers. It holds that for as long as it lives itself, so nothing here may hold the addon. */
export class AnswerBell {
  #heard: WeakRef<Answers> | null = null;
  readonly ring = (): void => this.#heard?.deref()?.settle();

  hear(answers: Answers): void {
    this.#heard = new WeakRef(answers);
  }
}

interface Waiting {
  readonly settle: Read<void>;
  readonly reject: (error: unknown) => void;
  readonly holds: boolean;
}
