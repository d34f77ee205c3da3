/**
 * Fields as the SDK's values need them. Fields of a message are written from the last to the first.
 */
import { FIXED32, FIXED64, VARINT } from '../protobuf/wire-types.js';
import type { Writer } from '../protobuf/writer.js';

/** A whole number of 64 bits, negative ones in two's complement. */
export function writeInteger(writer: Writer, field: number, value: number): void {
  writer.int64(value);
  writer.tag(field, VARINT);
}

export function writeDouble(writer: Writer, field: number, value: number): void {
  writer.double(value);
  writer.tag(field, FIXED64);
}

export function writeFixed32(writer: Writer, field: number, value: number): void {
  writer.fixed32(value);
  writer.tag(field, FIXED32);
}

/** Hexadecimal digits as bytes. */
export function writeHex(writer: Writer, field: number, digits: string): void {
  const before = writer.written;
  writer.hex(digits);
  writer.close(field, before);
}

/** The SDK's time, seconds and nanoseconds, as nanoseconds in 64 bits. */
export function writeTime(writer: Writer, field: number, [seconds, nanos]: readonly [number, number]): void {
  // Seconds in two halves of 16 bits and more, so that no product leaves the whole numbers.
  const upper = Math.floor(seconds / 2 ** 16) * 1e9;
  const lower = (seconds & 0xffff) * 1e9 + (upper % 2 ** 16) * 2 ** 16 + nanos;
  writer.fixed64OfWords(lower, Math.floor(upper / 2 ** 16) + Math.floor(lower / 2 ** 32));
  writer.tag(field, FIXED64);
}
