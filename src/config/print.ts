/**
 * The configuration with every default filled in, as YAML or JSON, secrets hidden unless asked for. What it prints can
 * be loaded again and means the same.
 */
import { Scalar, stringify } from 'yaml';

import { SECTIONS, findComponent } from './components/registry.js';
import type { ResolvedConfig } from './resolved.js';
import { formatDuration } from './schema/duration.js';
import type { AttributeValue, Field, ObjectSpec, OptionalSpec, Spec } from './schema/spec.js';
import { serviceSpec } from './service/service.js';
import { resolvePlain, shrink } from './tree/scalars.js';

/** What a secret is printed as. */
export const REDACTED = '[REDACTED]';

/** How to print. */
export interface PrintOptions {
  /** @default 'yaml' */
  readonly format?: 'yaml' | 'json';
  /** @default 'redacted' */
  readonly mode?: 'redacted' | 'unredacted';
}

/** Prints a configuration. */
export function printConfig(config: ResolvedConfig, options: PrintOptions = {}): string {
  const plain = toPlainConfig(config, (options.mode ?? 'redacted') === 'redacted');
  if (options.format === 'json') {
    return `${JSON.stringify(plain, bigintsAsText, 2)}\n`;
  }
  return stringify(plain, quoteLookalikes, { aliasDuplicateObjects: false, lineWidth: 0 });
}

/** JSON has no integers beyond 2^53 that every reader keeps. */
function bigintsAsText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}

/** Texts that our reader would take for numbers and the like are put in quotes; the writer knows other rules. */
function quoteLookalikes(_key: unknown, value: unknown): unknown {
  if (value instanceof Double) return value.toScalar();
  if (typeof value !== 'string' || resolvePlain(value).type === 'string') return value;
  const scalar = new Scalar(value);
  scalar.type = Scalar.QUOTE_DOUBLE;
  return scalar;
}

/** The configuration as users write it, as plain data. */
export function toPlainConfig(config: ResolvedConfig, redact: boolean): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const section of SECTIONS) {
    if (config[section].size === 0) continue;
    const entries: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
    for (const { id, type, config: value } of config[section].values()) {
      const spec = findComponent(section, type)?.spec;
      if (spec !== undefined) entries[id] = print(spec, value, redact);
    }
    out[section] = entries;
  }
  out['service'] = print(serviceSpec, config.service.options, redact);
  return out;
}

function print(spec: Spec, value: unknown, redact: boolean): unknown {
  switch (spec.kind) {
    case 'string':
      return spec.opaque && redact && value !== '' ? REDACTED : value;
    case 'duration':
      return formatDuration(value as number);
    case 'pairs': {
      const out: Record<string, string> = Object.create(null) as Record<string, string>;
      for (const [name, text] of value as readonly (readonly [string, string])[])
        out[name] = spec.opaque && redact ? REDACTED : text;
      return out;
    }
    case 'list':
      return (value as readonly unknown[]).map((item) => print(spec.of, item, redact));
    case 'map': {
      const out: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
      for (const [name, item] of Object.entries(value as object)) out[name] = print(spec.of, item, redact);
      return out;
    }
    case 'object':
      return printObject(spec, value as Record<string, unknown>, redact);
    case 'value':
      return printValue(value as AttributeValue | null);
    case 'optional':
      return print(spec.of, value, redact);
    default:
      return value;
  }
}

function printObject(spec: ObjectSpec, value: Record<string, unknown>, redact: boolean): unknown {
  const out: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const [name, field] of Object.entries(spec.fields)) {
    const printed = printField(field, value[name], redact);
    if (printed !== undefined) out[name] = printed;
  }
  return out;
}

/** As it was written; a whole double keeps its point. */
function printValue(value: AttributeValue | null): unknown {
  if (value === null || 'unfit' in value) return null;
  if ('string' in value) return value.string;
  if ('bool' in value) return value.bool;
  return 'int' in value ? shrink(BigInt(value.int)) : new Double(value.double);
}

/** A double on its way to be written. */
class Double {
  readonly #value: number;

  constructor(value: number) {
    this.#value = value;
  }

  toJSON(): number {
    return this.#value;
  }

  toScalar(): Scalar {
    const scalar = new Scalar(this.#value);
    if (Number.isInteger(this.#value)) scalar.minFractionDigits = 1;
    return scalar;
  }
}

/** What is absent is left out, unless leaving it out would turn it on. */
function printField(field: Field, value: unknown, redact: boolean): unknown {
  if (value !== null) return print(field.spec, value, redact);
  return (field.spec as OptionalSpec).kind === 'optional' && (field.spec as OptionalSpec).absent === 'on'
    ? { enabled: false }
    : undefined;
}
