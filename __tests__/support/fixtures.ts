/**
 * Requests for the socket tests: small ones told apart by name, and one of each signal with every field in use.
 */
import { NAMES, type Signal } from './proto.js';

export const hex = (text: string): Buffer => Buffer.from(text, 'hex');

const TRACE_ID = hex('5b8efff798038103d269b633813fc60c');
const SPAN_ID = hex('eee19b7ec3c1b174');
/** Above 2^53, so that a number in JSON would lose its last digits. */
export const TIME_NS = '1544712660300000123';

/** A request with one item for each name, all in one scope; data points for metrics. */
export function named(signal: Signal, ...names: readonly string[]): object {
  const [resources, scopes, items] = NAMES[signal].levels;
  return { [resources]: [{ [scopes]: [{ [items]: names.map((name) => item(signal, name)) }] }] };
}

function item(signal: Signal, name: string): object {
  switch (signal) {
    case 'traces':
      return { traceId: TRACE_ID, spanId: SPAN_ID, name };
    case 'metrics':
      return { name, gauge: { dataPoints: [{ timeUnixNano: TIME_NS, asInt: '1' }] } };
    case 'logs':
      return { timeUnixNano: TIME_NS, body: { stringValue: name } };
  }
}

/** The name that {@link named} gave an item. */
export function nameOf(signal: Signal, plain: { readonly [field: string]: unknown }): unknown {
  return signal === 'logs' ? (plain['body'] as { stringValue?: unknown } | undefined)?.stringValue : plain['name'];
}

/** Every kind of AnyValue: empty ones, zeros, extremes and nesting among them. */
export const EVERY_KIND: readonly object[] = [
  { key: 'string', value: { stringValue: 'grüße \u0000 \u{1F600}' } },
  { key: 'string.empty', value: { stringValue: '' } },
  { key: 'bool', value: { boolValue: true } },
  { key: 'bool.false', value: { boolValue: false } },
  { key: 'int', value: { intValue: '-9223372036854775808' } },
  { key: 'int.max', value: { intValue: '9223372036854775807' } },
  { key: 'int.zero', value: { intValue: '0' } },
  { key: 'double', value: { doubleValue: 0.1 } },
  { key: 'double.zero', value: { doubleValue: 0 } },
  { key: 'double.tiny', value: { doubleValue: 5e-324 } },
  { key: 'bytes', value: { bytesValue: hex('00ff10fb') } },
  { key: 'bytes.empty', value: { bytesValue: hex('') } },
  { key: 'array.empty', value: { arrayValue: { values: [] } } },
  { key: 'kvlist.empty', value: { kvlistValue: { values: [] } } },
  {
    key: 'array',
    value: {
      arrayValue: {
        values: [{ intValue: '1' }, { stringValue: 'two' }, {}, { arrayValue: { values: [{ boolValue: false }] } }],
      },
    },
  },
  {
    key: 'kvlist',
    value: {
      kvlistValue: {
        values: [
          { key: 'inner', value: { kvlistValue: { values: [{ key: 'leaf', value: { doubleValue: -1.5 } }] } } },
          { key: 'bytes', value: { bytesValue: hex('01') } },
        ],
      },
    },
  },
  { key: 'empty', value: {} },
  { key: 'missing' },
];

const RESOURCE = {
  attributes: EVERY_KIND,
  droppedAttributesCount: 4294967295,
  entityRefs: [
    { schemaUrl: 'https://entity.example/1', type: 'service', idKeys: ['string'], descriptionKeys: ['bool', 'int'] },
  ],
};

const SCOPE = { name: 'scope', version: '1.2.3', attributes: EVERY_KIND, droppedAttributesCount: 7 };
const RESOURCE_SCHEMA = 'https://resource.example/1.0';
const SCOPE_SCHEMA = 'https://scope.example/2.0';

