/**
 * The collector's own log, metrics pages and health page: opened, changed on reload and closed together.
 * A change is prepared first (which may fail and then leaves all as it was) and committed after.
 */
import type { Listener } from '../binding/index.js';
import type { LoadedConfig, PrometheusReader } from '../config/index.js';
import { HealthCheck } from '../telemetry/health.js';
import { Log, type LogConfig, type LogEnvironment } from '../telemetry/log.js';
import type { LogRecord } from '../telemetry/log-encoding.js';
import { DEFAULT_VIEW, type MetricsView } from '../telemetry/metric-families.js';
import { DEFAULT_NAMING } from '../telemetry/metric-names.js';
import { MetricsEndpoint } from '../telemetry/metrics-endpoint.js';
import { MetricsPage, RegistryBridge, type MetricsReader } from '../telemetry/prometheus.js';
import { toHealthSettings } from './health-settings.js';
import type { OwnMetrics } from './metrics.js';
import type { Logger } from './options.js';
import { constantLabels, resourceOf, type Identity } from './resource.js';

/** What stays the same over reloads. */
export interface TelemetryContext {
  readonly identity: Identity;
  readonly reader: MetricsReader;
  readonly hostMetrics: OwnMetrics;
  readonly logger: Logger | null;
  readonly logEnvironment: LogEnvironment;
  readonly onRecord: (record: LogRecord) => void;
}

/** The parts of one configuration, by what tells whether a listener can stay. */
interface Parts {
  readonly metrics: ReadonlyMap<string, MetricsEndpoint>;
  readonly health: ReadonlyMap<string, { readonly id: string; readonly check: HealthCheck }>;
}

/** A change that is ready. One of the two must be called. */
export interface PreparedChange {
  /** Puts it in place; cannot fail. */
  commit(): Promise<void>;
  /** Takes back what was opened for it. */
  abort(): Promise<void>;
}

/** Everything the collector says about itself. */
export class OwnTelemetry {
  readonly #context: TelemetryContext;
  readonly log: Log;
  #parts: Parts = { metrics: new Map(), health: new Map() };
  #bridge: RegistryBridge | null = null;
  #view: MetricsView = DEFAULT_VIEW;
  #ready = false;
  #ref = true;

  private constructor(context: TelemetryContext, log: Log) {
    this.#context = context;
    this.log = log;
  }

  /** @throws CollectorError `BIND_FAILED`, `START_FAILED`; nothing stays open then */
  static async open(context: TelemetryContext, loaded: LoadedConfig): Promise<OwnTelemetry> {
    const log = new Log(logConfig(loaded, context), context.logEnvironment, context.onRecord);
    const telemetry = new OwnTelemetry(context, log);
    try {
      await (await telemetry.prepare(loaded)).commit();
    } catch (error) {
      log.close();
      throw error;
    }
    return telemetry;
  }

