/**
 * What the collector's thread and a worker tell each other. Batches do not go this way: workers fetch them from the core.
 */
import type { PluginModule } from '../config/plugin-modules.js';

/** What a worker is started with. */
export interface WorkerSettings extends Pick<
  PluginModule,
  'kind' | 'id' | 'port' | 'file' | 'options' | 'timeoutMs' | 'concurrency'
> {
  /** The number that the core has for the collector. */
  readonly collector: number;
}

/** From a worker. */
export type WorkerMessage =
  | { readonly type: 'ready'; readonly seat: number }
  | { readonly type: 'alive' }
  | { readonly type: 'refused'; readonly message: string; readonly stack: string | null }
  | {
      readonly type: 'log';
      readonly level: 'debug' | 'info' | 'warn' | 'error';
      readonly message: string;
      readonly fields: Readonly<Record<string, unknown>>;
    };

/** To the worker of a receiver: the pipelines take data. */
export const BEGIN = 'begin';

/** To the worker of a receiver: it has to say that it is alive. */
export const CALL = 'call';

/** To a worker: no more batches are to be fetched; the worker ends when it has answered those in hand. */
export const CLOSE = 'close';
