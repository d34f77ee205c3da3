/**
 * Values of single fields that are neither messages nor lists, by their kind: the wire's form and the plain one, where
 * 64-bit integers are bigint.
 */
import { FIXED32, FIXED64, VARINT } from '../protobuf/wire-types.js';
import type { Writer } from '../protobuf/writer.js';
import { endOfVarint, int32, sint32, uint64 } from './cursor.js';
import { MalformedBatchError } from './errors.js';
import { type Field } from './schema.js';

export type Scalar = string | number | bigint | boolean | Uint8Array;

/** The value whose payload is `from..to`. Byte strings are copies. */
export function readScalar(field: Field, bytes: Buffer, from: number, to: number): Scalar {
  switch (field.kind) {
    case 'string':
      return bytes.toString('utf8', from, to);
    case 'bytes':
      return Uint8Array.prototype.slice.call(bytes, from, to);
    case 'double':
      return bytes.readDoubleLE(from);
    case 'fixed64':
      return bytes.readBigUInt64LE(from);
    case 'sfixed64':
      return bytes.readBigInt64LE(from);
    case 'fixed32':
      return bytes.readUInt32LE(from);
    case 'uint32':
      return int32(bytes, from, to) >>> 0;
    case 'sint32':
      return sint32(bytes, from, to);
    case 'int64':
      return BigInt.asIntN(64, uint64(bytes, from, to));
    case 'uint64':
      return BigInt.asUintN(64, uint64(bytes, from, to));
    case 'bool':
      return to - from > 1 || bytes[from] !== 0;
    default:
      return int32(bytes, from, to);
  }
}

/** What an absent field without presence means. */
export function defaultOf(field: Field): Scalar {
  switch (field.kind) {
    case 'string':
      return '';
    case 'bytes':
      return new Uint8Array(0);
    case 'bool':
      return false;
    case 'fixed64':
    case 'sfixed64':
    case 'int64':
    case 'uint64':
      return 0n;
    default:
      return 0;
  }
}

/** Writes the payload of a value that {@link checkScalar} returned. */
export function writePayload(writer: Writer, field: Field, value: Scalar): void {
  const before = writer.written;
  switch (field.kind) {
    case 'string':
      writer.text(value as string);
      return writer.varint(writer.written - before);
    case 'bytes':
    // A message by its content.
    case 'message':
      writer.bytes(value as Uint8Array);
      return writer.varint(writer.written - before);
    case 'double':
      return writer.double(value as number);
    case 'fixed64':
    case 'sfixed64':
      return writer.fixed64(value as bigint);
    case 'fixed32':
      return writer.fixed32(value as number);
    case 'bool':
      return writer.varint(value === true ? 1 : 0);
    case 'int64':
    case 'uint64':
      return writer.varint64(value as bigint);
    case 'sint32':
      return writer.varint((((value as number) << 1) ^ ((value as number) >> 31)) >>> 0);
    default:
      return writer.int64(value as number);
  }
}

/** Writes a whole field. */
export function writeScalar(writer: Writer, field: Field, value: Scalar): void {
  writePayload(writer, field, value);
  writer.tag(field.number, field.wire);
}

/** The values of a list of numbers, packed or not, whose field was found at `from..to` with layout `wire`. */
export function readNumbers(field: Field, bytes: Buffer, wire: number, from: number, to: number): Scalar[] {
  if (wire === field.wire) return [readScalar(field, bytes, from, to)];
  const values: Scalar[] = [];
  for (let at = from; at < to;) {
    const next = field.wire === VARINT ? endOfVarint(bytes, at, to) : at + widthOf(field);
    if (next > to) throw new MalformedBatchError('list of numbers ends inside a number', to);
    values.push(readScalar(field, bytes, at, next));
    at = next;
  }
  return values;
}

function widthOf(field: Field): number {
  return field.wire === FIXED64 ? 8 : field.wire === FIXED32 ? 4 : 1;
}

/**
 * A value that fits the field. 64-bit integers may be given as numbers, decimal strings or objects with `low` and
 * `high`, as protobufjs has them. Throws a TypeError or a RangeError that names the field.
 */
export function checkScalar(field: Field, value: unknown): Scalar {
  switch (field.kind) {
    case 'string':
      if (typeof value === 'string') return value;
      break;
    case 'bytes':
      if (value instanceof Uint8Array) return value;
      break;
    case 'bool':
      if (typeof value === 'boolean') return value;
      break;
    case 'double':
      if (typeof value === 'number') return value;
      break;
    case 'fixed64':
    case 'uint64':
      return inRange(field, wideInteger(field, value), 0n, 2n ** 64n - 1n);
    case 'sfixed64':
    case 'int64':
      return inRange(field, wideInteger(field, value), -(2n ** 63n), 2n ** 63n - 1n);
    case 'fixed32':
    case 'uint32':
      if (typeof value === 'number') return inRange(field, integer(field, value), 0, 2 ** 32 - 1);
      break;
    default:
      if (typeof value === 'number') return inRange(field, integer(field, value), -(2 ** 31), 2 ** 31 - 1);
  }
  throw wrongType(field, value);
}

function integer(field: Field, value: number): number {
  if (!Number.isInteger(value)) throw new RangeError(`${field.name}: not an integer: ${value}`);
  return value;
}

function wideInteger(field: Field, value: unknown): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new RangeError(`${field.name}: not a safe integer: ${value}`);
    return BigInt(value);
  }
  if (typeof value === 'string' && /^-?\d{1,20}$/.test(value)) return BigInt(value);
  if (typeof value === 'object' && value !== null && 'low' in value && 'high' in value) {
    const bits = (BigInt(Number(value.high) >>> 0) << 32n) | BigInt(Number(value.low) >>> 0);
    return field.kind === 'sfixed64' || field.kind === 'int64' ? BigInt.asIntN(64, bits) : bits;
  }
  throw wrongType(field, value);
}

function inRange<T extends number | bigint>(field: Field, value: T, low: T, high: T): T {
  if (value < low || value > high) throw new RangeError(`${field.name}: out of range: ${value}`);
  return value;
}

function wrongType(field: Field, value: unknown): TypeError {
  const found = value === null ? 'null' : typeof value;
  return new TypeError(`${field.name}: expected ${TYPE_WORDS[field.kind] ?? 'an integer'}, found ${found}`);
}

const TYPE_WORDS: Partial<Record<Field['kind'], string>> = {
  string: 'a string',
  bytes: 'a Uint8Array',
  bool: 'a boolean',
  double: 'a number',
};
