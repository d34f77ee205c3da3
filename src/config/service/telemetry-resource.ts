/**
 * `service.telemetry.resource`: the new form (`attributes: [{name, value}]`) and the old one (a plain map), which
 * share a block, so this is decoded by hand.
 */
import type { NativePair } from '../native-types.js';
import type { Report } from '../schema/spec.js';
import type { ResourceTelemetry } from '../telemetry.js';

/** Keys of the new form; any other key is an attribute in the old form. */
const NEW_KEYS = new Set(['schema_url', 'attributes', 'attributes_list', 'detectors', 'detection/development']);

/** The parts of a written resource, judged. */
export interface ResourceParts {
  readonly resource: ResourceTelemetry;
  readonly usesLegacy: boolean;
  readonly usesDetection: boolean;
}

/** @param value the block as plain data; `report` starts at `service::telemetry::resource` */
export function readResource(value: unknown, report: Report): ResourceParts {
  const block = isRecord(value) ? value : {};
  if (value !== null && value !== undefined && !isRecord(value)) report('expected a map or struct');
  const legacy = Object.entries(block).filter(([name]) => !NEW_KEYS.has(name));
  const { attributes_list: attributesList, schema_url: schemaUrl, attributes } = block;
  if (attributesList !== undefined && attributesList !== null) {
    report('resource::attributes_list is not currently supported, please use resource::attributes', 'attributes_list');
  }
  const written = readAttributes(attributes, report);
  if (written.length > 0 && legacy.length > 0) {
    report('resource::attributes cannot be used together with legacy inline resource attributes', 'attributes');
  }
  const removed: string[] = [];
  const old: NativePair[] = [];
  for (const [name, item] of legacy) {
    if (item === null) removed.push(name);
    else if (typeof item === 'string') old.push([name, item]);
    else report(`legacy resource attribute ${JSON.stringify(name)} must be string or null`, name);
  }
  return {
    resource: {
      schema_url: typeof schemaUrl === 'string' && schemaUrl !== '' ? schemaUrl : null,
      attributes: [...old, ...written],
      removed,
    },
    usesLegacy: legacy.length > 0,
    usesDetection: isRecord(block['detection/development']),
  };
}

function readAttributes(value: unknown, report: Report): NativePair[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) {
    report('attributes must be a list of {name, value}', 'attributes');
    return [];
  }
  const out: NativePair[] = [];
  for (const [index, item] of (value as readonly unknown[]).entries()) {
    const name = isRecord(item) ? item['name'] : undefined;
    if (!isRecord(item) || typeof name !== 'string' || name === '') {
      report('an attribute needs a name', 'attributes', String(index));
    } else {
      out.push([name, textOf(item['value'])]);
    }
  }
  return out;
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value as number | bigint | boolean);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
