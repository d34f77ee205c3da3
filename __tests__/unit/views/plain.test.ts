import * as fc from 'fast-check';

import { Cursor } from '../../../src/views/cursor.js';
import { Batch } from '../../../src/views/index.js';
import { REQUESTS } from '../../../src/views/schema.js';
import { Writer } from '../../../src/protobuf/writer.js';
import { requests } from './random.js';
import { decodeReference, encodeReference, meaning, SIGNALS } from './reference.js';

/** Each is a whole request; thousands were run when this was written. */
const RUNS = 15;

describe('plain objects', () => {
  it.each(SIGNALS)('says what protobufjs says: %s', (signal) => {
    fc.assert(
      fc.property(requests(signal), (object) => {
        const bytes = encodeReference(signal, object);
        expect(meaning(REQUESTS[signal], new Batch(signal, bytes).toObject())).toEqual(decodeReference(signal, bytes));
      }),
      { numRuns: RUNS },
    );
  });

  it.each(SIGNALS)('joins what comes in pieces as protobufjs does: %s', (signal) => {
    fc.assert(
      fc.property(requests(signal), requests(signal), (one, other) => {
        const pieces = [one, other].map((object) => firstContent(encodeReference(signal, object)));
        const bytes = inField1(Buffer.concat(pieces));
        expect(meaning(REQUESTS[signal], new Batch(signal, bytes).toObject())).toEqual(decodeReference(signal, bytes));
      }),
      { numRuns: RUNS },
    );
  });

  it.each(SIGNALS)('writes what protobufjs reads: %s', (signal) => {
    fc.assert(
      fc.property(requests(signal), (object) => {
        const expected = decodeReference(signal, encodeReference(signal, object));
        expect(decodeReference(signal, Batch.from(signal, object).encode())).toEqual(expected);
      }),
      { numRuns: RUNS },
    );
  });

  it('takes 64-bit integers in all forms that protobufjs has, and gives the one that is asked for', () => {
    const time = 1_544_712_660_300_000_123n;
    const long = { low: Number(time & 0xffff_ffffn) | 0, high: Number(time >> 32n), unsigned: true };
    for (const form of [time, String(time), long]) expect(timeOf(batchAt(form), 'bigint')).toBe(time);
    expect(timeOf(batchAt(time))).toBe(String(time));
    expect(timeOf(batchAt(4), 'number')).toBe(4);
  });

  it.each([
    [{ resourceSpan: [] }, 'ExportTraceServiceRequest has no field "resourceSpan"'],
    [{ resourceSpans: {} }, 'resourceSpans: expected an array'],
    [span({ name: 5 }), 'resourceSpans[0].scopeSpans[0].spans[0].name: expected a string, found number'],
    [span({ droppedEventsCount: -1 }), 'resourceSpans[0].scopeSpans[0].spans[0].droppedEventsCount: out of range: -1'],
    [span({ startTimeUnixNano: 2 ** 60 }), '.startTimeUnixNano: not a safe integer'],
    [span({ startTimeUnixNano: 'now' }), '.startTimeUnixNano: expected an integer, found string'],
    [span({ traceId: 'ff' }), '.traceId: expected a Uint8Array, found string'],
    [span({ attributes: [{ key: 'a', value: { intValue: 1, boolValue: true } }] }), 'several of oneof value'],
    [JSON.parse('{"resourceSpans": [{"__proto__": {}}]}') as object, 'ResourceSpans has no field "__proto__"'],
  ])('refuses what does not fit, by its path: %j', (object, message) => {
    const before = span({ name: 'before' });
    const batch = Batch.from('traces', before);
    expect(() => batch.replace(object)).toThrow(message);
    expect(batch.toObject()).toEqual(before);
  });

  it('counts as dropped what a replacement has less', () => {
    const batch = Batch.from('traces', { resourceSpans: [{ scopeSpans: [{ spans: [{}, {}, {}] }] }] });
    const [first] = batch.spans();
    first?.drop();
    batch.replace(span({ name: 'left' }));
    expect([batch.items, batch.droppedItems]).toEqual([1, 2]);
    batch.replace({});
    expect([batch.items, batch.droppedItems, batch.encode().length]).toEqual([0, 3, 0]);
  });
});

/** The content of the first entry of a request; nothing without one. */
function firstContent(bytes: Buffer): Buffer {
  const cursor = new Cursor(bytes, 0, bytes.length);
  return cursor.find(1, 2) ? bytes.subarray(cursor.from, cursor.to) : Buffer.alloc(0);
}

function inField1(content: Buffer): Buffer {
  const writer = new Writer();
  writer.bytes(content);
  writer.close(1, 0);
  return writer.finish();
}

function span(fields: object): object {
  return { resourceSpans: [{ scopeSpans: [{ spans: [fields] }] }] };
}

function batchAt(startTimeUnixNano: unknown): Batch {
  return Batch.from('traces', span({ startTimeUnixNano }));
}

function timeOf(batch: Batch, longs?: 'bigint' | 'number'): unknown {
  const object = batch.toObject(longs === undefined ? {} : { longs });
  return (object as ReturnType<typeof JSON.parse>).resourceSpans[0].scopeSpans[0].spans[0].startTimeUnixNano;
}
