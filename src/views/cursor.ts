/**
 * Reading protobuf fields in place: a cursor over one message, and the values of single fields. It knows nothing of
 * OTLP. Whatever the bytes say, it moves forward or throws, and never reads past the message.
 */
import { DELIMITED, FIXED32, FIXED64, VARINT } from '../protobuf/wire-types.js';
import { MalformedBatchError } from './errors.js';

const FIELD_NUMBER_MAX = 2 ** 29 - 1;
/** Bytes of the longest varint. */
const VARINT_BYTES_MAX = 10;

/** A position in one message, and the field that was read last. */
export class Cursor {
  readonly bytes: Uint8Array;
  /** Where the message ends. */
  readonly end: number;
  /** Number of the field. */
  number = 0;
  /** Layout of its payload. */
  wire = 0;
  /** Where the field begins, with its tag. */
  start = 0;
  /** Where its payload begins, behind the length if it has one. */
  from = 0;
  /** Where its payload ends, and the next field begins. */
  to: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.bytes = bytes;
    this.end = end;
    this.to = start;
  }

  /** Moves to the next field; false at the end of the message. */
  next(): boolean {
    const { bytes, end } = this;
    let at = this.to;
    if (at >= end) return false;
    this.start = at;
    const tag = bytes[at++]!;
    // Nearly every tag is one byte.
    if (tag < 0x80 && tag >= 8) {
      this.number = tag >>> 3;
      this.wire = tag & 7;
    } else {
      at = this.#longTag();
    }
    if (this.wire === DELIMITED) {
      if (at >= end) throw truncated(end);
      let length = bytes[at++]!;
      if (length >= 0x80) {
        const second = at < end ? bytes[at]! : 0x80;
        if (second < 0x80) {
          length = (length & 0x7f) | (second << 7);
          at += 1;
        } else {
          length = lowVarint(bytes, at - 1, end);
          at = endOfVarint(bytes, at - 1, end);
        }
      }
      this.from = at;
      this.to = at + length;
    } else {
      this.from = at;
      this.to = this.#endOfNumber(at);
    }
    if (this.to > end) throw truncated(end);
    return true;
  }

  /** Moves to the field that begins at `start`. */
  nextAt(start: number): boolean {
    this.to = start;
    return this.next();
  }

  /** Moves to the next field with this number and layout; false at the end. Throws if it has another layout. */
  find(number: number, wire: number): boolean {
    while (this.next()) {
      if (this.number === number) {
        this.expect(wire);
        return true;
      }
    }
    return false;
  }

  /** Throws if the field has another layout than its definition. */
  expect(wire: number): void {
    if (this.wire !== wire) {
      throw new MalformedBatchError(`field ${this.number} has wire type ${this.wire} instead of ${wire}`, this.start);
    }
  }

  #endOfNumber(at: number): number {
    switch (this.wire) {
      case VARINT:
        return endOfVarint(this.bytes, at, this.end);
      case FIXED64:
        return at + 8;
      case FIXED32:
        return at + 4;
      default:
        throw new MalformedBatchError(`unknown wire type ${this.wire}`, this.start);
    }
  }

  #longTag(): number {
    const { bytes, start, end } = this;
    const tag = lowVarint(bytes, start, end);
    this.wire = tag % 8;
    this.number = Math.floor(tag / 8);
    if (this.number === 0 || this.number > FIELD_NUMBER_MAX) {
      throw new MalformedBatchError('invalid field number', start);
    }
    return endOfVarint(bytes, start, end);
  }
}

/** Where the varint at `at` ends. Throws if it is longer than ten bytes or 64 bits. */
export function endOfVarint(bytes: Uint8Array, at: number, end: number): number {
  for (let next = at; next < end; next += 1) {
    const byte = bytes[next]!;
    if (byte < 0x80) {
      if (next - at === VARINT_BYTES_MAX - 1 && byte > 1) break;
      return next + 1;
    }
    if (next - at >= VARINT_BYTES_MAX - 1) break;
  }
  if (end - at >= VARINT_BYTES_MAX) throw new MalformedBatchError('varint above 64 bits', at);
  throw truncated(end);
}

/** The varint at `at` as a number; exact up to 2^53, and still above that beyond. */
function lowVarint(bytes: Uint8Array, at: number, end: number): number {
  const stop = endOfVarint(bytes, at, end);
  let value = 0;
  for (let next = stop - 1; next >= at; next -= 1) value = value * 128 + (bytes[next]! & 0x7f);
  return value;
}

/** The varint in `from..to`, unsigned. */
export function uint64(bytes: Uint8Array, from: number, to: number): bigint {
  if (to - from <= 7) return BigInt(lowVarint(bytes, from, to));
  let value = 0n;
  for (let next = to - 1; next >= from; next -= 1) value = (value << 7n) | BigInt(bytes[next]! & 0x7f);
  return value;
}

/** The varint in `from..to` as a signed integer: a number where that is exact. */
export function int64(bytes: Uint8Array, from: number, to: number): number | bigint {
  if (to - from <= 7) return lowVarint(bytes, from, to);
  return exact(BigInt.asIntN(64, uint64(bytes, from, to)));
}

/** A number where that is exact. */
export function exact(value: bigint): number | bigint {
  return value >= MIN_SAFE && value <= MAX_SAFE ? Number(value) : value;
}

const MIN_SAFE = BigInt(Number.MIN_SAFE_INTEGER);
const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);

/** The low 32 bits of the varint in `from..to`, signed. */
export function int32(bytes: Uint8Array, from: number, to: number): number {
  let value = 0;
  const last = Math.min(to, from + 5);
  for (let next = from; next < last; next += 1) value |= (bytes[next]! & 0x7f) << (7 * (next - from));
  return value;
}

/** The low 32 bits of a zigzag varint. */
export function sint32(bytes: Uint8Array, from: number, to: number): number {
  const value = int32(bytes, from, to);
  return (value >>> 1) ^ -(value & 1);
}

function truncated(end: number): MalformedBatchError {
  return new MalformedBatchError('message ends inside a field', end);
}
