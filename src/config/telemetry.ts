/**
 * `service.telemetry` once it is settled: what the collector's own logs, metrics and resource shall be.
 * The keys users write are in `service/telemetry-*.ts`; this is what the rest of the program reads.
 */
import type { NativePair, TelemetryLevel } from './native-types.js';

/** The collector's own telemetry. */
export interface TelemetryConfig {
  readonly logs: LogsTelemetry;
  readonly metrics: MetricsTelemetry;
  readonly resource: ResourceTelemetry;
}

/** Log levels, least severe first. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'dpanic' | 'panic' | 'fatal';

/** `service.telemetry.logs`. */
export interface LogsTelemetry {
  readonly level: LogLevel;
  readonly encoding: 'console' | 'json';
  readonly development: boolean;
  readonly disable_caller: boolean;
  readonly disable_stacktrace: boolean;
  readonly disable_zap_resource: boolean;
  /** Null is no sampling. */
  readonly sampling: LogSampling | null;
  readonly output_paths: readonly string[];
  readonly error_output_paths: readonly string[];
  /** JSON values by name. */
  readonly initial_fields: Readonly<Record<string, unknown>>;
}

/** Per message text and level: the first `initial` in each tick, then every `thereafter`th (0 = none). */
export interface LogSampling {
  /** Nanoseconds. */
  readonly tick: number;
  readonly initial: number;
  readonly thereafter: number;
}

/** `service.telemetry.metrics`. */
export interface MetricsTelemetry {
  readonly level: TelemetryLevel;
  /** Readers that this version serves; others are left out, with a warning. Empty when `level` is none. */
  readonly readers: readonly MetricReader[];
}

/** Only pull readers with a Prometheus exporter are served by this version. */
export interface MetricReader {
  readonly prometheus: PrometheusReader;
}

/** A page for Prometheus to scrape, at `/metrics`. */
export interface PrometheusReader {
  readonly host: string;
  readonly port: number;
  readonly without_scope_info: boolean;
  readonly without_units: boolean;
  readonly without_type_suffix: boolean;
  /** Resource attributes to copy onto every series: name patterns with `*` and `?`; null copies none. */
  readonly with_resource_constant_labels: {
    readonly included: readonly string[];
    readonly excluded: readonly string[];
  } | null;
}

/** `service.telemetry.resource`: what the user sets, on top of the defaults. */
export interface ResourceTelemetry {
  readonly schema_url: string | null;
  readonly attributes: readonly NativePair[];
  /** Default attributes the user takes away. */
  readonly removed: readonly string[];
}