const SPAN = {
  traceId: TRACE_ID,
  spanId: SPAN_ID,
  parentSpanId: hex('0011223344556677'),
  traceState: 'a=1,b=2',
  flags: 0xffffffff,
  name: 'GET /cart',
  kind: 2,
  startTimeUnixNano: TIME_NS,
  endTimeUnixNano: '18446744073709551615',
  attributes: EVERY_KIND,
  droppedAttributesCount: 1,
  events: [
    { timeUnixNano: TIME_NS, name: 'exception', attributes: EVERY_KIND, droppedAttributesCount: 2 },
    { timeUnixNano: '0', name: '' },
  ],
  droppedEventsCount: 3,
  links: [
    {
      traceId: hex('00112233445566778899aabbccddeeff'),
      spanId: hex('8899aabbccddeeff'),
      traceState: 'c=3',
      attributes: EVERY_KIND,
      droppedAttributesCount: 4,
      flags: 0x80000301,
    },
  ],
  droppedLinksCount: 5,
  status: { message: 'timed out', code: 2 },
};

const EXEMPLAR = {
  filteredAttributes: EVERY_KIND,
  timeUnixNano: TIME_NS,
  asDouble: -3.25,
  spanId: SPAN_ID,
  traceId: TRACE_ID,
};

const POINT = { attributes: EVERY_KIND, startTimeUnixNano: '1', timeUnixNano: TIME_NS, flags: 1 };

const METRICS = [
  {
    name: 'gauge',
    description: 'a gauge',
    unit: 'By',
    metadata: EVERY_KIND,
    gauge: {
      dataPoints: [
        { ...POINT, asDouble: 1e300, exemplars: [EXEMPLAR] },
        { ...POINT, asInt: '-9223372036854775808', exemplars: [{ timeUnixNano: '2', asInt: '3' }] },
        { timeUnixNano: '5' },
      ],
    },
  },
  { name: 'sum', sum: { aggregationTemporality: 2, isMonotonic: true, dataPoints: [{ ...POINT, asInt: '0' }] } },
  {
    name: 'histogram',
    histogram: {
      aggregationTemporality: 1,
      dataPoints: [
        {
          ...POINT,
          count: '18446744073709551615',
          sum: -1.5,
          min: -2,
          max: 9,
          bucketCounts: ['1', '0', '18446744073709551614'],
          explicitBounds: [0.5, 10],
          exemplars: [EXEMPLAR],
        },
        { count: '2' },
      ],
    },
  },
  {
    name: 'exponential',
    exponentialHistogram: {
      aggregationTemporality: 2,
      dataPoints: [
        {
          ...POINT,
          count: '9',
          sum: 12,
          scale: -10,
          zeroCount: '2',
          zeroThreshold: 1e-9,
          positive: { offset: -2147483648, bucketCounts: ['1', '2', '0'] },
          negative: { offset: 7, bucketCounts: ['4'] },
          min: -4,
          max: 6,
          exemplars: [EXEMPLAR],
        },
      ],
    },
  },
  {
    name: 'summary',
    summary: {
      dataPoints: [{ ...POINT, count: '3', sum: 4.5, quantileValues: [{ quantile: 0.99, value: 1 }, { quantile: 1 }] }],
    },
  },
];

const LOG = {
  timeUnixNano: TIME_NS,
  observedTimeUnixNano: '1544712660300000124',
  severityNumber: 17,
  severityText: 'ERROR',
  body: { kvlistValue: { values: EVERY_KIND } },
  attributes: EVERY_KIND,
  droppedAttributesCount: 6,
  flags: 0xffffffff,
  traceId: TRACE_ID,
  spanId: SPAN_ID,
  eventName: 'checkout.failed',
};

const ITEMS: Readonly<Record<Signal, readonly object[]>> = {
  traces: [SPAN, { name: 'bare' }],
  metrics: METRICS,
  logs: [LOG, { body: { stringValue: 'bare' } }],
};

/** A request in which every field of the schema is set somewhere. */
export function everything(signal: Signal): object {
  const [resources, scopes, items] = NAMES[signal].levels;
  return {
    [resources]: [
      {
        resource: RESOURCE,
        schemaUrl: RESOURCE_SCHEMA,
        [scopes]: [
          { scope: SCOPE, schemaUrl: SCOPE_SCHEMA, [items]: ITEMS[signal] },
          { scope: { name: 'other' }, [items]: ITEMS[signal] },
        ],
      },
      { [scopes]: [{ [items]: ITEMS[signal] }] },
    ],
  };
}
