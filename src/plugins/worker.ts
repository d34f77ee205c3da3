/**
 * A worker thread of a plugin: loads the module, then fetches batches from the core, has the plugin work on them, and
 * answers. The collector's own thread has no part in that.
 */
// oxlint-disable unicorn/require-post-message-target-origin -- threads have no origins
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';

import { binding, type NativePluginBatch, type NativePluginWorker } from '../binding/load.js';
import { Answers, type IngestHead, type IngestOutcome } from '../binding/index.js';
import { messageOf } from '../errors.js';
import { Batch, type Signal } from '../views/index.js';
import type {
  BatchContext,
  ExporterPlugin,
  Plugin,
  PluginContext,
  PluginLog,
  ProcessorPlugin,
  ReceiverPlugin,
} from './define.js';
import { emitted } from './emit.js';
import { failureOf, stackOf } from './failure.js';
import { loadPlugin } from './load-module.js';
import { BEGIN, CALL, CLOSE, type WorkerMessage, type WorkerSettings } from './messages.js';

/** Lines of the plugin that are passed on in a second. */
const LINES_PER_SECOND_MAX = 100;

const settings = workerData as WorkerSettings;
// A worker always has a parent.
const parent = parentPort as MessagePort;
const tell = (message: WorkerMessage): void => parent.postMessage(message);

class PluginWorker {
  readonly #plugin: Plugin;
  readonly #context: PluginContext;
  readonly #core: NativePluginWorker;
  readonly #answers: Answers;
  #inHand = 0;
  #closing = false;

  constructor(plugin: Plugin, context: PluginContext) {
    this.#plugin = plugin;
    this.#context = context;
    this.#core = new (binding().NativePluginWorker)(settings.collector, settings.port, () => {
      this.#answers.settle();
      this.#fetch();
    });
    this.#answers = new Answers(this.#core);
  }

  start(): void {
    parent.on('message', (message) => {
      if (message === BEGIN) void this.#begin();
      if (message === CALL) tell({ type: 'alive' });
      if (message !== CLOSE) return;
      this.#closing = true;
      void this.#endIfIdle();
    });
    tell({ type: 'ready', seat: this.#core.seat });
    this.#fetch();
  }

  /** Has a receiver receive. What it throws ends the worker, as if nobody had caught it. */
  async #begin(): Promise<void> {
    try {
      const emit = async (...given: Parameters<typeof emitted>): Promise<IngestOutcome> => {
        const { head, body } = emitted(...given);
        const text = JSON.stringify({ receiver: settings.id, ...head } satisfies IngestHead);
        return this.#answers.outcome((number) => this.#core.emit(number, text, body));
      };
      await (this.#plugin as ReceiverPlugin).start({ ...this.#context, emit });
    } catch (error) {
      setImmediate(() => {
        throw error;
      });
    }
  }

  #fetch(): void {
    while (!this.#closing && this.#inHand < settings.concurrency) {
      const work = this.#core.fetch();
      if (work === null) return;
      this.#inHand += 1;
      void this.#work(work);
    }
  }

  async #work(work: NativePluginBatch): Promise<void> {
    const { number, signal, body } = work;
    const time = new AbortController();
    // What a processor does beyond its time ends with the worker, which the core sees to.
    const timer = setTimeout(() => time.abort(new Error('the time for this batch is over')), settings.timeoutMs);
    try {
      const context = contextOf(this.#context, work, time.signal);
      if (settings.kind === 'processor') {
        const batch = new Batch(signal as Signal, body);
        const result: unknown = await (this.#plugin as ProcessorPlugin).process(batch, context);
        if (result !== undefined)
          throw new TypeError('process has to return nothing; it changes the batch it is given');
        this.#answer(number, body, batch.encode());
      } else {
        const sent = (this.#plugin as ExporterPlugin).export(new Batch(signal as Signal, body), context);
        await Promise.race([sent, aborted(time.signal)]);
        this.#core.keep(number);
      }
    } catch (error) {
      this.#core.fail(number, JSON.stringify(failureOf(error, settings.kind, time.signal.aborted)));
    } finally {
      clearTimeout(timer);
      this.#inHand -= 1;
      // A turn of the loop for what else the plugin has to do, and for being told to end.
      if (this.#closing) void this.#endIfIdle();
      else setImmediate(() => this.#fetch());
    }
  }

  #answer(number: number, before: Uint8Array, after: Uint8Array): void {
    if (after === before) this.#core.keep(number);
    else if (after.length === 0) this.#core.dropBatch(number);
    else this.#core.replace(number, after);
  }

  async #endIfIdle(): Promise<void> {
    if (this.#inHand > 0) return;
    this.#core.close();
    try {
      await this.#plugin.close?.();
    } catch (error) {
      tell({ type: 'log', level: 'warn', message: 'plugin failed to close', fields: { error: messageOf(error) } });
    }
    parent.close();
  }
}

function contextOf(context: PluginContext, work: NativePluginBatch, abortSignal: AbortSignal): BatchContext {
  const facts = (work.context === '' ? {} : JSON.parse(work.context)) as Partial<BatchContext>;
  const { tenant = null, peer = null, metadata = [] } = facts;
  return { ...context, tenant, peer, metadata, abortSignal };
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }),
  );
}

function logOf(): PluginLog {
  let [second, lines] = [0, 0];
  const write =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}): void => {
      const now = Math.floor(performance.now() / 1000);
      [second, lines] = now === second ? [second, lines + 1] : [now, 1];
      if (lines > LINES_PER_SECOND_MAX) return;
      // As JSON, since what cannot be cloned would end the worker.
      tell({ type: 'log', level, message: String(message), fields: JSON.parse(JSON.stringify(fields)) });
    };
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

async function main(): Promise<void> {
  try {
    const plugin = await loadPlugin(settings.file, settings.kind);
    const options = plugin.options?.(settings.options) ?? settings.options;
    const context: PluginContext = { id: settings.id, options, log: logOf() };
    await plugin.setup?.(options, context);
    new PluginWorker(plugin, context).start();
  } catch (error) {
    tell({ type: 'refused', message: messageOf(error), stack: stackOf(error) });
    parent.close();
  }
}

await main();
