/**
 * Sets a plugin up as the collector would, in the process of the test: options are checked, `setup` is called once, `close`
 * at the end. Time and memory are not limited, and errors reach the test.
 */

/** What plugins of all kinds look like to the one who calls them. */
export interface PluginParts<Options, Context> {
  /** Checks the configured options; what it returns, if anything, is what the plugin gets. */
  options?(configured: Readonly<Record<string, unknown>>): Options;
  setup?(options: Options, context: NoInfer<Context>): unknown;
  close?(): unknown;
}

/** A plugin, or a module that has it as its default export. */
export type ModuleOf<Plugin> = Plugin | { readonly default: Plugin };

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

/** A plugin that was set up. */
export interface Closable {
  /** Ends the plugin; what is asked of it later rejects. Calling it again does nothing. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A line that a plugin has logged. */
export interface LoggedLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A plugin, what it is called with, and what it says. */
export class SetUp<Plugin extends PluginParts<unknown, Context>, Context> {
  readonly plugin: Plugin;
  readonly context: Context;
  readonly #logged: LoggedLine[];
  #closed = false;

  private constructor(plugin: Plugin, context: Context, logged: LoggedLine[]) {
    this.plugin = plugin;
    this.context = context;
    this.#logged = logged;
  }

  /**
   * Rejects with whatever the plugin throws, and with a TypeError for what is no plugin.
   * @param method what makes it a plugin of this kind
   * @param own what the context has of this kind
   */
  static async of<Plugin extends PluginParts<unknown, Context>, Context>(
    module: ModuleOf<Plugin>,
    method: keyof Plugin & string,
    { options: configured = {}, context: given = {} }: PluginOptions<Context>,
    own: object,
  ): Promise<SetUp<Plugin, Context>> {
    const plugin = pluginOf(module, method);
    const options = plugin.options?.(configured) ?? configured;
    const logged: LoggedLine[] = [];
    // The plugin says what it reads; the rest of what a collector gives it does not matter.
    const context = { id: 'ts/test', ...own, options, log: logInto(logged), ...given } as Context;
    await plugin.setup?.(options, context);
    return new SetUp(plugin, context, logged);
  }

  /** What was logged since this was asked before. */
  logged(): LoggedLine[] {
    return this.#logged.splice(0);
  }

  /** @throws Error once the plugin is closed */
  requireOpen(): void {
    if (this.#closed) throw new Error('the plugin is closed');
  }

  /** Ends the plugin, and then does `after`, if that was not done before. */
  closable(after: () => void = () => {}): Closable {
    const close = async (): Promise<void> => {
      if (this.#closed) return;
      this.#closed = true;
      await this.plugin.close?.();
      after();
    };
    return { close, [Symbol.asyncDispose]: close };
  }
}

/** What `use` makes of a plugin that is then closed, whatever came of it. */
export async function closing<Running extends Closable, Result>(
  running: Running,
  use: (running: Running) => Promise<Result>,
): Promise<Result> {
  try {
    return await use(running);
  } finally {
    await running.close();
  }
}

/** What the context has of a batch whose sender nobody knows. */
export function nothingKnown(): object {
  return { tenant: null, peer: null, metadata: [], abortSignal: new AbortController().signal };
}

function logInto(lines: LoggedLine[]): object {
  const at =
    (level: LoggedLine['level']) =>
    (message: string, fields: LoggedLine['fields'] = {}): void => {
      lines.push({ level, message, fields });
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

function pluginOf<Plugin extends object>(module: ModuleOf<Plugin>, method: keyof Plugin & string): Plugin {
  const plugin: unknown = 'default' in module ? module.default : module;
  if (typeof plugin === 'object' && plugin !== null && typeof (plugin as Plugin)[method] === 'function') {
    return plugin as Plugin;
  }
  throw new TypeError(`not a plugin: it has no function ${method}`);
}
