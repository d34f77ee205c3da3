/**
 * Random requests as plain objects, driven by the schema.
 */
import * as fc from 'fast-check';

import { ANY_VALUE, REQUESTS, type Field, type MessageType, type Signal } from '../../../src/views/schema.js';
import type { Fields } from './reference.js';

/** Levels of values. */
const DEPTH = 3;
const LIST_LENGTH_MAX = 3;
/** Few enough keys to meet some of them twice. */
export const KEYS = ['a', 'http.route', 'grüße', '', '__proto__', 'constructor', 'k'.repeat(200)];

/** A request of a signal. */
export function requests(signal: Signal): fc.Arbitrary<Fields> {
  return messages(REQUESTS[signal], DEPTH);
}

const known = new Map<string, fc.Arbitrary<Fields>>();

function messages(type: MessageType, depth: number): fc.Arbitrary<Fields> {
  const key = `${type.name} ${depth}`;
  let made = known.get(key);
  if (made === undefined) {
    made = makeMessages(type, depth);
    known.set(key, made);
  }
  return made;
}

function makeMessages(type: MessageType, depth: number): fc.Arbitrary<Fields> {
  const below = type === ANY_VALUE ? depth - 1 : depth;
  const usable = type.list.filter((field) => below > 0 || field.kind !== 'message');
  const oneofs = [...new Set(usable.flatMap(({ oneof }) => oneof ?? []))];
  const single = usable.filter(({ oneof }) => oneof === null);
  const plain = fc.record(Object.fromEntries(single.map((field) => [field.name, fieldValues(field, type, below)])), {
    requiredKeys: [],
  });
  // fc.record is not told the types of its values here.
  const members = oneofs.map((oneof) =>
    oneMember(
      type,
      usable.filter((field) => field.oneof === oneof),
      below,
    ),
  );
  return fc.tuple(plain, ...members).map((parts) => Object.assign({}, ...parts) as Fields);
}

function oneMember(type: MessageType, fields: readonly Field[], depth: number): fc.Arbitrary<Fields> {
  const choices = fields.map((field) => fieldValues(field, type, depth).map((value) => ({ [field.name]: value })));
  return fc.oneof(fc.constant({}), ...choices);
}

function fieldValues(field: Field, holder: MessageType, depth: number): fc.Arbitrary<unknown> {
  const one = holder.name === 'KeyValue' && field.name === 'key' ? fc.constantFrom(...KEYS) : values(field, depth);
  return field.repeated ? fc.array(one, { maxLength: LIST_LENGTH_MAX }) : one;
}

function values(field: Field, depth: number): fc.Arbitrary<unknown> {
  switch (field.kind) {
    case 'message':
      return messages(field.type, depth);
    case 'string':
      return fc.string({ unit: 'grapheme', maxLength: 8 });
    case 'bytes':
      return fc.uint8Array({ maxLength: 16 });
    case 'bool':
      return fc.boolean();
    case 'double':
      return fc.double();
    case 'fixed64':
    case 'uint64':
      return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String);
    case 'sfixed64':
    case 'int64':
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String);
    case 'fixed32':
    case 'uint32':
      return fc.integer({ min: 0, max: 2 ** 32 - 1 });
    case 'enum':
      return fc.integer({ min: 0, max: 30 });
    default:
      return fc.integer();
  }
}
