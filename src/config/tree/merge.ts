/**
 * Joining sources: `a::b` keys become nested maps, maps merge deeply, everything else is replaced.
 * Works on trees whose references are not expanded yet, as the Collector does.
 */
import { CollectorError } from '../../errors.js';
import { formatPosition } from '../issues.js';
import type { Position } from '../issues.js';
import { toPlain } from './node.js';
import type { ConfigNode, ListNode, MapEntry, MapNode } from './node.js';
import { DEPTH_MAX } from './parse-yaml.js';

/** Between the keys of a path written as one key. */
export const KEY_DELIMITER = '::';

/**
 * The same tree with every `a::b` key split into nested maps.
 * @throws {CollectorError} `CONFIG_UNREADABLE` if a key has more parts than a source may nest
 */
export function splitKeys(node: ConfigNode): ConfigNode {
  if (node.kind === 'scalar') return node;
  if (node.kind === 'list') return { ...node, items: node.items.map(splitKeys) };
  const entries = new Map<string, MapEntry>();
  for (const [key, entry] of node.entries) {
    const [first = '', ...rest] = key.split(KEY_DELIMITER);
    if (rest.length > DEPTH_MAX) throw tooDeep(entry.at);
    const value = nest(rest, { at: entry.at, node: splitKeys(entry.node) });
    const below = entries.get(first);
    entries.set(first, below === undefined ? value : mergeEntry(below, value, null, []));
  }
  return { ...node, entries };
}

/** `value` below the keys of `parts`. */
function nest(parts: readonly string[], value: MapEntry): MapEntry {
  let entry = value;
  for (const part of parts.toReversed()) {
    entry = { at: value.at, node: { kind: 'map', entries: new Map([[part, entry]]), original: null, at: value.at } };
  }
  return entry;
}

function tooDeep(at: Position): CollectorError {
  const text = `a key has more than ${DEPTH_MAX} parts (${formatPosition(at)})`;
  return new CollectorError('CONFIG_UNREADABLE', text, { details: { position: at } });
}

/** How two lists at a path become one; null replaces. */
export type ListRule = ((path: readonly string[]) => boolean) | null;

/** The tree of `base` with that of `over` on top. */
export function merge(base: MapNode, over: MapNode, appends: ListRule = null): MapNode {
  return { ...over, entries: mergeEntries(base.entries, over.entries, appends, []), at: base.at };
}

function mergeEntries(
  base: ReadonlyMap<string, MapEntry>,
  over: ReadonlyMap<string, MapEntry>,
  appends: ListRule,
  path: readonly string[],
): Map<string, MapEntry> {
  const entries = new Map(base);
  for (const [key, entry] of over) {
    const below = entries.get(key);
    entries.set(key, below === undefined ? entry : mergeEntry(below, entry, appends, [...path, key]));
  }
  return entries;
}

function mergeEntry(below: MapEntry, above: MapEntry, appends: ListRule, path: readonly string[]): MapEntry {
  if (below.node.kind === 'map' && above.node.kind === 'map') {
    const entries = mergeEntries(below.node.entries, above.node.entries, appends, path);
    return { at: above.at, node: { ...above.node, entries } };
  }
  if (below.node.kind === 'list' && above.node.kind === 'list' && appends !== null && appends(path)) {
    return { at: above.at, node: appended(below.node, above.node) };
  }
  return above;
}

function appended(below: ListNode, above: ListNode): ListNode {
  const seen = new Set(below.items.map(identity));
  const added = above.items.filter((item) => !seen.has(identity(item)));
  return { ...above, items: [...below.items, ...added] };
}

function identity(node: ConfigNode): string {
  return JSON.stringify(toPlain(node), (_key, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
}

/** The lists that gate `confmap.enableMergeAppendOption` appends. */
export function mergeAppendRule(path: readonly string[]): boolean {
  const last = path.at(-1);
  if (path[0] !== 'service') return false;
  if (path.length === 2) return last === 'extensions';
  return last === 'receivers' || last === 'exporters';
}
