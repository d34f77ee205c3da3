/**
 * Typed, lazy views over a batch of OTLP bytes, which read and change it in place. Needs neither the addon nor the rest of
 * the package.
 */
export { Batch, type ToObjectOptions } from './batch.js';
export { MalformedBatchError } from './errors.js';
export type { AnyValue, AnyValueInput } from './any-value.js';
export type { Attributes } from './attributes.js';
export {
  NO_RECORDED_VALUE,
  type Buckets,
  type DataPoint,
  type Exemplar,
  type ExponentialHistogramDataPoint,
  type HistogramDataPoint,
  type NumberDataPoint,
  type SummaryDataPoint,
  type ValueAtQuantile,
} from './data-point.js';
export { SeverityNumber, type LogRecord } from './log-record.js';
export { AggregationTemporality, type Metric, type MetricKind } from './metric.js';
export type { Longs, PlainMessage } from './plain.js';
export type { EntityRef, Resource, Scope } from './resource.js';
export type { Signal } from './schema.js';
export { SpanKind, StatusCode, type Span, type SpanEvent, type SpanLink, type SpanStatus } from './span.js';
