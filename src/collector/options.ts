/**
 * What a host writes to get a collector: its types, its checks, and what of it goes to the configuration loader.
 */
import type { OpenMetricsContentType, Registry } from 'prom-client';

import { ownOptions, wrongOption, type Configuration, type LoadOptions } from '../config/index.js';
import { CollectorError } from '../errors.js';
import type { MetricsFeedOptions } from './metrics-feed.js';

/** A part of a configuration: a path or another location, YAML (or JSON) text, or the same as an object. */
export type ConfigPart = string | Configuration;

/**
 * A configuration, or several parts that are merged in order. A text that is one line without `: ` and no JSON is a
 * location, as in `configLocations`; any other is YAML.
 */
export type ConfigInput = ConfigPart | readonly ConfigPart[];

/** Options of a collector; all are optional, but there must be a configuration. */
export interface CollectorOptions {
  /** The configuration. Merged over `configLocations`. */
  readonly config?: ConfigInput;
  /** `--config` locations in order: paths, or `file:`, `env:`, `yaml:`, `http:`, `https:`. @default [] */
  readonly configLocations?: readonly string[];
  /** `--set` overrides in order, `a.b.c=VALUE`; they win over everything else. @default [] */
  readonly set?: readonly string[];
  /** `--feature-gates` in order, each `a,+b,-c`. @default [] */
  readonly featureGates?: readonly string[];
  /**
   * Takes the collector's log lines instead of the destinations that `service.telemetry.logs` names; level and sampling
   * still follow the configuration. @default the configuration's destinations
   */
  readonly logger?: Logger;
  /**
   * The host's registry: takes the collector's metrics, gives its own, or both. `service.telemetry.metrics.level: none`
   * only means that no page of our own is served. @default none
   */
  readonly metrics?: HostMetrics;
  /**
   * Feeds the metrics of `Collector.metrics`, and those that `metrics` merges into the endpoint, into the collector's
   * metrics pipelines, as requests to its `otlp` receiver. @default false
   */
  readonly metricsFeed?: boolean | MetricsFeedOptions;
  /**
   * Whose process this is: `embedded` takes a small fixed memory budget, `command` a share of the machine.
   * @default 'embedded'
   */
  readonly host?: 'embedded' | 'command';
}

/** What is asked of a host's logger; pino, winston and console fit. */
export interface Logger {
  debug(msg: string, fields: Readonly<Record<string, unknown>>): void;
  info(msg: string, fields: Readonly<Record<string, unknown>>): void;
  warn(msg: string, fields: Readonly<Record<string, unknown>>): void;
  error(msg: string, fields: Readonly<Record<string, unknown>>): void;
}

/** The host's prom-client registry. */
export interface HostMetrics {
  readonly registry: Registry | Registry<OpenMetricsContentType>;
  /** Labels on every series; needed to tell collectors apart that share a registry. @default {} */
  readonly labels?: Readonly<Record<string, string>>;
  /**
   * What goes where: `host` puts the collector's metrics and those of `Collector.metrics` into the registry, `endpoint`
   * shows the registry's on the collector's page beside its own, `both` does both. A name that the collector has stays
   * its own on its page, one that the host has the host's in its registry. @default 'host'
   */
  readonly mergeInto?: 'host' | 'endpoint' | 'both';
}

/** What a reload may change; what is left out stays as it was at the last start or reload. */
export type ReloadOptions = Pick<CollectorOptions, 'config' | 'configLocations' | 'set'>;

/** How to close. */
export interface CloseOptions {
  /**
   * Longest time to deliver what is held, in milliseconds; null is without limit, 0 drops it. `service.drain.pre_stop`
   * comes before, unless it is 0.
   * @default `service.drain.timeout` of the configuration (25 s)
   */
  readonly deadlineMs?: number | null;
}

/** How to flush. */
export interface FlushOptions {
  /** Longest time to wait, in milliseconds; null is without limit. @default 30000 */
  readonly deadlineMs?: number | null;
}

/** What a flush came to. */
export interface FlushOutcome {
  /** Whether all that was held when it began has left memory in time: delivered, dropped or stored. */
  readonly isComplete: boolean;
  /** Items in batches and queues that had not let go of all of it; those that came later count too. */
  readonly remainingItems: number;
}

const FLUSH_DEADLINE_MS = 30_000;

