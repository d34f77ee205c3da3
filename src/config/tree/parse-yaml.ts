/**
 * YAML text to a tree with positions. Bounded: text size, nesting and the number of nodes after aliases are all
 * limited, so neither a bomb of aliases nor deep nesting can hurt. Duplicate keys are errors; merge keys work.
 */
import { LineCounter, isAlias, isMap, isScalar, isSeq, parseDocument, visit } from 'yaml';
import type { Alias, Document, Node, Pair, Scalar, YAMLMap, YAMLSeq } from 'yaml';

import { messageOf } from '../../errors.js';
import { SOURCE_BYTES_MAX } from '../environment.js';
import type { Position } from '../issues.js';
import { scalar } from './node.js';
import type { ConfigNode, MapEntry } from './node.js';
import { resolvePlain } from './scalars.js';

/** Nodes one source may have, counting what aliases repeat. */
export const NODES_MAX = 200_000;
/** How deep a source may nest. */
export const DEPTH_MAX = 100;

/** Text that is not YAML as we take it; `message` is worded as the Collector's reader words it. */
export class YamlError extends Error {
  readonly at: Position;

  constructor(message: string, at: Position) {
    super(`yaml: ${message}`);
    this.name = 'YamlError';
    this.at = at;
  }
}

/**
 * Parses one YAML document; further documents in the text are ignored, as the Collector does.
 * @throws {YamlError} if the text is not valid or over a limit
 */
export function parseYaml(text: string, source: string): ConfigNode {
  const start = { source, line: 1, column: 1 };
  if (text.length > SOURCE_BYTES_MAX) throw new YamlError(`text is larger than ${SOURCE_BYTES_MAX} bytes`, start);
  const depthAt = nestingOverLimit(text);
  if (depthAt !== null)
    throw new YamlError(`line ${depthAt}: exceeded max depth of ${DEPTH_MAX}`, { ...start, line: depthAt });
  const lines = new LineCounter();
  let document: Document.Parsed;
  try {
    document = parseDocument(text, {
      schema: 'failsafe',
      lineCounter: lines,
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: 'silent',
      strict: true,
    });
  } catch (error) {
    throw new YamlError(messageOf(error), start);
  }
  const failure = document.errors.find((error) => error.code !== 'MULTIPLE_DOCS');
  if (failure !== undefined) {
    const at = positionAt(lines, source, failure.pos[0]);
    throw new YamlError(`line ${at.line}: ${failure.message}`, at);
  }
  return new Builder(resolveAliases(document), lines, source).build(document.contents, 0);
}

/** What each alias stands for: the last anchor of that name before it. One pass, since looking up each alone is slow. */
function resolveAliases(document: Document.Parsed): ReadonlyMap<Alias, Node> {
  const anchors = new Map<string, Node>();
  const targets = new Map<Alias, Node>();
  visit(document, {
    Node: (_key, node) => {
      if (isAlias(node)) {
        const target = anchors.get(node.source);
        if (target !== undefined) targets.set(node, target);
      } else if (node.anchor !== undefined) {
        anchors.set(node.anchor, node);
      }
    },
  });
  return targets;
}

/** Walks the syntax tree. One per document: it counts nodes and knows the anchors. */
class Builder {
  readonly #targets: ReadonlyMap<Alias, Node>;
  readonly #lines: LineCounter;
  readonly #source: string;
  #nodes = 0;

  constructor(targets: ReadonlyMap<Alias, Node>, lines: LineCounter, source: string) {
    this.#targets = targets;
    this.#lines = lines;
    this.#source = source;
  }

  build(node: Node | null, depth: number): ConfigNode {
    const at = this.#positionOf(node);
    this.#nodes += 1;
    if (this.#nodes > NODES_MAX) throw new YamlError(`line ${at.line}: document contains excessive aliasing`, at);
    if (depth > DEPTH_MAX) throw new YamlError(`line ${at.line}: exceeded max depth of ${DEPTH_MAX}`, at);
    if (node === null) return scalar('null', null, at);
    if (isAlias(node)) return this.#alias(node, depth, at);
    if (isMap(node)) return this.#map(node, depth, at);
    if (isSeq(node)) return this.#list(node, depth, at);
    if (isScalar(node)) return this.#scalar(node, at);
    throw new YamlError(`line ${at.line}: unknown node`, at);
  }

  #alias(node: Alias, depth: number, at: Position): ConfigNode {
    const target = this.#targets.get(node);
    if (target === undefined) throw new YamlError(`unknown anchor '${node.source}' referenced`, at);
    // an anchor inside itself: the depth limit would stop it too, but this says what is wrong
    const [from, , to] = target.range ?? [0, 0, 0];
    const here = node.range?.[0] ?? 0;
    if (here > from && here < to) throw new YamlError(`anchor '${node.source}' value contains itself`, at);
    return this.build(target, depth + 1);
  }

