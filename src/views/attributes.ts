/**
 * A list of attributes in place: found by comparing the bytes of keys, decoded when read, changed one by one.
 */
import {
  encodedAnyValue,
  readAnyValue,
  readHeldValue,
  readKey,
  writeAnyValue,
  writeKey,
  type AnyValue,
  type AnyValueInput,
} from './any-value.js';
import { Cursor } from './cursor.js';
import type { Message, Piece } from './message.js';
import { DELIMITED, KEY_VALUE, type Field } from './schema.js';
import type { Writer } from './writer.js';

const KEY = KEY_VALUE.fields.key.number;
const VALUE = KEY_VALUE.fields.value.number;
const KEY_TAG = KEY * 8 + DELIMITED;
const VALUE_TAG = VALUE * 8 + DELIMITED;

/** About what an attribute takes besides its texts. */
const OVERHEAD_BYTES = 24;

/**
 * The attributes of a resource, scope, record or part of one, in their order. Works like a `Map` from strings to values.
 * Where a key stands several times in the list, `get` reads the first and `set` and `delete` change all.
 */
export class Attributes implements Iterable<[string, AnyValue]> {
  readonly #message: Message;
  readonly #field: Field;
  /** Attributes of the old list that were changed or removed, by their place. */
  #edits: Map<number, AttributeEdit> | null = null;
  /** Attributes that were added, by their keys. */
  #added: Map<string, AttributeEdit> | null = null;
  /** How many attributes of the old list are left; null until somebody asks. */
  #left: number | null = null;
  /** Attributes that were passed in search of keys. */
  #passed = 0;
  /** The old list by keys, once it is worth it. */
  #index: KeyIndex | null = null;

  /** @internal */
  constructor(message: Message, field: Field) {
    this.#message = message;
    this.#field = field;
  }

  /** How many attributes there are. */
  get size(): number {
    this.#left ??= this.#countLeft();
    return this.#left + (this.#added?.size ?? 0);
  }