  /** Opens what a new configuration needs beside the old. @throws as `open`; the old stays as it is */
  async prepare(loaded: LoadedConfig): Promise<PreparedChange> {
    const opened: { close(): Promise<void> }[] = [];
    const abort = async (): Promise<void> => {
      await Promise.all(opened.map((endpoint) => endpoint.close()));
    };
    try {
      const changes: (() => void)[] = [];
      const metrics = await this.#prepareMetrics(loaded, opened, changes);
      const health = await this.#prepareHealth(loaded, opened, changes);
      return { abort, commit: () => this.#commit(loaded, { metrics, health }, changes) };
    } catch (error) {
      await abort();
      throw error;
    }
  }

  /** The pipelines run: health turns 200. */
  ready(): void {
    this.#ready = true;
    this.#bridge?.refresh(this.#view);
    for (const { check } of this.#parts.health.values()) check.ready();
  }

  /** The pipelines are about to stop: health turns 503. */
  notReady(): void {
    this.#ready = false;
    for (const { check } of this.#parts.health.values()) check.notReady();
  }

  /** The pages that are open. */
  get listeners(): readonly Listener[] {
    const { metrics, health } = this.#parts;
    return [
      ...Array.from(metrics.values(), ({ address }) => ({ component: 'telemetry', protocol: 'metrics', address })),
      ...Array.from(health.values(), ({ id, check }) => ({
        component: id,
        protocol: 'health',
        address: check.address,
      })),
    ];
  }

  /** Whether the pages keep the process alive. */
  setRef(ref: boolean): void {
    this.#ref = ref;
    for (const endpoint of this.#endpoints(this.#parts)) endpoint.setRef(ref);
  }

  /** Closes everything, the log last. */
  async close(): Promise<void> {
    this.#bridge?.close();
    await Promise.all(this.#endpoints(this.#parts).map((endpoint) => endpoint.close()));
    this.log.close();
  }

  async #prepareMetrics(
    loaded: LoadedConfig,
    opened: { close(): Promise<void> }[],
    changes: (() => void)[],
  ): Promise<Parts['metrics']> {
    const metrics = new Map<string, MetricsEndpoint>();
    for (const { prometheus } of loaded.config.service.telemetry.metrics.readers) {
      const key = `${prometheus.host}:${prometheus.port}`;
      const { reader, identity, hostMetrics } = this.#context;
      const page = new MetricsPage(reader, viewOf(loaded, prometheus, identity), hostMetrics);
      const kept = metrics.has(key) ? undefined : this.#parts.metrics.get(key);
      if (kept !== undefined) {
        changes.push(() => kept.show(page));
        metrics.set(key, kept);
        continue;
      }
      const endpoint = await MetricsEndpoint.listen(prometheus.host, prometheus.port, page);
      opened.push(endpoint);
      metrics.set(key, endpoint);
    }
    return metrics;
  }

  async #prepareHealth(
    loaded: LoadedConfig,
    opened: { close(): Promise<void> }[],
    changes: (() => void)[],
  ): Promise<Parts['health']> {
    const health = new Map<string, { id: string; check: HealthCheck }>();
    for (const { id, type, config } of loaded.config.service.extensions) {
      if (type !== 'health_check') continue;
      const settings = toHealthSettings(config);
      const key = JSON.stringify([settings.endpoint, settings.transport, settings.tls]);
      const kept = health.has(key) ? undefined : this.#parts.health.get(key);
      if (kept !== undefined) {
        changes.push(() => kept.check.configure(settings));
        health.set(key, { id, check: kept.check });
        continue;
      }
      const check = await HealthCheck.listen(settings);
      opened.push(check);
      health.set(key, { id, check });
    }
    return health;
  }

  async #commit(loaded: LoadedConfig, parts: Parts, changes: readonly (() => void)[]): Promise<void> {
    const before = this.#endpoints(this.#parts);
    const after = this.#endpoints(parts);
    this.#parts = parts;
    for (const change of changes) change();
    for (const endpoint of after) endpoint.setRef(this.#ref);
    if (this.#ready) this.ready();
    this.#configureHostMetrics(loaded);
    try {
      this.log.configure(logConfig(loaded, this.#context));
    } catch (error) {
      this.log.error('keeping the old log destinations', { error: String(error) });
    }
    await Promise.all(before.filter((endpoint) => !after.includes(endpoint)).map((endpoint) => endpoint.close()));
  }

  #configureHostMetrics(loaded: LoadedConfig): void {
    const { hostMetrics, reader, identity } = this.#context;
    const { bridge } = hostMetrics;
    if (bridge === null) return;
    const view = viewOf(loaded, null, identity);
    this.#view = { ...view, constantLabels: { ...bridge.labels } };
    if (this.#bridge === null) this.#bridge = new RegistryBridge(bridge.registry, reader, this.#view);
    else this.#bridge.refresh(this.#view);
  }

  #endpoints({ metrics, health }: Parts): readonly (MetricsEndpoint | HealthCheck)[] {
    return [...metrics.values(), ...Array.from(health.values(), ({ check }) => check)];
  }
}

function viewOf(loaded: LoadedConfig, reader: PrometheusReader | null, identity: Identity): MetricsView {
  const { level } = loaded.config.service.telemetry.metrics;
  const resource = resourceOf(loaded.config.service.telemetry.resource, identity);
  return {
    level: level === 'none' ? 'normal' : level,
    naming:
      reader === null
        ? DEFAULT_NAMING
        : {
            withoutScopeInfo: reader.without_scope_info,
            withoutUnits: reader.without_units,
            withoutTypeSuffix: reader.without_type_suffix,
          },
    resource,
    constantLabels: constantLabels(resource, reader?.with_resource_constant_labels ?? null),
    scopeVersion: identity.version,
  };
}

function logConfig(loaded: LoadedConfig, { logger, identity }: TelemetryContext): LogConfig {
  const { logs, resource } = loaded.config.service.telemetry;
  return {
    level: logs.level,
    encoding: logs.encoding,
    sampling:
      logs.sampling === null
        ? null
        : {
            tickMs: logs.sampling.tick / 1e6,
            initial: logs.sampling.initial,
            thereafter: logs.sampling.thereafter,
          },
    // A host's logger sees every record through the record hook; nothing else is written then.
    outputPaths: logger === null ? logs.output_paths : [],
    errorOutputPaths: logger === null ? logs.error_output_paths : [],
    initialFields: logs.initial_fields,
    resource: logs.disable_zap_resource ? null : resourceOf(resource, identity),
  };
}
