/**
 * The collector as a host holds it: one state machine around one native handle and its own telemetry.
 * Not for processes: signals, exit codes and printing belong to the command line.
 */
import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { availableParallelism } from 'node:os';

import {
  NativeHandle,
  packageVersion,
  type IngestOutcome,
  type Listener,
  type LogEvent,
  type NativeBinding,
  type NativeEvent,
  type Signal,
} from '../binding/index.js';
import { loadConfig, type LoadedConfig, type LoadOptions } from '../config/index.js';
import { CollectorError, isCollectorError, messageOf } from '../errors.js';
import { PluginCore } from '../plugins/core.js';
import { PROCESS_LOG_ENVIRONMENT, type LogEnvironment } from '../telemetry/log.js';
import type { LogFields, LogRecord } from '../telemetry/log-encoding.js';
import { MetricsReader } from '../telemetry/prometheus.js';
import { announce, announceListeners } from './announcements.js';
import { BreakerWatch } from './breakers.js';
import { DropWatch } from './drops.js';
import type { CollectorEvents } from './events.js';
import { prepareAll } from './changes.js';
import { checkIngest, type IngestOptions } from '../ingest/index.js';
import { MetricsFeed } from './metrics-feed.js';
import { OwnMetrics, type CollectorMetrics } from './metrics.js';
import * as mounts from './mounts.js';
import { refused } from './native-refusal.js';
import { NodeServers } from './node-servers.js';
import {
  checkDeadline,
  checkFlush,
  checkOptions,
  checkReload,
  toLoadOptions,
  type CloseOptions,
  type CollectorOptions,
  type FlushOptions,
  type FlushOutcome,
  type ReloadOptions,
} from './options.js';
import { OwnTelemetry } from './own-telemetry.js';
import { Probation, type WayBack } from './probation.js';
import type { Identity } from './resource.js';
import { panicsOf, statsOf, type CollectorStats } from './stats.js';

/**
 * - `idle`: made, not started.
 * - `starting`: reading the configuration, opening listeners, building the pipelines.
 * - `running`: taking data; a reload does not leave this state.
 * - `draining`: taking nothing more, delivering what is held.
 * - `closed`: everything is released; for good.
 */
export type CollectorState = 'idle' | 'starting' | 'running' | 'draining' | 'closed';

/** What tests, and in part the command, replace. */
export interface CollectorInternals {
  readonly addon?: NativeBinding;
  readonly load?: (options: LoadOptions) => Promise<LoadedConfig>;
  readonly logEnvironment?: LogEnvironment;
}

/** How long beyond its deadline a drain may take before the core is stopped. */
const DRAIN_SLACK_MS = 2000;
/** The longest timer; it only keeps the process alive. */
const KEEP_ALIVE_MS = 2 ** 31 - 1;

/** A collector. Keeps the process alive while it runs, unless `unref` is called. */
export class Collector extends EventEmitter<CollectorEvents> {
  readonly #internals: CollectorInternals;
  readonly #identity: Identity = { name: 'teleferric', version: packageVersion(), instance: randomUUID() };
  readonly #ownMetrics: OwnMetrics;
  readonly #feed: MetricsFeed | null;
  #options: CollectorOptions;
  #state: CollectorState = 'idle';
  #native: NativeHandle | null = null;
  #plugins: PluginCore | null = null;
  #reader: MetricsReader | null = null;
  #telemetry: OwnTelemetry | null = null;
  #loaded: LoadedConfig | null = null;
  /** Of what runs, after a reload. */
  #probation: Probation | null = null;
  /** Ends the time before a drain early. */
  #endPreStop: (() => void) | null = null;
  #nativeListeners: readonly Listener[] = [];
  readonly #mounted: mounts.MountedCollector = {
    native: () => (this.#state === 'running' || this.#state === 'draining' ? this.#native : null),
    loaded: () => this.#loaded,
    log: (level, msg, fields) => this.log(level, msg, fields),
  };
  readonly #servers = new NodeServers((protocol) => mounts.doorOf(this.#mounted, protocol));
  #drops: DropWatch | null = null;
  #breakers = new BreakerWatch();
  /** Start and reloads, one after another. */
  #work: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | null = null;
  #keepAlive: NodeJS.Timeout | null = null;
  #ref = true;

