import type protobuf from 'protobufjs';

import { REQUESTS, TYPES, type Field, type MessageType } from '../../../src/views/schema.js';
import { referenceOf, SIGNALS } from './reference.js';

describe('the schema of the views', () => {
  it.each(SIGNALS)('says what the published definitions say: %s', (signal) => {
    const seen = new Set<MessageType>();
    compare(REQUESTS[signal], referenceOf(signal), seen);
    expect(seen.size).toBeGreaterThan(8);
  });

  it('has no message that no request holds', () => {
    const seen = new Set<MessageType>();
    for (const signal of SIGNALS) compare(REQUESTS[signal], referenceOf(signal), seen);
    expect(new Set(TYPES.values())).toEqual(seen);
  });
});

/** Compares a message and all messages below it. */
function compare(type: MessageType, reference: protobuf.Type, seen: Set<MessageType>): void {
  if (seen.has(type)) return;
  seen.add(type);
  const described = type.list.map((field) => [field.number, describe_(field)]);
  const expected = reference.fieldsArray.map((field) => [field.id, describeReference(field)] as const);
  expect(described).toEqual(expected.toSorted(([a], [b]) => a - b));
  for (const field of type.list) {
    if (field.kind !== 'message') continue;
    compare(field.type, reference.fields[field.name]!.resolvedType as protobuf.Type, seen);
  }
}

function describe_({ name, kind, repeated, oneof, presence, typeName }: Field): object {
  return { name, kind, repeated, oneof, presence, type: typeName?.split('.').at(-1) ?? null };
}

function describeReference(field: protobuf.Field): object {
  const resolved = field.resolvedType;
  const isEnum = resolved !== null && 'values' in resolved;
  // What is `optional` is a oneof of its own to protobufjs.
  const oneof = field.partOf !== null && !field.partOf.isProto3Optional ? field.partOf.name : null;
  const isMessage = resolved !== null && !isEnum;
  return {
    name: field.name,
    kind: isEnum ? 'enum' : isMessage ? 'message' : field.type,
    repeated: field.repeated,
    oneof,
    presence: isMessage || field.partOf !== null,
    type: isMessage ? resolved.name : null,
  };
}
