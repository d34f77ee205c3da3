/**
 * The only door to the native addon: JSON in and out becomes types, everything thrown becomes a `CollectorError`.
 * No policy lives here; the collector decides.
 */
import { CollectorError, isCollectorError, messageOf } from '../errors.js';
import { binding, type NativeBinding, type NativeCollectorClass, type NativeExchange } from './load.js';
import {
  parseAnswer,
  parseCatalogue,
  parseDrops,
  parseEvents,
  parseFlush,
  parseObject,
  parseOutcome,
  parseResult,
  readListeners,
  readReplay,
  readSurvey,
  readTally,
  type EventBatch,
  type HostAnswer,
  type IngestOutcome,
  type Listener,
  type NativeCatalogue,
  type DropEvent,
  type NativeResult,
  type StorageReplay,
  type StorageSurvey,
  type StorageTally,
} from './messages.js';

export { binding, loadBinding, packageVersion, type NativeBinding, type NativeCollectorClass } from './load.js';
export type * from './messages.js';

/** The four OTLP signals. */
export type Signal = 'traces' | 'metrics' | 'logs' | 'profiles';

/** How the bytes of a request are written. */
export type Encoding = 'proto' | 'json';

/** What the host has found out about a request. */
export interface HostContext {
  /** Whose request it is. */
  readonly tenant: string | null;
  /** Who has authenticated. */
  readonly principal: string | null;
  /** Its class, 0 to 3. */
  readonly priority: number | null;
}

/** A request that the host has received, beside its body. */
export interface HostRequest {
  /** Id of an `otlp` receiver. */
  readonly receiver: string;
  readonly protocol: 'grpc' | 'http';
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** Names and values by turns. */
  readonly headers: readonly string[];
  /** `address:port` of the sender, or null. */
  readonly peer: string | null;
  /** Bytes of the body, or null if that is not known. */
  readonly declared: number | null;
  readonly context: HostContext | null;
}

/** A request that the host has received, on its way. */
export class HostExchange {
  readonly #native: NativeExchange;
  /** What to tell the sender; null if nothing, since it went away or the collector ends. */
  readonly answer: Promise<HostAnswer | null>;

  constructor(native: NativeExchange, answer: Promise<HostAnswer | null>) {
    this.#native = native;
    this.answer = answer;
  }

