/**
 * Reference documentation of every component, generated from the declarations, as one Markdown text; and the facts the
 * `components` command prints.
 */
import { COMPONENTS, SECTIONS, inSection, sectionOf } from './components/registry.js';
import type { ComponentDefinition, Kind, Section, Stability } from './components/definition.js';
import { formatDuration } from './schema/duration.js';
import type { Field, ObjectSpec, Spec } from './schema/spec.js';
import { boundsText } from './schema/validate.js';
import { writtenDefault } from './schema/zod.js';
import { serviceSpec } from './service/service.js';
import { SCHEMES } from './tree/location.js';

/** What the `components` command says about one component. */
export interface ComponentListing {
  readonly kind: Kind;
  readonly section: Section;
  /** Canonical; aliases are not listed. */
  readonly name: string;
  readonly stability: Readonly<Record<string, Stability>>;
}

/** All components, in order. */
export function listComponents(): readonly ComponentListing[] {
  return COMPONENTS.map(({ kind, type, stability }) => ({ kind, section: sectionOf(kind), name: type, stability }));
}

/** The schemes configuration can come from. */
export function listSchemes(): readonly string[] {
  return SCHEMES;
}

const HEAD = `# Components

Generated from the declarations in \`src/config\`; do not edit. Keys and defaults are the OpenTelemetry Collector's.
Durations are written in Go's syntax (\`200ms\`, \`5s\`, \`1m30s\`). Any value may be a reference such as \`\${env:NAME}\`.
A block marked *off* is turned on by writing it and takes \`enabled: false\`; one marked *on* is turned off that way.
`;

/** The text of docs/components.md. */
export function componentsMarkdown(): string {
  const parts = [HEAD];
  for (const section of SECTIONS) {
    parts.push(`## ${section.charAt(0).toUpperCase()}${section.slice(1)}\n`);
    for (const definition of inSection(section)) parts.push(componentText(definition));
  }
  parts.push('## Service\n', `${tables('service', serviceSpec)}`);
  return parts.join('\n');
}

function componentText(definition: ComponentDefinition): string {
  const { type, aliases, doc, stability } = definition;
  const alias = aliases.length === 0 ? '' : `Deprecated names: ${aliases.map(code).join(', ')}.\n`;
  const stages = Object.entries(stability).map(([signal, stage]) => `${signal.replace(' ', ' → ')} ${stage}`);
  return `### ${code(type)}\n\n${doc}\n\n${alias}Stability: ${stages.join(', ')}.\n\n${tables(type, definition.spec)}`;
}

/** One table per block: the block's own keys, then its blocks in turn. */
function tables(title: string, spec: Spec): string {
  const out: string[] = [];
  const visit = (name: string, object: ObjectSpec): void => {
    const rows = Object.entries(object.fields).map(([key, field]) => row(key, field));
    if (rows.length === 0) {
      out.push('No keys.\n');
      return;
    }
    if (name !== '') out.push(`${code(name)}\n`);
    out.push('| Key | Type | Default | Meaning |', '| --- | --- | --- | --- |', ...rows, '');
    for (const [key, field] of Object.entries(object.fields)) {
      const below = blockOf(field.spec);
      if (below !== null && Object.keys(below.object.fields).length > 0) {
        visit(`${name === '' ? '' : `${name}.`}${key}${below.suffix}`, below.object);
      }
    }
  };
  const top = blockOf(spec);
  if (top === null) throw new Error(`${title} is no block`);
  visit('', top.object);
  return out.join('\n');
}

function blockOf(spec: Spec): { object: ObjectSpec; suffix: string } | null {
  if (spec.kind === 'object') return { object: spec, suffix: '' };
  if (spec.kind === 'optional') return blockOf(spec.of);
  if (spec.kind !== 'list' && spec.kind !== 'map') return null;
  const below = blockOf(spec.of);
  return below === null ? null : { object: below.object, suffix: spec.kind === 'list' ? '[]' : '.<id>' };
}

function row(key: string, field: Field): string {
  const meaning = field.ignored === null ? field.doc : `${field.doc}. This key ${field.ignored}`;
  const cells = [code(key), typeText(field.spec, field.unit), defaultText(field), meaning];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function typeText(spec: Spec, unit: string | null): string {
  const suffix = unit === null ? '' : `, ${unit}`;
  switch (spec.kind) {
    case 'string':
      return spec.opaque ? 'secret text' : 'text';
    case 'choice':
      return spec.values
        .filter((value) => value !== '')
        .map(code)
        .join(', ');
    case 'bool':
      return 'true or false';
    case 'int':
    case 'float': {
      const bounds = boundsText(spec.min, Number.isFinite(spec.max) ? spec.max : Number.MAX_SAFE_INTEGER);
      const name = spec.kind === 'int' ? 'whole number' : 'number';
      return `${name}${bounds === 'a number' ? '' : `, ${bounds}`}${suffix}`;
    }
    case 'duration':
      return Number.isFinite(spec.min) && spec.min !== 0
        ? `duration, at least ${formatDuration(spec.min)}`
        : 'duration';
    case 'id':
      return 'component id';
    case 'list':
      return `list of ${blockOf(spec.of) === null ? typeText(spec.of, null) : 'blocks'}`;
    case 'pairs':
      return spec.opaque ? 'map of secret texts' : 'map of texts';
    case 'map':
      return blockOf(spec.of) === null ? 'map' : 'map of blocks';
    case 'any':
      return 'any';
    case 'value':
      return 'text, number or boolean';
    case 'object':
      return 'block';
    case 'optional':
      return spec.of.kind === 'object' ? 'block' : typeText(spec.of, unit);
  }
}

function defaultText(field: Field): string {
  const { spec } = field;
  if (spec.kind === 'object') return '';
  if (spec.kind === 'optional' && spec.of.kind === 'object') return spec.absent === 'on' ? '*on*' : '*off*';
  const value = writtenDefault(field);
  if (value === undefined) return '';
  if (Array.isArray(value)) {
    return value.every((item) => typeof item === 'string')
      ? `\`[${value.map((item) => (item === '' ? '""' : item)).join(', ')}]\``
      : 'see below';
  }
  if (typeof value === 'object') return '`{}`';
  return value === '' ? '`""`' : code(String(value as string | number | boolean));
}

function code(text: string): string {
  return `\`${text}\``;
}
