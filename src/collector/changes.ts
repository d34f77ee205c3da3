/**
 * Changes of what a collector has open: prepared first, which may fail and then leaves all as it was, and committed after.
 */
import type { LoadedConfig } from '../config/index.js';
import type { PreparedChange } from './own-telemetry.js';

/** Something that follows the configuration. */
export interface Changing {
  /** Opens what a configuration needs beside what is open. */
  prepare(loaded: LoadedConfig): Promise<PreparedChange>;
}

/** One change of all `parts`, in their order. */
export async function prepareAll(parts: readonly Changing[], loaded: LoadedConfig): Promise<PreparedChange> {
  const changes: PreparedChange[] = [];
  const abort = async (): Promise<void> => {
    await Promise.all(changes.map((change) => change.abort()));
  };
  try {
    for (const part of parts) changes.push(await part.prepare(loaded));
  } catch (error) {
    await abort();
    throw error;
  }
  const commit = async (): Promise<void> => {
    for (const change of changes) await change.commit();
  };
  return { commit, abort };
}
