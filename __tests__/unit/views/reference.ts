/**
 * protobufjs as the reference for the views: it reads and writes the same messages from the published definitions.
 */
import { fileURLToPath } from 'node:url';

import protobuf from 'protobufjs';

import { REQUESTS, type MessageType, type Signal } from '../../../src/views/schema.js';

export const SIGNALS: readonly Signal[] = ['traces', 'metrics', 'logs', 'profiles'];

export const root = loadRoot();

function loadRoot(): protobuf.Root {
  const made = new protobuf.Root();
  const folder = fileURLToPath(new URL('../../../proto/', import.meta.url));
  made.resolvePath = (_origin, target) => (target.startsWith('/') ? target : folder + target);
  const services = ['trace/v1/trace', 'metrics/v1/metrics', 'logs/v1/logs', 'profiles/v1development/profiles'];
  made.loadSync(services.map((name) => `opentelemetry/proto/collector/${name}_service.proto`));
  made.resolveAll();
  return made;
}

const PACKAGES: Readonly<Record<Signal, string>> = {
  traces: 'trace.v1',
  metrics: 'metrics.v1',
  logs: 'logs.v1',
  profiles: 'profiles.v1development',
};

/** The request of a signal, as protobufjs knows it. */
export function referenceOf(signal: Signal): protobuf.Type {
  return root.lookupType(`opentelemetry.proto.collector.${PACKAGES[signal]}.${REQUESTS[signal].name}`);
}

export type Fields = Record<string, unknown>;

export function encodeReference(signal: Signal, object: object): Buffer {
  const type = referenceOf(signal);
  return Buffer.from(type.encode(type.fromObject(object)).finish());
}

/** What protobufjs reads, without fields that say nothing. */
export function decodeReference(signal: Signal, bytes: Uint8Array): Fields {
  const type = referenceOf(signal);
  return meaning(REQUESTS[signal], type.toObject(type.decode(bytes), { longs: String, enums: Number }));
}

/** A plain object without empty lists and defaults of fields that have no presence; byte strings as hexadecimal digits. */
export function meaning(type: MessageType, object: object): Fields {
  const fields: Fields = {};
  for (const [name, value] of Object.entries(object)) {
    const field = type.fields[name]!;
    if (Array.isArray(value)) {
      if (value.length > 0) fields[name] = value.map((each) => meaningOf(type, name, each));
      continue;
    }
    const one = meaningOf(type, name, value);
    if (field.presence || ![0, '0', '', false].some((nothing) => Object.is(nothing, one))) fields[name] = one;
  }
  return fields;
}

function meaningOf(type: MessageType, name: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (typeof value === 'object' && value !== null) return meaning(type.fields[name]!.type, value);
  return value;
}
