/**
 * Reloads of the command: what asks for one, and what becomes of one that fails.
 */
import type { Collector } from '../collector/index.js';
import type { ConfigActor } from '../config/index.js';
import { CollectorError, messageOf } from '../errors.js';
import type { CliIo } from './io.js';
import type { Versions } from './versions.js';
import { FileWatch } from './watch.js';

/** Puts what the sources say now in the place of what runs, and what ran before back if that fails on probation. */
export class Reloader {
  readonly #collector: Collector;
  readonly #versions: Versions;
  readonly #io: CliIo;
  readonly #onFailure: (error: CollectorError) => void;
  #watch: FileWatch | null = null;
  /** Reloads come one after another. */
  #reloading: Promise<void> = Promise.resolve();
  /** What the history is yet to be told. */
  #keeping: Promise<unknown> = Promise.resolve();

  /** @param onFailure told of a reload after which the process shall end (`service.reload.on_failure: exit`) */
  constructor(collector: Collector, versions: Versions, io: CliIo, onFailure: (error: CollectorError) => void) {
    this.#collector = collector;
    this.#versions = versions;
    this.#io = io;
    this.#onFailure = onFailure;
    collector.on('state', (state) => {
      if (state === 'running') return this.#accepted();
      this.#stopWatching();
      // What ends in good order has not failed.
      if (state === 'draining') this.#keeping = versions.passed();
    });
    collector.on('probation', (failure) => {
      this.#keeping = failure === null ? versions.passed() : this.#failed(failure);
    });
  }

  /** Reloads because of a signal; never rejects. Without effect unless the collector runs. */
  async onSignal(signal: string): Promise<void> {
    if (this.#collector.state !== 'running') return;
    this.#collector.log('info', 'Received signal from OS', { signal });
    await this.#reload('signal');
  }

  /** Resolves when the history has been told everything; never rejects. */
  async settled(): Promise<void> {
    await this.#keeping;
  }

  async #onChange(files: readonly string[]): Promise<void> {
    if (this.#collector.state !== 'running') return;
    this.#collector.log('info', 'Configuration files have changed', { files });
    await this.#reload('watch');
  }

  #reload(actor: ConfigActor): Promise<void> {
    this.#reloading = this.#reloading.then(() => this.#carryOut(actor));
    return this.#reloading;
  }

  async #carryOut(actor: ConfigActor): Promise<void> {
    const collector = this.#collector;
    // What the running configuration says counts: the new one may not even be readable.
    const exits = collector.configuration?.config.service.options.reload.on_failure === 'exit';
    collector.log('warn', 'Config updated, restart service');
    this.#versions.actor = actor;
    try {
      await collector.reload();
      this.#accepted();
    } catch (error) {
      this.#keeping = this.#versions.rejected();
      const text = exits ? 'cannot reload, ending' : 'cannot reload, the running configuration stays';
      collector.log('error', text, { error: messageOf(error) });
      if (exits) this.#onFailure(new CollectorError('RELOAD_FAILED', messageOf(error), { cause: error }));
    }
  }

  /** What runs now decides what is watched and where it is kept. */
  #accepted(): void {
    this.#keeping = this.#versions.accepted();
    const { configuration, state } = this.#collector;
    if (configuration !== null && state === 'running') this.#follow(configuration.files);
  }

  async #failed(failure: CollectorError): Promise<void> {
    const files = await this.#versions.failed(failure.message);
    if (this.#collector.state === 'running') this.#follow(files);
  }

  #follow(files: ReadonlyMap<string, string>): void {
    if (this.#collector.configuration?.config.service.options.reload.watch !== true) this.#stopWatching();
    else if (this.#watch !== null) this.#watch.follow(files);
    else this.#watch = new FileWatch(files, (changed) => void this.#onChange(changed), this.#io);
  }

  #stopWatching(): void {
    this.#watch?.stop();
    this.#watch = null;
  }
}
