/**
 * The OpenTelemetry SDK for JavaScript sends, and every item is found again behind the collector, value by value.
 */
import {
  createTraceState,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  ValueType,
} from '@opentelemetry/api';
import { SeverityNumber } from '@opentelemetry/api-logs';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { LoggerProvider, SimpleLogRecordProcessor, type ReadableLogRecord } from '@opentelemetry/sdk-logs';
import {
  AggregationTemporality,
  AggregationType,
  MeterProvider,
  PeriodicExportingMetricReader,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import { BatchSpanProcessor, NodeTracerProvider, type ReadableSpan } from '@opentelemetry/sdk-trace-node';

import { direct, startCollector, type Running } from '../support/collector.js';
import { Cleanup, eventually } from '../support/poll.js';
import { itemsOf, listOf, NAMES, plainOf, type Plain, type Signal } from '../support/proto.js';
import { expectedLog, expectedMetrics, expectedSpan, sdkExporter, WAYS, withoutDefaults } from '../support/sdk.js';
import { GrpcSink, HttpSink } from '../support/sinks.js';

const cleanup = new Cleanup();
let collector: Running;
let sink: GrpcSink;

beforeAll(async () => {
  sink = cleanup.add(await GrpcSink.start(), (it) => it.close());
  collector = cleanup.add(await startCollector({ exporters: { otlp_grpc: direct(sink) } }), (it) => it.close());
});
beforeEach(() => sink.reset());
afterEach(async () => collector.memoryIsFree());
afterAll(() => cleanup.run());

const RESOURCE = resourceFromAttributes(
  { 'service.name': 'checkout', 'service.instance.ids': ['a', 'b'], pid: 42, ratio: 0.25, canary: true },
  { schemaUrl: 'https://opentelemetry.io/schemas/1.30.0' },
);
const SCOPE_SCHEMA = 'https://opentelemetry.io/schemas/1.29.0';

const EVERY_ATTRIBUTE = {
  string: 'grüße \u{1F600}',
  'string.empty': '',
  int: 42,
  'int.negative': -7,
  'int.large': Number.MAX_SAFE_INTEGER,
  double: 0.1,
  'double.tiny': 5e-324,
  bool: true,
  'bool.false': false,
  strings: ['a', '', 'c'],
  numbers: [1, 2.5, -3],
  bools: [true, false],
};

/** Decoded items of one signal, without fields that say nothing. */
function arrived(signal: Signal): readonly unknown[] {
  return sink.requests(signal).flatMap((request) => itemsOf(signal, request).map(withoutDefaults));
}

const expected = (items: readonly Plain[]): readonly unknown[] => items.map(withoutDefaults);

/** Resource and scopes of the only request, and their schemas. */
function expectEnvelopes(signal: Signal, scopeNames: readonly string[]): void {
  const [resources, scopes] = NAMES[signal].levels;
  const [request, ...others] = sink.requests(signal);
  expect(others).toEqual([]);
  const [resource, ...more] = listOf(request?.[resources]);
  expect(more).toEqual([]);
  expect(resource?.['schemaUrl']).toBe('https://opentelemetry.io/schemas/1.30.0');
  expect(withoutDefaults(resource?.['resource'])).toEqual({
    attributes: [
      { key: 'service.name', value: { stringValue: 'checkout' } },
      { key: 'service.instance.ids', value: { arrayValue: { values: [{ stringValue: 'a' }, { stringValue: 'b' }] } } },
      { key: 'pid', value: { intValue: '42' } },
      { key: 'ratio', value: { doubleValue: 0.25 } },
      { key: 'canary', value: { boolValue: true } },
    ],
  });
  expect(listOf(resource?.[scopes]).map(({ scope, schemaUrl }) => ({ scope, schemaUrl }))).toEqual(
    scopeNames.map((name) => ({ scope: { name, version: '1.2.3' }, schemaUrl: SCOPE_SCHEMA })),
  );
}

const METRIC_NAMES =
  'requests bytes queue temperature observed observed.gauge latency latency.bare size size.bare'.split(' ');

const VARIANTS = WAYS.flatMap((way) =>
  (way === 'in-process' ? (['none'] as const) : (['none', 'gzip'] as const)).map((compression) => ({
    way,
    compression,
  })),
);

describe.each(VARIANTS)('$way, compression $compression', ({ way, compression }) => {
  test('spans', async () => {
    const { exporter, given, codes } = sdkExporter(way, 'traces', collector, compression);
    const provider = new NodeTracerProvider({
      resource: RESOURCE,
      spanProcessors: [new BatchSpanProcessor(exporter)],
      spanLimits: {
        attributeCountLimit: Object.keys(EVERY_ATTRIBUTE).length,
        eventCountLimit: 2,
        linkCountLimit: 2,
        attributePerEventCountLimit: 2,
        attributePerLinkCountLimit: 1,
      },
    });
    makeSpans(provider);
    await provider.forceFlush();
    const spans = given.flat() as readonly ReadableSpan[];
    expect(codes).toEqual([0]);
    expect(spans.map(({ name }) => name)).toEqual(['child', 'every field', 'other scope']);
    // What is to be preserved is really there.
    expect(spans[1]).toMatchObject({ droppedAttributesCount: 1, droppedEventsCount: 1, droppedLinksCount: 1 });
    expect(spans[1]?.parentSpanContext?.isRemote).toBe(true);
    expect(arrived('traces')).toEqual(expected(spans.map(expectedSpan)));
    expect(arrived('traces')[1]).toMatchObject({
      traceState: 'vendor=a,other=b',
      flags: 0x301,
      kind: 2,
      status: { code: 2, message: 'timed out' },
    });
    expectEnvelopes('traces', ['shop', 'other']);
    await provider.shutdown();
  });

  test('metrics', async () => {
    const { exporter, given, codes } = sdkExporter(way, 'metrics', collector, compression);
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
    const provider = makeMeters(reader);
    await provider.forceFlush();
    expect(codes).toEqual([0]);
    const [collected] = given as readonly ResourceMetrics[];
    expect(collected).toBeDefined();
    const wanted = expectedMetrics(collected as ResourceMetrics);
    expect(new Set(wanted.map(({ name }) => name))).toEqual(new Set(METRIC_NAMES));
    expect(arrived('metrics')).toEqual(expected(wanted));
    expectEnvelopes('metrics', ['shop']);
    expectMetricDetails();
    await provider.shutdown();
  });

  test('log records', async () => {
    const { exporter, given, codes } = sdkExporter(way, 'logs', collector, compression);
    const provider = new LoggerProvider({
      resource: RESOURCE,
      processors: [new SimpleLogRecordProcessor({ exporter })],
      logRecordLimits: { attributeCountLimit: 16 },
    });
    makeLogs(provider);
    await provider.forceFlush();
    const records = given.flat() as readonly ReadableLogRecord[];
    await eventually(() => codes.length === records.length);
    expect(codes).toEqual(records.map(() => 0));
    expect(records).toHaveLength(8);
    expect(records.some(({ droppedAttributesCount }) => droppedAttributesCount === 2)).toBe(true);
    // Each record is its own request, and these are in flight beside each other.
    expect(sorted(arrived('logs'))).toEqual(sorted(expected(records.map(expectedLog))));
    await provider.shutdown();
  });
});

test.each(WAYS)('infinite and undefined values over %s', async (way) => {
  const { exporter, codes } = sdkExporter(way, 'metrics', collector, 'none');
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const provider = new MeterProvider({ readers: [reader] });
  const gauge = provider.getMeter('shop').createGauge('odd');
  const values = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];
  for (const [index, value] of values.entries()) gauge.record(value, { index });
  await provider.forceFlush();
  expect(codes).toEqual([0]);
  const [metric] = arrived('metrics') as readonly Plain[];
  const points = listOf(plainOf(metric?.['gauge'])['dataPoints']);
  // In JSON the SDK writes null for all three, which says no more than nothing.
  expect(points.map(({ asDouble }) => asDouble)).toEqual(way === 'http/json' ? values.map(() => undefined) : values);
  await provider.shutdown();
});

