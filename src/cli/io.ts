/**
 * What a command may touch of its process, behind one interface, so that tests hold it in their hands.
 */
import type { CollectorInternals } from '../collector/index.js';

/** Signals that a command listens to. */
export type SignalName = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** A command's surroundings. */
export interface CliIo {
  readonly stdout: {
    write(text: string): unknown;
    readonly isTTY?: boolean | undefined;
    readonly columns?: number | undefined;
    readonly rows?: number | undefined;
  };
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean | undefined };
  /** Calls back for each signal. @returns takes the listener away */
  onSignal(name: SignalName, listener: () => void): () => void;
  /** Calls back again and again; does not keep the process alive, and waits for nothing. @returns ends it */
  every(intervalMs: number, callback: () => unknown): () => void;
  /** Ends the process at once. */
  exit(code: number): void;
  /** What tests put into the collector. */
  readonly internals: CollectorInternals;
}

/** The process we are in. A reader that goes away (`| head`) is no reason to crash. */
export function processIo(): CliIo {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    onSignal(name, listener) {
      process.on(name, listener);
      return () => process.off(name, listener);
    },
    every(intervalMs, callback) {
      const timer = setInterval(callback, intervalMs).unref();
      return () => clearInterval(timer);
    },
    exit: (code) => process.exit(code),
    internals: {},
  };
}
