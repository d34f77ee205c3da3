/**
 * Attribute values and log bodies (AnyValue) as JavaScript values, and back.
 */
import { DELIMITED } from '../protobuf/wire-types.js';
import { Writer } from '../protobuf/writer.js';
import { Cursor, int64 } from './cursor.js';
import { MalformedBatchError } from './errors.js';
import { ANY_VALUE, ARRAY_VALUE, KEY_VALUE, KEY_VALUE_LIST } from './schema.js';

/**
 * A value as it is read. Integers are numbers where that is exact and bigint otherwise, key-value lists are objects
 * without prototype, and an empty value is null. Of several members with the same key the first counts.
 */
export type AnyValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | Uint8Array
  | readonly AnyValue[]
  | { readonly [key: string]: AnyValue };

/**
 * A value as it is written. Numbers that are safe integers become integers, other numbers doubles, and a bigint has to
 * fit 64 bits. Objects and maps become key-value lists.
 */
export type AnyValueInput =
  | string
  | number
  | bigint
  | boolean
  | null
  | Uint8Array
  | readonly AnyValueInput[]
  | ReadonlyMap<string, AnyValueInput>
  | { readonly [key: string]: AnyValueInput };

/** Most levels of a value: a plain value is one. */
export const DEPTH_MAX = 128;

const { stringValue, boolValue, intValue, doubleValue, arrayValue, kvlistValue, bytesValue } = ANY_VALUE.fields;
const STRING = stringValue.number;
const STRING_TAG = STRING * 8 + DELIMITED;
const BOOL = boolValue.number;
const INT = intValue.number;
const DOUBLE = doubleValue.number;
const ARRAY = arrayValue.number;
const KVLIST = kvlistValue.number;
const BYTES = bytesValue.number;
const KEY = KEY_VALUE.fields.key.number;
const VALUE = KEY_VALUE.fields.value.number;
const ELEMENTS = ARRAY_VALUE.fields.values.number;
const MEMBERS = KEY_VALUE_LIST.fields.values.number;

/** The value whose message stands in `from..to`. */
export function readAnyValue(bytes: Buffer, from: number, to: number, depth = DEPTH_MAX): AnyValue {
  if (depth === 0) throw new MalformedBatchError(`values are nested deeper than ${DEPTH_MAX} levels`, from);
  // A short text and nothing else, as most values are.
  if (to - from >= 2 && bytes[from] === STRING_TAG && bytes[from + 1]! < 0x80 && to === from + 2 + bytes[from + 1]!) {
    return bytes.toString('utf8', from + 2, to);
  }
  const cursor = new Cursor(bytes, from, to);
  let value: AnyValue = null;
  // The last member of the oneof counts; there is hardly ever more than one.
  while (cursor.next()) {
    const field = ANY_VALUE.byNumber[cursor.number];
    if (field === undefined) continue;
    cursor.expect(field.wire);
    value = readMember(bytes, cursor, depth, value);
  }
  return value;
}

function readMember(bytes: Buffer, cursor: Cursor, depth: number, before: AnyValue): AnyValue {
  const { from, to } = cursor;
  switch (cursor.number) {
    case STRING:
      return bytes.toString('utf8', from, to);
    case BOOL:
      return to - from > 1 || bytes[from] !== 0;
    case INT:
      return int64(bytes, from, to);
    case DOUBLE:
      return bytes.readDoubleLE(from);
    case ARRAY:
      return readArray(bytes, from, to, depth, Array.isArray(before) ? (before as AnyValue[]) : []);
    case KVLIST:
      return readMembers(bytes, from, to, depth, isMembers(before) ? before : newMembers());
    case BYTES:
      return Uint8Array.prototype.slice.call(bytes, from, to);
    default:
      // An index into the dictionary of profiles, which is not ours to resolve.
      return null;
  }
}

function readArray(bytes: Buffer, from: number, to: number, depth: number, values: AnyValue[]): AnyValue {
  const cursor = new Cursor(bytes, from, to);
  while (cursor.find(ELEMENTS, DELIMITED)) values.push(readAnyValue(bytes, cursor.from, cursor.to, depth - 1));
  return values;
}

function readMembers(
  bytes: Buffer,
  from: number,
  to: number,
  depth: number,
  members: Record<string, AnyValue>,
): AnyValue {
  const cursor = new Cursor(bytes, from, to);
  while (cursor.find(MEMBERS, DELIMITED)) {
    const key = readUnusualKey(bytes, cursor.from, cursor.to);
    const value = readHeldValue(bytes, cursor.from, cursor.to, VALUE, depth - 1);
    if (!(key in members)) members[key] = value;
  }
  return members;
}