test('delta temporality is kept', async () => {
  for (const way of WAYS) {
    sink.reset();
    const { exporter, given } = sdkExporter(way, 'metrics', collector, 'none');
    exporter.selectAggregationTemporality = () => AggregationTemporality.DELTA;
    const provider = makeMeters(new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 }));
    await provider.forceFlush();
    const [collected] = given as readonly ResourceMetrics[];
    expect(arrived('metrics')).toEqual(expected(expectedMetrics(collected as ResourceMetrics)));
    const requests = (arrived('metrics') as readonly Plain[]).find(({ name }) => name === 'requests');
    expect(requests).toMatchObject({ sum: { aggregationTemporality: 1, isMonotonic: true } });
    await provider.shutdown();
  }
});

test('over HTTP and in process the SDK tries again when the collector says so, and not when it refuses for good', async () => {
  const failing = await HttpSink.start({
    answer: (_, index) => (index === 0 ? { status: 503, headers: { 'retry-after': '0' } } : {}),
  });
  const chained = await startCollector({ exporters: { otlp_http: direct(failing) } });
  try {
    // Its gRPC exporter has no retries.
    for (const way of ['http/protobuf', 'http/json', 'in-process'] as const) {
      const { exporter, codes } = sdkExporter(way, 'traces', chained, 'none');
      const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] });
      failing.received.length = 0;
      provider.getTracer('t').startSpan('retried').end();
      await provider.forceFlush();
      expect(codes).toEqual([0]);
      expect(failing.names('traces')).toEqual(['retried', 'retried']);
      failing.answer = () => ({ status: 400 });
      provider.getTracer('t').startSpan('refused').end();
      await provider.forceFlush().catch(() => {});
      expect(codes).toEqual([0, 1]);
      expect(failing.names('traces')).toEqual(['retried', 'retried', 'refused']);
      failing.answer = (_, index) => (index === 0 ? { status: 503, headers: { 'retry-after': '0' } } : {});
      await provider.shutdown();
    }
  } finally {
    await chained.close();
    await failing.close();
  }
}, 30_000);

