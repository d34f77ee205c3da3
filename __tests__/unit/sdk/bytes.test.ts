// What the exporters write is, to a reader of protobuf, what the SDK's own serializers write.
/* eslint-disable jest/expect-expect -- expectSame does it */
import { ProtobufLogsSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import * as fc from 'fast-check';

import { writeLogRecord, writeSpan, type LogRecords, type Spans } from '../../../src/sdk/item-bytes.js';
import { requestWriter, type Item } from '../../../src/sdk/otlp-bytes.js';
import { decodeRequest, type Signal } from '../../support/proto.js';
import { withoutDefaults } from '../../support/sdk.js';

/** The values are large and each is read twice. */
const RUNS = { numRuns: 40 };

const text = fc.oneof(fc.string(), fc.string({ unit: 'binary', maxLength: 200 }), fc.constant('\ud800 alone'));
const number = fc.oneof(
  fc.double({ noNaN: true }),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.constantFrom(2 ** 31, 2 ** 32 - 1, 2 ** 32, -(2 ** 32), -(2 ** 63), 2 ** 62, 2 ** 63, -0, 5e-324),
);
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    text,
    number,
    fc.boolean(),
    fc.uint8Array({ maxLength: 200 }),
    fc.constantFrom(null, undefined),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(text, tie('value'), { maxKeys: 4 }),
  ),
}));
const attributes = fc.dictionary(text, value, { maxKeys: 5 });
const time = fc.tuple(fc.integer({ min: 0, max: 18_000_000_000 }), fc.integer({ min: 0, max: 999_999_999 }));
const count = fc.integer({ min: 0, max: 2 ** 31 - 1 });
const hex = (bytes: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((array) => Buffer.from(array).toString('hex'));
const spanContext = fc.record({
  traceId: hex(16),
  spanId: hex(8),
  traceFlags: fc.integer({ min: 0, max: 255 }),
  isRemote: fc.option(fc.boolean(), { nil: undefined }),
  traceState: fc.option(
    text.map((state) => ({ serialize: () => state })),
    { nil: undefined },
  ),
});
const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });

const resources = fc.array(fc.record({ attributes, schemaUrl: optional(text) }), { minLength: 1, maxLength: 2 });
const scopes = fc.array(fc.record({ name: text, version: optional(text), schemaUrl: optional(text) }), {
  minLength: 1,
  maxLength: 2,
});

/** Items that share resources and scopes by identity. */
function batchOf(item: fc.Arbitrary<object>): fc.Arbitrary<Item[]> {
  return fc
    .tuple(resources, scopes, fc.array(fc.tuple(item, fc.nat(), fc.nat()), { maxLength: 6 }))
    .map(([given, scoped, items]) =>
      items.map(([fields, first, second]) => ({
        ...fields,
        resource: given[first % given.length] as Item['resource'],
        instrumentationScope: scoped[second % scoped.length] as Item['instrumentationScope'],
      })),
    );
}

const span = fc.record({
  spanContext: spanContext.map((found) => () => found),
  parentSpanContext: optional(spanContext),
  name: text,
  kind: fc.integer({ min: 0, max: 4 }),
  startTime: time,
  endTime: time,
  attributes,
  droppedAttributesCount: count,
  events: fc.array(
    fc.record({ time, name: text, attributes: optional(attributes), droppedAttributesCount: optional(count) }),
    { maxLength: 3 },
  ),
  droppedEventsCount: count,
  links: fc.array(
    fc.record({ context: spanContext, attributes: optional(attributes), droppedAttributesCount: optional(count) }),
    { maxLength: 3 },
  ),
  droppedLinksCount: count,
  status: fc.record({ code: fc.integer({ min: 0, max: 2 }), message: optional(text) }),
});

const logRecord = fc.record({
  hrTime: time,
  hrTimeObserved: time,
  spanContext: optional(spanContext),
  severityNumber: optional(fc.integer({ min: 0, max: 24 })),
  severityText: optional(text),
  eventName: optional(text),
  body: value,
  attributes,
  droppedAttributesCount: count,
});

function expectSame(signal: Signal, mine: Uint8Array, theirs: Uint8Array | undefined): void {
  const read = (bytes: Uint8Array): unknown => withoutDefaults(decodeRequest(signal, bytes));
  expect(read(mine)).toEqual(read(theirs ?? new Uint8Array(0)));
}

test('spans', () => {
  const write = requestWriter(writeSpan);
  fc.assert(
    fc.property(batchOf(span), (items) => {
      const spans = items as unknown as Spans;
      expectSame('traces', write(spans), ProtobufTraceSerializer.serializeRequest(spans));
    }),
    RUNS,
  );
});

test('log records', () => {
  const write = requestWriter(writeLogRecord);
  fc.assert(
    fc.property(batchOf(logRecord), (items) => {
      const records = items as unknown as LogRecords;
      expectSame('logs', write(records), ProtobufLogsSerializer.serializeRequest(records));
    }),
    RUNS,
  );
});

/** A record that is nothing but its body. */
const recordOf = (body: unknown): LogRecords[number] =>
  ({
    hrTime: [1, 2],
    hrTimeObserved: [3, 4],
    attributes: {},
    droppedAttributesCount: 0,
    body,
    resource: { attributes: {} },
    instrumentationScope: { name: 'large' },
  }) as unknown as LogRecords[number];

test('a batch far larger than the one before, and one that never ends', () => {
  const write = requestWriter(writeLogRecord);
  const large = [recordOf('x'.repeat(3_000_000)), recordOf('ü'.repeat(100_000)), recordOf([new Uint8Array(70_000)])];
  expectSame('logs', write(large), ProtobufLogsSerializer.serializeRequest(large));
  expectSame('logs', write([]), new Uint8Array(0));
  const cycle: unknown[] = [];
  cycle.push(cycle);
  expect(() => write([recordOf(cycle)])).toThrow(RangeError);
});
