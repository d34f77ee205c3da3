/**
 * Tree to values, by declaration. Follows the Collector's decoder: no weak typing, comma lists, null blocks,
 * `enabled` in optional blocks; collects every fault with its path and place instead of stopping at the first.
 */
import type { ConfigIssue, Diagnostic, Position } from '../issues.js';
import { child, goType, isNull, toPlain } from '../tree/node.js';
import type { ConfigNode, MapNode } from '../tree/node.js';
import { formatDuration, parseDuration } from './duration.js';
import { parseComponentId } from './ids.js';
import { defaultOf, defaultOfSpec, enabledDefault } from './spec.js';
import type { AttributeValue, ChoiceSpec, ListSpec, ObjectSpec, OptionalSpec, PairsSpec, Spec } from './spec.js';
import { nearest } from './suggest.js';

/** Where faults go, and whose they are. */
export interface DecodeContext {
  readonly issues: ConfigIssue[];
  readonly diagnostics: Diagnostic[];
  /** Path of the value that decoding started at. */
  readonly base: readonly string[];
  /** The component being read; null for `service`. */
  readonly component: ConfigIssue['component'];
}

/** Stands for a value that could not be decoded; an issue was recorded. */
export const FAILED: unique symbol = Symbol('failed');
type Decoded = unknown;

/** A path below the base: keys for lookups, and the Collector's spelling of it (`a.b[0]`). */
interface Where {
  readonly path: readonly string[];
  readonly name: string;
}

/**
 * Decodes a node.
 * @param node undefined if the value is absent
 * @param name the Collector's spelling of the start; empty within a component
 * @returns the value, or {@link FAILED}
 */
export function decode<T>(spec: Spec<T>, node: ConfigNode | undefined, name: string, context: DecodeContext): T | typeof FAILED {
  const decoder = new Decoder(context);
  const where = { path: [], name };
  const value = node === undefined ? defaultOfSpec(spec) : decoder.decode(spec, node, where, undefined);
  return value as T | typeof FAILED;
}

class Decoder {
  readonly #context: DecodeContext;

  constructor(context: DecodeContext) {
    this.#context = context;
  }

  /** @param fallback what an explicit null means for a scalar: the default stays */
  decode(spec: Spec, node: ConfigNode, where: Where, fallback: unknown): Decoded {
    if (spec.kind === 'optional') return this.#optional(spec, node, where);
    if (spec.kind === 'any') return toJson(node);
    if (spec.kind === 'value') return attributeValue(node);
    if (spec.kind === 'string' && node.original !== null) return node.original;
    if (isNull(node)) return node.original === null ? this.#null(spec, node, where, fallback) : zeroOf(spec, fallback);
    switch (spec.kind) {
      case 'string':
        return this.#expect(node, 'string', 'string', where) ?? FAILED;
      case 'bool':
        return this.#expect(node, 'bool', 'bool', where, 'true or false') ?? FAILED;
      case 'int':
      case 'float':
        return this.#number(spec.kind, node, where);
      case 'duration':
        return this.#duration(node, where);
      case 'choice':
        return this.#choice(spec, node, where);
      case 'id':
        return this.#id(node, where);
      case 'list':
        return this.#list(spec, node, where);
      case 'pairs':
        return this.#pairs(spec, node, where);
      case 'map':
        return this.#map(spec.of, node, where);
      case 'object':
        return this.#object(spec, node, where);
    }
  }

