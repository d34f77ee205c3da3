/**
 * The configuration side of the collector: from `--config` flags to one checked, complete document.
 * Never loads the native addon, so validation works without it.
 */
export type { Diagnostic, ConfigIssue, Position } from './issues.js';
export type { Environment } from './environment.js';
export type { LoadOptions, LoadedConfig, ResolvedComponent, ResolvedConfig, ResolvedPipeline } from './resolved.js';
export type { TelemetryConfig, LogsTelemetry, MetricsTelemetry, MetricReader, PrometheusReader } from './telemetry.js';
export type * from './native-types.js';
