/**
 * `teleferric queue`: looks into stored queues and their dead letters, gives up what one holds, and sends dead letters
 * again.
 */
import {
  inspectStorage,
  purgeQueue,
  replayDeadLetters,
  type DeadLetter,
  type StorageSurvey,
  type StoredLog,
  type StoredRequest,
} from '../collector/index.js';
import { loadConfig, type FileStorageConfig } from '../config/index.js';
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
  readonly deadLetters: boolean;
}

/** Flags of `queue replay`. */
export interface ReplayFlags extends QueueFlags {
  /** All queues unless named. */
  readonly queue?: string;
  readonly limit?: number;
}

/** What each queue holds, and what became of the items that were in it. */
export async function queueStatus(flags: QueueFlags, io: CliIo): Promise<void> {
  for (const [{ directory }, survey] of await surveys(flags, io)) {
    const { deadLetters } = survey;
    io.stdout.write(`${directory}: ${onDisk(survey)}\n${heldBy(survey, 'QUEUE')}`);
    if (deadLetters !== null) {
      io.stdout.write(`dead letters: ${onDisk(deadLetters)}\n${heldBy(deadLetters, 'DEAD LETTERS OF')}`);
    }
  }
}

function onDisk({ segments, bytes }: StoredLog<StoredRequest>): string {
  return `${segments} files, ${mebibytes(bytes)} MiB on disk`;
}

function heldBy({ queues }: StoredLog<StoredRequest>, title: string): string {
  const rows = queues.map(({ name, requests, items, bytes, enqueuedItems, leftItems }) => {
    const left = Object.entries(leftItems).map(([outcome, count]) => `${outcome} ${count}`);
    return [name, ...[requests, items, bytes, enqueuedItems].map(String), left.join(', ') || '-'];
  });
  return table([[title, 'REQUESTS', 'ITEMS', 'BYTES', 'ENQUEUED ITEMS', 'LEFT'], ...rows]);
}

/** The oldest requests and dead letters of each queue. */
export async function inspectQueues(flags: InspectFlags, io: CliIo): Promise<void> {
  for (const [{ directory }, survey] of await surveys(flags, io, flags.limit)) {
    const { queues, deadLetters } = survey;
    const rows = queues.flatMap(({ name, oldest }) => oldest.map((request) => [name, ...requestCells(request)]));
    io.stdout.write(`${directory}\n${table([['QUEUE', 'SEQUENCE', 'TAKEN', 'ITEMS', 'BYTES'], ...rows])}`);
    const letters = deadLetters?.queues.flatMap(({ name, oldest }) =>
      oldest.map((letter) => letterCells(name, letter)),
    );
    if (letters !== undefined) {
      const titles = ['DEAD LETTERS OF', 'SEQUENCE', 'REFUSED', 'ITEMS', 'BYTES', 'STATUS', 'REASON'];
      io.stdout.write(table([titles, ...letters]));
    }
  }
}

function requestCells({ sequence, timeMs, items, bytes }: StoredRequest): readonly string[] {
  return [String(sequence), new Date(timeMs).toISOString(), String(items), String(bytes)];
}

function letterCells(name: string, letter: DeadLetter): readonly string[] {
  const { status, message } = letter;
  // What a peer said is shown on one line, and steers no terminal.
  const reason = message?.replaceAll(/\p{Cc}/gu, ' ') ?? 'cannot be read';
  return [name, ...requestCells(letter), status === null ? '' : String(status), reason];
}

/** Reads everything. @returns 1 if something is damaged */
export async function verifyQueues(flags: QueueFlags, io: CliIo): Promise<number> {
  let damaged = 0;
  const verify = (where: string, { records, damagedBytes, quarantinedBytes }: StoredLog<StoredRequest>): void => {
    io.stdout.write(
      `${where}: ${records} records can be read, ${damagedBytes} bytes are damaged, ${quarantinedBytes} bytes were put aside\n`,
    );
    damaged += damagedBytes + quarantinedBytes;
  };
  for (const [{ directory }, survey] of await surveys(flags, io)) {
    verify(directory, survey);
    if (survey.deadLetters !== null) verify('dead letters', survey.deadLetters);
  }
  return damaged === 0 ? 0 : 1;
}

