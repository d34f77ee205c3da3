/**
 * Writes a message from its end to its start: when the length of a message has to be written, its content stands there
 * already. What stays of an old message is moved inside one buffer, which is cheaper than copying between two.
 */
import { DELIMITED } from './wire-types.js';

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

  /** Hexadecimal digits of either case as bytes. */
  hex(digits: string): void {
    const size = digits.length >>> 1;
    this.#reserve(size);
    const [buffer, at] = [this.#buffer, this.#at];
    for (let index = 0; index < size; index += 1) {
      const [high, low] = [digits.charCodeAt(index * 2), digits.charCodeAt(index * 2 + 1)];
      buffer[at + index] = (digitOf(high) << 4) | digitOf(low);
    }
  }

  /** A varint of an integer that is not negative and at most 2^53. */
  varint(value: number): void {
    if (value < 0x80) {
      this.#reserve(1);
      this.#buffer[this.#at] = value;
      return;
    }
    if (value >= 2 ** 31) {
      this.#varintOfWords(value >>> 0, Math.floor(value / 2 ** 32));
      return;
    }
    this.#reserve(Math.ceil((32 - Math.clz32(value)) / 7));
    const buffer = this.#buffer;
    let [at, rest] = [this.#at, value];
    for (; rest >= 0x80; rest >>>= 7) buffer[at++] = (rest & 0x7f) | 0x80;
    buffer[at] = rest;
  }

  /** A varint of an integer from -2^63 to 2^63, negative ones in two's complement. */
  int64(value: number): void {
    if (value >= 0) this.varint(value);
    else this.#varintOfWords(value >>> 0, Math.floor(value / 2 ** 32) >>> 0);
  }

  /** A varint of the low 64 bits of an integer. */
  varint64(value: bigint): void {
    this.#varintOfWords(Number(BigInt.asUintN(32, value)), Number(BigInt.asUintN(32, value >> 32n)));
  }

  /** The varint of an integer of 64 bits. */
  #varintOfWords(low: number, high: number): void {
    const bits = high === 0 ? 32 - Math.clz32(low) : 64 - Math.clz32(high);
    this.#reserve(Math.max(Math.ceil(bits / 7), 1));
    const buffer = this.#buffer;
    let [at, lower, upper] = [this.#at, low, high];
    while (upper > 0 || lower >= 0x80) {
      buffer[at++] = (lower & 0x7f) | 0x80;
      lower = ((lower >>> 7) | (upper << 25)) >>> 0;
      upper >>>= 7;
    }
    buffer[at] = lower;
  }

  fixed64(value: bigint): void {
    this.#reserve(8);
    this.#buffer.writeBigUInt64LE(BigInt.asUintN(64, value), this.#at);
  }

  /** The 64 bits of an integer that is not negative, by its halves; of numbers beyond 32 bits the low ones count. */
  fixed64OfWords(low: number, high: number): void {
    this.fixed32(high);
    this.fixed32(low);
  }

  fixed32(value: number): void {
    this.#reserve(4);
    const [buffer, at, word] = [this.#buffer, this.#at, value >>> 0];
    buffer[at] = word;
    buffer[at + 1] = word >>> 8;
    buffer[at + 2] = word >>> 16;
    buffer[at + 3] = word >>> 24;
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
    const size = this.written - before;
    if (size < 0x80 && number < 16) {
      this.#reserve(2);
      this.#buffer[this.#at] = number * 8 + DELIMITED;
      this.#buffer[this.#at + 1] = size;
      return;
    }
    this.varint(size);
    this.tag(number, DELIMITED);
  }

  /** A field of text. */
  textField(number: number, value: string): void {
    const before = this.written;
    this.text(value);
    this.close(number, before);
  }

  /** A field of bytes. */
  bytesField(number: number, value: Uint8Array): void {
    this.bytes(value);
    this.varint(value.length);
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

/** The value of a hexadecimal digit of either case. */
function digitOf(unit: number): number {
  return (unit & 15) + (unit >> 6) * 9;
}
