/**
 * The worker threads of one component: started together, replaced when they end before their time, and closed together.
 */
// oxlint-disable unicorn/require-post-message-target-origin -- threads have no origins
import { Worker } from 'node:worker_threads';

import type { PluginModule } from '../config/plugin-modules.js';
import { CollectorError, messageOf } from '../errors.js';
import { stackOf } from './failure.js';
import { BEGIN, CALL, CLOSE, type WorkerMessage, type WorkerSettings } from './messages.js';

/** The compiled file, also for whoever runs the sources. */
const ENTRY = new URL('../../dist/plugins/worker.js', import.meta.url);
/** From the end of a worker to the start of the next; doubled each time, up to the longest. */
const RESTART_FIRST_MS = 10;
const RESTART_LONGEST_MS = 5_000;
/** A worker that lived as long had a fresh start. */
const STEADY_MS = 10_000;
/** How long a module has to load and to be set up. */
const START_MS = 30_000;
/** How long a worker has to close when it has nothing in hand. */
const CLOSE_MS = 1_000;

/** What a pool needs of its collector. */
export interface PoolHost {
  /** The number that the core has for the collector. */
  readonly collector: number;
  log(level: 'debug' | 'info' | 'warn' | 'error', message: string, fields: Readonly<Record<string, unknown>>): void;
  /** Takes a worker's seat away. */
  vacate(port: string, seat: number, message: string): void;
  countRestart(component: string): void;
}

/** One worker. */
interface Member {
  readonly worker: Worker;
  readonly startedMs: number;
  seat: number | null;
  /** Why it ends, once that is known. */
  reason: { readonly message: string; readonly stack: string | null } | null;
  /** Whether it has been told of already. */
  isReported: boolean;
  /** Whether it has been called, and has not said that it is alive. */
  isCalled: boolean;
}

/** The workers of one component. */
export class WorkerPool {
  readonly module: PluginModule;
  readonly #host: PoolHost;
  readonly #members = new Set<Member>();
  readonly #restarts = new Set<NodeJS.Timeout>();
  #restartMs = RESTART_FIRST_MS;
  /** Calls the workers of a receiver that has begun; from the core nobody would notice that one stands still. */
  #calls: NodeJS.Timeout | null = null;
  #closing = false;

  private constructor(module: PluginModule, host: PoolHost) {
    this.module = module;
    this.#host = host;
  }

