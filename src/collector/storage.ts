/**
 * Storages on disk, looked at from outside: what their queues hold, giving it up, and sending dead letters again.
 */
import {
  purgeStorage,
  replayStorage,
  surveyStorage,
  type NativeResult,
  type NativeStorage,
  type StorageReplay,
  type StorageSurvey,
  type StorageTally,
} from '../binding/index.js';
import { ownOptions } from '../config/index.js';
import { CollectorError } from '../errors.js';
import type { CollectorInternals } from './collector.js';

/** A `file_storage` and its key; a directory by itself is one that is not encrypted. */
export type StorageLocation =
  | string
  | {
      /** Its `directory`. */
      readonly directory: string;
      /** Its `encryption.key_file`. */
      readonly keyFile?: string | undefined;
      /** Its `encryption.key_env`. */
      readonly keyEnv?: string | undefined;
    };

/**
 * What is in a storage; without the key of one that is encrypted, dead letters do not tell why they were refused. Of each queue the oldest `listed` requests one by one. A running
 * collector is not disturbed.
 * @throws {CollectorError} `STORAGE_FAILED` if it cannot be read
 */
export function inspectStorage(
  storage: StorageLocation,
  listed = 0,
  { addon }: CollectorInternals = {},
): StorageSurvey {
  return taken(surveyStorage(located(storage), listed, addon));
}

/** What `purgeQueue` is to give up. */
export interface PurgeOptions {
  /** The dead letters of the queue instead of what waits in it. @default false */
  readonly deadLetters?: boolean;
}

/**
 * Gives up what a stored queue holds. @returns how much that was
 * @throws {CollectorError} `STORAGE_FAILED` if there is no such queue, or a collector has the storage open
 */
export function purgeQueue(
  storage: StorageLocation,
  queue: string,
  options: PurgeOptions = {},
  { addon }: CollectorInternals = {},
): StorageTally {
  const { deadLetters = false } = ownOptions('purgeQueue', options, { deadLetters: true });
  return taken(purgeStorage(located(storage), queue, deadLetters, addon));
}

/** What `replayDeadLetters` is to send again. */
export interface ReplayOptions {
  /** At most so many of the oldest. @default all */
  readonly limit?: number;
}

/**
 * Puts dead letters back into their queue, from which the next collector delivers them. Each goes back once; if the
 * process ends meanwhile, the last of them may be in the queue and be dead letters still.
 * @returns how much went back and what is left
 * @throws {CollectorError} `STORAGE_FAILED` if there is no such queue, or a collector has the storage open
 */
export function replayDeadLetters(
  storage: StorageLocation,
  queue: string,
  options: ReplayOptions = {},
  { addon }: CollectorInternals = {},
): StorageReplay {
  const { limit } = ownOptions('replayDeadLetters', options, { limit: true });
  return taken(replayStorage(located(storage), queue, limit ?? null, addon));
}

const LOCATION = { directory: true, keyFile: true, keyEnv: true } as const;

function located(storage: StorageLocation): NativeStorage {
  if (typeof storage === 'string') return { directory: storage, encryption: null };
  const { directory, keyFile = null, keyEnv = null } = ownOptions('storage', storage, LOCATION);
  const isEncrypted = keyFile !== null || keyEnv !== null;
  return { directory, encryption: isEncrypted ? { key_file: keyFile, key_env: keyEnv } : null };
}

function taken<T>(result: NativeResult<T>): T {
  if (result.ok) return result.value;
  throw new CollectorError('STORAGE_FAILED', result.error.message);
}
