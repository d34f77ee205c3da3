/**
 * `${…}` references: found, read and put in place, inside out, until none is left; then `$$` becomes `$`.
 * Follows the Collector's resolver step by step, since users rely on its corners.
 */
import { CollectorError } from '../../errors.js';
import { formatPosition } from '../issues.js';
import type { Position } from '../issues.js';
import { SCHEMES, parseLocation, retrieve, withoutUserinfo } from './location.js';
import type { Retrieved, RetrieveContext } from './location.js';
import { splitKeys } from './merge.js';
import { scalar } from './node.js';
import type { ConfigNode, MapEntry, ScalarNode } from './node.js';
import { DEPTH_MAX, NODES_MAX } from './parse-yaml.js';

/** How many rounds one value may take. */
export const EXPANSION_ROUNDS_MAX = 1000;
/** Longest text a value may grow to, in characters: references can double it each round. */
export const EXPANDED_LENGTH_MAX = 4 * 1024 * 1024;

/** The tree with every reference replaced. */
export async function expand(root: ConfigNode, context: RetrieveContext): Promise<ConfigNode> {
  return new Expander(context).tree(root, 0);
}

/** One per load: it reads each location once and counts nodes. */
class Expander {
  readonly #context: RetrieveContext;
  readonly #read = new Map<string, Promise<Retrieved>>();
  #nodes = 0;

  constructor(context: RetrieveContext) {
    this.#context = context;
  }

  async tree(node: ConfigNode, depth: number): Promise<ConfigNode> {
    this.#nodes += 1;
    if (this.#nodes > NODES_MAX * 4 || depth > DEPTH_MAX) throw failure('too many recursive expansions', node.at);
    if (node.kind === 'scalar') return typeof node.value === 'string' ? this.#value(node, depth) : node;
    if (node.kind === 'list') {
      const items: ConfigNode[] = [];
      for (const item of node.items) items.push(await this.tree(item, depth + 1));
      return { ...node, items, original: await this.#original(node) };
    }
    const entries = new Map<string, MapEntry>();
    for (const [key, entry] of node.entries)
      entries.set(key, { at: entry.at, node: await this.tree(entry.node, depth + 1) });
    return { ...node, entries, original: await this.#original(node) };
  }

  /** A string, until nothing in it changes any more. */
  async #value(node: ScalarNode, depth: number): Promise<ConfigNode> {
    let text = String(node.value);
    for (let round = 0; round < EXPANSION_ROUNDS_MAX; round += 1) {
      const reference = findReference(text);
      if (reference === null) return settle(node, text);
      const found = await this.#retrieve(reference, node.at);
      if (reference !== text) {
        text = replaceAll(text, reference, found.text, node.at);
        continue;
      }
      const { node: value } = found;
      if (value.kind !== 'scalar') return this.tree({ ...splitKeys(value), original: found.text }, depth + 1);
      if (value.type !== 'string') return { ...value, original: dollars(found.text), at: node.at };
      text = String(value.value);
    }
    throw failure('too many recursive expansions', node.at);
  }

  /** The text behind a list or map from a reference; what cannot be expanded stays as it is. */
  async #original(node: ConfigNode): Promise<string | null> {
    if (node.original === null) return null;
    try {
      let text = node.original;
      for (let round = 0; round < EXPANSION_ROUNDS_MAX; round += 1) {
        const reference = findReference(text);
        if (reference === null) return dollars(text);
        text = replaceAll(text, reference, (await this.#retrieve(reference, node.at)).text, node.at);
      }
      return dollars(text);
    } catch (error) {
      if (error instanceof CollectorError) return node.original;
      throw error;
    }
  }

  #retrieve(reference: string, at: Position): Promise<Retrieved> {
    let reading = this.#read.get(reference);
    if (reading === undefined) {
      reading = readReference(reference, at, this.#context);
      this.#read.set(reference, reading);
    }
    return reading;
  }
}

async function readReference(reference: string, at: Position, context: RetrieveContext): Promise<Retrieved> {
  const inner = reference.slice(2, -1);
  const uri = inner.includes(':') ? inner : `env:${inner}`;
  const location = parseLocation(uri);
  if (location === null) throw failure(`invalid uri: ${JSON.stringify(uri)}`, at);
  if (location.body.includes('$'))
    throw failure(`the uri ${JSON.stringify(uri)} contains unsupported characters ('$')`, at);
  if (!(SCHEMES as readonly string[]).includes(location.scheme)) {
    throw failure(`scheme ${JSON.stringify(location.scheme)} is not supported for uri ${JSON.stringify(uri)}`, at);
  }
  try {
    return await retrieve(location, sourceName(location.scheme, location.body), at, context);
  } catch (error) {
    if (!(error instanceof CollectorError)) throw error;
    throw new CollectorError(error.code, `${error.message} (${formatPosition(at)})`, {
      cause: error.cause,
      details: { position: at },
    });
  }
}

function sourceName(scheme: string, body: string): string {
  if (scheme === 'file') return body;
  if (scheme === 'env') return `env:${body.split(':-')[0] ?? ''}`;
  if (scheme === 'yaml') return 'yaml:';
  return withoutUserinfo(`${scheme}:${body}`);
}

/**
 * The first reference to expand: the innermost before the first `}`, unless an odd number of dollars before it says it
 * is escaped; then the search goes on behind that `}`.
 */
export function findReference(text: string): string | null {
  let from = 0;
  for (;;) {
    const close = text.indexOf('}', from);
    if (close < 0) return null;
    const open = text.lastIndexOf('${', close);
    if (open >= from && !isEscaped(text, open, from)) return text.slice(open, close + 1);
    from = close + 1;
  }
}

function isEscaped(text: string, open: number, from: number): boolean {
  let count = 0;
  for (let index = open - 1; index >= from && text.charAt(index) === '$'; index -= 1) count += 1;
  return count % 2 === 1;
}

function replaceAll(text: string, reference: string, value: string, at: Position): string {
  const copies = text.split(reference).length - 1;
  if (text.length + copies * value.length > EXPANDED_LENGTH_MAX) {
    throw failure(`expanded text is longer than ${EXPANDED_LENGTH_MAX} characters`, at);
  }
  return text.replaceAll(reference, () => value);
}

/** A string that has no more references; one that never had any keeps its node. */
function settle(node: ScalarNode, text: string): ConfigNode {
  const settled = dollars(text);
  return settled === node.value ? node : scalar('string', settled, node.at);
}

function dollars(text: string): string {
  return text.replaceAll('$$', () => '$');
}

function failure(message: string, at: Position): CollectorError {
  return new CollectorError('CONFIG_EXPANSION', `${message} (${formatPosition(at)})`, { details: { position: at } });
}