  /** @throws CollectorError `START_FAILED` if the module cannot be loaded or does not take its options */
  static async start(module: PluginModule, host: PoolHost): Promise<WorkerPool> {
    const pool = new WorkerPool(module, host);
    try {
      await Promise.all(Array.from({ length: module.workers }, () => pool.#launch()));
    } catch (error) {
      await pool.close();
      throw new CollectorError('START_FAILED', `${module.component}: ${messageOf(error)}`, { cause: error });
    }
    return pool;
  }

  /** Has the worker of a receiver receive, and each that takes its place. */
  begin(): void {
    if (this.module.kind !== 'receiver') return;
    this.#calls = setInterval(() => this.#call(), this.module.timeoutMs).unref();
    for (const { worker } of this.#members) worker.postMessage(BEGIN);
  }

  /** Calls the workers; those that have not answered the call before are ended. */
  #call(): void {
    const late = Array.from(this.#members).filter(({ isCalled }) => isCalled);
    for (const member of this.#members) {
      if (member.seat === null || member.isCalled) continue;
      member.isCalled = true;
      member.worker.postMessage(CALL);
    }
    // If it was this thread that stood still, answers have come that it has not read yet.
    setImmediate(() => {
      for (const member of late) {
        if (!member.isCalled) continue;
        member.reason ??= { message: `the worker stood still for ${this.module.timeoutMs} ms`, stack: null };
        void member.worker.terminate();
      }
    });
  }

  /** Ends the worker that has this seat, which has not answered in time; another takes its place. */
  stuck(seat: number): void {
    for (const member of this.#members) {
      if (member.seat !== seat) continue;
      // The core has told of the batch.
      member.isReported = true;
      member.reason = { message: 'the worker did not answer in time', stack: null };
      void member.worker.terminate();
    }
  }

  /** Lets the workers answer what they have in hand, and ends them; resolves when all are gone. Never rejects. */
  async close(): Promise<void> {
    this.#closing = true;
    if (this.#calls !== null) clearInterval(this.#calls);
    for (const restart of this.#restarts) clearTimeout(restart);
    this.#restarts.clear();
    await Promise.all(Array.from(this.#members, closeMember));
  }

  /** Resolves when the worker takes batches. */
  async #launch(): Promise<void> {
    const { kind, id, port, file, options, timeoutMs, concurrency, memoryLimitMib } = this.module;
    const { collector } = this.#host;
    const settings: WorkerSettings = { kind, id, port, file, options, timeoutMs, concurrency, collector };
    const worker = new Worker(ENTRY, {
      name: `${kind} ${id}`,
      workerData: settings,
      execArgv: ['--enable-source-maps'],
      resourceLimits: { maxOldGenerationSizeMb: memoryLimitMib },
    });
    worker.unref();
    const member: Member = {
      worker,
      startedMs: performance.now(),
      seat: null,
      reason: null,
      isReported: false,
      isCalled: false,
    };
    this.#members.add(member);
    const end = (reason: { message: string; stack: string | null }): void => {
      member.reason = reason;
      // A module that is refused may have left something running.
      void worker.terminate();
    };
    const late = { message: `the module was not ready within ${START_MS / 1000}s`, stack: null };
    const timer = setTimeout(end, START_MS, late);
    await new Promise<void>((resolve, reject) => {
      worker.on('message', (message: WorkerMessage) => {
        if (message.type === 'log') return this.#log(message);
        if (message.type === 'refused') return end(message);
        if (message.type === 'alive') return void (member.isCalled = false);
        clearTimeout(timer);
        member.seat = message.seat;
        if (this.#calls !== null) worker.postMessage(BEGIN);
        resolve();
      });
      worker.on('error', (error: unknown) => {
        member.reason ??= { message: messageOf(error), stack: stackOf(error) };
      });
      worker.once('exit', (code) => {
        clearTimeout(timer);
        member.reason ??= { message: `the worker has ended with exit code ${code}`, stack: null };
        const error = new Error(member.reason.message);
        if (member.reason.stack !== null) error.stack = member.reason.stack;
        reject(error);
        this.#onExit(member);
      });
    });
  }

  #onExit(member: Member): void {
    this.#members.delete(member);
    const { seat, reason, isReported, startedMs } = member;
    const message = reason?.message ?? 'the worker has ended';
    if (seat !== null) this.#host.vacate(this.module.port, seat, message);
    if (this.#closing || seat === null) return;
    if (!isReported) this.#warn('plugin worker ended', message, reason?.stack ?? null);
    if (performance.now() - startedMs > STEADY_MS) this.#restartMs = RESTART_FIRST_MS;
    this.#restartSoon();
  }

  #restartSoon(): void {
    const restart = setTimeout(() => {
      this.#restarts.delete(restart);
      this.#host.countRestart(this.module.component);
      this.#launch().catch((error: unknown) => {
        if (this.#closing) return;
        this.#warn('plugin worker cannot be started', messageOf(error), stackOf(error));
        this.#restartSoon();
      });
    }, this.#restartMs);
    restart.unref();
    this.#restarts.add(restart);
    this.#restartMs = Math.min(this.#restartMs * 2, RESTART_LONGEST_MS);
  }

  #warn(message: string, error: string, stack: string | null): void {
    this.#log({ level: 'warn', message, fields: { error, ...(stack === null ? {} : { stacktrace: stack }) } });
  }

  #log({ level, message, fields }: Pick<WorkerMessage & { type: 'log' }, 'level' | 'message' | 'fields'>): void {
    const { id, kind } = this.module;
    const own = { 'otelcol.component.id': id, 'otelcol.component.kind': kind };
    this.#host.log(level, message, { ...fields, ...own });
  }
}

/** Asks first, and does not wait for long. */
async function closeMember({ worker }: Member): Promise<void> {
  const gone = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  worker.postMessage(CLOSE);
  const timer = setTimeout(() => void worker.terminate(), CLOSE_MS);
  await gone;
  clearTimeout(timer);
}
