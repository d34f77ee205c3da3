/**
 * Batches from short descriptions, for tests of plugins. What a description leaves out has a fixed default, so that the
 * same description always makes the same bytes.
 */
import { Batch, type AnyValueInput, type Attributes, type Signal } from '../views/index.js';
import { bytesOf, TRACE_ID_BYTES } from '../views/view.js';

/** Attributes by their keys. */
export type AttributesFixture = Readonly<Record<string, AnyValueInput>>;

/** A 64-bit integer; a number has to be a safe integer. */
export type WideInteger = bigint | number | string;

/** Where the records of a batch come from. */
export interface SourceFixture {
  /** Attributes of the resource. @default `{ 'service.name': 'test' }` */
  readonly resource?: AttributesFixture;
  /** The instrumentation scope, or its name. @default 'test' */
  readonly scope?: string | ScopeFixture;
}

/** An instrumentation scope. */
export interface ScopeFixture {
  readonly name?: string;
  readonly version?: string;
  readonly attributes?: AttributesFixture;
}

/** A span. Identifiers are hexadecimal digits, times are nanoseconds since the Unix epoch. */
export interface SpanFixture {
  /** @default 'span' */
  readonly name?: string;
  /** @default digits that tell of the span's position; one trace for all */
  readonly traceId?: string;
  readonly spanId?: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly flags?: number;
  /** See {@link SpanKind}. @default SpanKind.INTERNAL */
  readonly kind?: number;
  /** @default {@link TEST_TIME_UNIX_NANO} */
  readonly startTimeUnixNano?: WideInteger;
  /** @default a millisecond after the start */
  readonly endTimeUnixNano?: WideInteger;
  readonly attributes?: AttributesFixture;
  readonly droppedAttributesCount?: number;
  readonly events?: readonly EventFixture[];
  readonly droppedEventsCount?: number;
  readonly links?: readonly LinkFixture[];
  readonly droppedLinksCount?: number;
  readonly status?: { readonly code?: number; readonly message?: string };
}

/** An event of a {@link SpanFixture}. */
export interface EventFixture {
  readonly name?: string;
  /** @default {@link TEST_TIME_UNIX_NANO} */
  readonly timeUnixNano?: WideInteger;
  readonly attributes?: AttributesFixture;
  readonly droppedAttributesCount?: number;
}

/** A link of a {@link SpanFixture}. */
export interface LinkFixture {
  readonly traceId?: string;
  readonly spanId?: string;
  readonly traceState?: string;
  readonly flags?: number;
  readonly attributes?: AttributesFixture;
  readonly droppedAttributesCount?: number;
}

/** A log record. Identifiers are hexadecimal digits, times are nanoseconds since the Unix epoch. */
export interface LogFixture {
  readonly body?: AnyValueInput;
  /** See {@link SeverityNumber}. @default SeverityNumber.INFO */
  readonly severityNumber?: number;
  readonly severityText?: string;
  /** @default {@link TEST_TIME_UNIX_NANO} */
  readonly timeUnixNano?: WideInteger;
  /** @default `timeUnixNano` */
  readonly observedTimeUnixNano?: WideInteger;
  readonly attributes?: AttributesFixture;
  readonly droppedAttributesCount?: number;
  readonly flags?: number;
  readonly traceId?: string;
  readonly spanId?: string;
  readonly eventName?: string;
}

/** A metric: exactly one of the five kinds. */
export interface MetricFixture {
  readonly name: string;
  readonly description?: string;
  readonly unit?: string;
  readonly gauge?: { readonly dataPoints: readonly NumberPointFixture[] };
  readonly sum?: {
    readonly dataPoints: readonly NumberPointFixture[];
    readonly aggregationTemporality?: number;
    readonly isMonotonic?: boolean;
  };
  readonly histogram?: {
    readonly dataPoints: readonly HistogramPointFixture[];
    readonly aggregationTemporality?: number;
  };
  readonly exponentialHistogram?: {
    readonly dataPoints: readonly ExponentialPointFixture[];
    readonly aggregationTemporality?: number;
  };
  readonly summary?: { readonly dataPoints: readonly SummaryPointFixture[] };
}