const OPTIONS = {
  config: true,
  configLocations: true,
  set: true,
  featureGates: true,
  logger: true,
  metrics: true,
  metricsFeed: true,
  host: true,
} as const satisfies Record<keyof CollectorOptions, true>;

const RELOAD_OPTIONS = { config: true, configLocations: true, set: true } as const;

/**
 * Options as a host gave them, read once.
 * @throws CollectorError `INVALID_ARGUMENT` naming the first that is unknown or has the wrong type
 */
export function checkOptions(given: CollectorOptions): CollectorOptions {
  const options = ownOptions('Collector', given, OPTIONS);
  const { configLocations, set, featureGates, logger, metrics, host } = options;
  for (const [name, texts] of Object.entries({ configLocations, set, featureGates })) expectTexts(name, texts);
  if (logger !== undefined) expectMethods('logger', logger, ['debug', 'info', 'warn', 'error']);
  if (host !== undefined && host !== 'embedded' && host !== 'command') throw wrongOption('host', 'embedded or command');
  if (metrics === undefined) return options;
  const own = ownOptions('Collector, metrics', metrics, { registry: true, labels: true, mergeInto: true });
  expectMethods('metrics.registry', own.registry, ['registerMetric', 'removeSingleMetric']);
  if (!['host', 'endpoint', 'both'].includes(own.mergeInto ?? 'host')) {
    throw wrongOption('metrics.mergeInto', 'host, endpoint or both');
  }
  return { ...options, metrics: own };
}

/** As {@link checkOptions}. */
export function checkReload(given: ReloadOptions | string): ReloadOptions {
  if (typeof given === 'string') return { config: given };
  const options = ownOptions('reload', given, RELOAD_OPTIONS);
  for (const name of ['configLocations', 'set'] as const) expectTexts(name, options[name]);
  return options;
}

/** The deadline, in milliseconds. @throws CollectorError `INVALID_ARGUMENT` */
export function checkDeadline(call: string, given: CloseOptions): number | null | undefined {
  const { deadlineMs } = ownOptions(call, given, { deadlineMs: true });
  const isRight =
    deadlineMs === undefined || deadlineMs === null || (typeof deadlineMs === 'number' && deadlineMs >= 0);
  if (!isRight) throw wrongOption('deadlineMs', 'a number of milliseconds, at least 0, or null');
  return deadlineMs === Number.POSITIVE_INFINITY ? null : deadlineMs;
}

/** As {@link checkDeadline}, with the default. */
export function checkFlush(given: FlushOptions): number | null {
  const deadlineMs = checkDeadline('flush', given);
  return deadlineMs === undefined ? FLUSH_DEADLINE_MS : deadlineMs;
}

/**
 * What of checked options goes to the loader.
 * @throws CollectorError `INVALID_ARGUMENT` when there is no configuration at all, or it has the wrong type
 */
export function toLoadOptions(options: CollectorOptions): LoadOptions {
  const { config, configLocations = [], set = [], featureGates = [], host = 'embedded' } = options;
  const parts: readonly unknown[] = config === undefined ? [] : Array.isArray(config) ? Array.from(config) : [config];
  const sources = [...configLocations, ...parts.map(sourceOf)];
  if (sources.length === 0) {
    throw new CollectorError('INVALID_ARGUMENT', 'at least one of config and configLocations must be given');
  }
  return { sources, sets: set, featureGates, purpose: 'run', host };
}

function sourceOf(part: unknown): ConfigPart {
  if (typeof part === 'object' && part !== null) return part;
  if (typeof part !== 'string') throw wrongOption('config', 'a path, YAML text, an object, or a list of these');
  return isLocation(part) ? part : `yaml:${part}`;
}

/** YAML that says anything has a line end, or a colon and a space; one-line JSON has braces. */
function isLocation(text: string): boolean {
  if (/^(?:file|env|yaml|http|https):\S/.test(text)) return true;
  return text.trim() !== '' && !/[\n\r]|:\s|:$|^\s*\{/.test(text);
}

function expectTexts(name: string, value: unknown): void {
  if (value === undefined || (Array.isArray(value) && value.every((text) => typeof text === 'string'))) return;
  throw wrongOption(name, 'a list of texts');
}

/** Of a host's own object, which may be of a class. */
function expectMethods(name: string, value: unknown, methods: readonly string[]): void {
  const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function';
  const missing = methods.find((method) => !isObject || typeof Reflect.get(value, method) !== 'function');
  if (missing !== undefined) throw wrongOption(name, `an object with the method ${missing}`);
}
