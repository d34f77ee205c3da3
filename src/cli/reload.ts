/**
 * Reloads of the command: what asks for one, and what becomes of one that fails.
 */
import type { Collector } from '../collector/index.js';
import { ConfigHistory, sourcePath, type ConfigActor, type LoadedConfig } from '../config/index.js';
import { CollectorError, messageOf } from '../errors.js';
import type { CliIo } from './io.js';
import type { ConfigFlags } from './run.js';
import { FileWatch } from './watch.js';

/** Puts what the sources say now in the place of what runs. */
export class Reloader {
  readonly #collector: Collector;
  readonly #flags: ConfigFlags;
  readonly #io: CliIo;
  readonly #onFailure: (error: CollectorError) => void;
  #watch: FileWatch | null = null;
  /** Versions are kept one after another. */
  #keeping: Promise<void> = Promise.resolve();

  /** @param onFailure told of a reload after which the process shall end (`service.reload.on_failure: exit`) */
  constructor(collector: Collector, flags: ConfigFlags, io: CliIo, onFailure: (error: CollectorError) => void) {
    this.#collector = collector;
    this.#flags = flags;
    this.#io = io;
    this.#onFailure = onFailure;
    collector.on('state', (state) => {
      if (state === 'running') this.#accepted('start');
      else this.#stopWatching();
    });
  }

  /** Reloads because of a signal; never rejects. Without effect unless the collector runs. */
  async onSignal(signal: string): Promise<void> {
    if (this.#collector.state !== 'running') return;
    this.#collector.log('info', 'Received signal from OS', { signal });
    await this.#reload('signal');
  }

  async #onChange(files: readonly string[]): Promise<void> {
    if (this.#collector.state !== 'running') return;
    this.#collector.log('info', 'Configuration files have changed', { files });
    await this.#reload('watch');
  }

  async #reload(actor: ConfigActor): Promise<void> {
    const collector = this.#collector;
    // What the running configuration says counts: the new one may not even be readable.
    const exits = collector.configuration?.config.service.options.reload.on_failure === 'exit';
    collector.log('warn', 'Config updated, restart service');
    try {
      await collector.reload();
      this.#accepted(actor);
    } catch (error) {
      const text = exits ? 'cannot reload, ending' : 'cannot reload, the running configuration stays';
      collector.log('error', text, { error: messageOf(error) });
      if (exits) this.#onFailure(new CollectorError('RELOAD_FAILED', messageOf(error), { cause: error }));
    }
  }

  /** What runs now decides what is watched and where it is kept. */
  #accepted(actor: ConfigActor): void {
    const { configuration, state } = this.#collector;
    if (configuration === null || state !== 'running') return;
    const { files, config } = configuration;
    if (!config.service.options.reload.watch) this.#stopWatching();
    else if (this.#watch !== null) this.#watch.follow(files);
    else this.#watch = new FileWatch(files, (changed) => void this.#onChange(changed), this.#io);
    this.#keeping = this.#keeping.then(() => this.#keep(configuration, actor));
  }

  /** A version that cannot be kept is no reason to stop. */
  async #keep({ config, files }: LoadedConfig, actor: ConfigActor): Promise<void> {
    const { directory, keep } = config.service.options.reload.history;
    if (directory === '') return;
    const { set, featureGates } = this.#flags;
    const sources = this.#flags.config.map((location) => {
      const path = sourcePath(location);
      return { location, text: path === null ? null : (files.get(path) ?? null) };
    });
    try {
      const number = await new ConfigHistory(directory).record({ sources, set, featureGates }, actor, keep);
      if (number !== null) this.#collector.log('info', 'Configuration kept', { version: number });
    } catch (error) {
      this.#collector.log('warn', 'cannot keep the configuration', { error: messageOf(error) });
    }
  }

  #stopWatching(): void {
    this.#watch?.stop();
    this.#watch = null;
  }
}
