/**
 * A configuration written in code, as a tree. The object is copied: later changes to it change nothing. It is not
 * trusted: every property is read once, and only an object's own count.
 */
import { CollectorError, messageOf } from '../../errors.js';
import { scalar } from './node.js';
import type { ConfigNode, MapEntry } from './node.js';
import { DEPTH_MAX, NODES_MAX } from './parse-yaml.js';
import { shrink } from './scalars.js';

/** What positions call it. */
const OBJECT_SOURCE = 'configuration object';

const AT = { source: OBJECT_SOURCE, line: 0, column: 0 };

/**
 * Takes plain objects, arrays, strings, numbers, bigints, booleans and null; a property that is undefined is absent.
 * @throws {CollectorError} `INVALID_ARGUMENT` for anything else, for cycles, and for what cannot be read
 */
export function fromObject(value: object): ConfigNode {
  return convert(value, [], { nodes: 0 });
}

function convert(value: unknown, path: readonly string[], count: { nodes: number }): ConfigNode {
  count.nodes += 1;
  if (path.length > DEPTH_MAX || count.nodes > NODES_MAX) throw refusal(path, 'is nested too deeply or too large');
  switch (typeof value) {
    case 'string':
      return scalar('string', value, AT);
    case 'boolean':
      return scalar('bool', value, AT);
    case 'bigint':
      return scalar('int', shrink(value), AT);
    case 'number':
      return scalar(Number.isInteger(value) ? 'int' : 'float', value, AT);
    case 'object':
      return value === null ? scalar('null', null, AT) : convertObject(value, path, count);
    default:
      throw refusal(path, `is a ${typeof value}, which has no place in a configuration`);
  }
}

function convertObject(value: object, path: readonly string[], count: { nodes: number }): ConfigNode {
  const { isList, properties } = propertiesOf(value, path, NODES_MAX - count.nodes);
  if (isList) {
    const items = properties.map(([index, item]) => convert(item, [...path, index], count));
    return { kind: 'list', items, original: null, at: AT };
  }
  const entries = new Map<string, MapEntry>();
  for (const [key, item] of properties) {
    if (item !== undefined) entries.set(key, { at: AT, node: convert(item, [...path, key], count) });
  }
  return { kind: 'map', entries, original: null, at: AT };
}

interface Properties {
  readonly isList: boolean;
  readonly properties: readonly (readonly [string, unknown])[];
}

/** Getters and proxies may throw whatever they like. */
function propertiesOf(value: object, path: readonly string[], countMax: number): Properties {
  try {
    const isList = Array.isArray(value);
    if (!isList && !isPlain(value))
      throw refusal(path, 'is an object of a class, which has no place in a configuration');
    if (!isList) return { isList, properties: Object.entries(value) };
    // Read once: a proxy's may grow.
    const { length } = value;
    if (length > countMax) throw refusal(path, 'is nested too deeply or too large');
    return { isList, properties: Array.from({ length }, (_, index) => [String(index), value[index] as unknown]) };
  } catch (error) {
    if (error instanceof CollectorError) throw error;
    throw refusal(path, `cannot be read: ${messageOf(error)}`, error);
  }
}

/** Of no class; `Object.prototype` may be that of another realm, so it is known by having none above it. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function refusal(path: readonly string[], what: string, cause?: unknown): CollectorError {
  const options = cause === undefined ? {} : { cause };
  return new CollectorError(
    'INVALID_ARGUMENT',
    `configuration object: ${path.join('::') || 'the top'} ${what}`,
    options,
  );
}
