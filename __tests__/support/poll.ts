/**
 * Waiting for something that will happen, with a deadline instead of a guess.
 */
import { setTimeout as delay } from 'node:timers/promises';

/** Longest wait for something expected, in milliseconds; generous, since machines that run tests are busy. */
export const PATIENCE_MS = 8000;

/** Runs `probe` until it neither throws nor gives undefined or false; the last failure is thrown at the deadline. */
export async function eventually<T>(
  probe: () => T | Promise<T>,
  { patienceMs = PATIENCE_MS }: { readonly patienceMs?: number } = {},
): Promise<Exclude<T, undefined | false>> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    let failure: unknown = new Error('the condition did not come true in time');
    try {
      const value = await probe();
      if (value !== undefined && value !== false) return value as Exclude<T, undefined | false>;
    } catch (error) {
      failure = error;
    }
    if (performance.now() > deadline) throw failure;
    await delay(5);
  }
}

/** Runs what is pushed onto it, last first; for `afterEach` and `afterAll`. */
export class Cleanup {
  readonly #steps: (() => unknown)[] = [];

  /** Remembers how to close `thing` and hands it back. */
  add<T>(thing: T, close: (thing: T) => unknown): T {
    this.#steps.push(() => close(thing));
    return thing;
  }

  async run(): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) await step();
  }
}

/** Holds whoever awaits `opened`. */
export class Gate {
  readonly opened: Promise<void>;
  #open: (() => void) | null = null;

  constructor() {
    this.opened = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  open(): void {
    this.#open?.();
  }
}
