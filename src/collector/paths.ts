/**
 * The paths that an `otlp` receiver takes over HTTP.
 */
import type { LoadedConfig } from '../config/index.js';

/** Paths that cannot be written: of profiles, and of questions about requests. */
const PROFILES_PATH = '/v1development/profiles';
const STATUS_PATH = '/queue/status';

/** None if there is no such receiver, or it does not take HTTP. */
export function pathsOf({ native }: LoadedConfig, receiver: string): readonly string[] {
  const found = native.receivers.find(({ id }) => id === receiver);
  if (found === undefined || found.type !== 'otlp' || found.config.protocols.http === null) return [];
  const { traces_url_path, metrics_url_path, logs_url_path } = found.config.protocols.http;
  const status = found.config.dedup?.status === true ? [STATUS_PATH] : [];
  return [traces_url_path, metrics_url_path, logs_url_path, PROFILES_PATH, ...status];
}
