/**
 * The OpenTelemetry SDK for JavaScript as a sender: its exporters for each way there is, and its own data as what must be
 * found downstream. The conversion here is ours, so that a mistake of the SDK's would show too.
 */
import type { HrTime } from '@opentelemetry/api';
import { OTLPLogExporter as GrpcLogs } from '@opentelemetry/exporter-logs-otlp-grpc';
import { OTLPLogExporter as JsonLogs } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as ProtoLogs } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPMetricExporter as GrpcMetrics } from '@opentelemetry/exporter-metrics-otlp-grpc';
import { OTLPMetricExporter as JsonMetrics } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPMetricExporter as ProtoMetrics } from '@opentelemetry/exporter-metrics-otlp-proto';
import { OTLPTraceExporter as GrpcTraces } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as JsonTraces } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtoTraces } from '@opentelemetry/exporter-trace-otlp-proto';
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import { DataPointType, type MetricData, type ResourceMetrics } from '@opentelemetry/sdk-metrics';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';

import {
  TeleferricLogExporter,
  TeleferricMetricExporter,
  TeleferricSpanExporter,
  type IngestTarget,
} from '../../src/sdk/index.js';
import { NAMES, type Plain, type PlainValue, type Signal } from './proto.js';
import type { Transport } from './wire.js';

/** `OTEL_EXPORTER_OTLP_PROTOCOL`, and without a socket. */
export const WAYS = ['grpc', 'http/protobuf', 'http/json', 'in-process'] as const;
export type Way = (typeof WAYS)[number];

const CLASSES = {
  grpc: { traces: GrpcTraces, metrics: GrpcMetrics, logs: GrpcLogs },
  'http/protobuf': { traces: ProtoTraces, metrics: ProtoMetrics, logs: ProtoLogs },
  'http/json': { traces: JsonTraces, metrics: JsonMetrics, logs: JsonLogs },
  'in-process': { traces: TeleferricSpanExporter, metrics: TeleferricMetricExporter, logs: TeleferricLogExporter },
} as const;

/** What the SDK was told about each export: 0 is success. */
export type Codes = number[];

interface Exports<T> {
  export(data: T, done: (result: { readonly code: number; readonly error?: Error }) => void): void;
}

/** An exporter of the SDK that keeps what it was given and how it went. */
export function sdkExporter<S extends Signal>(
  way: Way,
  signal: S,
  to: { readonly [transport in Transport]: number } & { readonly collector: IngestTarget },
  compression: 'gzip' | 'none',
): { readonly exporter: InstanceType<(typeof CLASSES)[Way][S]>; readonly given: unknown[]; readonly codes: Codes } {
  const url = way === 'grpc' ? `http://127.0.0.1:${to.grpc}` : `http://127.0.0.1:${to.http}${NAMES[signal].path}`;
  const Exporter = CLASSES[way][signal] as unknown as new (...args: readonly unknown[]) => Exports<unknown>;
  const timeoutMillis = 5000;
  const exporter =
    way === 'in-process'
      ? new Exporter(to.collector, { timeoutMillis })
      : new Exporter({ url, compression, timeoutMillis });
  const [given, codes]: [unknown[], Codes] = [[], []];
  const send = exporter.export.bind(exporter);
  exporter.export = (data, done) => {
    given.push(data);
    send(data, (result) => {
      codes.push(result.code);
      done(result);
    });
  };
  return { exporter: exporter as InstanceType<(typeof CLASSES)[Way][S]>, given, codes };
}

/** Fields that tell zero from absent; a default in any other field is as good as none. */
const WITH_PRESENCE = new Set([
  'stringValue',
  'boolValue',
  'intValue',
  'doubleValue',
  'bytesValue',
  'asInt',
  'asDouble',
  'sum',
  'min',
  'max',
]);

/** A decoded message without fields that say nothing. */
export function withoutDefaults(value: PlainValue): PlainValue {
  if (Array.isArray(value)) return (value as readonly PlainValue[]).map(withoutDefaults);
  if (typeof value !== 'object') return value;
  const fields = Object.entries(value as Plain).filter(([key, field]) => WITH_PRESENCE.has(key) || !isDefault(field));
  return Object.fromEntries(fields.map(([key, field]) => [key, withoutDefaults(field)]));
}

function isDefault(value: PlainValue): boolean {
  return [undefined, 0, '0', '', false].includes(value as undefined) || (Array.isArray(value) && value.length === 0);
}

const nanos = ([seconds, rest]: HrTime): string => String(BigInt(seconds) * 1_000_000_000n + BigInt(rest));

function anyValue(value: unknown): Plain {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'number') return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  if (value instanceof Uint8Array) return { bytesValue: Buffer.from(value).toString('hex') };
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValue) } };
  if (typeof value === 'object' && value !== null) return { kvlistValue: { values: keyValues(value) } };
  return {};
}

function keyValues(attributes: object): readonly Plain[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }));
}

/** Bits 0 to 7 as the context has them, bit 8 always, bit 9 for a remote context. */
const spanFlags = (traceFlags: number, remote: boolean | undefined): number =>
  (traceFlags & 0xff) | 0x100 | (remote === true ? 0x200 : 0);

