/**
 * Declarations as zod schemas, for JSON Schema output. What users write is looser than what decoding gives: any scalar
 * may be a `${…}` reference, lists may be comma texts, blocks may be null or carry `enabled`.
 */
import { z } from 'zod';

import { formatDuration } from './duration.js';
import { defaultOfSpec } from './spec.js';
import type { Field, ObjectSpec, OptionalSpec, Spec } from './spec.js';

/** A value that is only known when the configuration is loaded. */
const reference = z
  .string()
  .regex(/\$\{[^}]+\}/)
  .meta({ id: 'reference', description: 'A reference such as ${env:NAME}' });

const DURATION_PATTERN = /^[-+]?(?:0|(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/;

const durationText = z
  .string()
  .regex(DURATION_PATTERN)
  .meta({ id: 'duration', description: 'A duration such as 200ms, 5s or 1m30s' });

/** A declaration as a schema of what users write. */
export function toZod(spec: Spec): z.ZodType {
  switch (spec.kind) {
    case 'string':
      return z.string();
    case 'bool':
      return z.union([z.boolean(), reference]);
    case 'int':
    case 'float':
      return z.union([numberOf(spec), reference]);
    case 'duration':
      return z.union([durationText, z.int(), reference]);
    case 'choice':
      return z.union([z.enum(spec.values as [string, ...string[]]), spec.fold ? z.string() : reference]);
    case 'id':
      return z.string().min(1);
    case 'list':
      return z.union([z.array(toZod(spec.of)), z.string()]);
    case 'pairs':
      return z.union([
        z.record(z.string(), z.union([z.string(), z.null()])),
        z.array(z.strictObject({ name: z.string(), value: z.string() })),
        reference,
      ]);
    case 'map':
      return z.union([z.record(z.string(), toZod(spec.of)), reference]);
    case 'any':
      return z.unknown();
    case 'value':
      return z.union([z.string(), z.number(), z.boolean(), z.null()]);
    case 'object':
      return nullable(spec, z.strictObject(shapeOf(spec)));
    case 'optional':
      return optionalToZod(spec);
  }
}

function numberOf(spec: Extract<Spec, { kind: 'int' | 'float' }>): z.ZodType {
  let number = spec.kind === 'int' ? z.int() : z.number();
  if (Number.isFinite(spec.min) && spec.min > Number.MIN_SAFE_INTEGER) number = number.min(spec.min);
  if (Number.isFinite(spec.max) && spec.max < Number.MAX_SAFE_INTEGER) number = number.max(spec.max);
  return number;
}

/** A block takes null, for its defaults, and a reference to a whole block. */
function nullable(_spec: ObjectSpec, schema: z.ZodType): z.ZodType {
  return z.union([schema, z.null(), reference]);
}

function optionalToZod(spec: OptionalSpec): z.ZodType {
  if (spec.of.kind !== 'object') return z.union([toZod(spec.of), z.null()]);
  const enabled = z.union([z.boolean(), reference]).optional().describe('Whether this block is on');
  return nullable(spec.of, z.strictObject({ enabled, ...shapeOf(spec.of) }));
}

/** The keys of a block, each optional, with documentation and default. */
function shapeOf(spec: ObjectSpec): Record<string, z.ZodType> {
  const shape: Record<string, z.ZodType> = {};
  for (const [name, field] of Object.entries(spec.fields)) {
    const fallback = writtenDefault(field);
    const meta = { description: describe(field), ...(fallback === undefined ? {} : { default: fallback }) };
    shape[name] = toZod(field.spec).optional().meta(meta);
  }
  return shape;
}

function describe(field: Field): string {
  const unit = field.unit === null ? '' : ` (${field.unit})`;
  return field.ignored === null ? `${field.doc}${unit}` : `${field.doc}${unit}. This key ${field.ignored}`;
}

/** A default as users would write it; undefined for blocks and for none. */
export function writtenDefault(field: Field): unknown {
  const { spec } = field;
  if (spec.kind === 'object') return undefined;
  if (spec.kind === 'optional') return defaultOfSpec(spec) === null && spec.of.kind === 'object' ? undefined : (field.fallback ?? undefined);
  if (spec.kind === 'duration') return formatDuration(field.fallback as number);
  return field.fallback ?? undefined;
}
