/**
 * Runs a plugin on batches as the collector would, in the process of the test: options are checked, `setup` is called
 * once, `process` for each batch, `close` at the end. Time and memory are not limited, and errors reach the test.
 */
import { Batch } from '../views/index.js';

/** What a processor written in TypeScript looks like to the one who calls it. */
export interface TestedPlugin<Options, Context> {
  /** Checks the configured options; what it returns, if anything, is what the plugin gets. */
  options?(configured: Readonly<Record<string, unknown>>): Options;
  setup?(options: Options, context: NoInfer<Context>): unknown;
  process(batch: Batch, context: Context): unknown;
  close?(): unknown;
}

/** A plugin, or a module that has it as its default export. */
export type PluginModule<Options, Context> =
  | TestedPlugin<Options, Context>
  | { readonly default: TestedPlugin<Options, Context> };

/** What a plugin is run with. */
export interface PluginOptions<Context> {
  /** `options` of the configuration, before the plugin has checked them. @default {} */
  readonly options?: Readonly<Record<string, unknown>>;
  /**
   * What the plugin finds in its context. What is not given is as for a sender of whom nothing is known: `tenant` and
   * `peer` null, no `metadata`, an `abortSignal` that is never aborted. `id` is `ts/test`, `log` keeps what it is told.
   */
  readonly context?: Partial<Context>;
}

/** A line that a plugin has logged. */
export interface LoggedLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** What a plugin made of a batch. */
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

/** A plugin that was set up. */
export interface RunningPlugin {
  /** Processes one batch. Rejects with whatever the plugin throws. */
  process(batch: Batch): Promise<PluginOutcome>;
  /** Ends the plugin; later calls of `process` reject. Calling it again does nothing. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Checks the options and sets a plugin up. Rejects with whatever the plugin throws, and with a TypeError for what is no
 * plugin.
 */
export async function startPlugin<Options, Context>(
  module: PluginModule<Options, Context>,
  { options: configured = {}, context: given = {} }: PluginOptions<Context> = {},
): Promise<RunningPlugin> {
  const plugin = pluginOf(module);
  const options = plugin.options?.(configured) ?? (configured as Options);
  const logged: LoggedLine[] = [];
  // The plugin says what it reads; the rest of what a collector gives it does not matter.
  const context = { ...nothingKnown(), options, log: logInto(logged), ...given } as Context;
  await plugin.setup?.(options, context);
  let closed = false;
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    await plugin.close?.();
  };
  const process = async (batch: Batch): Promise<PluginOutcome> => {
    if (closed) throw new Error('the plugin is closed');
    const outcome = await outcomeOf(plugin, batch, context);
    return { ...outcome, logged: logged.splice(0) };
  };
  return { process, close, [Symbol.asyncDispose]: close };
}

function nothingKnown(): object {
  return { id: 'ts/test', tenant: null, peer: null, metadata: [], abortSignal: new AbortController().signal };
}

function logInto(lines: LoggedLine[]): object {
  const at =
    (level: LoggedLine['level']) =>
    (message: string, fields: LoggedLine['fields'] = {}): void => {
      lines.push({ level, message, fields });
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** Sets a plugin up, has it process one batch, and closes it. Rejects as {@link startPlugin} does. */
export async function runPlugin<Options, Context>(
  module: PluginModule<Options, Context>,
  batch: Batch,
  options: PluginOptions<Context> = {},
): Promise<PluginOutcome> {
  const plugin = await startPlugin(module, options);
  try {
    return await plugin.process(batch);
  } finally {
    await plugin.close();
  }
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

function pluginOf<Options, Context>(module: PluginModule<Options, Context>): TestedPlugin<Options, Context> {
  const plugin: unknown = 'default' in module ? module.default : module;
  if (typeof plugin === 'object' && plugin !== null && 'process' in plugin && typeof plugin.process === 'function') {
    return plugin as TestedPlugin<Options, Context>;
  }
  throw new TypeError('not a plugin: it has no function process');
}