function makeSpans(provider: NodeTracerProvider): void {
  const tracer = provider.getTracer('shop', '1.2.3', { schemaUrl: SCOPE_SCHEMA });
  const linked = {
    traceId: '00112233445566778899aabbccddeeff',
    spanId: '8899aabbccddeeff',
    traceFlags: TraceFlags.SAMPLED,
  };
  const remote = {
    traceId: '5b8efff798038103d269b633813fc60c',
    spanId: 'eee19b7ec3c1b174',
    traceFlags: TraceFlags.SAMPLED,
    isRemote: true,
    traceState: createTraceState('vendor=a,other=b'),
  };
  const parent = trace.setSpanContext(ROOT_CONTEXT, remote);
  const span = tracer.startSpan(
    'every field',
    {
      kind: SpanKind.SERVER,
      startTime: [1_700_000_000, 123_456_789],
      attributes: EVERY_ATTRIBUTE,
      links: [
        { context: { ...linked, traceState: createTraceState('c=3') }, attributes: { kept: 1, dropped: 2 } },
        { context: { ...linked, isRemote: true, traceFlags: TraceFlags.NONE } },
        { context: linked },
      ],
    },
    parent,
  );
  span.setAttribute('one.too.many', 1);
  span.addEvent('dropped', {}, [1_700_000_000, 1]);
  span.addEvent('kept', { a: 'x', b: [1.5, 2], c: 'dropped' }, [1_700_000_000, 200_000_001]);
  span.recordException(new Error('boom'), [1_700_000_000, 300_000_000]);
  span.setStatus({ code: SpanStatusCode.ERROR, message: 'timed out' });
  const child = tracer.startSpan('child', { kind: SpanKind.CLIENT }, trace.setSpan(parent, span));
  child.setStatus({ code: SpanStatusCode.OK });
  child.end();
  span.end([1_700_000_001, 999_999_999]);
  provider.getTracer('other', '1.2.3', { schemaUrl: SCOPE_SCHEMA }).startSpan('other scope').end();
}

