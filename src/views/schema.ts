/**
 * The one description of the OTLP messages on this side: names, numbers and kinds of all fields, by message.
 * The typed views, the plain objects and the count of items read it; a test holds it against `proto/`.
 */
import { DELIMITED, FIXED32, FIXED64, VARINT } from '../protobuf/wire-types.js';

/** How a value stands on the wire. */
export type Kind =
  | 'double'
  | 'fixed64'
  | 'sfixed64'
  | 'fixed32'
  | 'int32'
  | 'uint32'
  | 'sint32'
  | 'int64'
  | 'uint64'
  | 'bool'
  | 'enum'
  | 'string'
  | 'bytes'
  | 'message';

/** A field of a message. */
export class Field {
  /** The name in JSON and in plain objects, `lowerCamelCase`. */
  readonly name: string;
  readonly number: number;
  readonly kind: Kind;
  readonly repeated: boolean;
  /** Whether absent and default are told apart: `optional`, a member of a oneof, or a message. */
  readonly presence: boolean;
  /** The oneof it belongs to, or null. */
  readonly oneof: string | null;
  /** The layout of one value. */
  readonly wire: number;
  /** Name of the message type, or null. */
  readonly typeName: string | null;

  constructor(name: string, spec: Spec) {
    this.name = name;
    this.number = spec.number;
    this.kind = spec.kind;
    this.repeated = spec.repeated ?? false;
    this.oneof = spec.oneof ?? null;
    this.presence = spec.optional === true || this.oneof !== null || spec.kind === 'message';
    this.wire = wireOf(spec.kind);
    this.typeName = spec.type ?? null;
  }

  /** The message that the field holds. Throws if it holds another kind of value. */
  get type(): MessageType {
    const found = TYPES.get(this.typeName ?? '');
    if (found === undefined) throw new Error(`no message type: ${this.name}`);
    return found;
  }
}

/** A message: its fields by name and by number. */
export interface MessageType<Name extends string = string> {
  readonly name: string;
  readonly fields: Readonly<Record<Name, Field>>;
  /** All fields by rising number. */
  readonly list: readonly Field[];
  /** The field at its number; a hole where there is none. */
  readonly byNumber: readonly (Field | undefined)[];
  /** Whether it is what a request is counted in. */
  readonly item: boolean;
}

interface Spec {
  readonly number: number;
  readonly kind: Kind;
  readonly repeated?: boolean;
  readonly optional?: boolean;
  readonly oneof?: string;
  readonly type?: string;
}

/** All message types by name, without the package; the link of a profile is `profiles.Link`. */
export const TYPES = new Map<string, MessageType>();

function define<Name extends string>(
  name: string,
  specs: Readonly<Record<Name, Spec>>,
  { item = false }: { readonly item?: boolean } = {},
): MessageType<Name> {
  const entries = (Object.entries(specs) as [Name, Spec][]).map(([key, spec]) => [key, new Field(key, spec)] as const);
  const list = entries.map(([, field]) => field).toSorted((a, b) => a.number - b.number);
  const byNumber: (Field | undefined)[] = [];
  for (const field of list) byNumber[field.number] = field;
  const made = { name, fields: Object.fromEntries(entries) as Record<Name, Field>, list, byNumber, item };
  TYPES.set(name, made);
  return made;
}

function wireOf(kind: Kind): number {
  switch (kind) {
    case 'double':
    case 'fixed64':
    case 'sfixed64':
      return FIXED64;
    case 'fixed32':
      return FIXED32;
    case 'string':
    case 'bytes':
    case 'message':
      return DELIMITED;
    default:
      return VARINT;
  }
}

const scalar =
  (kind: Kind) =>
  (number: number): Spec => ({ number, kind });
