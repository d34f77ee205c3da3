/**
 * Runs a processor on batches.
 */
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

/** What a processor written in TypeScript looks like to the one who calls it. */
export interface TestedPlugin<Options, Context> extends PluginParts<Options, Context> {
  process(batch: Batch, context: Context): unknown;
}

/** A processor, or a module that has it as its default export. */
export type PluginModule<Options, Context> = ModuleOf<TestedPlugin<Options, Context>>;

/** What a processor made of a batch. */
export interface PluginOutcome {
  /** The batch as the next component gets it. The batch that was given is left as it was. */
  readonly batch: Batch;
  /** Its bytes; none if nothing is left. */
  readonly bytes: Uint8Array;
  /** Whether any byte is different. */
  readonly changed: boolean;
  /** Items that the plugin dropped. */
  readonly droppedItems: number;
  /** What the plugin has logged since the outcome before, or since it was started. */
  readonly logged: readonly LoggedLine[];
}

/** A processor that was set up. */
export interface RunningPlugin extends Closable {
  /** Processes one batch. Rejects with whatever the plugin throws. */
  process(batch: Batch): Promise<PluginOutcome>;
}

/**
 * Checks the options and sets a processor up. Rejects with whatever the plugin throws, and with a TypeError for what is no
 * processor.
 */
export async function startPlugin<Options, Context>(
  module: PluginModule<Options, Context>,
  options: PluginOptions<Context> = {},
): Promise<RunningPlugin> {
  const ready = await SetUp.of<TestedPlugin<Options, Context>, Context>(module, 'process', options, nothingKnown());
  const process = async (batch: Batch): Promise<PluginOutcome> => {
    ready.requireOpen();
    const outcome = await outcomeOf(ready.plugin, batch, ready.context);
    return { ...outcome, logged: ready.logged() };
  };
  return { process, ...ready.closable() };
}

/** Sets a processor up, has it process one batch, and closes it. Rejects as {@link startPlugin} does. */
export async function runPlugin<Options, Context>(
  module: PluginModule<Options, Context>,
  batch: Batch,
  options: PluginOptions<Context> = {},
): Promise<PluginOutcome> {
  return closing(await startPlugin(module, options), (plugin) => plugin.process(batch));
}

async function outcomeOf<Options, Context>(
  plugin: TestedPlugin<Options, Context>,
  given: Batch,
  context: Context,
): Promise<Omit<PluginOutcome, 'logged'>> {
  const before = given.encode();
  // A copy: the collector's buffers are not shared either.
  const worked = new Batch(given.signal, Uint8Array.from(before));
  const returned = await plugin.process(worked, context);
  if (returned !== undefined) throw new TypeError('process has to return nothing; it changes the batch it is given');
  const bytes = worked.encode();
  const batch = new Batch(given.signal, bytes);
  return { batch, bytes, changed: Buffer.compare(before, bytes) !== 0, droppedItems: worked.droppedItems };
}
