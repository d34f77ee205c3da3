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
  /**
   * `onEvent` is called, coalesced, when `takeEvents` has something, and `onAnswer` when `takeAnswers` has; neither keeps
   * the process alive.
   */
  constructor(onEvent: () => void, onAnswer: () => void);
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
  /**
   * Sends batches that are being collected; resolves with `{ok: true, remaining_items}` when everything has left memory
   * that was held before, delivered, dropped or stored, or after `deadlineMs` (null: no limit).
   */
  flush(deadlineMs?: number | undefined | null): Promise<string>;
  /** Ends all threads now; what is held is refused or counted as dropped. */
  stop(): void;
  /**
   * Hands over a request body as if it had come over a socket; what becomes of it comes by `takeAnswers`, with `number`.
   * `head` is JSON: `{receiver, signal, encoding, metadata, compression, context}`, of which the first and the last two
   * may be left out or null: the id of a receiver that runs a plugin, or else the first `otlp` receiver; what HTTP calls
   * `Content-Encoding`; what the host has found out about the request. `encoding` is `proto` or `json`, `metadata` a
   * list of pairs. The body is copied before the call returns.
   */
  ingest(number: number, head: string, body: Uint8Array): void;
  /**
   * Begins a request that the host has received, and takes its body; the answer comes by `takeAnswers`, with `number`.
   * `head` is JSON: `{receiver, protocol, method, target, headers, peer, declared, context}`, of which the last three may
   * be null, with the headers as a list of names and values by turns.
   */
  exchange(number: number, head: string): NativeExchange;
  /**
   * What has been answered since the last call: number, head and body of each by turns. The head is JSON. To `exchange`
   * it is `{status, headers, trailers}`, the latter lists of names and values by turns and null if there are no trailers,
   * or null as a whole if there is no answer; to `ingest` `{outcome: "accepted"}`,
   * `{outcome: "partial", rejected, message}` or `{outcome: "refused", code, message, retryable, retryAfterMs}`. Each
   * byte of the body is the character of the same number.
   */
  takeAnswers(): (number | string | null)[];
  /** The metric series and where their numbers stand in a snapshot, as JSON `{version, length, series}`. */
  metricsCatalogue(): string;
  /**
   * Writes all numbers into `into` and returns the version of the catalogue that they follow. When the version is
   * newer than the caller's, the catalogue must be read again and the call repeated with an array of its length.
   */
  metricsSnapshot(into: Float64Array): number;
  /** Log lines and other events since the last call, as JSON `{events, lost}`. */
  takeEvents(): string;
  /** Items that were dropped since the last call, as a JSON list of `{component, signal, reason, items}`. */
  takeDrops(): string;
  /** What a `NativePluginWorker` names this collector by, in any thread. */
  pluginHost(): number;
  /** Takes its seat from a worker that has ended, or will: batches that it has in hand fail with this message. */
  vacatePlugin(port: string, seat: number, message: string): void;
  /** Forgets a port that no component uses any more. */
  closePlugin(port: string): void;
  /** Counts a worker of a component that was started in the place of another. */
  countPluginRestart(component: string): void;
  /** The state of the collector and its parts, as JSON. */
  status(): string;
}

/** A request that the host has received, on its way. */
export declare class NativeExchange {
  /** Adds a copy of `bytes` to the body; false asks to wait for `room` before the next. */
  write(bytes: Uint8Array): boolean;
  /** Resolves, with an empty text, when there is room for more of the body, or nobody reads it. */
  room(): Promise<string>;
  /** Resolves with `true` when the body begins to be read, and with `false` if it never is. */
  wanted(): Promise<string>;
  /** The body is complete. */
  finish(): void;
  /** The sender has gone away; the answer, if it is not there yet, will be null. */
  abort(): void;
}

/** A batch for a plugin. */
export interface NativePluginBatch {
  /** What it is answered by. */
  number: number;
  /** `traces`, `metrics`, `logs` or `profiles`. */
  signal: string;
  /** Spans, data points, log records or samples. */
  items: number;
  /** Who sent it, as JSON `{tenant, peer, metadata}`; empty if nothing is known. */
  context: string;
  /** The request, in memory of its own. */
  body: Buffer;
}

/** A thread of the host that works on the batches of a plugin. It belongs to the thread that made it. */
export declare class NativePluginWorker {
  /**
   * Begins to work at a port of the collector with this number. `onWake` is called, coalesced, when there is something
   * to fetch after `fetch` found nothing, and when `takeAnswers` has something; it does not keep the thread alive.
   */
  constructor(collector: number, port: string, onWake: () => void);
  /** What the collector knows this worker by. */
  get seat(): number;
  /** The next batch, or null. */
  fetch(): NativePluginBatch | null;
  /** Answers that the batch is well as it is. */
  keep(number: number): void;
  /** Answers that nothing of the batch is left. */
  dropBatch(number: number): void;
  /** Answers with another request, which is checked like one from a socket, and copied before this returns. */
  replace(number: number, request: Uint8Array): void;
  /**
   * Answers that the work failed: JSON `{message, stack, kind, permanent, delayMs}`, with `kind` `thrown`, `malformed`
   * or `timeout`; `stack` and `delayMs` may be null.
   */
  fail(number: number, failure: string): void;
  /** Hands over a request that the plugin has received, as the collector's `ingest` does. */
  emit(number: number, head: string, body: Uint8Array): void;
  /** What has been answered since the last call, as the collector's `takeAnswers` says it. */
  takeAnswers(): (number | string | null)[];
  /** Ends the work: batches in hand fail. */
  close(): void;
}
