/**
 * What the author of a plugin writes: the shape of a module, what it is given, and the errors that mean something.
 * Runs in worker threads and, for tests, anywhere; needs neither the addon nor the rest of the package.
 */
import type { IngestOptions } from '../ingest/index.js';
import type { IngestOutcome, Signal } from '../binding/index.js';
import type { Batch } from '../views/index.js';

export type { IngestOptions, IngestOutcome };

/** What a plugin knows beside the batch. */
export interface PluginContext<Options = Readonly<Record<string, unknown>>> {
  /** The component's id as the configuration has it, such as `ts/redact`. */
  readonly id: string;
  /** What the plugin's own `options` made of the configured options; without it, these as they are. */
  readonly options: Options;
  /** Writes to the collector's log. */
  readonly log: PluginLog;
}

/** What a plugin knows about one batch. */
export interface BatchContext<Options = Readonly<Record<string, unknown>>> extends PluginContext<Options> {
  /** Whose batch it is, where the collector tells senders apart, or null. Null once batches were joined. */
  readonly tenant: string | null;
  /** `address:port` of the sender, or null. */
  readonly peer: string | null;
  /** Headers of the request, names in lower case; only where the receiver has `include_metadata`. */
  readonly metadata: readonly (readonly [name: string, value: string])[];
  /** Aborted when the time for this batch is over. */
  readonly abortSignal: AbortSignal;
}

/** What a receiver knows, and its way into the pipelines. */
export interface ReceiverContext<Options = Readonly<Record<string, unknown>>> extends PluginContext<Options> {
  /**
   * Hands over one OTLP export request: its bytes, which are copied before this returns, or a batch. Resolves when the
   * pipelines have answered, as `ack` of the receiver says; whoever waits for that before it takes more from its source
   * passes on how busy they are. While the collector starts, reloads or ends, a request may be refused as retryable.
   * @throws CollectorError `INVALID_ARGUMENT`
   */
  emit(batch: Batch): Promise<IngestOutcome>;
  emit(signal: Signal, request: Uint8Array, options?: IngestOptions): Promise<IngestOutcome>;
}

/** The collector's log. At most 100 lines a second of each worker are passed on. */
export interface PluginLog {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

interface PluginBase<Options> {
  /**
   * Checks the configured options, and says what the plugin reads. What it throws keeps the collector from starting, or a
   * reload from being made. What it returns, if anything, is what the plugin gets.
   */
  options?(configured: Readonly<Record<string, unknown>>): Options;
  /** Called once in each worker before the first batch. What it throws is as for `options`. */
  setup?(options: Options, context: PluginContext<Options>): void | Promise<void>;
  /** Called when the worker is to end, and has a second for it. Not after a crash. */
  close?(): void | Promise<void>;
}

/** A processor: changes a batch. */
export interface ProcessorPlugin<Options = Readonly<Record<string, unknown>>> extends PluginBase<Options> {
  /**
   * Called for each batch, one after another in each worker. Changes `batch` and returns nothing, or a promise of that. An
   * error costs the batch what `on_error` says.
   */
  process(batch: Batch, context: BatchContext<Options>): void | Promise<void>;
}

/** An exporter: sends a batch somewhere. */
export interface ExporterPlugin<Options = Readonly<Record<string, unknown>>> extends PluginBase<Options> {
  /**
   * Called for each batch, for several at the same time. Resolves when the batch is delivered. A
   * {@link RetryableError} has it tried again, any other error has it refused for good.
   */
  export(batch: Batch, context: BatchContext<Options>): void | Promise<void>;
}

/** A receiver: takes telemetry from somewhere. */
export interface ReceiverPlugin<Options = Readonly<Record<string, unknown>>> extends PluginBase<Options> {
  /**
   * Called when the pipelines take data, and, after a reload, when the receiver before this one has closed. Opens what
   * data comes by, and returns; the worker lives until `close`. What it throws ends the worker, and another one begins.
   */
  start(context: ReceiverContext<Options>): void | Promise<void>;
}

/** A plugin of any kind. */
export type Plugin<Options = Readonly<Record<string, unknown>>> =
  | ReceiverPlugin<Options>
  | ProcessorPlugin<Options>
  | ExporterPlugin<Options>;

/** The default export of a plugin's module. Gives it types, and returns it as it is. */
export function definePlugin<Options = Readonly<Record<string, unknown>>>(
  plugin: ProcessorPlugin<Options>,
): ProcessorPlugin<Options>;
export function definePlugin<Options = Readonly<Record<string, unknown>>>(
  plugin: ExporterPlugin<Options>,
): ExporterPlugin<Options>;
export function definePlugin<Options = Readonly<Record<string, unknown>>>(
  plugin: ReceiverPlugin<Options>,
): ReceiverPlugin<Options>;
export function definePlugin<Options>(plugin: Plugin<Options>): Plugin<Options> {
  return plugin;
}

/** Thrown by a plugin: the same batch may well succeed later. */
export class RetryableError extends Error {
  override readonly name = 'RetryableError';
  /** When to try again, milliseconds; null leaves that to whoever tries. */
  readonly delayMs: number | null;

  constructor(message: string, { delayMs = null, cause }: { delayMs?: number | null; cause?: unknown } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.delayMs = delayMs;
  }
}

/** Thrown by a plugin: the same batch would fail again, so its sender is told not to send it again. */
export class PermanentError extends Error {
  override readonly name = 'PermanentError';
}
