/**
 * Writes protobuf from its end to its beginning: a message is there before its length, so nothing is measured first,
 * moved after, or written into a buffer of its own. Fields come out in the order opposite to that of the calls.
 */

/** The fewest bytes of a new buffer. */
const BYTES_MIN = 1024;
/** From here on Node's own encoder is faster than a loop. */
const LOOPED_CHARS_MAX = 48;

/** One message in the making. Numbers of fields must be below 16, where a tag is one byte, unless said. */
export class Writer {
  #bytes: Buffer;
  /** Where what is written begins. */
  #at: number;

  /** @param bytesExpected how large the message will be; more is possible */
  constructor(bytesExpected: number) {
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(bytesExpected, BYTES_MIN));
    this.#at = this.#bytes.length;
  }

  /** What is written; the writer is done with. */
  finish(): Uint8Array {
    return this.#bytes.subarray(this.#at);
  }

  /** How much is written, to be given to {@link message} when what stands before is complete. */
  get length(): number {
    return this.#bytes.length - this.#at;
  }

  /** Makes what was written since `length` was `before` a message, a string or bytes in a field. */
  message(field: number, before: number): void {
    this.#reserve(6);
    this.#varint(this.length - before);
    this.#tag(field, 2);
  }

  text(field: number, text: string): void {
    this.#reserve(text.length * 3 + 6);
    const size = text.length > LOOPED_CHARS_MAX ? this.#encoded(text) : this.#looped(text);
    this.#varint(size);
    this.#tag(field, 2);
  }

  bytes(field: number, bytes: Uint8Array): void {
    this.#reserve(bytes.length + 6);
    this.#at -= bytes.length;
    this.#bytes.set(bytes, this.#at);
    this.#varint(bytes.length);
    this.#tag(field, 2);
  }

  /** Hexadecimal digits as bytes. */
  hex(field: number, digits: string): void {
    this.#reserve(digits.length + 6);
    const size = digits.length >>> 1;
    this.#at -= size;
    for (let index = 0; index < size; index += 1) {
      const [high, low] = [digits.charCodeAt(index * 2), digits.charCodeAt(index * 2 + 1)];
      this.#bytes[this.#at + index] = (digit(high) << 4) | digit(low);
    }
    this.#varint(size);
    this.#tag(field, 2);
  }

  /** A whole number of 64 bits, negative ones in two's complement. */
  integer(field: number, value: number): void {
    this.#reserve(11);
    if (value >= 0 && value < 2 ** 31) this.#varint(value);
    else this.#varint64(value >>> 0, Math.floor(value / 2 ** 32) >>> 0);
    this.#tag(field, 0);
  }

  double(field: number, value: number): void {
    this.#reserve(9);
    this.#at = this.#bytes.writeDoubleLE(value, this.#at - 8) - 8;
    this.#tag(field, 1);
  }

  /** A number of 32 bits; the field may be above 15. */
  fixed32(field: number, value: number): void {
    this.#reserve(6);
    this.#at -= 4;
    this.#word(this.#at, value);
    this.#varint((field << 3) | 5);
  }

  /** The SDK's time, seconds and nanoseconds, as nanoseconds in 64 bits. */
  time(field: number, [seconds, nanos]: readonly [number, number]): void {
    this.#reserve(9);
    // Seconds in two halves of 16 bits and more, so that no product leaves the whole numbers.
    const upper = Math.floor(seconds / 2 ** 16) * 1e9;
    const lower = (seconds & 0xffff) * 1e9 + (upper % 2 ** 16) * 2 ** 16 + nanos;
    this.#at -= 8;
    this.#word(this.#at, lower);
    this.#word(this.#at + 4, Math.floor(upper / 2 ** 16) + Math.floor(lower / 2 ** 32));
    this.#tag(field, 1);
  }

  /** The bytes of a text, for which there is room three times over; gives their number. */
  #looped(text: string): number {
    const end = this.#at;
    for (let index = text.length - 1; index >= 0; index -= 1) {
      const unit = text.charCodeAt(index);
      if (unit > 0x7f) {
        this.#at = end;
        return this.#encoded(text);
      }
      this.#at -= 1;
      this.#bytes[this.#at] = unit;
    }
    return text.length;
  }

  #encoded(text: string): number {
    const size = Buffer.byteLength(text);
    this.#at -= size;
    this.#bytes.write(text, this.#at, size);
    return size;
  }

  #tag(field: number, wire: number): void {
    this.#at -= 1;
    this.#bytes[this.#at] = (field << 3) | wire;
  }

  /** At most 31 bits. */
  #varint(value: number): void {
    if (value < 0x80) {
      this.#at -= 1;
      this.#bytes[this.#at] = value;
      return;
    }
    this.#at -= Math.ceil((32 - Math.clz32(value)) / 7);
    let [at, left] = [this.#at, value];
    for (; left >= 0x80; left >>>= 7) {
      this.#bytes[at] = (left & 0x7f) | 0x80;
      at += 1;
    }
    this.#bytes[at] = left;
  }

  #varint64(low: number, high: number): void {
    const bits = high === 0 ? 32 - Math.clz32(low) : 64 - Math.clz32(high);
    this.#at -= Math.max(Math.ceil(bits / 7), 1);
    let [at, lower, upper] = [this.#at, low, high];
    while (upper > 0 || lower >= 0x80) {
      this.#bytes[at] = (lower & 0x7f) | 0x80;
      lower = ((lower >>> 7) | (upper << 25)) >>> 0;
      upper >>>= 7;
      at += 1;
    }
    this.#bytes[at] = lower;
  }

  /** The lowest 32 bits of a whole number. */
  #word(at: number, value: number): void {
    const word = value >>> 0;
    this.#bytes[at] = word;
    this.#bytes[at + 1] = word >>> 8;
    this.#bytes[at + 2] = word >>> 16;
    this.#bytes[at + 3] = word >>> 24;
  }

  /** Room for so many bytes more. */
  #reserve(bytes: number): void {
    if (this.#at < bytes) this.#grow(bytes);
  }

  #grow(bytes: number): void {
    const written = this.#bytes.subarray(this.#at);
    const larger = Buffer.allocUnsafeSlow(this.#bytes.length * 2 + bytes);
    this.#at = larger.length - written.length;
    larger.set(written, this.#at);
    this.#bytes = larger;
  }
}

/** The value of a hexadecimal digit of either case. */
function digit(unit: number): number {
  return (unit & 15) + (unit >> 6) * 9;
}
