/**
 * Whole messages as plain objects, as protobufjs makes and takes them: fields in `lowerCamelCase`, absent ones left out,
 * enums as numbers, byte strings as Uint8Array. Driven by the schema alone.
 */
import { DELIMITED } from '../protobuf/wire-types.js';
import type { Writer } from '../protobuf/writer.js';
import { Cursor } from './cursor.js';
import { MalformedBatchError } from './errors.js';
import { DEPTH_MAX } from './any-value.js';
import { ANY_VALUE, type Field, type MessageType } from './schema.js';
import { checkScalar, defaultOf, readNumbers, readScalar, writePayload, writeScalar, type Scalar } from './scalar.js';

/** How 64-bit integers stand in plain objects. `number` is not exact above 2^53. */
export type Longs = 'string' | 'bigint' | 'number';

/** A message as a plain object. */
export interface PlainMessage {
  [field: string]: unknown;
}

/** The message of type `type` in `from..to`. Fields that the schema does not know are left out. */
export function readPlain(type: MessageType, bytes: Buffer, from: number, to: number, longs: Longs): PlainMessage {
  return readInto({}, type, bytes, from, to, longs, DEPTH_MAX);
}

function readInto(
  message: PlainMessage,
  type: MessageType,
  bytes: Buffer,
  from: number,
  to: number,
  longs: Longs,
  depth: number,
): PlainMessage {
  const cursor = new Cursor(bytes, from, to);
  while (cursor.next()) {
    const field = type.byNumber[cursor.number];
    if (field === undefined) continue;
    // Numbers in lists may stand packed.
    if (!field.repeated || cursor.wire !== DELIMITED) cursor.expect(field.wire);
    if (field.oneof !== null) clearOneof(message, type, field);
    if (field.kind === 'message') readChild(message, field, bytes, cursor, longs, depth);
    else readValues(message, field, bytes, cursor, longs);
  }
  return message;
}

function readChild(
  message: PlainMessage,
  field: Field,
  bytes: Buffer,
  cursor: Cursor,
  longs: Longs,
  depth: number,
): void {
  const { type } = field;
  const below = type === ANY_VALUE ? depth - 1 : depth;
  if (below < 0) throw new MalformedBatchError(`values are nested deeper than ${DEPTH_MAX} levels`, cursor.from);
  const before = message[field.name];
  // A message that comes in pieces is merged.
  const start = field.repeated ? {} : ((before as PlainMessage | undefined) ?? {});
  const child = readInto(start, type, bytes, cursor.from, cursor.to, longs, below);
  if (field.repeated) listOf(message, field).push(child);
  else message[field.name] = child;
}

function readValues(message: PlainMessage, field: Field, bytes: Buffer, cursor: Cursor, longs: Longs): void {
  const { from, to } = cursor;
  if (!field.repeated) {
    message[field.name] = converted(readScalar(field, bytes, from, to), longs);
  } else if (field.wire === DELIMITED) {
    listOf(message, field).push(readScalar(field, bytes, from, to));
  } else {
    const list = listOf(message, field);
    for (const value of readNumbers(field, bytes, cursor.wire, from, to)) list.push(converted(value, longs));
  }
}

function listOf(message: PlainMessage, field: Field): unknown[] {
  return (message[field.name] ??= []) as unknown[];
}

function clearOneof(message: PlainMessage, type: MessageType, field: Field): void {
  for (const other of type.list) if (other !== field && other.oneof === field.oneof) delete message[other.name];
}

function converted(value: Scalar, longs: Longs): Scalar {
  if (typeof value !== 'bigint' || longs === 'bigint') return value;
  return longs === 'string' ? String(value) : Number(value);
}

/**
 * Writes the content of a message. Throws a TypeError or RangeError with the path of what does not fit: an unknown
 * field, a value of another type, two members of a oneof.
 */
export function writePlain(writer: Writer, type: MessageType, message: object, path = '', depth = DEPTH_MAX): void {
  if (type === ANY_VALUE && depth === 0) {
    throw new RangeError(`${path}: values are nested deeper than ${DEPTH_MAX} levels`);
  }
  const below = type === ANY_VALUE ? depth - 1 : depth;
  const present = presentFields(type, message, path);
  for (const [field, value] of present) {
    const here = path === '' ? field.name : `${path}.${field.name}`;
    if (!field.repeated) writeOne(writer, field, value, here, below);
    else if (Array.isArray(value)) writeList(writer, field, value, here, below);
    else throw new TypeError(`${here}: expected an array`);
  }
}

/** Fields that are set, by falling number. */
function presentFields(type: MessageType, message: object, path: string): [Field, unknown][] {
  const present: [Field, unknown][] = [];
  const where = path === '' ? '' : `${path}: `;
  for (const [name, value] of Object.entries(message)) {
    if (!Object.hasOwn(type.fields, name))
      throw new TypeError(`${where}${type.name} has no field ${JSON.stringify(name)}`);
    const field = type.fields[name]!;
    if (value === undefined || value === null) continue;
    if (field.oneof !== null && present.some(([other]) => other.oneof === field.oneof)) {
      throw new TypeError(`${where}${type.name} has several of oneof ${field.oneof}`);
    }
    present.push([field, value]);
  }
  return present.toSorted(([a], [b]) => b.number - a.number);
}

function writeOne(writer: Writer, field: Field, value: unknown, path: string, depth: number): void {
  if (field.kind === 'message') {
    if (typeof value !== 'object' || value === null) throw new TypeError(`${path}: expected an object`);
    const before = writer.written;
    writePlain(writer, field.type, value, path, depth);
    writer.close(field.number, before);
    return;
  }
  const scalar = checkedAt(field, value, path);
  if (field.presence || field.repeated || !isDefault(field, scalar)) writeScalar(writer, field, scalar);
}

function writeList(writer: Writer, field: Field, values: readonly unknown[], path: string, depth: number): void {
  if (field.wire === DELIMITED) {
    for (let index = values.length - 1; index >= 0; index -= 1) {
      writeOne(writer, field, values[index], `${path}[${index}]`, depth);
    }
  } else if (values.length > 0) {
    const before = writer.written;
    for (let index = values.length - 1; index >= 0; index -= 1) {
      writePayload(writer, field, checkedAt(field, values[index], `${path}[${index}]`));
    }
    writer.close(field.number, before);
  }
}

function checkedAt(field: Field, value: unknown, path: string): Scalar {
  try {
    return checkScalar(field, value);
  } catch (error) {
    const { message } = error as Error;
    const text = path + message.slice(field.name.length);
    throw error instanceof RangeError ? new RangeError(text) : new TypeError(text);
  }
}

function isDefault(field: Field, value: Scalar): boolean {
  if (value instanceof Uint8Array) return value.length === 0;
  return Object.is(value, defaultOf(field));
}
