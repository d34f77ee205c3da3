/**
 * Storages on disk, looked at from outside: what their queues hold, and giving it up.
 */
import {
  purgeStorage,
  surveyStorage,
  type NativeResult,
  type StorageSurvey,
  type StorageTally,
} from '../binding/index.js';
import { CollectorError } from '../errors.js';
import type { CollectorInternals } from './collector.js';

/**
 * What is in the storage of a `file_storage` directory; of each queue the oldest `listed` requests one by one. A running
 * collector is not disturbed.
 * @throws {CollectorError} `STORAGE_FAILED` if it cannot be read
 */
export function inspectStorage(directory: string, listed = 0, { addon }: CollectorInternals = {}): StorageSurvey {
  return taken(surveyStorage(directory, listed, addon));
}

/**
 * Gives up what a stored queue holds. @returns how much that was
 * @throws {CollectorError} `STORAGE_FAILED` if there is no such queue, or a collector has the storage open
 */
export function purgeQueue(directory: string, queue: string, { addon }: CollectorInternals = {}): StorageTally {
  return taken(purgeStorage(directory, queue, addon));
}

function taken<T>(result: NativeResult<T>): T {
  if (result.ok) return result.value;
  throw new CollectorError('STORAGE_FAILED', result.error.message);
}