function newMembers(): Record<string, AnyValue> {
  return Object.create(null) as Record<string, AnyValue>;
}

function isMembers(value: AnyValue): value is Record<string, AnyValue> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === null;
}

/** The key of the KeyValue in `from..to`, whatever its form: the last, should there be several. */
export function readUnusualKey(bytes: Buffer, from: number, to: number): string {
  const cursor = new Cursor(bytes, from, to);
  let key = '';
  while (cursor.find(KEY, DELIMITED)) key = bytes.toString('utf8', cursor.from, cursor.to);
  return key;
}

/** The value in field `number` of the message in `from..to`; null if it is absent. */
export function readHeldValue(bytes: Buffer, from: number, to: number, number: number, depth = DEPTH_MAX): AnyValue {
  const cursor = new Cursor(bytes, from, to);
  if (!cursor.find(number, DELIMITED)) return null;
  const first = cursor.from;
  let last = cursor.to;
  let pieces: Buffer[] | null = null;
  // Pieces of a message that comes several times are one message when they are laid side by side.
  while (cursor.find(number, DELIMITED)) {
    pieces ??= [bytes.subarray(first, last)];
    pieces.push(bytes.subarray(cursor.from, cursor.to));
  }
  if (pieces === null) return readAnyValue(bytes, first, last, depth);
  const whole = Buffer.concat(pieces);
  return readAnyValue(whole, 0, whole.length, depth);
}

/** The content of an AnyValue. Throws as {@link writeAnyValue} does. */
export function encodedAnyValue(value: AnyValueInput): Buffer {
  const writer = new Writer();
  writeAnyValue(writer, value);
  return writer.finish();
}

/** Writes the content of an AnyValue. Throws a TypeError or RangeError for what is not a value. */
export function writeAnyValue(writer: Writer, value: AnyValueInput, depth = DEPTH_MAX): void {
  if (depth === 0) throw new RangeError(`values are nested deeper than ${DEPTH_MAX} levels`);
  switch (typeof value) {
    case 'string':
      writer.textField(STRING, value);
      return;
    case 'boolean':
      writer.varint(value ? 1 : 0);
      writer.tag(BOOL, boolValue.wire);
      return;
    case 'number':
      writeNumber(writer, value);
      return;
    case 'bigint':
      if (BigInt.asIntN(64, value) !== value) throw new RangeError(`not a 64-bit integer: ${value}`);
      writer.varint64(value);
      writer.tag(INT, intValue.wire);
      return;
    case 'object':
      if (value !== null) writeObject(writer, value, depth);
      return;
    default:
      throw new TypeError(`not an attribute value: ${typeof value}`);
  }
}

function writeNumber(writer: Writer, value: number): void {
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
    writer.int64(value);
    writer.tag(INT, intValue.wire);
  } else {
    writer.double(value);
    writer.tag(DOUBLE, doubleValue.wire);
  }
}

function writeObject(writer: Writer, value: Exclude<AnyValueInput & object, null>, depth: number): void {
  const before = writer.written;
  if (value instanceof Uint8Array) {
    writer.bytesField(BYTES, value);
  } else if (Array.isArray(value)) {
    for (const element of (value as readonly AnyValueInput[]).toReversed()) {
      const start = writer.written;
      writeAnyValue(writer, element, depth - 1);
      writer.close(ELEMENTS, start);
    }
    writer.close(ARRAY, before);
  } else {
    for (const [key, member] of membersOf(value as object).toReversed()) {
      writeKeyValue(writer, MEMBERS, key, member, depth - 1);
    }
    writer.close(KVLIST, before);
  }
}

function membersOf(value: object): [string, AnyValueInput][] {
  if (value instanceof Map) {
    for (const key of value.keys()) if (typeof key !== 'string') throw new TypeError('keys of values are strings');
    return [...(value as ReadonlyMap<string, AnyValueInput>)];
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  // Objects of another realm (a test runner's, a vm's) have an Object.prototype of their own.
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    throw new TypeError(
      `not an attribute value: instance of ${(value as { constructor: { name: string } }).constructor.name}`,
    );
  }
  return Object.entries(value as Record<string, AnyValueInput>);
}

/** Writes a whole KeyValue in field `number`. */
export function writeKeyValue(
  writer: Writer,
  number: number,
  key: string,
  value: AnyValueInput,
  depth = DEPTH_MAX,
): void {
  const before = writer.written;
  writeAnyValue(writer, value, depth);
  writer.close(VALUE, before);
  writeKey(writer, key);
  writer.close(number, before);
}

/** Writes the key of a KeyValue. */
export function writeKey(writer: Writer, key: string): void {
  writer.textField(KEY, key);
}
