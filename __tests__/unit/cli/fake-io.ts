// A process for commands under test: texts are kept, signals are sent by hand, nothing ends.
import { jest } from '@jest/globals';

import { main, type CliIo, type SignalName } from '../../../src/cli/index.js';
import { FakeAddon } from '../binding/fake-binding.js';

export class FakeIo implements CliIo {
  readonly addon = new FakeAddon();
  out = '';
  err = '';
  exits: number[] = [];
  readonly #timers = new Set<() => unknown>();
  readonly #listeners = new Map<SignalName, Set<() => void>>();
  readonly stdout = { write: (text: string): unknown => (this.out += text) };
  readonly stderr: { write: (text: string) => unknown; isTTY?: boolean } = {
    write: (text: string): unknown => (this.err += text),
  };
  readonly internals = {
    addon: this.addon,
    logEnvironment: { stdout: this.stdout, stderr: this.stderr, now: () => 0 },
  };

  onSignal(name: SignalName, listener: () => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    listeners.add(listener);
    this.#listeners.set(name, listeners);
    return () => listeners.delete(listener);
  }

  every(_intervalMs: number, callback: () => unknown): () => void {
    this.#timers.add(callback);
    return () => this.#timers.delete(callback);
  }

  /** Every timer goes off this many times; each time waits for what it begins. */
  async tick(times: number): Promise<void> {
    for (let time = 0; time < times; time += 1) {
      await Promise.all([...this.#timers].map((callback) => callback()));
    }
  }

  timers(): number {
    return this.#timers.size;
  }

  exit(code: number): void {
    this.exits.push(code);
  }

  signal(name: SignalName): void {
    for (const listener of this.#listeners.get(name) ?? []) listener();
  }

  listeners(): number {
    return [...this.#listeners.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** Runs a command to its end. */
  run(...argv: string[]): Promise<number> {
    return main(argv, this);
  }

  /** Resolves when the text has been written to stderr (the log goes there). */
  says(text: string): Promise<void> {
    return until(
      () => this.err.includes(text),
      () => `"${text}" was not said in: ${this.err}${this.out}`,
    );
  }
}

/** How long a condition may take to come true; generous, since machines that run tests are busy. */
const PATIENCE_MS = 15_000;
// Above it, so that what fails says what it waited for.
jest.setTimeout(2 * PATIENCE_MS);

export async function until(condition: () => boolean, complaint: () => string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (performance.now() < deadline) {
    if (condition()) return;
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
  throw new Error(complaint());
}