const double = scalar('double');
const fixed64 = scalar('fixed64');
const fixed32 = scalar('fixed32');
const sfixed64 = scalar('sfixed64');
const int32 = scalar('int32');
const uint32 = scalar('uint32');
const sint32 = scalar('sint32');
const int64 = scalar('int64');
const uint64 = scalar('uint64');
const bool = scalar('bool');
const enumeration = scalar('enum');
const string = scalar('string');
const bytes = scalar('bytes');
const message = (number: number, type: string): Spec => ({ number, kind: 'message', type });
const repeated = (spec: Spec): Spec => ({ ...spec, repeated: true });
const optional = (spec: Spec): Spec => ({ ...spec, optional: true });
const oneof = (name: string, spec: Spec): Spec => ({ ...spec, oneof: name });
const attributeList = (number: number): Spec => repeated(message(number, 'KeyValue'));

export const ANY_VALUE = define('AnyValue', {
  stringValue: oneof('value', string(1)),
  boolValue: oneof('value', bool(2)),
  intValue: oneof('value', int64(3)),
  doubleValue: oneof('value', double(4)),
  arrayValue: oneof('value', message(5, 'ArrayValue')),
  kvlistValue: oneof('value', message(6, 'KeyValueList')),
  bytesValue: oneof('value', bytes(7)),
  stringValueStrindex: oneof('value', int32(8)),
});

export const ARRAY_VALUE = define('ArrayValue', { values: repeated(message(1, 'AnyValue')) });

export const KEY_VALUE_LIST = define('KeyValueList', { values: attributeList(1) });

export const KEY_VALUE = define('KeyValue', {
  key: string(1),
  value: message(2, 'AnyValue'),
  keyStrindex: int32(3),
});

export const INSTRUMENTATION_SCOPE = define('InstrumentationScope', {
  name: string(1),
  version: string(2),
  attributes: attributeList(3),
  droppedAttributesCount: uint32(4),
});

export const ENTITY_REF = define('EntityRef', {
  schemaUrl: string(1),
  type: string(2),
  idKeys: repeated(string(3)),
  descriptionKeys: repeated(string(4)),
});

export const RESOURCE = define('Resource', {
  attributes: attributeList(1),
  droppedAttributesCount: uint32(2),
  entityRefs: repeated(message(3, 'EntityRef')),
});

export const SPAN = define(
  'Span',
  {
    traceId: bytes(1),
    spanId: bytes(2),
    traceState: string(3),
    parentSpanId: bytes(4),
    name: string(5),
    kind: enumeration(6),
    startTimeUnixNano: fixed64(7),
    endTimeUnixNano: fixed64(8),
    attributes: attributeList(9),
    droppedAttributesCount: uint32(10),
    events: repeated(message(11, 'Event')),
    droppedEventsCount: uint32(12),
    links: repeated(message(13, 'Link')),
    droppedLinksCount: uint32(14),
    status: message(15, 'Status'),
    flags: fixed32(16),
  },
  { item: true },
);

export const EVENT = define('Event', {
  timeUnixNano: fixed64(1),
  name: string(2),
  attributes: attributeList(3),
  droppedAttributesCount: uint32(4),
});

export const LINK = define('Link', {
  traceId: bytes(1),
  spanId: bytes(2),
  traceState: string(3),
  attributes: attributeList(4),
  droppedAttributesCount: uint32(5),
  flags: fixed32(6),
});

export const STATUS = define('Status', { message: string(2), code: enumeration(3) });

export const LOG_RECORD = define(
  'LogRecord',
  {
    timeUnixNano: fixed64(1),
    severityNumber: enumeration(2),
    severityText: string(3),
    body: message(5, 'AnyValue'),
    attributes: attributeList(6),
    droppedAttributesCount: uint32(7),
    flags: fixed32(8),
    traceId: bytes(9),
    spanId: bytes(10),
    observedTimeUnixNano: fixed64(11),
    eventName: string(12),
  },
  { item: true },
);

export const METRIC = define('Metric', {
  name: string(1),
  description: string(2),
  unit: string(3),
  gauge: oneof('data', message(5, 'Gauge')),
  sum: oneof('data', message(7, 'Sum')),
  histogram: oneof('data', message(9, 'Histogram')),
  exponentialHistogram: oneof('data', message(10, 'ExponentialHistogram')),
  summary: oneof('data', message(11, 'Summary')),
  metadata: attributeList(12),
});

