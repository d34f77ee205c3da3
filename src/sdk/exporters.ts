/**
 * Exporters for the OpenTelemetry SDK for JavaScript that hand telemetry to a collector in the same process: each takes
 * the place of the OTLP exporter of its signal.
 */
import { ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer';

import type { Signal } from '../collector/index.js';
import { HandOver, type ExporterOptions, type ExportResult, type IngestTarget, type Serialize } from './hand-over.js';
import { writeLogRecord, writeSpan, type LogRecords, type Spans } from './item-bytes.js';
import {
  aggregationSelector,
  metricOptions,
  temporalitySelector,
  type AggregationOption,
  type MetricExporterOptions,
  type Temporality,
} from './metric-selectors.js';
import { requestWriter } from './otlp-bytes.js';

/** Metrics as the SDK gives them to exporters. */
export type ResourceMetrics = Parameters<typeof ProtobufMetricsSerializer.serializeRequest>[0];

/** What the three have in common. */
class Exporter<T> {
  readonly #handOver: HandOver<T>;

  constructor(collector: IngestTarget, signal: Signal, serialize: Serialize<T>, options: ExporterOptions) {
    this.#handOver = new HandOver(collector, signal, serialize, options);
  }

  /**
   * Hands `items` to the collector; `done` is called once, with code 0 when it has taken them. What it refuses for the
   * moment is tried again, as the OTLP exporters do it, within `timeoutMillis`.
   */
  export(items: T, done: (result: ExportResult) => void): void {
    this.#handOver.export(items, done);
  }

  /** Resolves when the collector has answered everything exported so far; it may hold that for longer. */
  forceFlush(): Promise<void> {
    return this.#handOver.forceFlush();
  }

  /** Refuses further exports and resolves as `forceFlush`. The collector runs on: closing it is the host's to do. */
  shutdown(): Promise<void> {
    return this.#handOver.shutdown();
  }
}

/** Exports spans to a collector in the same process; for a `SpanProcessor` of the SDK. */
export class TeleferricSpanExporter extends Exporter<Spans> {
  /**
   * @param collector may be started later
   * @throws CollectorError `INVALID_ARGUMENT`
   */
  constructor(collector: IngestTarget, options: ExporterOptions = {}) {
    super(collector, 'traces', requestWriter(writeSpan), options);
  }
}

/** Exports metrics to a collector in the same process; for a `PeriodicExportingMetricReader` of the SDK. */
export class TeleferricMetricExporter extends Exporter<ResourceMetrics> {
  readonly #temporality: (instrument: string) => Temporality;
  readonly #aggregation: (instrument: string) => AggregationOption;

  /**
   * @param collector may be started later
   * @throws CollectorError `INVALID_ARGUMENT`
   */
  constructor(collector: IngestTarget, options: MetricExporterOptions = {}) {
    const { temporalityPreference, aggregationPreference, ...common } = metricOptions(options);
    super(collector, 'metrics', (metrics) => ProtobufMetricsSerializer.serializeRequest(metrics), common);
    this.#temporality = temporalitySelector(temporalityPreference);
    this.#aggregation = aggregationSelector(aggregationPreference);
  }

  /** Whether an instrument's points cover all time (1) or the time since the last export (0). */
  selectAggregationTemporality(instrument: string): Temporality {
    return this.#temporality(instrument);
  }

  /** How an instrument's measurements are aggregated. */
  selectAggregation(instrument: string): AggregationOption {
    return this.#aggregation(instrument);
  }
}

/** Exports log records to a collector in the same process; for a `LogRecordProcessor` of the SDK. */
export class TeleferricLogExporter extends Exporter<LogRecords> {
  /**
   * @param collector may be started later
   * @throws CollectorError `INVALID_ARGUMENT`
   */
  constructor(collector: IngestTarget, options: ExporterOptions = {}) {
    super(collector, 'logs', requestWriter(writeLogRecord), options);
  }
}
