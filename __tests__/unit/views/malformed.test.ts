import * as fc from 'fast-check';

import { Batch, MalformedBatchError } from '../../../src/views/index.js';
import type { Signal } from '../../../src/views/schema.js';
import { everything } from '../../support/fixtures.js';
import { readEverything } from './read-everything.js';
import { encodeReference } from './reference.js';

const STABLE = ['traces', 'metrics', 'logs'] as const;

/** Reads bytes in every way there is; what it is that throws, if anything, is a malformed batch. */
function readInEveryWay(signal: Signal, bytes: Uint8Array): boolean {
  let sound = true;
  const attempts = [
    () => readEverything(new Batch(signal, bytes)),
    () => new Batch(signal, bytes).items,
    () => new Batch(signal, bytes).toObject(),
    () => editEverything(new Batch(signal, bytes)),
  ];
  for (const attempt of attempts) {
    try {
      attempt();
    } catch (error) {
      if (!(error instanceof MalformedBatchError)) throw error;
      expect(error.offset).toBeLessThanOrEqual(bytes.length);
      sound = false;
    }
  }
  return sound;
}

function editEverything(batch: Batch): void {
  for (const resource of batch.resources()) resource.attributes.set('a', 1);
  for (const scope of batch.scopes()) scope.version = '2';
  for (const span of batch.spans()) span.attributes.delete('string');
  for (const log of batch.logRecords()) log.body = null;
  for (const point of batch.dataPoints()) point.drop();
  batch.encode();
}

describe('bytes that are no request', () => {
  it.each(STABLE)('are read whole or refused, wherever they are cut: %s', (signal) => {
    const bytes = encodeReference(signal, everything(signal));
    expect(readInEveryWay(signal, bytes)).toBe(true);
    // Every length near the start, and a sample of the others.
    for (let length = 1; length < bytes.length; length += length < 100 ? 1 : 131) {
      const sound = readInEveryWay(signal, Uint8Array.from(bytes.subarray(0, length)));
      // Between its two entries the request may end.
      expect(sound).toBe(length === 1 + sizeOfFirst(bytes));
    }
  });

  it.each(STABLE)('are read or refused, whatever is changed: %s', (signal) => {
    const bytes = encodeReference(signal, everything(signal));
    const changes = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(changes, (list) => {
        const changed = Uint8Array.from(bytes);
        for (const [at, byte] of list) changed[at] = byte;
        expect(() => readInEveryWay(signal, changed)).not.toThrow();
      }),
      { numRuns: 40 },
    );
  });

  it.each(STABLE)('are read or refused, though they are noise: %s', (signal) => {
    // Noise in the field of the resources gets further.
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (noise) => {
        const inside = Uint8Array.from([0x0a, noise.length, 0x12, ...noise]);
        for (const bytes of [noise, inside]) expect(() => readInEveryWay(signal, bytes)).not.toThrow();
      }),
      { numRuns: 40 },
    );
  });

  it.each([
    ['a length without its end', '0a', 'message ends inside a field at offset 1'],
    ['a length beyond the end', '0a05', 'message ends inside a field at offset 2'],
    ['a length of 2^63', '0affffffffffffffff7f', 'message ends inside a field at offset 10'],
    ['a varint of eleven bytes', '08ffffffffffffffffffff01', 'varint above 64 bits at offset 1'],
    ['a varint of 70 bits', '08ffffffffffffffffff7f', 'varint above 64 bits at offset 1'],
    ['field number 0', '0200', 'invalid field number at offset 0'],
    ['a field number above 2^29', '8280808010', 'invalid field number at offset 0'],
    ['a group', '0b0c', 'unknown wire type 3 at offset 0'],
    ['a reserved wire type', '0f', 'unknown wire type 7 at offset 0'],
    ['another wire type than the field has', '0801', 'field 1 has wire type 0 instead of 2 at offset 0'],
  ])('are refused with the place: %s', (_name, hex, message) => {
    const batch = new Batch('traces', Buffer.from(hex, 'hex'));
    expect(() => [...batch.spans()]).toThrow(new MalformedBatchError(message.split(' at ')[0]!, offsetIn(message)));
    expect(() => batch.toObject()).toThrow(message);
  });

  it('are refused when values are nested too deeply, and not one level earlier', () => {
    expect(readAttribute(nested(128))).toBeDefined();
    expect(() => readAttribute(nested(129))).toThrow('values are nested deeper than 128 levels');
    expect(() => readAttribute(nested(5000))).toThrow(MalformedBatchError);
  });
});

/** Bytes of the first field behind its tag. */
function sizeOfFirst(bytes: Uint8Array): number {
  const end = bytes.findIndex((byte, at) => at > 0 && byte < 0x80);
  const length = bytes.subarray(1, end + 1).reduceRight((sum, byte) => sum * 128 + (byte & 0x7f), 0);
  return end + length;
}

function offsetIn(message: string): number {
  return Number(message.split(' ').at(-1));
}

/** An AnyValue of arrays in arrays: so many levels, the innermost a boolean. */
function nested(levels: number): Uint8Array {
  let value: Uint8Array = Buffer.from('1001', 'hex');
  for (let level = 1; level < levels; level += 1) value = field(5, field(1, value));
  return value;
}

function readAttribute(value: Uint8Array): unknown {
  const keyValue = Buffer.concat([field(1, Buffer.from('deep')), field(2, value)]);
  const span = field(9, keyValue);
  const [first] = new Batch('traces', field(1, field(2, field(2, span)))).spans();
  return first?.attributes.get('deep');
}

function field(number: number, content: Uint8Array): Buffer {
  const head = [number * 8 + 2];
  let rest = content.length;
  for (; rest >= 0x80; rest >>= 7) head.push((rest & 0x7f) | 0x80);
  return Buffer.concat([Buffer.from([...head, rest]), content]);
}