/** What data points of all kinds have. */
export interface PointFixture {
  readonly attributes?: AttributesFixture;
  readonly startTimeUnixNano?: WideInteger;
  /** @default {@link TEST_TIME_UNIX_NANO} */
  readonly timeUnixNano?: WideInteger;
  readonly flags?: number;
}

/** A point of a gauge or sum. */
export interface NumberPointFixture extends PointFixture {
  /** A bigint makes an integer, a number a double. */
  readonly value?: number | bigint;
}

/** A point of a histogram. */
export interface HistogramPointFixture extends PointFixture {
  readonly count?: WideInteger;
  readonly sum?: number;
  readonly min?: number;
  readonly max?: number;
  readonly bucketCounts?: readonly WideInteger[];
  readonly explicitBounds?: readonly number[];
}

/** A point of an exponential histogram. */
export interface ExponentialPointFixture extends PointFixture {
  readonly count?: WideInteger;
  readonly sum?: number;
  readonly min?: number;
  readonly max?: number;
  readonly scale?: number;
  readonly zeroCount?: WideInteger;
  readonly zeroThreshold?: number;
  readonly positive?: { readonly offset?: number; readonly bucketCounts?: readonly WideInteger[] };
  readonly negative?: { readonly offset?: number; readonly bucketCounts?: readonly WideInteger[] };
}

/** A point of a summary. */
export interface SummaryPointFixture extends PointFixture {
  readonly count?: WideInteger;
  readonly sum?: number;
  readonly quantileValues?: readonly { readonly quantile?: number; readonly value?: number }[];
}

/** The time of everything that has none: 2025-01-01T00:00:00Z. */
export const TEST_TIME_UNIX_NANO = 1_735_689_600_000_000_000n;
const TEST_DURATION_NANO = 1_000_000n;
const SPAN_KIND_INTERNAL = 1;
const SEVERITY_INFO = 9;

/** A batch of spans. Throws a TypeError or RangeError for a description that does not fit. */
export function traces(spans: readonly SpanFixture[], source: SourceFixture = {}): Batch {
  const batch = batchOf('traces', source, spans.map(plainSpan));
  pair(batch.spans(), spans, (span, fixture) => {
    fill(span.attributes, fixture.attributes);
    pair(span.events(), fixture.events ?? [], (event, each) => fill(event.attributes, each.attributes));
    pair(span.links(), fixture.links ?? [], (link, each) => fill(link.attributes, each.attributes));
  });
  return settled(batch);
}

/** A batch of log records. Throws a TypeError or RangeError for a description that does not fit. */
export function logs(records: readonly LogFixture[], source: SourceFixture = {}): Batch {
  const batch = batchOf('logs', source, records.map(plainLog));
  pair(batch.logRecords(), records, (record, { body, attributes }) => {
    if (body !== undefined) record.body = body;
    fill(record.attributes, attributes);
  });
  return settled(batch);
}

/** A batch of metrics. Throws a TypeError or RangeError for a description that does not fit. */
export function metrics(list: readonly MetricFixture[], source: SourceFixture = {}): Batch {
  const batch = batchOf('metrics', source, list.map(plainMetric));
  pair(batch.metrics(), list, (metric, fixture) => {
    pair(metric.dataPoints(), pointsOf(fixture), (point, { attributes }) => fill(point.attributes, attributes));
  });
  return settled(batch);
}

/** One batch of several of one signal, as the `batch` processor would make it. */
export function joined(...batches: readonly Batch[]): Batch {
  const [first] = batches;
  if (first === undefined) throw new TypeError('there is nothing to join');
  if (batches.some(({ signal }) => signal !== first.signal)) throw new TypeError('batches of one signal can be joined');
  if (first.signal === 'profiles')
    throw new TypeError('profiles cannot be joined: each batch has a dictionary of its own');
  return new Batch(first.signal, Buffer.concat(batches.map((batch) => batch.encode())));
}