  /** Adds to the body; copied before this returns. @returns false to ask for a wait until {@link room} */
  write(bytes: Uint8Array): boolean {
    return guard('write', () => this.#native.write(bytes));
  }

  /** Resolves when there is room for more of the body, or nobody reads it. */
  async room(): Promise<void> {
    await guardAsync('room', () => this.#native.room());
  }

  /** Whether the body begins to be read, or never is: for a sender that waits for `100 Continue`. */
  async wanted(): Promise<boolean> {
    return (await guardAsync('wanted', () => this.#native.wanted())) === 'true';
  }

  /** The body is complete. */
  finish(): void {
    guard('finish', () => this.#native.finish());
  }

  /** The sender has gone away. */
  abort(): void {
    guard('abort', () => this.#native.abort());
  }
}

/**
 * One collector inside the addon. Every method throws a `CollectorError` with code `INTERNAL` when the addon fails;
 * expected refusals are values.
 */
export class NativeHandle {
  readonly #native: NativeCollectorClass;

  /**
   * @param onWake called on the event loop, at most once per burst, when {@link takeEvents} has something.
   * @param addon replaces the platform's addon; for tests.
   */
  constructor(onWake: () => void, addon: NativeBinding = binding()) {
    this.#native = guard('create', () => new addon.NativeCollector(onWake));
  }

  /** Builds and starts the graph of a native document (JSON text). */
  async start(document: string): Promise<NativeResult<readonly Listener[]>> {
    return guardAsync('start', async () => parseResult('start', await this.#native.start(document), readListeners));
  }

  /** Puts a new document in the place of the running one; a refusal leaves that running. */
  async reload(document: string): Promise<NativeResult<readonly Listener[]>> {
    return guardAsync('reload', async () => parseResult('reload', await this.#native.reload(document), readListeners));
  }

  /** Stops accepting and empties the graph. @param deadlineMs milliseconds, null for none */
  async drain(deadlineMs: number | null): Promise<NativeResult<null>> {
    return guardAsync('drain', async () => parseResult('drain', await this.#native.drain(deadlineMs), () => null));
  }

  /**
   * Sends what is being collected, and waits until what is held now has left memory.
   * @param deadlineMs milliseconds, null for none
   * @returns items that remain
   */
  async flush(deadlineMs: number | null): Promise<number> {
    return guardAsync('flush', async () => parseFlush(await this.#native.flush(deadlineMs)));
  }

  /** Ends all threads at once. Safe at any time, any number of times. */
  stop(): void {
    guard('stop', () => this.#native.stop());
  }

  /**
   * Hands one export request to the pipelines.
   * @param body copied before this returns; the caller may reuse it at once.
   * @param metadata request headers for components that look at them.
   * @param how HTTP's word for how the body is compressed, and what the host has found out; null for neither.
   */
  async ingest(
    signal: Signal,
    encoding: Encoding,
    body: Uint8Array,
    metadata: readonly (readonly [string, string])[],
    how: { readonly compression: string | null; readonly context: HostContext | null } | null,
  ): Promise<IngestOutcome> {
    const said = how === null ? null : JSON.stringify(how);
    return guardAsync('ingest', async () =>
      parseOutcome(await this.#native.ingest(signal, encoding, body, JSON.stringify(metadata), said)),
    );
  }

  /** Begins a request that the host has received; its body follows. */
  exchange(request: HostRequest): HostExchange {
    return guard('exchange', () => {
      const { exchange, answer } = this.#native.exchange(JSON.stringify(request));
      return new HostExchange(
        exchange,
        guardAsync('exchange', async () => parseAnswer(await answer)),
      );
    });
  }

  /** The number that workers of plugins find this collector by. */
  pluginHost(): number {
    return guard('pluginHost', () => this.#native.pluginHost());
  }

  /** Takes the seat of a worker away; batches that it has in hand fail with this message. */
  vacatePlugin(port: string, seat: number, message: string): void {
    guard('vacatePlugin', () => this.#native.vacatePlugin(port, seat, message));
  }

  /** Forgets a port that no component uses any more. */
  closePlugin(port: string): void {
    guard('closePlugin', () => this.#native.closePlugin(port));
  }

  /** Counts a worker that was started in the place of another. */
  countPluginRestart(component: string): void {
    guard('countPluginRestart', () => this.#native.countPluginRestart(component));
  }

  /** Names, labels and slots of all series. */
  metricsCatalogue(): NativeCatalogue {
    return guard('metricsCatalogue', () => parseCatalogue(this.#native.metricsCatalogue()));
  }

  /** Writes all values, as many as fit. @returns the version of the catalogue they belong to */
  metricsSnapshot(into: Float64Array): number {
    return guard('metricsSnapshot', () => this.#native.metricsSnapshot(into));
  }

  /** Takes everything the core has reported since the last call. */
  takeEvents(): EventBatch {
    return guard('takeEvents', () => parseEvents(this.#native.takeEvents()));
  }

  /** Takes the drops since the last call. */
  takeDrops(): readonly DropEvent[] {
    return guard('takeDrops', () => parseDrops(this.#native.takeDrops()));
  }

  /** The core's own view of its components. */
  status(): Readonly<Record<string, unknown>> {
    return guard('status', () => parseObject('status', this.#native.status()));
  }
}

/** Where a storage is, and what it is encrypted with. */
export interface NativeStorage {
  readonly directory: string;
  readonly encryption: { readonly key_file: string | null; readonly key_env: string | null } | null;
}

/** Looks into a storage, which another process may have open; of each queue the oldest `listed`. */
export function surveyStorage(
  storage: NativeStorage,
  listed: number,
  addon: NativeBinding = binding(),
): NativeResult<StorageSurvey> {
  const request = JSON.stringify({ action: 'survey', ...storage, listed });
  return guard('nativeStorage', () => parseResult('nativeStorage', addon.nativeStorage(request), readSurvey));
}

/** Gives up what a stored queue holds, or its dead letters; no process may have the storage open. */
export function purgeStorage(
  storage: NativeStorage,
  queue: string,
  deadLetters: boolean,
  addon: NativeBinding = binding(),
): NativeResult<StorageTally> {
  const request = JSON.stringify({ action: 'purge', ...storage, queue, dead_letters: deadLetters });
  return guard('nativeStorage', () => parseResult('nativeStorage', addon.nativeStorage(request), readTally));
}

/** Puts the oldest dead letters of a queue back into it, at most `limit`; no process may have the storage open. */
export function replayStorage(
  storage: NativeStorage,
  queue: string,
  limit: number | null,
  addon: NativeBinding = binding(),
): NativeResult<StorageReplay> {
  const request = JSON.stringify({ action: 'replay', ...storage, queue, limit });
  return guard('nativeStorage', () => parseResult('nativeStorage', addon.nativeStorage(request), readReplay));
}

function guard<T>(what: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw wrap(what, error);
  }
}

async function guardAsync<T>(what: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw wrap(what, error);
  }
}

/** Errors of the addon may come from another realm: their shape is looked at, never their class. */
function wrap(what: string, error: unknown): CollectorError {
  if (isCollectorError(error)) return error;
  return new CollectorError('INTERNAL', `the native addon failed in ${what}: ${messageOf(error)}`, { cause: error });
}
