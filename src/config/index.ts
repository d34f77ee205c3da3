/**
 * The configuration side of the collector: from `--config` flags to one checked, complete document.
 * Never loads the native addon, so validation works without it.
 */
export type { Diagnostic, ConfigIssue, Position } from './issues.js';
export type { Environment } from './environment.js';
export type { LoadOptions, LoadedConfig, ResolvedComponent, ResolvedConfig, ResolvedPipeline } from './resolved.js';
export type { TelemetryConfig, LogsTelemetry, MetricsTelemetry, MetricReader, PrometheusReader } from './telemetry.js';
export type { FileStorageConfig } from './components/extension-file-storage.js';
export type * from './native-types.js';
export { ConfigHistory, nameOf, SHORT_HASH, sourcesOf, writeWhole } from './history.js';
export type { ConfigActor, ConfigMark, ConfigVersion, KeptVersion, VersionContent, VersionSource } from './history.js';
export { fingerprintOf } from './fingerprint.js';
export { sourcePath } from './tree/sources.js';
export { defineConfig } from './define-config.js';
export type * from './generated/configuration.js';
export { ownOptions, wrongOption } from './own-options.js';
export { loadConfig } from './load.js';
export type { ConfigErrorDetails } from './load.js';
export { printConfig, REDACTED } from './print.js';
export type { PrintOptions } from './print.js';
export { DEFAULT_CONFIG, DEFAULT_CONFIG_LOCATION } from './default.js';
export { FEATURE_GATES, FeatureGates } from './feature-gates.js';
export type { FeatureGate, GateStage } from './feature-gates.js';
export { configJsonSchema } from './json-schema.js';
export type { JsonSchema } from './json-schema.js';
export { configurationTypes } from './typescript.js';
export { componentsMarkdown, listComponents, listSchemes } from './reference.js';
export type { ComponentListing } from './reference.js';
export { formatIssue, formatPosition } from './issues.js';
export { processEnvironment } from './environment.js';
export { formatDuration, parseDuration } from './schema/duration.js';