/** Gives up what a queue holds, or its dead letters. */
export async function purge(flags: PurgeFlags, io: CliIo): Promise<void> {
  const { queue, deadLetters } = flags;
  const holding = (await surveys(flags, io)).filter(([, survey]) => {
    const log = deadLetters ? survey.deadLetters : survey;
    return log?.queues.some(({ name }) => name === queue);
  });
  const [first, ...others] = holding;
  if (first === undefined) throw unknownQueue(queue);
  if (others.length > 0) {
    const text = `there is a queue "${queue}" in several folders; name one by --directory`;
    throw new CollectorError('INVALID_ARGUMENT', text);
  }
  const { requests, items, bytes } = purgeQueue(first[0], queue, { deadLetters }, io.internals);
  io.stdout.write(`gave up ${requests} requests with ${items} items in ${bytes} bytes\n`);
}

/** Puts dead letters back into their queues. */
export async function replay({ queue, limit, ...flags }: ReplayFlags, io: CliIo): Promise<void> {
  const found = (await surveys(flags, io)).flatMap(([storage, { deadLetters }]) =>
    (deadLetters?.queues ?? []).map((of) => ({ storage, ...of })),
  );
  const wanted = queue === undefined ? found : found.filter(({ name }) => name === queue);
  if (wanted.length === 0 && queue !== undefined) throw unknownQueue(queue);
  const holding = wanted.filter(({ requests }) => requests > 0);
  if (holding.length === 0) io.stdout.write('there are no dead letters\n');
  for (const { storage, name } of holding) {
    const options = limit === undefined ? {} : { limit };
    const { requests, items, left, unreadable } = replayDeadLetters(storage, name, options, io.internals);
    io.stdout.write(`${name}: put back ${requests} requests with ${items} items, ${left} are left\n`);
    if (unreadable > 0) io.stdout.write(`${name}: ${unreadable} of those cannot be read\n`);
  }
}

function unknownQueue(queue: string): CollectorError {
  return new CollectorError('STORAGE_FAILED', `there is no queue "${queue}"`);
}

/** A storage, and where its key is if it is encrypted. */
interface Located {
  readonly directory: string;
  readonly keyFile?: string | undefined;
  readonly keyEnv?: string | undefined;
}

async function surveys(flags: QueueFlags, io: CliIo, listed = 0): Promise<(readonly [Located, StorageSurvey])[]> {
  const named = flags.directory.map((directory) => ({ directory }));
  const storages = named.length > 0 ? named : await configured(flags);
  return storages.map((storage) => [storage, inspectStorage(storage, listed, io.internals)]);
}

/** All `file_storage` extensions of a configuration, each directory once. */
async function configured({ config: sources, set: sets, featureGates }: ConfigFlags): Promise<readonly Located[]> {
  if (sources.length === 0) {
    throw new CollectorError('INVALID_ARGUMENT', 'name a configuration by --config, or a folder by --directory');
  }
  const { config } = await loadConfig({ sources, sets, featureGates, purpose: 'look' });
  const storages = [...config.extensions.values()]
    .filter(({ type }) => type === 'file_storage')
    .map((extension) => located(extension.config as FileStorageConfig));
  if (storages.length === 0) {
    throw new CollectorError('INVALID_ARGUMENT', 'there is no file_storage in the configuration');
  }
  return [...new Map(storages.map((storage) => [storage.directory, storage])).values()];
}

function located({ directory, encryption }: FileStorageConfig): Located {
  if (encryption === null) return { directory };
  const { key_file: file, key_env: variable } = encryption;
  return file === '' ? { directory, keyEnv: variable } : { directory, keyFile: file };
}

function mebibytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}
