/**
 * From flags to one expanded tree: `--config` and objects from code in order, then `--set` in order.
 */
import { CollectorError } from '../../errors.js';
import { SCHEMES, parseLocation, retrieve, withoutUserinfo } from './location.js';
import type { Location, Retrieved, RetrieveContext } from './location.js';
import { expand } from './expand.js';
import { KEY_DELIMITER, merge, splitKeys } from './merge.js';
import type { ListRule } from './merge.js';
import type { MapNode } from './node.js';
import { goType, isNull } from './node.js';
import { fromObject } from './from-object.js';
import { formatPosition } from '../issues.js';

/** What to join. */
export interface SourceList {
  /** Locations, and objects written in code. */
  readonly sources: readonly (string | object)[];
  readonly sets: readonly string[];
  readonly appends: ListRule;
}

/**
 * Reads, joins and expands.
 * @throws {CollectorError} `CONFIG_UNREADABLE` or `CONFIG_EXPANSION`
 */
export async function readSources(list: SourceList, context: RetrieveContext): Promise<MapNode> {
  if (list.sources.length === 0) {
    throw new CollectorError('INVALID_ARGUMENT', 'at least one config flag must be provided');
  }
  // every flag is checked before the first is read
  const parts = list.sources.map((source, index) =>
    typeof source === 'string' ? { ...sourceLocation(source), name: sourceName(source, index) } : fromObject(source),
  );
  const sets = list.sets.map((set) => setLocation(set));
  let tree: MapNode = {
    kind: 'map',
    entries: new Map(),
    original: null,
    at: { source: 'configuration', line: 1, column: 1 },
  };
  let first = true;
  const add = (over: MapNode): void => {
    tree = first ? over : merge(tree, over, list.appends);
    first = false;
  };
  for (const part of parts) {
    add(asMap('kind' in part ? { node: part, text: '', hint: null } : await read(part, part.name, context)));
  }
  for (const { location, name } of sets) add(asMap(await read(location, name, context)));
  return (await expand(tree, context)) as MapNode;
}

async function read(location: Location, name: string, context: RetrieveContext): Promise<Retrieved> {
  try {
    return await retrieve(location, name, null, context);
  } catch (error) {
    if (!(error instanceof CollectorError)) throw error;
    throw new CollectorError('CONFIG_UNREADABLE', `cannot retrieve the configuration: ${error.message}`, {
      cause: error.cause,
    });
  }
}

/** A plain path has no colon, or starts with a drive letter. */
function sourceLocation(source: string): Location {
  if (/^[A-Za-z]:/.test(source) || !source.includes(':')) return { scheme: 'file', body: source };
  const location = parseLocation(source);
  if (location === null) throw new CollectorError('CONFIG_UNREADABLE', `invalid uri: ${JSON.stringify(source)}`);
  if (!(SCHEMES as readonly string[]).includes(location.scheme)) {
    throw new CollectorError('CONFIG_UNREADABLE', `unsupported scheme on URI ${JSON.stringify(source)}`);
  }
  return location;
}

/** The path that a `--config` flag names; null if it names no file. */
export function sourcePath(source: string): string | null {
  const { scheme, body } = sourceLocation(source);
  return scheme === 'file' ? body : null;
}

function sourceName(source: string, index: number): string {
  const { scheme, body } = sourceLocation(source);
  if (scheme === 'file') return body;
  // the text itself may hold secrets
  if (scheme === 'yaml') return `yaml#${index + 1}`;
  if (scheme === 'env') return source;
  return withoutUserinfo(source);
}

/** `a.b.c=VALUE` is `yaml:a::b::c: VALUE`. */
function setLocation(set: string): { location: Location; name: string } {
  const equal = set.indexOf('=');
  if (equal < 0) throw new CollectorError('INVALID_ARGUMENT', 'missing equal sign');
  const key = set.slice(0, equal);
  const body = `${key.replaceAll('.', KEY_DELIMITER)}: ${set.slice(equal + 1)}`;
  return { location: { scheme: 'yaml', body }, name: `--set=${key}` };
}

function asMap(retrieved: Retrieved): MapNode {
  const { node, hint } = retrieved;
  if (node.kind === 'map') return splitKeys(node) as MapNode;
  if (isNull(node)) return { kind: 'map', entries: new Map(), original: null, at: node.at };
  const head = `retrieved value (type=${goType(node)}) cannot be used as a Conf`;
  throw new CollectorError(
    'CONFIG_UNREADABLE',
    hint === null ? `${head} (${formatPosition(node.at)})` : `${head}: ${hint}`,
    { details: { position: node.at } },
  );
}
