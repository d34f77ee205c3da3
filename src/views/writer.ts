/**
 * Writes a message from its end to its start: when the length of a message has to be written, its content stands there
 * already. What stays of an old message is moved inside one buffer, which is cheaper than copying between two.
 */
import { DELIMITED } from './schema.js';

const NOTHING = Buffer.alloc(0);
/** Short text is written character by character; a call into the runtime costs as much as this many. */
const SHORT_TEXT_LENGTH = 48;
const ROOM_BYTES_MIN = 256;

export class Writer {
  /** The old message at the front, unread up to `#unread`, and the new one at the end. */
  #buffer: Buffer;
  /** Where the new message begins. */
  #at: number;
  #unread: number;
  readonly #source: Uint8Array;

  /** Begins a message that takes over parts of `source` and gains about `growth` bytes. */
  constructor(source: Uint8Array = NOTHING, growth = 0) {
    this.#source = source;
    this.#unread = source.length;
    this.#buffer = Buffer.allocUnsafeSlow(source.length + growth + ROOM_BYTES_MIN);
    this.#buffer.set(source);
    this.#at = this.#buffer.length;
  }

  /** Bytes written so far. */
  get written(): number {
    return this.#buffer.length - this.#at;
  }

  /** What was written, in memory of its own. */
  finish(): Buffer {
    const written = this.#buffer.subarray(this.#at);
    if (this.#at <= written.length / 4) return written;
    // Much room left would live as long as the result.
    const fitted = Buffer.allocUnsafeSlow(written.length);
    fitted.set(written);
    return fitted;
  }

  /** Part of an old message, of the source or another. Parts of the source come in falling order. */
  keep(bytes: Uint8Array, from: number, to: number): void {
    if (from >= to) return;
    if (bytes === this.#source) {
      this.#at -= to - from;
      this.#buffer.copyWithin(this.#at, from, to);
      this.#unread = from;
    } else {
      this.bytes(bytes.subarray(from, to));
    }
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#buffer.set(value, this.#at);
  }

  /** Text as UTF-8; lone surrogates become U+FFFD. */
  text(value: string): void {
    const { length } = value;
    if (length <= SHORT_TEXT_LENGTH) {
      this.#reserve(length);
      const [buffer, at] = [this.#buffer, this.#at];
      let index = 0;
      for (; index < length; index += 1) {
        const unit = value.charCodeAt(index);
        if (unit >= 0x80) break;
        buffer[at + index] = unit;
      }
      if (index === length) return;
      this.#at += length;
    }
    const size = Buffer.byteLength(value);
    this.#reserve(size);
    this.#buffer.write(value, this.#at, size);
  }

  /** A varint of an integer that is not negative and at most 2^53. */
  varint(value: number): void {
    if (value < 0x80) {
      this.#reserve(1);
      this.#buffer[this.#at] = value;
      return;
    }
    const size = varintSize(value);
    this.#reserve(size);
    let [at, rest] = [this.#at, value];
    for (; rest >= 0x80; rest = Math.floor(rest / 128)) this.#buffer[at++] = (rest % 128) | 0x80;
    this.#buffer[at] = rest;
  }

  /** A varint of the low 64 bits of an integer. */
  varint64(value: bigint): void {
    let rest = BigInt.asUintN(64, value);
    if (rest <= MAX_SAFE) {
      this.varint(Number(rest));
      return;
    }
    const digits: number[] = [];
    for (; rest >= 0x80n; rest >>= 7n) digits.push(Number(rest & 0x7fn) | 0x80);
    digits.push(Number(rest));
    this.bytes(Uint8Array.from(digits));
  }

  fixed64(value: bigint): void {
    this.#reserve(8);
    this.#buffer.writeBigUInt64LE(BigInt.asUintN(64, value), this.#at);
  }

  fixed32(value: number): void {
    this.#reserve(4);
    this.#buffer.writeUInt32LE(value >>> 0, this.#at);
  }

  double(value: number): void {
    this.#reserve(8);
    this.#buffer.writeDoubleLE(value, this.#at);
  }

  /** The tag of what was written before. */
  tag(number: number, wire: number): void {
    this.varint(number * 8 + wire);
  }

  /** Length and tag of what was written since `written` was `before`. */
  close(number: number, before: number): void {
    this.varint(this.written - before);
    this.tag(number, DELIMITED);
  }

  /** Moves back by as many bytes. */
  #reserve(bytes: number): void {
    if (this.#at - bytes < this.#unread) this.#grow(bytes);
    this.#at -= bytes;
  }

  #grow(bytes: number): void {
    const old = this.#buffer;
    const { written } = this;
    this.#buffer = Buffer.allocUnsafeSlow(2 * old.length + bytes);
    old.copy(this.#buffer, 0, 0, this.#unread);
    const at = this.#buffer.length - written;
    old.copy(this.#buffer, at, this.#at);
    this.#at = at;
  }
}

const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 128)) size += 1;
  return size;
}
