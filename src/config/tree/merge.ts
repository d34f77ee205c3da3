/**
 * Joining sources: `a::b` keys become nested maps, maps merge deeply, everything else is replaced.
 * Works on trees whose references are not expanded yet, as the Collector does.
 */
import { toPlain } from './node.js';
import type { ConfigNode, ListNode, MapEntry, MapNode } from './node.js';

/** Between the keys of a path written as one key. */
export const KEY_DELIMITER = '::';

/** The same tree with every `a::b` key split into nested maps. */
export function splitKeys(node: ConfigNode): ConfigNode {
  if (node.kind === 'scalar') return node;
  if (node.kind === 'list') return { ...node, items: node.items.map(splitKeys) };
  let entries = new Map<string, MapEntry>();
  for (const [key, entry] of node.entries) {
    const parts = key.split(KEY_DELIMITER);
    const value = { at: entry.at, node: splitKeys(entry.node) };
    if (parts.length === 1) entries = mergeEntries(entries, new Map([[key, value]]), null, []);
    else entries = mergeEntries(entries, nest(parts, value), null, []);
  }
  return { ...node, entries };
}

function nest(parts: readonly string[], value: MapEntry): Map<string, MapEntry> {
  let entry = value;
  for (const part of parts.slice(1).toReversed()) {
    entry = { at: value.at, node: { kind: 'map', entries: new Map([[part, entry]]), original: null, at: value.at } };
  }
  return new Map([[parts[0] ?? '', entry]]);
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