/** What must arrive for a span. */
export function expectedSpan(span: ReadableSpan): Plain {
  const context = span.spanContext();
  return {
    traceId: context.traceId,
    spanId: context.spanId,
    parentSpanId: span.parentSpanContext?.spanId,
    traceState: context.traceState?.serialize(),
    flags: spanFlags(context.traceFlags, span.parentSpanContext?.isRemote),
    name: span.name,
    kind: span.kind + 1,
    startTimeUnixNano: nanos(span.startTime),
    endTimeUnixNano: nanos(span.endTime),
    attributes: keyValues(span.attributes),
    droppedAttributesCount: span.droppedAttributesCount,
    events: span.events.map((event) => ({
      timeUnixNano: nanos(event.time),
      name: event.name,
      attributes: keyValues(event.attributes ?? {}),
      droppedAttributesCount: event.droppedAttributesCount,
    })),
    droppedEventsCount: span.droppedEventsCount,
    links: span.links.map(({ context: linked, attributes, droppedAttributesCount }) => ({
      traceId: linked.traceId,
      spanId: linked.spanId,
      traceState: linked.traceState?.serialize(),
      attributes: keyValues(attributes ?? {}),
      droppedAttributesCount,
      flags: spanFlags(linked.traceFlags, linked.isRemote),
    })),
    droppedLinksCount: span.droppedLinksCount,
    status: { code: span.status.code, message: span.status.message },
  };
}

/** What must arrive for a log record. */
export function expectedLog(record: ReadableLogRecord): Plain {
  return {
    timeUnixNano: nanos(record.hrTime),
    observedTimeUnixNano: nanos(record.hrTimeObserved),
    severityNumber: record.severityNumber,
    severityText: record.severityText,
    body: anyValue(record.body),
    eventName: record.eventName,
    attributes: keyValues(record.attributes),
    droppedAttributesCount: record.droppedAttributesCount,
    flags: record.spanContext?.traceFlags,
    traceId: record.spanContext?.traceId,
    spanId: record.spanContext?.spanId,
  };
}

/** What must arrive for the metrics of one collection, in order. */
export function expectedMetrics({ scopeMetrics }: ResourceMetrics): readonly Plain[] {
  return scopeMetrics.flatMap(({ metrics }) => metrics.map(expectedMetric));
}

function expectedMetric(metric: MetricData): Plain {
  const { name, description, unit } = metric.descriptor;
  // The SDK counts from delta 0, the protocol from delta 1.
  const aggregationTemporality = metric.aggregationTemporality + 1;
  const head = { name, description, unit };
  switch (metric.dataPointType) {
    case DataPointType.SUM:
      return { ...head, sum: { aggregationTemporality, isMonotonic: metric.isMonotonic, dataPoints: numbers(metric) } };
    case DataPointType.GAUGE:
      return { ...head, gauge: { dataPoints: numbers(metric) } };
    case DataPointType.HISTOGRAM: {
      const dataPoints = metric.dataPoints.map(({ value, ...rest }) => ({
        ...pointHead(rest),
        ...summary(value),
        bucketCounts: value.buckets.counts.map(String),
        explicitBounds: value.buckets.boundaries,
      }));
      return { ...head, histogram: { aggregationTemporality, dataPoints } };
    }
    case DataPointType.EXPONENTIAL_HISTOGRAM: {
      const dataPoints = metric.dataPoints.map(({ value, ...rest }) => ({
        ...pointHead(rest),
        ...summary(value),
        scale: value.scale,
        zeroCount: String(value.zeroCount),
        positive: buckets(value.positive),
        negative: buckets(value.negative),
      }));
      return { ...head, exponentialHistogram: { aggregationTemporality, dataPoints } };
    }
  }
}

type Numbers = Extract<MetricData, { readonly dataPointType: DataPointType.SUM | DataPointType.GAUGE }>;

/** An instrument of integers gives integers, one of doubles gives doubles, whatever the value. */
function numbers({ descriptor, dataPoints }: Numbers): readonly Plain[] {
  return dataPoints.map(({ value, ...rest }) => ({
    ...pointHead(rest),
    ...(descriptor.valueType === 0 ? { asInt: String(value) } : { asDouble: value }),
  }));
}

interface PointHead {
  readonly attributes: object;
  readonly startTime: HrTime;
  readonly endTime: HrTime;
}

function pointHead({ attributes, startTime, endTime }: PointHead): Plain {
  return {
    attributes: keyValues(attributes),
    startTimeUnixNano: nanos(startTime),
    timeUnixNano: nanos(endTime),
  };
}

interface Summary {
  readonly count: number;
  readonly sum?: number;
  readonly min?: number;
  readonly max?: number;
}

function summary({ count, sum, min, max }: Summary): Plain {
  return {
    count: String(count),
    ...(sum !== undefined && { sum }),
    ...(min !== undefined && { min }),
    ...(max !== undefined && { max }),
  };
}

function buckets({
  offset,
  bucketCounts,
}: {
  readonly offset: number;
  readonly bucketCounts: readonly number[];
}): Plain {
  return { offset, bucketCounts: bucketCounts.map(String) };
}
