/**
 * Starts and reloads the core together with the workers of its plugins: new workers are there before the graph that needs
 * them, and old ones end after the graph that needed them is drained, so no batch is without.
 */
import type { Listener, LogEvent, NativeHandle, NativeResult, PluginStuckEvent } from '../binding/index.js';
import type { LoadedConfig } from '../config/index.js';
import { WorkerPool, type PoolHost } from './pool.js';

type Configured = Pick<LoadedConfig, 'native' | 'plugins'>;
type Started = NativeResult<readonly Listener[]>;

/** The workers of a collector. */
export class PluginCore {
  readonly #native: NativeHandle;
  readonly #tell: (event: LogEvent) => void;
  /** By port. */
  #pools: ReadonlyMap<string, WorkerPool> = new Map();

  /** @param tell takes log lines about workers, and theirs, as if the core had written them */
  constructor(native: NativeHandle, tell: (event: LogEvent) => void) {
    this.#native = native;
    this.#tell = tell;
  }

  /** @throws CollectorError as {@link NativeHandle.start}, and `START_FAILED` if a plugin cannot be started */
  start(loaded: Configured): Promise<Started> {
    return this.#change(loaded, (document) => this.#native.start(document));
  }

  /** As {@link NativeHandle.reload}. If it fails, the plugins go on as before. @throws as {@link start} */
  reload(loaded: Configured): Promise<Started> {
    return this.#change(loaded, (document) => this.#native.reload(document));
  }

  /** Ends a worker that has not answered in time. */
  stuck({ port, seat }: PluginStuckEvent): void {
    this.#pools.get(port)?.stuck(seat);
  }

  /** Ends the workers of receivers, so that nothing more comes; never rejects. */
  async stopReceivers(): Promise<void> {
    const receivers = [...this.#pools.values()].filter(({ module }) => module.kind === 'receiver');
    this.#pools = new Map([...this.#pools].filter(([, pool]) => !receivers.includes(pool)));
    await this.#end(receivers);
  }

  /** Ends all workers; never rejects. */
  async close(): Promise<void> {
    const pools = this.#pools;
    this.#pools = new Map();
    await this.#end(pools.values());
  }

  async #change({ native, plugins }: Configured, change: (document: string) => Promise<Started>): Promise<Started> {
    const before = this.#pools;
    const added = plugins.filter(({ port }) => !before.has(port));
    const started = await this.#startAll(added);
    // From here on, since a worker may get stuck while the graphs are being swapped.
    this.#pools = new Map([...before, ...started]);
    let isDone = false;
    try {
      const result = await change(JSON.stringify(native));
      isDone = result.ok;
      return result;
    } finally {
      const wanted = new Set(plugins.map(({ port }) => port));
      const stays = (port: string): boolean => (isDone ? wanted.has(port) : before.has(port));
      const all = [...this.#pools];
      this.#pools = new Map(all.filter(([port]) => stays(port)));
      await this.#end(all.filter(([port]) => !stays(port)).map(([, pool]) => pool));
      // Last, since a receiver may want what the one before it had.
      if (isDone) for (const [, pool] of started) pool.begin();
    }
  }

  async #startAll(modules: Configured['plugins']): Promise<[port: string, pool: WorkerPool][]> {
    if (modules.length === 0) return [];
    const host: PoolHost = {
      collector: this.#native.pluginHost(),
      log: (level, msg, fields) => this.#tell({ kind: 'log', level, msg, fields, tsMs: Date.now() }),
      vacate: (port, seat, message) => this.#native.vacatePlugin(port, seat, message),
      countRestart: (component) => this.#native.countPluginRestart(component),
    };
    const results = await Promise.allSettled(modules.map((module) => WorkerPool.start(module, host)));
    const pools = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    for (const result of results) {
      if (result.status === 'fulfilled') continue;
      await this.#end(pools);
      throw result.reason;
    }
    return pools.map((pool) => [pool.module.port, pool]);
  }

  async #end(pools: Iterable<WorkerPool>): Promise<void> {
    await Promise.all(
      Array.from(pools, async (pool) => {
        await pool.close();
        this.#native.closePlugin(pool.module.port);
      }),
    );
  }
}
