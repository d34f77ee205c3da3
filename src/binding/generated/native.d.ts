// Generated from native/crates/node by `npm run generate`. Do not edit.

/** The version of the native core, equal to the npm package's. */
export declare function nativeVersion(): string;

/** The component types that the native core can build, as JSON: kind → types. */
export declare function nativeComponents(): string;

/**
 * Looks into a storage on disk, gives up what one of its queues holds, or puts its dead letters back into it. `request`
 * and answer are JSON: `{action: "survey", directory, listed}`, `{action: "purge", directory, queue, dead_letters}` or
 * `{action: "replay", directory, queue, limit}`; `{ok: true, …}` or `{ok: false, error: {code, message}}`. Blocks while
 * it reads the disk.
 */
export declare function nativeStorage(request: string): string;

/** One collector. Every method may be called at any time; answers are JSON text. */
export declare class NativeCollector {
  /** `onEvent` is called, coalesced, when `takeEvents` has something; it does not keep the process alive. */
  constructor(onEvent: () => void);
  /**
   * Builds and starts the graph of a configuration document. Resolves with
   * `{ok: true, listeners}` or `{ok: false, error: {code, message}}`.
   */
  start(config: string): Promise<string>;
  /**
   * Puts the graph of another document in the place of the running one; resolves as `start` does. A document that
   * cannot be started leaves the running graph as it is.
   */
  reload(config: string): Promise<string>;
  /** Stops taking data in, delivers what is held within `deadlineMs` (null: no limit) and ends all threads. */
  drain(deadlineMs?: number | undefined | null): Promise<string>;
  /** Ends all threads now; what is held is refused or counted as dropped. */
  stop(): void;
  /**
   * Hands a request body to the first `otlp` receiver as if it had come over a socket. `encoding` is `proto` or
   * `json`, `metadata` a JSON list of pairs, `compression` what HTTP calls `Content-Encoding`. The body is copied before
   * the call returns. Resolves with `{outcome: "accepted"}`, `{outcome: "partial", rejected, message}` or
   * `{outcome: "refused", code, message, retryable, retryAfterMs}`.
   */
  ingest(signal: string, encoding: string, body: Uint8Array, metadata: string, compression?: string | undefined | null): Promise<string>;
  /** The metric series and where their numbers stand in a snapshot, as JSON `{version, length, series}`. */
  metricsCatalogue(): string;
  /**
   * Writes all numbers into `into` and returns the version of the catalogue that they follow. When the version is
   * newer than the caller's, the catalogue must be read again and the call repeated with an array of its length.
   */
  metricsSnapshot(into: Float64Array): number;
  /** Log lines and other events since the last call, as JSON `{events, lost}`. */
  takeEvents(): string;
  /** The state of the collector and its parts, as JSON. */
  status(): string;
}
