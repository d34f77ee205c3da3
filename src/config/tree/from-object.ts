/**
 * A configuration written in code, as a tree. The object is copied: later changes to it change nothing.
 */
import { CollectorError } from '../../errors.js';
import { scalar } from './node.js';
import type { ConfigNode, MapEntry } from './node.js';
import { DEPTH_MAX, NODES_MAX } from './parse-yaml.js';
import { shrink } from './scalars.js';

/** What positions call it. */
const OBJECT_SOURCE = 'configuration object';

const AT = { source: OBJECT_SOURCE, line: 0, column: 0 };

/**
 * Takes plain objects, arrays, strings, numbers, bigints, booleans and null; a property that is undefined is absent.
 * @throws {CollectorError} `INVALID_ARGUMENT` for anything else, and for cycles
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
  if (Array.isArray(value)) {
    const items = value.map((item: unknown, index) => convert(item, [...path, String(index)], count));
    return { kind: 'list', items, original: null, at: AT };
  }
  const entries = new Map<string, MapEntry>();
  for (const [key, item] of Object.entries(value)) {
    if (item !== undefined) entries.set(key, { at: AT, node: convert(item, [...path, key], count) });
  }
  return { kind: 'map', entries, original: null, at: AT };
}

function refusal(path: readonly string[], what: string): CollectorError {
  return new CollectorError('INVALID_ARGUMENT', `configuration object: ${path.join('::') || 'the top'} ${what}`);
}