  /** Nothing is read or opened yet. @param internals for tests @throws CollectorError `INVALID_ARGUMENT` */
  constructor(options: CollectorOptions, internals: CollectorInternals = {}) {
    super();
    this.#options = checkOptions(options);
    this.#internals = internals;
    this.#ownMetrics = new OwnMetrics(this.#options.metrics ?? null, (metric, reason) =>
      this.#warn('metric of the host is left out', { metric, reason }),
    );
    this.#feed = this.#feedOf(this.#options.metricsFeed ?? false);
  }

  /** Makes a collector and starts it; throws as {@link Collector.prototype.start}. */
  static async start(options: CollectorOptions, internals: CollectorInternals = {}): Promise<Collector> {
    const collector = new Collector(options, internals);
    await collector.start();
    return collector;
  }

  /** Where it is in its life; see the event `state`. */
  get state(): CollectorState {
    return this.#state;
  }

  /** The configuration that runs, or ran last; null before the start. */
  get configuration(): LoadedConfig | null {
    return this.#loaded;
  }

  /** The host's own metrics, to be made at any time before the end. */
  get metrics(): CollectorMetrics {
    return this.#ownMetrics;
  }

  /** Every open address: of receivers, of the metrics page, of health. Empty unless running or draining. */
  listening(): readonly Listener[] {
    return [...this.#nativeListeners, ...this.#servers.listeners, ...(this.#telemetry?.listeners ?? [])];
  }

  /**
   * Reads the configuration, opens everything, and resolves when data is taken. After a failure the collector is closed.
   * @throws CollectorError `CONFIG_*`, `BIND_FAILED`, `START_FAILED`, `BINDING_*`; `INVALID_STATE` if it is not idle;
   *   `CLOSED` when closed meanwhile
   */
  async start(): Promise<void> {
    if (this.#state === 'closed') throw new CollectorError('CLOSED');
    if (this.#state !== 'idle')
      throw new CollectorError('INVALID_STATE', `cannot start a collector that is ${this.#state}`);
    this.#enter('starting');
    const started = this.#bringUp();
    this.#work = started.catch(() => {});
    await started;
  }

  /**
   * Puts another configuration in the place of the running one: the new pipelines are built beside the old, listeners
   * that both have stay open. On any failure the old configuration goes on. If a component of the new one fails for good
   * within `service.reload.probation`, the old one takes over again, and the event `probation` tells of it.
   * @param change what is new; without it the same sources are read again
   * @throws CollectorError `INVALID_ARGUMENT`, `CONFIG_*`, `RELOAD_FAILED`, `BIND_FAILED`, `INVALID_STATE`, `CLOSED`
   */
  async reload(change: ReloadOptions | string = {}): Promise<void> {
    const checked = checkReload(change);
    const reloaded = this.#work.then(() => this.#replace(checked));
    this.#work = reloaded.then(
      () => this.#tell('reload', null),
      (error: CollectorError) => this.#tell('reload', error),
    );
    await reloaded;
  }

  /**
   * Stops taking data, delivers what is held, and releases everything. Safe in any state and any number of times; never
   * rejects, but for wrong options, with nothing done. A later call with `deadlineMs: 0` cuts a drain short.
   * @throws CollectorError `INVALID_ARGUMENT`
   */
  close(options: CloseOptions = {}): Promise<void> {
    let deadlineMs: number | null | undefined;
    try {
      deadlineMs = checkDeadline('close', options);
    } catch (error) {
      return Promise.reject(error as CollectorError);
    }
    if (this.#closing !== null) {
      if (deadlineMs === 0) {
        this.#endPreStop?.();
        this.#stopNative();
      }
      return this.#closing;
    }
    this.#closing = this.#work.then(() => this.#tearDown(deadlineMs));
    return this.#closing;
  }

  /** As {@link Collector.prototype.close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * Hands one OTLP export request to the `otlp` receiver's pipelines. The bytes are copied before this returns; what is
   * compressed is decompressed under the limits of the receiver.
   * @returns accepted, partly accepted or refused, as a value
   * @throws CollectorError `INVALID_ARGUMENT`, `INVALID_STATE` before the start, `CLOSED`
   */
  async ingest(signal: Signal, body: Uint8Array, options: IngestOptions = {}): Promise<IngestOutcome> {
    const head = checkIngest(signal, body, options);
    return this.#serving('ingest into').ingest(head, body);
  }

  /**
   * Sends at once what batches and queues in memory hold, and waits until it has left them; data goes on being taken.
   * @returns whether all of it has, and what remains if not
   * @throws CollectorError `INVALID_ARGUMENT`, `INVALID_STATE` before the start, `CLOSED`, `INTERNAL`
   */
  async flush(options: FlushOptions = {}): Promise<FlushOutcome> {
    const remainingItems = await this.#serving('flush').flush(checkFlush(options));
    return { isComplete: remainingItems === 0, remainingItems };
  }

  /**
   * A request listener, and middleware, that hands requests to an `otlp` receiver with the protocol `http`, whichever its
   * engine. Works before the start and after the end too, and answers 503 then.
   */
  httpHandler(options: mounts.HttpHandlerOptions = {}): mounts.HttpHandler {
    return mounts.mountHttp(this.#mounted, options);
  }

  /** The same for a server of `@grpc/grpc-js`: `for (const service of services) server.addService(...service)`. */
  grpcServices(options: mounts.GrpcServiceOptions = {}): readonly mounts.GrpcService[] {
    return mounts.mountGrpc(this.#mounted, options);
  }

  /** Writes a line into the collector's log; without effect before the start and after the end. */
  log(level: 'debug' | 'info' | 'warn' | 'error', msg: string, fields: LogFields = {}): void {
    this.#telemetry?.log.write(level, msg, fields);
  }

  /** Totals and series now; zeros before the start, the last numbers after the end. */
  stats(): CollectorStats {
    const running = this.#native !== null && this.#state !== 'closed';
    return statsOf(this.#reader?.samples() ?? [], running ? (this.#native?.status() ?? {}) : {});
  }

  /** Keeps the process alive while the collector runs (the default). */
  ref(): this {
    return this.#setRef(true);
  }

  /** Lets the process end although the collector runs; what it holds is then lost, so close it first. */
  unref(): this {
    return this.#setRef(false);
  }

  async #bringUp(): Promise<void> {
    try {
      const load = this.#internals.load ?? loadConfig;
      const loaded = await load(toLoadOptions(this.#options));
      this.#loaded = loaded;
      this.#native = new NativeHandle(() => this.#takeEvents(), this.#internals.addon);
      this.#reader = new MetricsReader(this.#native);
      this.#telemetry = await this.#openTelemetry(this.#reader, loaded);
      const facts = { Version: this.#identity.version, NumCPU: availableParallelism() };
      this.#telemetry.log.info('Starting teleferric...', facts);
      announce(loaded, this.#telemetry.log, (message, fields) => this.#warn(message, fields));
      this.#plugins = new PluginCore(this.#native, (event) => this.#onNativeEvent(event));
      const result = await this.#plugins.start(loaded);
      this.#takeEvents();
      if (!result.ok) throw refused(result.error, 'START_FAILED');
      this.#nativeListeners = result.value;
      await (await this.#servers.prepare(loaded)).commit();
    } catch (error) {
      await this.#release();
      this.#enter('closed');
      throw isCollectorError(error) ? error : new CollectorError('START_FAILED', messageOf(error), { cause: error });
    }
    if (this.#closing !== null) throw new CollectorError('CLOSED', 'the collector was closed while it started');
    announceListeners(this.listening(), [], this.#telemetry.log);
    this.#telemetry.ready();
    this.#holdProcess();
    this.#feed?.begin();
    const native = this.#native;
    this.#drops = new DropWatch(
      () => native.takeDrops(),
      () => this.listenerCount('drop') > 0,
      (drop) => this.#tell('drop', drop),
    );
    this.#enter('running');
    this.#telemetry.log.info('Everything is ready. Begin running and processing data.');
  }

  async #openTelemetry(reader: MetricsReader, loaded: LoadedConfig): Promise<OwnTelemetry> {
    const { logger = null } = this.#options;
    return OwnTelemetry.open(
      {
        identity: this.#identity,
        reader,
        hostMetrics: this.#ownMetrics,
        logger,
        logEnvironment: this.#internals.logEnvironment ?? PROCESS_LOG_ENVIRONMENT,
        onRecord: (record) => this.#onRecord(record),
      },
      loaded,
    );
  }

  #feedOf(options: NonNullable<CollectorOptions['metricsFeed']>): MetricsFeed | null {
    if (options === false) return null;
    return new MetricsFeed(options === true ? {} : options, {
      hostMetrics: () => this.#ownMetrics.hostMetrics(),
      ingest: (body) => this.ingest('metrics', body, { encoding: 'json' }),
      warn: (message, fields) => this.#warn(message, fields),
      version: this.#identity.version,
    });
  }

  async #replace(change: ReloadOptions): Promise<void> {
    this.#running();
    const options: CollectorOptions = { ...this.#options, ...change };
    const loaded = await (this.#internals.load ?? loadConfig)(toLoadOptions(options));
    const earlier = this.#probation;
    // While one is on probation the way back is still the one before it.
    const wayBack = earlier?.wayBack ?? { loaded: this.#loaded ?? loaded, options: this.#options };
    earlier?.pause();
    // From before the swap, so that what fails during it counts.
    this.#probation = this.#probationOf(loaded, wayBack);
    try {
      await this.#swap({ loaded, options });
    } catch (error) {
      this.#probation?.end();
      this.#probation = earlier;
      earlier?.begin();
      throw error;
    }
    earlier?.end();
    this.#probation?.begin();
  }

  #probationOf(loaded: LoadedConfig, wayBack: WayBack): Probation | null {
    const durationMs = loaded.config.service.probation / 1e6;
    if (durationMs === 0) return null;
    const probation = new Probation(wayBack, Math.min(durationMs, KEEP_ALIVE_MS), {
      panics: () => this.#panics(),
      passed: () => {
        this.#probation = null;
        this.#telemetry?.log.info('Configuration has passed its probation');
        this.#tell('probation', null);
      },
      failed: (error) => {
        this.#work = this.#work.then(() => this.#goBack(probation, error));
      },
    });
    return probation;
  }

  /** Caught so far. Numbers that cannot be read say nothing about a configuration. */
  #panics(): number {
    try {
      return panicsOf(this.#reader?.samples() ?? []);
    } catch {
      return 0;
    }
  }

  /** Has the configuration run again that is good; never rejects. */
  async #goBack(probation: Probation, error: CollectorError): Promise<void> {
    if (this.#state !== 'running' || this.#closing !== null) return;
    // The reload under way was refused after all, so it is not to blame.
    if (this.#probation !== probation) return this.#fail(error);
    this.#probation = null;
    const log = this.#telemetry?.log;
    log?.error('configuration has failed on probation, the one before takes over again', { error: error.message });
    try {
      await this.#swap(probation.wayBack);
      this.#tell('probation', error);
    } catch (failure) {
      log?.error('cannot return to the configuration before', { error: messageOf(failure) });
      this.#tell('probation', error);
      this.#fail(error);
    }
  }

  /** Puts a loaded configuration in the place of the running one; on failure the latter goes on. */
  async #swap({ loaded, options }: WayBack): Promise<void> {
    const { plugins, telemetry } = this.#running();
    const before = this.listening();
    const prepared = await prepareAll([telemetry, this.#servers], loaded);
    try {
      const result = await plugins.reload(loaded);
      if (!result.ok) throw refused(result.error, 'RELOAD_FAILED');
      this.#nativeListeners = result.value;
    } catch (error) {
      await prepared.abort();
      throw error;
    }
    this.#options = options;
    this.#loaded = loaded;
    await prepared.commit();
    announce(loaded, telemetry.log, (message, fields) => this.#warn(message, fields));
    announceListeners(this.listening(), before, telemetry.log);
    telemetry.log.info('Everything is ready. Begin running and processing data.');
  }

  #serving(what: string): NativeHandle {
    if (this.#state === 'closed') throw new CollectorError('CLOSED');
    if (this.#native === null || this.#state === 'idle' || this.#state === 'starting') {
      throw new CollectorError('INVALID_STATE', `cannot ${what} a collector that is ${this.#state}`);
    }
    return this.#native;
  }

  #running(): { plugins: PluginCore; telemetry: OwnTelemetry } {
    if (this.#state === 'closed' || this.#closing !== null) throw new CollectorError('CLOSED');
    if (this.#state !== 'running' || this.#plugins === null || this.#telemetry === null) {
      throw new CollectorError('INVALID_STATE', `cannot reload a collector that is ${this.#state}`);
    }
    return { plugins: this.#plugins, telemetry: this.#telemetry };
  }

  async #tearDown(deadlineMs: number | null | undefined): Promise<void> {
    if (this.#state === 'closed') return;
    if (this.#native !== null && this.#telemetry !== null) {
      this.#enter('draining');
      this.#telemetry.notReady();
      this.#telemetry.log.info('Starting shutdown...');
      if (deadlineMs !== 0) await this.#preStop();
      if (deadlineMs !== 0) await this.#feed?.end();
      this.#servers.stop();
      await this.#plugins?.stopReceivers();
      await this.#drain(this.#native, deadlineMs === undefined ? this.#drainTimeoutMs() : deadlineMs);
      this.#takeEvents();
      this.#telemetry.log.info('Shutdown complete.');
    }
    await this.#release();
    this.#enter('closed');
  }

  /** Goes on taking data while whoever reads the health page learns to send it elsewhere. */
  async #preStop(): Promise<void> {
    const ms = (this.#loaded?.config.service.preStop ?? 0) / 1e6;
    if (ms === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.min(ms, KEEP_ALIVE_MS));
      this.#endPreStop = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#endPreStop = null;
  }

  /** 0 in the configuration is without limit. */
  #drainTimeoutMs(): number | null {
    const timeoutNs = this.#loaded?.native.service.drain_timeout ?? 0;
    return timeoutNs === 0 ? null : timeoutNs / 1e6;
  }

  /** The core keeps the deadline itself; should it not, it is stopped. */
  async #drain(native: NativeHandle, deadlineMs: number | null): Promise<void> {
    const guard = deadlineMs === null ? null : setTimeout(() => this.#stopNative(), deadlineMs + DRAIN_SLACK_MS);
    try {
      const result = await native.drain(deadlineMs);
      if (!result.ok) this.#telemetry?.log.error('drain failed', { error: result.error.message });
    } catch (error) {
      this.#telemetry?.log.error('drain failed', { error: messageOf(error) });
    } finally {
      if (guard !== null) clearTimeout(guard);
    }
  }

  async #release(): Promise<void> {
    this.#probation?.end();
    this.#feed?.stop();
    this.#stopNative();
    this.#servers.close();
    await this.#plugins?.close();
    this.#takeEvents();
    this.#drops?.end();
    this.#nativeListeners = [];
    const telemetry = this.#telemetry;
    this.#telemetry = null;
    await telemetry?.close();
    this.#ownMetrics.close();
    if (this.#keepAlive !== null) clearInterval(this.#keepAlive);
    this.#keepAlive = null;
  }

  #stopNative(): void {
    try {
      this.#native?.stop();
    } catch (error) {
      this.#telemetry?.log.error('stop failed', { error: messageOf(error) });
    }
  }

  /** The core's threads do not keep Node alive; this does. */
  #holdProcess(): void {
    this.#keepAlive = setInterval(() => {}, KEEP_ALIVE_MS);
    this.#setRef(this.#ref);
  }

  #setRef(ref: boolean): this {
    this.#ref = ref;
    if (ref) this.#keepAlive?.ref();
    else this.#keepAlive?.unref();
    for (const part of [this.#telemetry, this.#servers]) part?.setRef(ref);
    return this;
  }

  #takeEvents(): void {
    // Before the log is open the events stay in the core's bounded ring.
    if (this.#native === null || this.#telemetry === null) return;
    let batch;
    try {
      batch = this.#native.takeEvents();
    } catch (error) {
      this.#telemetry.log.error('events of the core cannot be read', { error: messageOf(error) });
      return;
    }
    for (const event of batch.events) this.#onNativeEvent(event);
    if (batch.lost > 0) this.#warn('events of the core were lost', { lost: batch.lost });
  }

  #onNativeEvent(event: NativeEvent): void {
    const log = this.#telemetry?.log;
    switch (event.kind) {
      case 'log':
        log?.write(event.level, event.msg, event.fields, event.tsMs);
        if (event.level === 'warn') this.#tell('warning', event.msg, event.fields);
        this.#tellBreaker(event);
        return;
      case 'output':
        return log?.print(event);
      case 'fatal':
        return this.#onFatal(event.component, event.message);
      case 'plugin_stuck':
        this.#plugins?.stuck(event);
    }
  }

  #tellBreaker(event: LogEvent): void {
    const change = this.#breakers.read(event);
    if (change !== null) this.#tell('breaker', change);
  }

  #onFatal(component: string, message: string): void {
    this.#telemetry?.log.error('component failed', { 'otelcol.component.id': component, error: message });
    const error = new CollectorError('INTERNAL', `${component}: ${message}`, { details: { component } });
    this.#fail(error);
  }

  /** A failure for good: of what is on probation, or of all. */
  #fail(error: CollectorError): void {
    if (this.#probation !== null) this.#probation.fail(error);
    // An emitter without listeners would throw it.
    else if (this.listenerCount('error') > 0) this.#tell('error', error);
  }

  #warn(message: string, fields: LogFields): void {
    this.#telemetry?.log.warn(message, fields);
    this.#tell('warning', message, fields);
  }

  #onRecord(record: LogRecord): void {
    const { level, msg, fields } = record;
    const method = level === 'debug' || level === 'info' || level === 'warn' ? level : 'error';
    try {
      this.#options.logger?.[method](msg, fields);
      this.emit('log', record);
    } catch {
      // Saying so in the log would come back here; the line itself is written all the same.
    }
  }

  #enter(state: CollectorState): void {
    const before = this.#state;
    this.#state = state;
    this.#tell('state', state, before);
  }

  /** The collector does not stumble over its listeners. */
  #tell<K extends Exclude<keyof CollectorEvents, 'log'>>(event: K, ...facts: CollectorEvents[K]): void {
    try {
      (this.emit as (name: string, ...values: readonly unknown[]) => boolean).call(this, event, ...facts);
    } catch (error) {
      this.#telemetry?.log.error('event listener failed', { event, error: messageOf(error) });
    }
  }
}
