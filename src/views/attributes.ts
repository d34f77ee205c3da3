/**
 * A list of attributes in place: found by comparing the bytes of keys, decoded when read, changed one by one.
 */
import { DELIMITED } from '../protobuf/wire-types.js';
import type { Writer } from '../protobuf/writer.js';
import {
  encodedAnyValue,
  readAnyValue,
  writeAnyValue,
  writeKey,
  type AnyValue,
  type AnyValueInput,
} from './any-value.js';
import { Cursor } from './cursor.js';
import { hasKey, probeOf, readKey, readValue, type Probe } from './key-value.js';
import type { Message, Piece } from './message.js';
import { KEY_VALUE, type Field } from './schema.js';

const KEY = KEY_VALUE.fields.key.number;
const VALUE = KEY_VALUE.fields.value.number;

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
      if (edit === undefined) return readValue(this.#message.bytes, cursor.from, cursor.to);
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

  keys(): IterableIterator<string> {
    return this.#walk((attribute) => attribute.key());
  }

  values(): IterableIterator<AnyValue> {
    return this.#walk((attribute) => attribute.value());
  }

  entries(): IterableIterator<[string, AnyValue]> {
    return this.#walk((attribute) => [attribute.key(), attribute.value()]);
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

  /** Goes through the attributes as they are at each step. */
  *#walk<T>(read: (attribute: Walked) => T): IterableIterator<T> {
    const { bytes } = this.#message;
    const cursor = this.#cursor();
    const walked = new Walked(bytes, cursor);
    while (cursor.find(this.#field.number, DELIMITED)) {
      walked.edit = this.#edits?.get(cursor.start);
      if (walked.edit?.value !== REMOVED) yield read(walked);
    }
    for (const edit of this.#added?.values() ?? []) {
      walked.edit = edit;
      yield read(walked);
    }
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

/** The attribute that a walk has come to. */
class Walked {
  /** What it was changed to, or what was added. */
  edit: AttributeEdit | undefined;
  readonly #bytes: Buffer;
  readonly #cursor: Cursor;

  constructor(bytes: Buffer, cursor: Cursor) {
    this.#bytes = bytes;
    this.#cursor = cursor;
  }

  key(): string {
    return this.edit?.key ?? readKey(this.#bytes, this.#cursor.from, this.#cursor.to);
  }

  value(): AnyValue {
    if (this.edit !== undefined) return restored(this.edit.value as Stored);
    return readValue(this.#bytes, this.#cursor.from, this.#cursor.to);
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
