/**
 * What a host writes to get a collector, and what of it goes to the configuration loader.
 */
import type { OpenMetricsContentType, Registry } from 'prom-client';

import type { LoadOptions } from '../config/index.js';
import { CollectorError } from '../errors.js';

/** A configuration: Collector YAML (or JSON) text, or the same as an object. */
export type ConfigInput = string | object;

/** Options of a collector; all are optional, but there must be a configuration. */
export interface CollectorOptions {
  /** YAML text or an object. Merged over `configLocations`. */
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
   * Puts the collector's metrics into the host's registry. `service.telemetry.metrics.level: none` then only means that
   * no page of our own is served. @default none
   */
  readonly metrics?: HostMetrics;
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
}

/** What a reload may change; what is left out stays as it was at the last start or reload. */
export type ReloadOptions = Pick<CollectorOptions, 'config' | 'configLocations' | 'set'>;

/** @throws CollectorError `INVALID_ARGUMENT` when there is no configuration at all, or it has the wrong type */
export function toLoadOptions(options: CollectorOptions): LoadOptions {
  const { config, configLocations = [], set = [], featureGates = [] } = options;
  if (config !== undefined && typeof config !== 'string' && (typeof config !== 'object' || config === null)) {
    throw new CollectorError('INVALID_ARGUMENT', 'config must be YAML text or an object');
  }
  const sources = typeof config === 'string' ? [...configLocations, `yaml:${config}`] : configLocations;
  if (sources.length === 0 && config === undefined) {
    throw new CollectorError('INVALID_ARGUMENT', 'at least one of config and configLocations must be given');
  }
  return {
    sources,
    ...(typeof config === 'object' && { object: config }),
    sets: set,
    featureGates,
    purpose: 'run',
    host: options.host ?? 'embedded',
  };
}