  #null(spec: Spec, node: ConfigNode, where: Where, fallback: unknown): Decoded {
    if (spec.kind === 'object') return this.#object(spec, { kind: 'map', entries: new Map(), original: null, at: node.at }, where);
    return fallback === undefined ? zeroOf(spec, fallback) : fallback;
  }

  #optional(spec: OptionalSpec, node: ConfigNode, where: Where): Decoded {
    if (spec.of.kind !== 'object') return isNull(node) ? null : this.decode(spec.of, node, where, undefined);
    if (isNull(node)) return spec.absent === 'off' ? null : enabledDefault(spec);
    if (node.kind !== 'map') return this.#fail(where, node.at, `expected a map or struct, got "${kindOf(node)}"`, 'a block of keys');
    const enabled = node.entries.get('enabled');
    if (enabled === undefined) return this.#object(spec.of, node, where);
    const entries = new Map(node.entries);
    entries.delete('enabled');
    const { node: flag } = enabled;
    const isOn = flag.kind === 'scalar' && flag.type === 'bool' ? flag.value === true : null;
    if (isOn === null) {
      const text = `unexpected type ${goType(flag)} for 'enabled': got '${String(toPlain(flag))}' value expected 'true' or 'false'`;
      this.#fail(where, enabled.at, text, null, 'enabled');
    }
    // keys of a block that is off are checked all the same
    const value = this.#object(spec.of, { ...node, entries }, where);
    if (isOn === null || value === FAILED) return FAILED;
    return isOn ? value : null;
  }

  #expect(node: ConfigNode, type: 'string' | 'bool', go: string, where: Where, expected: string | null = null): Decoded {
    if (node.kind === 'scalar' && node.type === type) return node.value;
    return this.#unconvertible(node, go, where, expected);
  }

  #number(kind: 'int' | 'float', node: ConfigNode, where: Where): Decoded {
    const expected = kind === 'int' ? 'a whole number' : 'a number';
    if (node.kind !== 'scalar' || (node.type !== 'int' && node.type !== 'float')) {
      return this.#unconvertible(node, kind === 'int' ? 'int' : 'float64', where, expected);
    }
    if (kind === 'float') return Number(node.value);
    if (typeof node.value === 'bigint') return this.#fail(where, node.at, 'is out of range', expected);
    const whole = Math.trunc(Number(node.value));
    if (!Number.isSafeInteger(whole)) return this.#fail(where, node.at, 'is out of range', expected);
    if (whole !== node.value) {
      this.#warn(`${dotted(where)} takes whole numbers: ${String(node.value)} is read as ${whole}`, where, node.at);
    }
    return whole;
  }

  #duration(node: ConfigNode, where: Where): Decoded {
    const expected = 'a duration such as 200ms, 5s or 1m30s';
    if (node.kind === 'scalar' && node.type === 'string') {
      const parsed = parseDuration(String(node.value));
      return parsed.ok ? parsed.nanoseconds : this.#fail(where, node.at, parsed.reason, expected);
    }
    if (node.kind === 'scalar' && (node.type === 'int' || node.type === 'float') && typeof node.value === 'number') {
      // the Collector takes a bare number for nanoseconds, which is rarely what was meant
      const nanoseconds = Math.trunc(node.value);
      if (nanoseconds !== 0) {
        this.#warn(`${dotted(where)} has no unit: ${nanoseconds} is read as ${formatDuration(nanoseconds)}`, where, node.at);
      }
      return nanoseconds;
    }
    return this.#unconvertible(node, 'time.Duration', where, expected);
  }

  #choice(spec: ChoiceSpec, node: ConfigNode, where: Where): Decoded {
    const given = node.original ?? (node.kind === 'scalar' && node.type === 'string' ? String(node.value) : null);
    if (given === null) return this.#unconvertible(node, 'string', where, `one of ${spec.values.map(quote).join(', ')}`);
    const word = spec.fold ? given.toLowerCase() : given;
    if (spec.values.includes(word)) return word;
    const suggestion = nearest(given, spec.values.filter((value) => value !== ''));
    return this.#fail(where, node.at, spec.invalid(given), `one of ${spec.values.map(quote).join(', ')}`, null, suggestion);
  }

  #id(node: ConfigNode, where: Where): Decoded {
    const text = node.original ?? (node.kind === 'scalar' && node.type === 'string' ? String(node.value) : null);
    if (text === null) return this.#unconvertible(node, 'component.ID', where, 'a component id');
    const parsed = parseComponentId(text);
    return parsed.ok ? parsed.value.id : this.#fail(where, node.at, parsed.reason, null);
  }

  #list(spec: ListSpec, node: ConfigNode, where: Where): Decoded {
    if (node.kind === 'scalar' && node.type === 'string') {
      const text = String(node.value);
      const parts: ConfigNode[] = text === '' ? [] : text.split(',').map((value) => ({ ...node, value }));
      return this.#items(spec.of, parts, where);
    }
    if (node.kind === 'list') return this.#items(spec.of, node.items, where);
    return this.#fail(where, node.at, `source data must be an array or slice, got ${kindOf(node)}`, 'a list');
  }

  #items(of: Spec, nodes: readonly ConfigNode[], where: Where): Decoded {
    const values = nodes.map((node, index) => {
      const at = { path: [...where.path, String(index)], name: `${where.name}[${index}]` };
      return this.decode(of, node, at, undefined);
    });
    return values.includes(FAILED) ? FAILED : values;
  }

  #pairs(spec: PairsSpec, node: ConfigNode, where: Where): Decoded {
    if (node.kind === 'list') return this.#pairList(node.items, where);
    if (node.kind !== 'map') return this.#fail(where, node.at, `expected a map or struct, got "${kindOf(node)}"`, 'a map of names to values');
    const type = spec.opaque ? 'configopaque.String' : 'string';
    const out: (readonly [string, string])[] = [];
    let failed = false;
    for (const [name, entry] of node.entries) {
      const value = this.#text(entry.node, { path: [...where.path, name], name: `${where.name}[${name}]` }, type);
      if (value === FAILED) failed = true;
      else out.push([name, String(value)]);
    }
    return failed ? FAILED : out;
  }

  #pairList(items: readonly ConfigNode[], where: Where): Decoded {
    const out: (readonly [string, string])[] = [];
    const seen = new Set<string>();
    const duplicates: { name: string; at: Position }[] = [];
    let failed = false;
    for (const [index, item] of items.entries()) {
      const at = { path: [...where.path, String(index)], name: `${where.name}[${index}]` };
      if (item.kind !== 'map') {
        this.#fail(at, item.at, `expected a map or struct, got "${kindOf(item)}"`, 'a pair {name, value}');
        failed = true;
        continue;
      }
      const unknown = this.#unknownKeys(item, ['name', 'value'], at);
      const name = this.#part(item, 'name', at);
      const value = this.#part(item, 'value', at);
      if (unknown || name === FAILED || value === FAILED) failed = true;
      else if (seen.has(String(name))) duplicates.push({ name: String(name), at: item.at });
      else {
        seen.add(String(name));
        out.push([String(name), String(value)]);
      }
    }
    const [first] = duplicates;
    if (first !== undefined) {
      const names = duplicates.map(({ name }) => name).join(' ');
      return this.#fail(where, first.at, `duplicate keys in map-style list: [${names}]`, null);
    }
    return failed ? FAILED : out;
  }

  #part(item: MapNode, name: string, where: Where): Decoded {
    const entry = item.entries.get(name);
    if (entry === undefined) return '';
    return this.#text(entry.node, { path: [...where.path, name], name: join(where.name, name) }, 'string');
  }

  #text(node: ConfigNode, where: Where, type: string): Decoded {
    if (node.original !== null) return node.original;
    if (isNull(node)) return '';
    return this.#expect(node, 'string', type, where, 'a string: put it in quotes') ?? FAILED;
  }

  #map(of: Spec, node: ConfigNode, where: Where): Decoded {
    if (node.kind !== 'map') return this.#fail(where, node.at, `expected a map or struct, got "${kindOf(node)}"`, 'a map');
    const out = Object.create(null) as Record<string, unknown>;
    let failed = false;
    for (const [name, entry] of node.entries) {
      const value = this.decode(of, entry.node, { path: [...where.path, name], name: `${where.name}[${name}]` }, undefined);
      if (value === FAILED) failed = true;
      else out[name] = value;
    }
    return failed ? FAILED : out;
  }

  #object(spec: ObjectSpec, node: ConfigNode, where: Where): Decoded {
    if (node.kind !== 'map') return this.#fail(where, node.at, `expected a map or struct, got "${kindOf(node)}"`, 'a block of keys');
    let failed = this.#unknownKeys(node, Object.keys(spec.fields), where);
    const value = Object.create(null) as Record<string, unknown>;
    for (const [name, field] of Object.entries(spec.fields)) {
      const entry = node.entries.get(name);
      if (entry === undefined) {
        value[name] = defaultOf(field);
        continue;
      }
      const at = { path: [...where.path, name], name: join(where.name, name) };
      if (field.ignored !== null) this.#warn(`${dotted(at)} ${field.ignored}`, at, entry.at);
      const decoded = this.decode(field.spec, entry.node, at, field.fallback);
      if (decoded === FAILED) failed = true;
      else value[name] = decoded;
    }
    if (failed) return FAILED;
    return spec.settle === null ? value : spec.settle(value, (...path) => isWritten(node, path));
  }

  #unknownKeys(node: MapNode, known: readonly string[], where: Where): boolean {
    const unknown = Array.from(node.entries.keys()).filter((name) => !known.includes(name)).toSorted();
    const [first, ...others] = unknown;
    if (first === undefined) return false;
    const placeOf = (name: string): { position: Position; suggestion: string | null } => ({
      position: node.entries.get(name)?.at ?? node.at,
      suggestion: nearest(name, known),
    });
    const { position, suggestion } = placeOf(first);
    const valid = known.length === 0 ? 'no keys' : `one of ${known.join(', ')}`;
    this.#push(where, position, `has invalid keys: ${unknown.join(', ')}`, valid, [first], suggestion, others.map(placeOf));
    return true;
  }

  #unconvertible(node: ConfigNode, go: string, where: Where, expected: string | null): typeof FAILED {
    return this.#fail(where, node.at, `expected type '${go}', got unconvertible type '${goType(node)}'`, expected);
  }

  #fail(
    where: Where,
    position: Position,
    message: string,
    expected: string | null,
    below: string | null = null,
    suggestion: string | null = null,
  ): typeof FAILED {
    this.#push(where, position, message, expected, below === null ? [] : [below], suggestion, []);
    return FAILED;
  }

  #push(
    where: Where,
    position: Position,
    message: string,
    expected: string | null,
    below: readonly string[],
    suggestion: string | null,
    related: ConfigIssue['related'],
  ): void {
    const { base, component, issues } = this.#context;
    const path = [...base, ...where.path, ...below];
    issues.push({ stage: 'decode', path, text: `'${where.name}' ${message}`, position, expected, suggestion, related, component });
  }

  #warn(message: string, where: Where, position: Position): void {
    this.#context.diagnostics.push({ severity: 'warning', message, path: [...this.#context.base, ...where.path], position, fields: {} });
  }
}

