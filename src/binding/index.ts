/**
 * The only door to the native addon: JSON in and out becomes types, everything thrown becomes a `CollectorError`.
 * No policy lives here; the collector decides.
 */
import { AnswerBell, Answers } from './answers.js';
import { Exchanges, type HostContext, type HostExchange, type HostRequest } from './exchanges.js';
import { guard, guardAsync } from './guard.js';
import { binding, type NativeBinding, type NativeCollectorClass } from './load.js';
import {
  parseCatalogue,
  parseDrops,
  parseEvents,
  parseFlush,
  parseObject,
  parseResult,
  readListeners,
  readReplay,
  readSurvey,
  readTally,
  type EventBatch,
  type IngestOutcome,
  type Listener,
  type NativeCatalogue,
  type DropEvent,
  type NativeResult,
  type StorageReplay,
  type StorageSurvey,
  type StorageTally,
} from './messages.js';

export { Answers } from './answers.js';
export { binding, loadBinding, packageVersion, type NativeBinding, type NativeCollectorClass } from './load.js';
export type { HostAnswer, HostContext, HostExchange, HostRequest } from './exchanges.js';
export type * from './messages.js';

/** The four OTLP signals. */
export type Signal = 'traces' | 'metrics' | 'logs' | 'profiles';

/** How the bytes of a request are written. */
export type Encoding = 'proto' | 'json';

/** What is said of a request without a socket. */
export interface IngestHead {
  /** Id of a receiver that runs a plugin; without one the request goes to the first `otlp` receiver. */
  readonly receiver?: string;
  readonly signal: Signal;
  readonly encoding: Encoding;
  /** Request headers for components that look at them. */
  readonly metadata: readonly (readonly [string, string])[];
  /** HTTP's word for how the body is compressed; null for not at all. */
  readonly compression: string | null;
  /** What the host has found out about the request. */
  readonly context: HostContext | null;
}

/**
 * One collector inside the addon. Every method throws a `CollectorError` with code `INTERNAL` when the addon fails;
 * expected refusals are values.
 */
export class NativeHandle {
  readonly #native: NativeCollectorClass;
  readonly #answers: Answers;
  readonly #exchanges: Exchanges;

  /**
   * @param onWake called on the event loop, at most once per burst, when {@link takeEvents} has something.
   * @param addon replaces the platform's addon; for tests.
   */
  constructor(onWake: () => void, addon: NativeBinding = binding()) {
    const bell = new AnswerBell();
    this.#native = guard('create', () => new addon.NativeCollector(onWake, bell.ring));
    this.#answers = new Answers(this.#native);
    this.#exchanges = new Exchanges(this.#native, this.#answers);
    bell.hear(this.#answers);
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

  /** Hands one export request to the pipelines. @param body copied before this returns; the caller may reuse it at once */
  ingest(head: IngestHead, body: Uint8Array): Promise<IngestOutcome> {
    return this.#answers.outcome((number) =>
      guard('ingest', () => this.#native.ingest(number, JSON.stringify(head), body)),
    );
  }

  /** Begins a request that the host has received; its body follows. */
  exchange(request: HostRequest): HostExchange {
    return this.#exchanges.begin(request);
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
