/**
 * Rules on decoded values: bounds of single keys, then each block's own rules; every fault is reported, with its path
 * joined by `::` as the Collector's validation does.
 */
import type { ConfigIssue } from '../issues.js';
import { locate } from '../tree/node.js';
import type { ConfigNode } from '../tree/node.js';
import { formatDuration } from './duration.js';
import type { ObjectSpec, Report, Spec } from './spec.js';

/** Where validation faults go. */
export interface ValidateContext {
  readonly issues: ConfigIssue[];
  /** To find where a path is written. */
  readonly root: ConfigNode;
}

/** Checks a decoded value found at `path`. */
export function validate(spec: Spec, value: unknown, path: readonly string[], context: ValidateContext): void {
  if (value === null || value === undefined) return;
  switch (spec.kind) {
    case 'object':
      validateObject(spec, value as Record<string, unknown>, path, context);
      break;
    case 'optional':
      validate(spec.of, value, path, context);
      break;
    case 'list':
      for (const [index, item] of (value as unknown[]).entries()) validate(spec.of, item, [...path, String(index)], context);
      break;
    case 'map':
      for (const [name, item] of Object.entries(value)) validate(spec.of, item, [...path, name], context);
      break;
    default:
  }
}

function validateObject(spec: ObjectSpec, value: Record<string, unknown>, path: readonly string[], context: ValidateContext): void {
  const report = reporter(path, context);
  for (const [name, field] of Object.entries(spec.fields)) checkBounds(field.spec, value[name], name, report);
  spec.validate?.(value, report);
  for (const [name, field] of Object.entries(spec.fields)) validate(field.spec, value[name], [...path, name], context);
}

function checkBounds(spec: Spec, value: unknown, name: string, report: Report): void {
  if (spec.kind === 'optional') {
    if (value !== null) checkBounds(spec.of, value, name, report);
    return;
  }
  if (typeof value !== 'number') return;
  if (spec.kind === 'duration') {
    if (value < spec.min) report(spec.message ?? `'${name}' must be at least ${formatDuration(spec.min)}`, name);
  } else if (spec.kind === 'int' || spec.kind === 'float') {
    if (value < spec.min || value > spec.max || Number.isNaN(value)) {
      report(spec.message ?? `'${name}' must be ${boundsText(spec.min, spec.max)}`, name);
    }
  }
}

/** Bounds in words. */
export function boundsText(min: number, max: number): string {
  const hasMin = min > Number.MIN_SAFE_INTEGER;
  const hasMax = max < Number.MAX_SAFE_INTEGER;
  if (hasMin && hasMax) return `between ${min} and ${max}`;
  if (hasMax) return `at most ${max}`;
  return hasMin ? `at least ${min}` : 'a number';
}

/** Turns messages of a block's rules into issues. */
export function reporter(path: readonly string[], context: ValidateContext): Report {
  return (message, ...key) => {
    context.issues.push(validationIssue(`${path.join('::')}: ${message}`, [...path, ...key], context));
  };
}

/** An issue found by validation. */
export function validationIssue(text: string, path: readonly string[], context: ValidateContext, suggestion: string | null = null): ConfigIssue {
  const position = locate(context.root, path);
  return { stage: 'validate', path, text, position, expected: null, suggestion, related: [], component: null };
}