  #list(node: YAMLSeq, depth: number, at: Position): ConfigNode {
    const items = node.items.map((item) => this.build(item as Node | null, depth + 1));
    return { kind: 'list', items, original: null, at };
  }

  #map(node: YAMLMap, depth: number, at: Position): ConfigNode {
    const entries = new Map<string, MapEntry>();
    const merges: Pair[] = [];
    for (const pair of node.items) {
      const key = this.#key(pair.key as Node | null);
      if (key.merge) {
        merges.push(pair);
        continue;
      }
      const earlier = entries.get(key.text);
      if (earlier !== undefined) {
        const text = `mapping key ${JSON.stringify(key.text)} already defined at line ${earlier.at.line}`;
        throw new YamlError(`unmarshal errors:\n  line ${key.at.line}: ${text}`, key.at);
      }
      entries.set(key.text, { at: key.at, node: this.build(pair.value as Node | null, depth + 1) });
    }
    for (const pair of merges) this.#merge(entries, pair.value as Node | null, depth);
    return { kind: 'map', entries, original: null, at };
  }

  /** `<<`: keys that are not there yet, from one mapping or from a list of them, the first winning. */
  #merge(into: Map<string, MapEntry>, value: Node | null, depth: number): void {
    const node = this.build(value, depth + 1);
    for (const from of node.kind === 'list' ? node.items : [node]) {
      if (from.kind !== 'map') throw new YamlError('map merge requires map or sequence of maps as the value', node.at);
      for (const [key, entry] of from.entries) if (!into.has(key)) into.set(key, entry);
    }
  }

  #key(node: Node | null): { text: string; merge: boolean; at: Position } {
    const at = this.#positionOf(node);
    const built = node !== null && isAlias(node) ? this.#targets.get(node) : node;
    if (built === null || built === undefined) return { text: 'null', merge: false, at };
    if (!isScalar(built)) throw new YamlError(`line ${at.line}: invalid map key`, at);
    const text = String(built.value ?? '');
    return { text, merge: text === '<<' && built.type === 'PLAIN', at };
  }

  #scalar(node: Scalar, at: Position): ConfigNode {
    const text = typeof node.value === 'string' ? node.value : String(node.value ?? '');
    const tag = node.tag?.replace('tag:yaml.org,2002:', '');
    if (tag === 'str' || tag === 'binary') return scalar('string', text, at);
    if (node.type !== 'PLAIN' && tag === undefined) return scalar('string', text, at);
    const resolved = resolvePlain(text);
    if (tag === 'float' && resolved.type === 'int') return scalar('float', Number(resolved.value), at);
    const wanted = tag === undefined ? undefined : CORE_TAGS.get(tag);
    if (wanted !== undefined && wanted !== resolved.type) {
      throw new YamlError(
        `line ${at.line}: cannot decode !!${resolved.type === 'string' ? 'str' : resolved.type} as a !!${tag}`,
        at,
      );
    }
    return scalar(resolved.type, resolved.value, at);
  }

  #positionOf(node: Node | null): Position {
    return positionAt(this.#lines, this.#source, node?.range?.[0] ?? 0);
  }
}

const CORE_TAGS = new Map([
  ['int', 'int'],
  ['float', 'float'],
  ['bool', 'bool'],
  ['null', 'null'],
]);

function positionAt(lines: LineCounter, source: string, offset: number): Position {
  const { line, col } = lines.linePos(offset);
  return { source, line: Math.max(line, 1), column: Math.max(col, 1) };
}

/**
 * The first line where brackets or dashes nest beyond any sane text, else null. The parser recurses, so this looks
 * before it runs; it over-counts inside quotes, hence the generous factor, and the builder checks the exact depth.
 */
function nestingOverLimit(text: string): number | null {
  const limit = DEPTH_MAX * 10;
  let open = 0;
  let line = 1;
  let dashes = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === 0x0a) {
      line += 1;
      dashes = 0;
    } else if (code === 0x5b || code === 0x7b) open += 1;
    else if ((code === 0x5d || code === 0x7d) && open > 0) open -= 1;
    else if (code === 0x2d || code === 0x3f || code === 0x3a) dashes += 1;
    else if (code !== 0x20) dashes = 0;
    if (open > limit || dashes > limit) return line;
  }
  return null;
}