export const GAUGE = define('Gauge', { dataPoints: repeated(message(1, 'NumberDataPoint')) });

export const SUM = define('Sum', {
  dataPoints: repeated(message(1, 'NumberDataPoint')),
  aggregationTemporality: enumeration(2),
  isMonotonic: bool(3),
});

export const HISTOGRAM = define('Histogram', {
  dataPoints: repeated(message(1, 'HistogramDataPoint')),
  aggregationTemporality: enumeration(2),
});

export const EXPONENTIAL_HISTOGRAM = define('ExponentialHistogram', {
  dataPoints: repeated(message(1, 'ExponentialHistogramDataPoint')),
  aggregationTemporality: enumeration(2),
});

export const SUMMARY = define('Summary', { dataPoints: repeated(message(1, 'SummaryDataPoint')) });

export const NUMBER_DATA_POINT = define(
  'NumberDataPoint',
  {
    startTimeUnixNano: fixed64(2),
    timeUnixNano: fixed64(3),
    asDouble: oneof('value', double(4)),
    exemplars: repeated(message(5, 'Exemplar')),
    asInt: oneof('value', sfixed64(6)),
    attributes: attributeList(7),
    flags: uint32(8),
  },
  { item: true },
);

export const HISTOGRAM_DATA_POINT = define(
  'HistogramDataPoint',
  {
    startTimeUnixNano: fixed64(2),
    timeUnixNano: fixed64(3),
    count: fixed64(4),
    sum: optional(double(5)),
    bucketCounts: repeated(fixed64(6)),
    explicitBounds: repeated(double(7)),
    exemplars: repeated(message(8, 'Exemplar')),
    attributes: attributeList(9),
    flags: uint32(10),
    min: optional(double(11)),
    max: optional(double(12)),
  },
  { item: true },
);

export const EXPONENTIAL_HISTOGRAM_DATA_POINT = define(
  'ExponentialHistogramDataPoint',
  {
    attributes: attributeList(1),
    startTimeUnixNano: fixed64(2),
    timeUnixNano: fixed64(3),
    count: fixed64(4),
    sum: optional(double(5)),
    scale: sint32(6),
    zeroCount: fixed64(7),
    positive: message(8, 'Buckets'),
    negative: message(9, 'Buckets'),
    flags: uint32(10),
    exemplars: repeated(message(11, 'Exemplar')),
    min: optional(double(12)),
    max: optional(double(13)),
    zeroThreshold: double(14),
  },
  { item: true },
);

export const BUCKETS = define('Buckets', { offset: sint32(1), bucketCounts: repeated(uint64(2)) });

export const SUMMARY_DATA_POINT = define(
  'SummaryDataPoint',
  {
    startTimeUnixNano: fixed64(2),
    timeUnixNano: fixed64(3),
    count: fixed64(4),
    sum: double(5),
    quantileValues: repeated(message(6, 'ValueAtQuantile')),
    attributes: attributeList(7),
    flags: uint32(8),
  },
  { item: true },
);

export const VALUE_AT_QUANTILE = define('ValueAtQuantile', { quantile: double(1), value: double(2) });

export const EXEMPLAR = define('Exemplar', {
  timeUnixNano: fixed64(2),
  asDouble: oneof('value', double(3)),
  spanId: bytes(4),
  traceId: bytes(5),
  asInt: oneof('value', sfixed64(6)),
  filteredAttributes: attributeList(7),
});

define('Profile', {
  sampleType: message(1, 'ValueType'),
  samples: repeated(message(2, 'Sample')),
  timeUnixNano: fixed64(3),
  durationNano: uint64(4),
  periodType: message(5, 'ValueType'),
  period: int64(6),
  profileId: bytes(7),
  droppedAttributesCount: uint32(8),
  originalPayloadFormat: string(9),
  originalPayload: bytes(10),
  attributeIndices: repeated(int32(11)),
});

define(
  'Sample',
  {
    stackIndex: int32(1),
    attributeIndices: repeated(int32(2)),
    linkIndex: int32(3),
    values: repeated(int64(4)),
    timestampsUnixNano: repeated(fixed64(5)),
  },
  { item: true },
);