/** Plain data that JSON can hold: an integer beyond 2^53 becomes the nearest number. */
function toJson(node: ConfigNode): unknown {
  if (node.kind === 'list') return node.items.map(toJson);
  if (node.kind === 'scalar') return typeof node.value === 'bigint' ? Number(node.value) : node.value;
  const out = Object.create(null) as Record<string, unknown>;
  for (const [key, entry] of node.entries) out[key] = toJson(entry.node);
  return out;
}

function attributeValue(node: ConfigNode): AttributeValue | null {
  if (isNull(node)) return null;
  if (node.kind !== 'scalar') return { unfit: node.kind };
  switch (node.type) {
    case 'string':
      return { string: String(node.value) };
    case 'bool':
      return { bool: node.value === true };
    case 'int':
      return { int: String(node.value) };
    case 'float':
      return { double: Number(node.value) };
    case 'null':
      return null;
  }
}

function isWritten(node: ConfigNode, path: readonly string[]): boolean {
  let at: ConfigNode | undefined = node;
  for (const part of path) at = child(at, part);
  return at !== undefined && !isNull(at);
}

function join(name: string, key: string): string {
  return name === '' ? key : `${name}.${key}`;
}

function dotted(where: Where): string {
  return `'${where.name}'`;
}

function quote(value: string): string {
  return JSON.stringify(value);
}

/** The Go kind the Collector would name. */
function kindOf(node: ConfigNode): string {
  if (node.kind === 'list') return 'slice';
  if (node.kind === 'map') return 'map';
  return node.type === 'float' ? 'float64' : node.type;
}

/** What a reference to nothing gives. */
function zeroOf(spec: Spec, fallback: unknown): unknown {
  switch (spec.kind) {
    case 'string':
    case 'id':
      return '';
    case 'choice':
      return spec.values.includes('') ? '' : fallback;
    case 'bool':
      return false;
    case 'int':
    case 'float':
    case 'duration':
      return 0;
    case 'list':
    case 'pairs':
      return [];
    case 'map':
      return Object.create(null);
    case 'object':
    case 'optional':
      return defaultOfSpec(spec);
    case 'any':
    case 'value':
      return null;
  }
}
