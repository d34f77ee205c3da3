/**
 * What spans and log records have in common as OTLP protobuf: values, attributes, and the envelope of resources and
 * scopes. Numbers of fields are those of opentelemetry-proto; of a message they are written from the last to the first.
 */
import { Writer } from '../protobuf/writer.js';
import { writeDouble, writeInteger } from './fields.js';

/** An instrumentation scope of the SDK. */
interface Scope {
  readonly name: string;
  readonly version?: string | undefined;
  readonly schemaUrl?: string | undefined;
}

/** A resource of the SDK. */
interface Resource {
  readonly attributes: object;
  readonly schemaUrl?: string | undefined;
}

/** An item of the SDK: a span or a log record. */
export interface Item {
  readonly resource: Resource;
  readonly instrumentationScope: Scope;
}

/** Makes the request of one exporter's batches; each is expected to be about as large as the one before, item by item. */
export function requestWriter<T extends Item>(
  writeItem: (writer: Writer, item: T) => void,
): (items: readonly T[]) => Uint8Array {
  let bytesPerItem = 512;
  return (items) => {
    const writer = new Writer(undefined, Math.ceil(items.length * bytesPerItem * 1.1));
    for (const [resource, scopes] of backwards([...byResource(items)])) {
      const before = writer.written;
      if (resource.schemaUrl) writer.textField(3, resource.schemaUrl);
      for (const [scope, inScope] of backwards([...scopes])) writeScope(writer, scope, inScope, writeItem);
      writeResource(writer, resource);
      writer.close(1, before);
    }
    if (items.length > 0) bytesPerItem = writer.written / items.length;
    return writer.finish();
  };
}

function writeScope<T>(
  writer: Writer,
  scope: Scope,
  items: readonly T[],
  writeItem: (writer: Writer, item: T) => void,
): void {
  const before = writer.written;
  if (scope.schemaUrl) writer.textField(3, scope.schemaUrl);
  for (let index = items.length - 1; index >= 0; index -= 1) {
    const itemBefore = writer.written;
    writeItem(writer, items[index] as T);
    writer.close(2, itemBefore);
  }
  const scopeBefore = writer.written;
  if (scope.version) writer.textField(2, scope.version);
  writer.textField(1, scope.name);
  writer.close(1, scopeBefore);
  writer.close(2, before);
}

function writeResource(writer: Writer, resource: Resource): void {
  const before = writer.written;
  writeAttributes(writer, 1, resource.attributes);
  writer.close(1, before);
}

/** Attributes of any kind: a list of keys and values. */
export function writeAttributes(writer: Writer, field: number, attributes: object): void {
  const keys = Object.keys(attributes);
  for (let index = keys.length - 1; index >= 0; index -= 1) {
    const key = keys[index] as string;
    const before = writer.written;
    writeValue(writer, (attributes as Readonly<Record<string, unknown>>)[key]);
    writer.close(2, before);
    writer.textField(1, key);
    writer.close(field, before);
  }
}

/** The content of an `AnyValue`; nothing for what is none. */
export function writeValue(writer: Writer, value: unknown): void {
  switch (typeof value) {
    case 'string':
      return writer.textField(1, value);
    case 'boolean':
      return writeInteger(writer, 2, value ? 1 : 0);
    case 'number':
      // Whole numbers beyond the safe ones are exact too, as far as they fit.
      if (Number.isInteger(value) && value >= -(2 ** 63) && value < 2 ** 63) return writeInteger(writer, 3, value);
      return writeDouble(writer, 4, value);
    case 'object':
      if (value !== null) writeObject(writer, value);
      return;
    default:
  }
}

function writeObject(writer: Writer, value: object): void {
  if (value instanceof Uint8Array) return writer.bytesField(7, value);
  const before = writer.written;
  if (!Array.isArray(value)) {
    writeAttributes(writer, 1, value);
    return writer.close(6, before);
  }
  for (let index = value.length - 1; index >= 0; index -= 1) {
    const itemBefore = writer.written;
    writeValue(writer, value[index]);
    writer.close(1, itemBefore);
  }
  writer.close(5, before);
}

/** Items by resource and scope, each told by identity, in the order in which they first come. */
function byResource<T extends Item>(items: readonly T[]): ReadonlyMap<Resource, ReadonlyMap<Scope, readonly T[]>> {
  const resources = new Map<Resource, Map<Scope, T[]>>();
  for (const item of items) {
    const scopes = resources.get(item.resource) ?? new Map<Scope, T[]>();
    resources.set(item.resource, scopes);
    const inScope = scopes.get(item.instrumentationScope);
    if (inScope === undefined) scopes.set(item.instrumentationScope, [item]);
    else inScope.push(item);
  }
  return resources;
}

function* backwards<T>(list: readonly T[]): Iterable<T> {
  for (let index = list.length - 1; index >= 0; index -= 1) yield list[index] as T;
}
