/**
 * The one error class that leaves this package, and the catalogue of its codes.
 * Not for refused telemetry: an expected refusal is a value (see the ingest outcome), never an exception.
 */

/**
 * Every code a {@link CollectorError} can carry. Codes are stable: they are never renamed nor reused, so compare
 * `error.code`, not the message and not the class (two copies of the package may be loaded side by side).
 */
export const ERROR_CODES = {
  /** A configuration source could not be read: missing file, unset scheme, bad HTTP answer, text that is no YAML mapping. */
  CONFIG_UNREADABLE: 'a configuration source could not be read or parsed',
  /** A `${…}` reference could not be expanded. */
  CONFIG_EXPANSION: 'a reference in the configuration could not be expanded',
  /** The configuration has unknown keys, unknown components or values of the wrong type. */
  CONFIG_UNDECODABLE: 'the configuration does not fit its schema',
  /** The configuration is well formed but breaks a rule. */
  CONFIG_INVALID: 'the configuration breaks a rule',
  /** The pipelines cannot be connected: connector misuse, cycle, unsupported signal. */
  CONFIG_GRAPH: 'the pipelines cannot be built',
  /** A feature gate is unknown, or cannot be set that way. */
  FEATURE_GATE: 'a feature gate is unknown or cannot be set that way',
  /** An option of the library or the command line has the wrong type or value. */
  INVALID_ARGUMENT: 'an option has the wrong type or value',
  /** No addon for this platform could be loaded. */
  BINDING_MISSING: 'the native addon could not be loaded',
  /** The addon found belongs to another version of this package. */
  BINDING_MISMATCH: 'the native addon is of another version',
  /** The core refused the native document: a bug, since the configuration was checked before. */
  NATIVE_REFUSED: 'the core refused its configuration',
  /** A listener could not be opened. */
  BIND_FAILED: 'a listener could not be opened',
  /** The collector could not start for another reason than its listeners. */
  START_FAILED: 'the collector could not start',
  /** The new configuration could not be put in place. */
  RELOAD_FAILED: 'the new configuration could not be put in place',
  /** The folder of a `file_storage` could not be read or changed. */
  STORAGE_FAILED: 'a storage could not be read or changed',
  /** The folder of accepted configurations could not be used, or has no such version. */
  HISTORY_FAILED: 'a version of the configuration could not be kept, read or put back',
  /** Draining ended at its deadline with data still inside. */
  DRAIN_TIMEOUT: 'draining ended at its deadline with data left',
  /** The call does not fit the present state, such as starting twice. */
  INVALID_STATE: 'the call does not fit the present state',
  /** The collector was closed. */
  CLOSED: 'the collector is closed',
  /** Something that cannot happen did: please report it. */
  INTERNAL: 'internal error',
} as const satisfies Record<string, string>;

/** One of the stable error codes. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** What may accompany an error besides its message. */
export interface CollectorErrorOptions<D> {
  /** The error underneath. */
  readonly cause?: unknown;
  /** Facts for programs; their shape depends on the code. */
  readonly details?: D;
}

/** The error class of this package. `message` is for people, `code` for programs. */
export class CollectorError<D = unknown> extends Error {
  /** Stable; see {@link ERROR_CODES}. */
  readonly code: ErrorCode;
  /** Facts for programs, or null. Configuration errors carry `{ issues }`. */
  readonly details: D | null;

  /** @param message the sentence of its code unless given */
  constructor(code: ErrorCode, message: string = ERROR_CODES[code], options: CollectorErrorOptions<D> = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'CollectorError';
    this.code = code;
    this.details = options.details ?? null;
  }
}

/** Whether a thrown value is a {@link CollectorError} (of any copy of this package), with that code if one is given. */
export function isCollectorError(error: unknown, code?: ErrorCode): error is CollectorError {
  if (typeof error !== 'object' || error === null) return false;
  const { name, code: found } = error as { name?: unknown; code?: unknown };
  if (name !== 'CollectorError' || typeof found !== 'string' || !Object.hasOwn(ERROR_CODES, found)) return false;
  return code === undefined || found === code;
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'message' in error) return String(error.message);
  return String(error);
}
