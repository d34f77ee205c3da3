/**
 * `teleferric queue`: looks into stored queues, and gives up what one holds.
 */
import { inspectStorage, purgeQueue, type StorageSurvey } from '../collector/index.js';
import { loadConfig } from '../config/index.js';
import { CollectorError } from '../errors.js';
import type { CliIo } from './io.js';
import type { ConfigFlags } from './run.js';
import { table } from './table.js';

/** Flags of every `queue` command. */
export interface QueueFlags extends ConfigFlags {
  readonly directory: readonly string[];
}

/** Flags of `queue inspect`. */
export interface InspectFlags extends QueueFlags {
  readonly limit: number;
}

/** Flags of `queue purge`. */
export interface PurgeFlags extends QueueFlags {
  readonly queue: string;
}

/** What each queue holds. */
export async function queueStatus(flags: QueueFlags, io: CliIo): Promise<void> {
  for (const [directory, { queues, segments, bytes }] of await surveys(flags, io)) {
    const rows = queues.map((queue) => [queue.name, ...[queue.requests, queue.items, queue.bytes].map(String)]);
    io.stdout.write(`${directory}: ${segments} files, ${mebibytes(bytes)} MiB on disk\n`);
    io.stdout.write(table([['QUEUE', 'REQUESTS', 'ITEMS', 'BYTES'], ...rows]));
  }
}

/** The oldest requests of each queue. */
export async function inspectQueues(flags: InspectFlags, io: CliIo): Promise<void> {
  for (const [directory, { queues }] of await surveys(flags, io, flags.limit)) {
    const rows = queues.flatMap(({ name, oldest }) =>
      oldest.map(({ sequence, timeMs, items, bytes }) => [
        name,
        String(sequence),
        new Date(timeMs).toISOString(),
        String(items),
        String(bytes),
      ]),
    );
    io.stdout.write(`${directory}\n${table([['QUEUE', 'SEQUENCE', 'TAKEN', 'ITEMS', 'BYTES'], ...rows])}`);
  }
}

/** Reads everything. @returns 1 if something is damaged */
export async function verifyQueues(flags: QueueFlags, io: CliIo): Promise<number> {
  let damaged = 0;
  for (const [directory, { records, damagedBytes, quarantinedBytes }] of await surveys(flags, io)) {
    io.stdout.write(
      `${directory}: ${records} records can be read, ${damagedBytes} bytes are damaged, ${quarantinedBytes} bytes were put aside\n`,
    );
    damaged += damagedBytes + quarantinedBytes;
  }
  return damaged === 0 ? 0 : 1;
}

/** Gives up what a queue holds. */
export async function purge(flags: PurgeFlags, io: CliIo): Promise<void> {
  const holding = (await surveys(flags, io)).filter(([, { queues }]) =>
    queues.some(({ name }) => name === flags.queue),
  );
  const [first, ...others] = holding;
  if (first === undefined) throw new CollectorError('STORAGE_FAILED', `there is no queue "${flags.queue}"`);
  if (others.length > 0) {
    const text = `there is a queue "${flags.queue}" in several folders; name one by --directory`;
    throw new CollectorError('INVALID_ARGUMENT', text);
  }
  const { requests, items, bytes } = purgeQueue(first[0], flags.queue, io.internals);
  io.stdout.write(`gave up ${requests} requests with ${items} items in ${bytes} bytes\n`);
}

async function surveys(flags: QueueFlags, io: CliIo, listed = 0): Promise<(readonly [string, StorageSurvey])[]> {
  const directories = flags.directory.length > 0 ? flags.directory : await configured(flags);
  return directories.map((directory) => [directory, inspectStorage(directory, listed, io.internals)]);
}

/** The directories of all `file_storage` extensions of a configuration. */
async function configured({ config: sources, set: sets, featureGates }: ConfigFlags): Promise<readonly string[]> {
  if (sources.length === 0) {
    throw new CollectorError('INVALID_ARGUMENT', 'name a configuration by --config, or a folder by --directory');
  }
  const { config } = await loadConfig({ sources, sets, featureGates, purpose: 'look' });
  const directories = [...config.extensions.values()]
    .filter(({ type }) => type === 'file_storage')
    .map((extension) => (extension.config as { readonly directory: string }).directory);
  if (directories.length === 0) {
    throw new CollectorError('INVALID_ARGUMENT', 'there is no file_storage in the configuration');
  }
  return [...new Set(directories)];
}

function mebibytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}
