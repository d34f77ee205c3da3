/**
 * The configuration as a tree that remembers where each node was written, through merging and expansion.
 * Mappings are `Map`s, so a key such as `__proto__` is only a key.
 */
import type { Position } from '../issues.js';

/** A node of the tree. */
export type ConfigNode = ScalarNode | ListNode | MapNode;

/** A scalar, resolved as the Collector's YAML reader does. */
export interface ScalarNode {
  readonly kind: 'scalar';
  readonly type: 'string' | 'int' | 'float' | 'bool' | 'null';
  /** An int beyond 2^53 is a bigint. */
  readonly value: string | number | bigint | boolean | null;
  /**
   * The text as it was written, if the value came out of a `${…}` reference: a string field takes this instead of the
   * value, so that `0123` stays `0123`. Null for values written in the configuration itself.
   */
  readonly original: string | null;
  readonly at: Position;
}

/** A list. */
export interface ListNode {
  readonly kind: 'list';
  readonly items: readonly ConfigNode[];
  /** As for scalars. */
  readonly original: string | null;
  readonly at: Position;
}

/** A mapping, in the order it was written. */
export interface MapNode {
  readonly kind: 'map';
  readonly entries: ReadonlyMap<string, MapEntry>;
  /** As for scalars. */
  readonly original: string | null;
  readonly at: Position;
}

/** A key's place and its value. */
export interface MapEntry {
  readonly at: Position;
  readonly node: ConfigNode;
}

/** Whether a node is an explicit null, such as the value of `batch:`. */
export function isNull(node: ConfigNode): boolean {
  return node.kind === 'scalar' && node.type === 'null';
}

/** A scalar node. */
export function scalar(type: ScalarNode['type'], value: ScalarNode['value'], at: Position): ScalarNode {
  return { kind: 'scalar', type, value, original: null, at };
}

/** The value under a key; undefined if `node` is no mapping or lacks it. */
export function child(node: ConfigNode | undefined, key: string): ConfigNode | undefined {
  return node?.kind === 'map' ? node.entries.get(key)?.node : undefined;
}

/** Where a path is written: the key of its deepest part that exists, so that a missing key points at its parent. */
export function locate(root: ConfigNode, path: readonly string[]): Position {
  let node: ConfigNode | undefined = root;
  let at = root.at;
  for (const part of path) {
    if (node?.kind === 'map') {
      const entry: MapEntry | undefined = node.entries.get(part) ?? findTrimmed(node, part);
      if (entry === undefined) return at;
      at = entry.at;
      node = entry.node;
    } else if (node?.kind === 'list') {
      node = node.items[Number(part)];
      if (node === undefined) return at;
      at = node.at;
    } else {
      return at;
    }
  }
  return at;
}

/** Component ids are trimmed, keys are not. */
function findTrimmed(node: MapNode, part: string): MapEntry | undefined {
  for (const [key, entry] of node.entries) if (key.replace(/\s*\/\s*/, '/').trim() === part) return entry;
  return undefined;
}

/** The node as plain JavaScript; mappings become null-prototype objects. Ints beyond 2^53 stay bigints. */
export function toPlain(node: ConfigNode): unknown {
  switch (node.kind) {
    case 'scalar':
      return node.value;
    case 'list':
      return node.items.map(toPlain);
    case 'map': {
      const out = Object.create(null) as Record<string, unknown>;
      for (const [key, entry] of node.entries) out[key] = toPlain(entry.node);
      return out;
    }
  }
}

/** The Go type the Collector would name in an error. */
export function goType(node: ConfigNode): string {
  if (node.kind === 'list') return '[]interface {}';
  if (node.kind === 'map') return 'map[string]interface {}';
  return node.type === 'float' ? 'float64' : node.type;
}
