/**
 * The keys of components that run a module of the user in worker threads.
 */
import { ns } from '../schema/duration.js';
import { any, duration, int, key, map, string } from '../schema/spec.js';
import type { Report } from '../schema/spec.js';

/** Below this a worker of Node does not even start, MiB. */
const MEMORY_MIN_MIB = 16;
/** More threads than that are a mistake. */
const WORKERS_MAX = 256;

export const pluginFields = {
  module: key(
    string(),
    '',
    'The module: a path relative to the file that this is written in, or the name of a package; `.js`, `.mjs`, `.ts` and `.mts`',
  ),
  options: key(map(any()), {}, 'What the module is given; it says what it takes'),
  workers: key(int({ min: 1, max: WORKERS_MAX }), 1, 'Worker threads that run the module', 'threads'),
  memory_limit_mib: key(int({ min: MEMORY_MIN_MIB }), 128, 'Heap of one worker; one that needs more is ended', 'MiB'),
};

/** `timeout`, which ends a worker. */
export const pluginTimeout = (fallback: string, what: string) => key(duration({ min: ns('1ms') }), ns(fallback), what);

/** Rules of the keys. */
export function checkPlugin({ module }: { readonly module: string }, report: Report): void {
  if (module === '') report("'module' must be specified", 'module');
}
