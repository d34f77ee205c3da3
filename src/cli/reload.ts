/**
 * Reloads of the command: what asks for one, and what becomes of one that fails.
 */
import type { Collector } from '../collector/index.js';
import { CollectorError, messageOf } from '../errors.js';
import type { CliIo } from './io.js';
import { FileWatch } from './watch.js';

/** Puts what the sources say now in the place of what runs. */
export class Reloader {
  readonly #collector: Collector;
  readonly #io: CliIo;
  readonly #onFailure: (error: CollectorError) => void;
  #watch: FileWatch | null = null;

  /** @param onFailure told of a reload after which the process shall end (`service.reload.on_failure: exit`) */
  constructor(collector: Collector, io: CliIo, onFailure: (error: CollectorError) => void) {
    this.#collector = collector;
    this.#io = io;
    this.#onFailure = onFailure;
    collector.on('state', (state) => {
      if (state === 'running') this.#accepted();
      else this.#stopWatching();
    });
  }

  /** Reloads because of a signal; never rejects. Without effect unless the collector runs. */
  async onSignal(signal: string): Promise<void> {
    if (this.#collector.state !== 'running') return;
    this.#collector.log('info', 'Received signal from OS', { signal });
    await this.#reload();
  }

  async #onChange(files: readonly string[]): Promise<void> {
    if (this.#collector.state !== 'running') return;
    this.#collector.log('info', 'Configuration files have changed', { files });
    await this.#reload();
  }

  async #reload(): Promise<void> {
    const collector = this.#collector;
    // What the running configuration says counts: the new one may not even be readable.
    const exits = collector.configuration?.config.service.options.reload.on_failure === 'exit';
    collector.log('warn', 'Config updated, restart service');
    try {
      await collector.reload();
      this.#accepted();
    } catch (error) {
      const text = exits ? 'cannot reload, ending' : 'cannot reload, the running configuration stays';
      collector.log('error', text, { error: messageOf(error) });
      if (exits) this.#onFailure(new CollectorError('RELOAD_FAILED', messageOf(error), { cause: error }));
    }
  }

  /** What runs now decides what is watched. */
  #accepted(): void {
    const { configuration, state } = this.#collector;
    if (configuration === null || state !== 'running') return;
    const { files, config } = configuration;
    if (!config.service.options.reload.watch) this.#stopWatching();
    else if (this.#watch !== null) this.#watch.follow(files);
    else this.#watch = new FileWatch(files, (changed) => void this.#onChange(changed), this.#io);
  }

  #stopWatching(): void {
    this.#watch?.stop();
    this.#watch = null;
  }
}
