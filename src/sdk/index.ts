/**
 * The public names of `teleferric/sdk`, and nothing else. Needs `@opentelemetry/api`, `@opentelemetry/core` and
 * `@opentelemetry/otlp-transformer`, which the SDK and its OTLP exporters bring.
 */
export {
  TeleferricLogExporter,
  TeleferricMetricExporter,
  TeleferricSpanExporter,
  type ResourceMetrics,
} from './exporters.js';
export type { LogRecords, Spans } from './item-bytes.js';
export { ExportError, type ExporterOptions, type ExportResult, type IngestTarget } from './hand-over.js';
export type { AggregationOption, MetricExporterOptions, Temporality } from './metric-selectors.js';