/** Names of the lists of a request. */
const LISTS = {
  traces: ['resourceSpans', 'scopeSpans', 'spans'],
  metrics: ['resourceMetrics', 'scopeMetrics', 'metrics'],
  logs: ['resourceLogs', 'scopeLogs', 'logRecords'],
} as const satisfies Partial<Record<Signal, readonly string[]>>;

function batchOf(signal: keyof typeof LISTS, source: SourceFixture, records: readonly object[]): Batch {
  const { resource: resourceAttributes = { 'service.name': 'test' }, scope: scopeFixture = 'test' } = source;
  const { attributes, ...scope } = typeof scopeFixture === 'string' ? { name: scopeFixture } : scopeFixture;
  const [resources, scopes, list] = LISTS[signal];
  const batch = Batch.from(signal, { [resources]: [{ [scopes]: [{ scope, [list]: records }] }] });
  for (const resource of batch.resources()) fill(resource.attributes, resourceAttributes);
  for (const each of batch.scopes()) fill(each.attributes, attributes);
  return batch;
}

// Attributes and bodies are put in by the views, once there is a batch: what is undefined counts as absent.

function plainSpan(fixture: SpanFixture, index: number): object {
  const { parentSpanId, events = [], links = [] } = fixture;
  const start = BigInt(fixture.startTimeUnixNano ?? TEST_TIME_UNIX_NANO);
  const spanId = (index + 1).toString(16).padStart(16, '0');
  return {
    name: 'span',
    kind: SPAN_KIND_INTERNAL,
    endTimeUnixNano: start + TEST_DURATION_NANO,
    ...fixture,
    ...ids({ traceId: '1'.padStart(32, '0'), spanId, ...fixture }),
    parentSpanId: parentSpanId === undefined ? undefined : bytesOf('parentSpanId', parentSpanId),
    startTimeUnixNano: start,
    attributes: undefined,
    events: events.map((event) => ({ timeUnixNano: TEST_TIME_UNIX_NANO, ...event, attributes: undefined })),
    links: links.map((link) => ({ ...link, ...ids(link), attributes: undefined })),
  };
}

function plainLog(fixture: LogFixture): object {
  const time = fixture.timeUnixNano ?? TEST_TIME_UNIX_NANO;
  return {
    timeUnixNano: time,
    observedTimeUnixNano: time,
    severityNumber: SEVERITY_INFO,
    ...fixture,
    ...ids(fixture),
    attributes: undefined,
    body: undefined,
  };
}

/** Identifiers as bytes; those that are left out stay out. */
function ids({ traceId, spanId }: { readonly traceId?: string; readonly spanId?: string }): object {
  return {
    traceId: traceId === undefined ? undefined : bytesOf('traceId', traceId, TRACE_ID_BYTES),
    spanId: spanId === undefined ? undefined : bytesOf('spanId', spanId),
  };
}

const METRIC_KINDS = ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary'] as const;

function plainMetric(fixture: MetricFixture): object {
  const kind = METRIC_KINDS.find((name) => fixture[name] !== undefined);
  if (kind === undefined) return fixture;
  return { ...fixture, [kind]: { ...fixture[kind], dataPoints: pointsOf(fixture).map(plainPoint) } };
}

function pointsOf(fixture: MetricFixture): readonly NumberPointFixture[] {
  return METRIC_KINDS.flatMap((kind) => fixture[kind]?.dataPoints ?? []);
}

function plainPoint({ value, ...rest }: NumberPointFixture): object {
  const number = typeof value === 'bigint' ? { asInt: value } : { asDouble: value };
  const point = { timeUnixNano: TEST_TIME_UNIX_NANO, ...rest, attributes: undefined };
  return value === undefined ? point : { ...point, ...number };
}

function fill(attributes: Attributes, fixture: AttributesFixture = {}): void {
  for (const [key, value] of Object.entries(fixture)) attributes.set(key, value);
}

function pair<V, F>(views: Iterable<V>, fixtures: readonly F[], each: (view: V, fixture: F) => void): void {
  [...views].forEach((view, index) => each(view, fixtures[index]!));
}

/** The same batch without a history. */
function settled(batch: Batch): Batch {
  return new Batch(batch.signal, batch.encode());
}