  /** The value of a key: undefined if there is none, null if it is empty. */
  get(key: string): AnyValue | undefined {
    const probe = probeOf(key);
    const cursor = this.#cursor();
    while (this.#findKey(cursor, probe)) {
      const edit = this.#edits?.get(cursor.start);
      if (edit === undefined) return readHeldValue(this.#message.bytes, cursor.from, cursor.to, VALUE);
      if (edit.value !== REMOVED) return restored(edit.value);
    }
    const added = this.#added?.get(key);
    return added === undefined ? undefined : restored(added.value as Stored);
  }

  has(key: string): boolean {
    const probe = probeOf(key);
    const cursor = this.#cursor();
    while (this.#findKey(cursor, probe)) if (this.#isThere(cursor.start)) return true;
    return this.#added?.has(key) === true;
  }

  /**
   * Sets the value of a key, in its place or at the end. The value is taken as it is now.
   *
   * Throws a TypeError or RangeError for what is no value: undefined, functions, instances of classes, a bigint of more
   * than 64 bits, more than 128 levels.
   */
  set(key: string, value: AnyValueInput): this {
    if (typeof key !== 'string') throw new TypeError(`attribute keys are strings, found ${typeof key}`);
    const stored = storedForm(value);
    this.#message.totals.growth += key.length + sizeOf(stored) + OVERHEAD_BYTES;
    if (this.#replace(key, stored)) return this;
    const { to } = this.#message;
    const edit = new AttributeEdit(to, to, this.#field.number, key, stored, null);
    (this.#added ??= new Map()).set(key, edit);
    this.#message.add(edit);
    return this;
  }

  /** Removes a key; whether it was there. */
  delete(key: string): boolean {
    return this.#replace(key, REMOVED);
  }

  /** Removes all attributes. */
  clear(): void {
    for (const key of this.keys()) this.delete(key);
  }

  *keys(): IterableIterator<string> {
    for (const { key } of this.#all()) yield key;
  }

  *values(): IterableIterator<AnyValue> {
    for (const { value } of this.#all()) yield value();
  }

  *entries(): IterableIterator<[string, AnyValue]> {
    for (const { key, value } of this.#all()) yield [key, value()];
  }

  [Symbol.iterator](): IterableIterator<[string, AnyValue]> {
    return this.entries();
  }

  /** All attributes as an object without prototype. */
  toObject(): Record<string, AnyValue> {
    const object = Object.create(null) as Record<string, AnyValue>;
    for (const [key, value] of this) if (!(key in object)) object[key] = value;
    return object;
  }

  /** Keys in order, each with a way to its value. */
  *#all(): IterableIterator<{ readonly key: string; readonly value: () => AnyValue }> {
    const { bytes } = this.#message;
    const cursor = this.#cursor();
    while (cursor.find(this.#field.number, DELIMITED)) {
      const { start, from, to } = cursor;
      if (!this.#isThere(start)) continue;
      const value = () => {
        const edit = this.#edits?.get(start);
        return edit === undefined || edit.value === REMOVED
          ? readHeldValue(bytes, from, to, VALUE)
          : restored(edit.value);
      };
      yield { key: readKey(bytes, from, to), value };
    }
    for (const [key, edit] of this.#added ?? []) yield { key, value: () => restored(edit.value as Stored) };
  }

  /** Gives the first attribute with this key another value and removes the others; whether there was one. */
  #replace(key: string, value: Stored | typeof REMOVED): boolean {
    let next: Stored | typeof REMOVED = value;
    let replaced = false;
    const probe = probeOf(key);
    const cursor = this.#cursor();
    while (this.#findKey(cursor, probe)) {
      if (!this.#isThere(cursor.start)) continue;
      this.#edit(cursor, key, next);
      next = REMOVED;
      replaced = true;
    }
    const added = this.#added?.get(key);
    if (added === undefined) return replaced;
    added.value = next;
    if (next === REMOVED) this.#added!.delete(key);
    return true;
  }

  #edit({ start, from, to }: Cursor, key: string, value: Stored | typeof REMOVED): void {
    if (value === REMOVED && this.#left !== null) this.#left -= 1;
    this.#edits ??= new Map();
    const known = this.#edits.get(start);
    if (known !== undefined) {
      known.value = value;
      return;
    }
    const old = this.#message.bytes.subarray(from, to);
    const edit = new AttributeEdit(start, to, this.#field.number, key, value, old);
    this.#edits.set(start, edit);
    this.#message.add(edit);
  }

  #countLeft(): number {
    let left = 0;
    const cursor = this.#cursor();
    while (cursor.find(this.#field.number, DELIMITED)) if (this.#isThere(cursor.start)) left += 1;
    return left;
  }

  #isThere(start: number): boolean {
    return this.#edits === null || this.#edits.get(start)?.value !== REMOVED;
  }

  #cursor(): Cursor {
    return new Cursor(this.#message.bytes, this.#message.from, this.#message.to);
  }

  /** Moves to the next attribute of the old list with this key. */
  #findKey(cursor: Cursor, probe: Probe): boolean {
    // Looking for every key of a long list must not take the square of its length.
    if (this.#passed > PASSED_MAX)
      return (this.#index ??= new KeyIndex(this.#message.bytes, this.#cursor(), this.#field)).find(cursor, probe);
    const { number } = this.#field;
    while (cursor.find(number, DELIMITED)) {
      this.#passed += 1;
      if (hasKey(this.#message.bytes, cursor.from, cursor.to, probe)) return true;
    }
    return false;
  }
}

/** Attributes that are passed in search of keys before a list gets an index. */
const PASSED_MAX = 4096;

/** Where the attributes of a long list are, by their keys. */
class KeyIndex {
  /** Where the first attribute with a key begins. */
  readonly #first = new Map<string, number>();
  /** Where the next attribute with the same key begins. */
  readonly #next = new Map<number, number>();

  constructor(bytes: Buffer, cursor: Cursor, field: Field) {
    const last = new Map<string, number>();
    while (cursor.find(field.number, DELIMITED)) {
      const key = readKey(bytes, cursor.from, cursor.to);
      const before = last.get(key);
      if (before === undefined) this.#first.set(key, cursor.start);
      else this.#next.set(before, cursor.start);
      last.set(key, cursor.start);
    }
  }

  /** Moves to the first attribute with this key, or from one to the next. */
  find(cursor: Cursor, { text }: Probe): boolean {
    const isFresh = cursor.number === 0;
    const start = isFresh ? this.#first.get(text) : this.#next.get(cursor.start);
    return start !== undefined && cursor.nextAt(start);
  }
}

const REMOVED = Symbol('removed');

/** A value as it was set: plain ones as they are, others encoded, so that nobody can change them any more. */
type Stored = string | number | bigint | boolean | null | Encoded;

class Encoded {
  readonly content: Buffer;

  constructor(content: Buffer) {
    this.content = content;
  }
}

function storedForm(value: AnyValueInput): Stored {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'boolean':
      return value;
    default:
      return value === null ? null : new Encoded(encodedAnyValue(value));
  }
}

function restored(stored: Stored): AnyValue {
  return stored instanceof Encoded ? readAnyValue(stored.content, 0, stored.content.length) : stored;
}

function sizeOf(stored: Stored): number {
  if (typeof stored === 'string') return stored.length;
  return stored instanceof Encoded ? stored.content.length : 0;
}

/** An attribute that was changed, removed or added. */
class AttributeEdit implements Piece {
  readonly start: number;
  readonly end: number;
  readonly key: string;
  value: Stored | typeof REMOVED;
  readonly #number: number;
  /** The old KeyValue; null for an attribute that was added. */
  readonly #old: Buffer | null;

  constructor(
    start: number,
    end: number,
    number: number,
    key: string,
    value: Stored | typeof REMOVED,
    old: Buffer | null,
  ) {
    this.start = start;
    this.end = end;
    this.#number = number;
    this.key = key;
    this.value = value;
    this.#old = old;
  }

  write(writer: Writer): void {
    const { value } = this;
    if (value === REMOVED) return;
    const before = writer.written;
    if (this.#old !== null) keepOthers(writer, this.#old);
    const start = writer.written;
    if (value instanceof Encoded) writer.bytes(value.content);
    else writeAnyValue(writer, value);
    writer.close(VALUE, start);
    writeKey(writer, this.key);
    writer.close(this.#number, before);
  }
}

/** Writes what a KeyValue held besides key and value. */
function keepOthers(writer: Writer, old: Buffer): void {
  const others: Buffer[] = [];
  const cursor = new Cursor(old, 0, old.length);
  while (cursor.next()) {
    if (cursor.number !== KEY && cursor.number !== VALUE) others.push(old.subarray(cursor.start, cursor.to));
  }
  for (const field of others.toReversed()) writer.bytes(field);
}

/** A key that is looked for. */
interface Probe {
  readonly text: string;
  readonly bytes: Uint8Array;
  /** Whether it may stand for bytes that are no text, and has to be compared as text. */
  readonly lossy: boolean;
}

const PROBES_MAX = 512;
const PROBE_LENGTH_MAX = 128;
const probes = new Map<string, Probe>();

/** Keys are nearly always the same few. */
function probeOf(key: string): Probe {
  const known = probes.get(key);
  if (known !== undefined) return known;
  const probe = { text: key, bytes: Uint8Array.from(Buffer.from(key)), lossy: key.includes('\u{FFFD}') };
  if (key.length > PROBE_LENGTH_MAX) return probe;
  if (probes.size >= PROBES_MAX) probes.clear();
  probes.set(key, probe);
  return probe;
}

/** Whether the KeyValue in `from..to` has this key. */
function hasKey(bytes: Uint8Array, from: number, to: number, probe: Probe): boolean {
  // The usual form: a short key, a value, and nothing else.
  if (to - from > 3 && bytes[from] === KEY_TAG && !probe.lossy) {
    const length = bytes[from + 1]!;
    const value = from + 2 + length;
    if (length < 0x80 && value + 1 < to && bytes[value] === VALUE_TAG && to === value + 2 + bytes[value + 1]!) {
      return length === probe.bytes.length && endsWith(bytes, value, probe.bytes);
    }
  }
  return hasUnusualKey(bytes, from, to, probe);
}

/** Whether `key` stands before `end`. Keys differ at their ends more often than at their starts. */
function endsWith(bytes: Uint8Array, end: number, key: Uint8Array): boolean {
  const start = end - key.length;
  for (let index = key.length - 1; index >= 0; index -= 1) if (bytes[start + index] !== key[index]) return false;
  return true;
}

function hasUnusualKey(bytes: Uint8Array, from: number, to: number, probe: Probe): boolean {
  const cursor = new Cursor(bytes, from, to);
  // A key that stands several times is its last.
  let found: Uint8Array = NO_KEY;
  while (cursor.find(KEY, DELIMITED)) found = bytes.subarray(cursor.from, cursor.to);
  if (probe.lossy) return Buffer.from(found).toString() === probe.text;
  return found.length === probe.bytes.length && endsWith(found, found.length, probe.bytes);
}

const NO_KEY = new Uint8Array(0);
