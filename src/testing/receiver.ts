/**
 * Has a receiver receive, and takes what it hands over as pipelines would.
 */
import type { IngestOptions, IngestOutcome } from '../plugins/define.js';
import { emitted, type Emitted } from '../plugins/emit.js';
import { Batch, type Signal } from '../views/index.js';
import {
  SetUp,
  type Closable,
  type LoggedLine,
  type ModuleOf,
  type PluginOptions,
  type PluginParts,
} from './set-up.js';

/** What a receiver written in TypeScript looks like to the one who calls it. */
export interface TestedReceiver<Options, Context> extends PluginParts<Options, Context> {
  start(context: Context): unknown;
}

/** A receiver, or a module that has it as its default export. */
export type ReceiverModule<Options, Context> = ModuleOf<TestedReceiver<Options, Context>>;

/** A request that a receiver has handed over. */
export interface EmittedRequest {
  readonly signal: Signal;
  /** Its bytes, a copy. */
  readonly body: Uint8Array;
  /** What was said beside them; nothing of a batch. */
  readonly options: IngestOptions;
  /** What is in it; null for JSON, and for what is compressed. */
  readonly batch: Batch | null;
}

/** What a receiver is run with. */
export interface ReceiverOptions<Context> extends PluginOptions<Context> {
  /** What the pipelines answer to a request. @default accepted */
  readonly answer?: (request: EmittedRequest) => IngestOutcome | Promise<IngestOutcome>;
}

/** A receiver that was set up and started. */
export interface RunningReceiver extends Closable {
  /** The next request that the plugin hands over, or has handed over already. Rejects once it is closed and none is left. */
  next(): Promise<EmittedRequest>;
  /** What the plugin has logged since this was asked before. */
  logged(): readonly LoggedLine[];
}

/**
 * Checks the options, sets a receiver up and starts it. Rejects with whatever the plugin throws, and with a TypeError for
 * what is no receiver.
 */
export async function startReceiver<Options, Context>(
  module: ReceiverModule<Options, Context>,
  options: ReceiverOptions<Context> = {},
): Promise<RunningReceiver> {
  const { answer = () => ({ outcome: 'accepted' }) } = options;
  const requests = new Requests();
  const emit = async (...given: Parameters<typeof emitted>): Promise<IngestOutcome> => {
    const request = requestOf(emitted(...given));
    requests.add(request);
    return answer(request);
  };
  const ready = await SetUp.of<TestedReceiver<Options, Context>, Context>(module, 'start', options, { emit });
  await ready.plugin.start(ready.context);
  const closable = ready.closable(() => requests.end());
  return { next: () => requests.next(), logged: () => ready.logged(), ...closable };
}

function requestOf({ head: { signal, encoding, compression }, body: given, options }: Emitted): EmittedRequest {
  const body = Uint8Array.from(given);
  const isPlain = encoding === 'proto' && compression === null;
  return { signal, body, options, batch: isPlain ? new Batch(signal, body) : null };
}

/** Requests that the test has not taken yet, or waits for. */
class Requests {
  readonly #there: EmittedRequest[] = [];
  readonly #wanted: Waiter[] = [];
  #over = false;

  add(request: EmittedRequest): void {
    const first = this.#wanted.shift();
    if (first === undefined) this.#there.push(request);
    else first.resolve(request);
  }

  next(): Promise<EmittedRequest> {
    return new Promise((resolve, reject) => {
      const request = this.#there.shift();
      if (request !== undefined) resolve(request);
      else if (this.#over) reject(closed());
      else this.#wanted.push({ resolve, reject });
    });
  }

  end(): void {
    this.#over = true;
    for (const { reject } of this.#wanted.splice(0)) reject(closed());
  }
}

interface Waiter {
  readonly resolve: (request: EmittedRequest) => void;
  readonly reject: (error: Error) => void;
}

const closed = (): Error => new Error('the plugin is closed');
