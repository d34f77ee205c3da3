/**
 * Has an exporter send batches, and reads what it says of them as the collector does.
 */
import { failureOf } from '../plugins/failure.js';
import { Batch } from '../views/index.js';
import {
  nothingKnown,
  closing,
  SetUp,
  type Closable,
  type LoggedLine,
  type ModuleOf,
  type PluginOptions,
  type PluginParts,
} from './set-up.js';

/** What an exporter written in TypeScript looks like to the one who calls it. */
export interface TestedExporter<Options, Context> extends PluginParts<Options, Context> {
  export(batch: Batch, context: Context): unknown;
}

/** An exporter, or a module that has it as its default export. */
export type ExporterModule<Options, Context> = ModuleOf<TestedExporter<Options, Context>>;

/** What became of a batch. */
export type ExportOutcome = {
  /** What the plugin has logged since the outcome before, or since it was started. */
  readonly logged: readonly LoggedLine[];
} & (
  | { readonly outcome: 'delivered' }
  | {
      readonly outcome: 'refused';
      /** Whether `retry_on_failure` has it tried again. */
      readonly retryable: boolean;
      /** No earlier than after so many milliseconds; null where the plugin does not say. */
      readonly delayMs: number | null;
      /** What the plugin threw. */
      readonly error: unknown;
    }
);

/** An exporter that was set up. */
export interface RunningExporter extends Closable {
  /** Sends one batch, of which the plugin gets a copy. Several may be under way. */
  export(batch: Batch): Promise<ExportOutcome>;
}

/**
 * Checks the options and sets an exporter up. Rejects with whatever `options` and `setup` throw, and with a TypeError for
 * what is no exporter.
 */
export async function startExporter<Options, Context>(
  module: ExporterModule<Options, Context>,
  options: PluginOptions<Context> = {},
): Promise<RunningExporter> {
  const ready = await SetUp.of<TestedExporter<Options, Context>, Context>(module, 'export', options, nothingKnown());
  const send = async (given: Batch): Promise<ExportOutcome> => {
    ready.requireOpen();
    try {
      await ready.plugin.export(new Batch(given.signal, Uint8Array.from(given.encode())), ready.context);
      return { outcome: 'delivered', logged: ready.logged() };
    } catch (error) {
      const { permanent, delayMs } = failureOf(error, 'exporter', false);
      return { outcome: 'refused', retryable: !permanent, delayMs, error, logged: ready.logged() };
    }
  };
  return { export: send, ...ready.closable() };
}

/** Sets an exporter up, has it send one batch, and closes it. Rejects as {@link startExporter} does. */
export async function runExporter<Options, Context>(
  module: ExporterModule<Options, Context>,
  batch: Batch,
  options: PluginOptions<Context> = {},
): Promise<ExportOutcome> {
  return closing(await startExporter(module, options), (exporter) => exporter.export(batch));
}