define('ValueType', { typeStrindex: int32(1), unitStrindex: int32(2) });

define('ProfilesDictionary', {
  mappingTable: repeated(message(1, 'Mapping')),
  locationTable: repeated(message(2, 'Location')),
  functionTable: repeated(message(3, 'Function')),
  linkTable: repeated(message(4, 'profiles.Link')),
  stringTable: repeated(string(5)),
  attributeTable: repeated(message(6, 'KeyValueAndUnit')),
  stackTable: repeated(message(7, 'Stack')),
});

define('Mapping', {
  memoryStart: uint64(1),
  memoryLimit: uint64(2),
  fileOffset: uint64(3),
  filenameStrindex: int32(4),
  attributeIndices: repeated(int32(5)),
});

define('Location', {
  mappingIndex: int32(1),
  address: uint64(2),
  lines: repeated(message(3, 'Line')),
  attributeIndices: repeated(int32(4)),
});

define('Line', { functionIndex: int32(1), line: int64(2), column: int64(3) });

define('Function', {
  nameStrindex: int32(1),
  systemNameStrindex: int32(2),
  filenameStrindex: int32(3),
  startLine: int64(4),
});

define('profiles.Link', { traceId: bytes(1), spanId: bytes(2) });

define('KeyValueAndUnit', { keyStrindex: int32(1), value: message(2, 'AnyValue'), unitStrindex: int32(3) });

define('Stack', { locationIndices: repeated(int32(1)) });

/** Field numbers that all signals have in common: entries of resources and of scopes are laid out alike. */
export const RESOURCES_FIELD = 1;
export const RESOURCE_FIELD = 1;
export const SCOPES_FIELD = 2;
export const SCOPE_FIELD = 1;
export const RECORDS_FIELD = 2;
export const SCHEMA_URL_FIELD = 3;

function envelope(names: readonly [string, string, string, string], keys: readonly [string, string, string]) {
  const [requestName, resourceName, scopeName, record] = names;
  const [resources, scopes, records] = keys;
  define(scopeName, {
    scope: message(SCOPE_FIELD, 'InstrumentationScope'),
    [records]: repeated(message(RECORDS_FIELD, record)),
    schemaUrl: string(SCHEMA_URL_FIELD),
  });
  define(resourceName, {
    resource: message(RESOURCE_FIELD, 'Resource'),
    [scopes]: repeated(message(SCOPES_FIELD, scopeName)),
    schemaUrl: string(SCHEMA_URL_FIELD),
  });
  const dictionary: Record<string, Spec> = record === 'Profile' ? { dictionary: message(2, 'ProfilesDictionary') } : {};
  return define(requestName, { [resources]: repeated(message(RESOURCES_FIELD, resourceName)), ...dictionary });
}

/** A kind of telemetry. */
export type Signal = 'traces' | 'metrics' | 'logs' | 'profiles';

/** The export request of each signal. */
export const REQUESTS: Readonly<Record<Signal, MessageType>> = {
  traces: envelope(
    ['ExportTraceServiceRequest', 'ResourceSpans', 'ScopeSpans', 'Span'],
    ['resourceSpans', 'scopeSpans', 'spans'],
  ),
  metrics: envelope(
    ['ExportMetricsServiceRequest', 'ResourceMetrics', 'ScopeMetrics', 'Metric'],
    ['resourceMetrics', 'scopeMetrics', 'metrics'],
  ),
  logs: envelope(
    ['ExportLogsServiceRequest', 'ResourceLogs', 'ScopeLogs', 'LogRecord'],
    ['resourceLogs', 'scopeLogs', 'logRecords'],
  ),
  profiles: envelope(
    ['ExportProfilesServiceRequest', 'ResourceProfiles', 'ScopeProfiles', 'Profile'],
    ['resourceProfiles', 'scopeProfiles', 'profiles'],
  ),
};

/** The five kinds of metrics, which hold their data points alike. */
export const DATA_POINTS_FIELD = 1;