function makeMeters(reader: PeriodicExportingMetricReader): MeterProvider {
  const EXPLICIT = { boundaries: [0, 5, 10] };
  const provider = new MeterProvider({
    resource: RESOURCE,
    readers: [reader],
    views: [
      {
        instrumentName: 'latency',
        aggregation: { type: AggregationType.EXPLICIT_BUCKET_HISTOGRAM, options: EXPLICIT },
      },
      {
        instrumentName: 'latency.bare',
        aggregation: { type: AggregationType.EXPLICIT_BUCKET_HISTOGRAM, options: { ...EXPLICIT, recordMinMax: false } },
      },
      { instrumentName: 'size', aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } },
      {
        instrumentName: 'size.bare',
        aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM, options: { recordMinMax: false } },
      },
    ],
  });
  const meter = provider.getMeter('shop', '1.2.3', { schemaUrl: SCOPE_SCHEMA });
  const requests = meter.createCounter('requests', {
    description: 'requests served',
    unit: '{request}',
    valueType: ValueType.INT,
  });
  requests.add(3, EVERY_ATTRIBUTE);
  requests.add(0, { route: '/' });
  meter.createCounter('bytes', { unit: 'By' }).add(1.5);
  const queue = meter.createUpDownCounter('queue', { valueType: ValueType.INT });
  queue.add(5);
  queue.add(-9);
  meter.createGauge('temperature').record(-0.5);
  for (const name of ['latency', 'latency.bare']) {
    const histogram = meter.createHistogram(name, { unit: 'ms' });
    for (const value of [0, 0.5, 7, 100.25]) histogram.record(value, { route: '/' });
  }
  for (const name of ['size', 'size.bare']) {
    const histogram = meter.createHistogram(name);
    for (const value of [0, 1, 2.5, 1000]) histogram.record(value);
  }
  meter
    .createObservableCounter('observed', { valueType: ValueType.INT })
    .addCallback((result) => result.observe(77, { k: 'v' }));
  meter.createObservableGauge('observed.gauge').addCallback((result) => result.observe(12.75));
  return provider;
}

/** Presence of minimum and maximum, and buckets of both kinds, as literal values. */
function expectMetricDetails(): void {
  const byName = new Map((arrived('metrics') as readonly Plain[]).map((metric) => [metric['name'], metric]));
  const point = (name: string, kind: string): Plain | undefined =>
    listOf((byName.get(name)?.[kind] as Plain | undefined)?.['dataPoints'])[0];
  expect(point('latency', 'histogram')).toMatchObject({
    count: '4',
    sum: 107.75,
    min: 0,
    max: 100.25,
    bucketCounts: ['1', '1', '1', '1'],
    explicitBounds: [0, 5, 10],
  });
  expect(point('latency.bare', 'histogram')).not.toHaveProperty('min');
  expect(point('latency.bare', 'histogram')).not.toHaveProperty('max');
  expect(point('size', 'exponentialHistogram')).toMatchObject({
    count: '4',
    zeroCount: '1',
    sum: 1003.5,
    min: 0,
    max: 1000,
  });
  expect(point('size.bare', 'exponentialHistogram')).not.toHaveProperty('max');
  expect(point('observed.gauge', 'gauge')).toMatchObject({ asDouble: 12.75 });
  expect(point('requests', 'sum')).toMatchObject({ asInt: '3' });
  expect(point('queue', 'sum')).toMatchObject({ asInt: '-4' });
}

function makeLogs(provider: LoggerProvider): void {
  const logger = provider.getLogger('shop', '1.2.3', { schemaUrl: SCOPE_SCHEMA });
  const spanContext = {
    traceId: '5b8efff798038103d269b633813fc60c',
    spanId: 'eee19b7ec3c1b174',
    traceFlags: TraceFlags.SAMPLED,
  };
  const nested = {
    list: [1, 'two', { three: 3 }, [null, true]],
    bytes: Uint8Array.of(0, 255),
    nothing: null,
    empty: {},
  };
  logger.emit({
    timestamp: [1_700_000_000, 123_456_789],
    observedTimestamp: [1_700_000_000, 987_654_321],
    severityNumber: SeverityNumber.ERROR2,
    severityText: 'ERROR',
    body: nested,
    eventName: 'checkout.failed',
    attributes: { ...EVERY_ATTRIBUTE, ...nested, 'one.too.many': 1, 'two.too.many': 2 },
    context: trace.setSpanContext(ROOT_CONTEXT, spanContext),
  });
  for (const body of ['text', '', 0, 1.5, false, Uint8Array.of(1, 2, 3), ['a', { b: 'c' }]]) logger.emit({ body });
}

/** Without order. */
function sorted(values: readonly unknown[]): readonly unknown[] {
  return values.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}
