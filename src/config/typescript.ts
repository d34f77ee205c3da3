/**
 * The configuration as TypeScript types, for hosts that write it in code: every block an interface, every key with its
 * meaning, unit and default. Stricter than what is read, where looseness only serves YAML: lists are lists, durations
 * have a unit.
 */
import { COMPONENTS, SECTIONS, inSection } from './components/registry.js';
import type { ComponentDefinition, Section } from './components/definition.js';
import { SECTION_DOCS, SERVICE_DOC } from './json-schema.js';
import { formatDuration } from './schema/duration.js';
import { SIGNALS } from './schema/ids.js';
import type { Field, IdSpace, ObjectSpec, Spec } from './schema/spec.js';
import { boundsText } from './schema/validate.js';
import { writtenDefault } from './schema/zod.js';
import { serviceSpec } from './service/service.js';

const HEAD = `// Generated from the schemas in src/config by \`npm run generate\`. Do not edit.
//
// A configuration as code has it: the keys, defaults and units of the Collector's YAML.

/** An id: a type, or a type and a name. */
type Id<T extends string> = T | \`\${T}/\${string}\`;

type Unit = 'ns' | 'us' | 'µs' | 'ms' | 's' | 'm' | 'h';

/** A text with a reference such as \`\${env:NAME}\`, which is looked up when the configuration is loaded. */
export type Reference = \`\${string}\\\${\${string}}\${string}\`;

/** A duration in Go's syntax: \`200ms\`, \`5s\`, \`1m30s\`. Only 0 needs no unit. */
export type Duration =
  | 0
  | '0'
  | \`\${number}\${Unit}\`
  | \`\${number}h\${number}m\`
  | \`\${number}h\${number}m\${number}s\`
  | \`\${number}m\${number}s\`
  | \`\${number}s\${number}ms\`
  | Reference;

/** A value of any form, as YAML has them. */
export type ConfigValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | readonly ConfigValue[]
  | { readonly [key: string]: ConfigValue };
`;

/** The types of ids, by what they name. */
const ID_TYPES: Readonly<Record<IdSpace, string>> = {
  receivers: 'ReceiverId',
  processors: 'ProcessorId',
  exporters: 'ExporterId',
  connectors: 'ConnectorId',
  extensions: 'ExtensionId',
  pipelines: 'PipelineId',
};

/** Names that blocks cannot have. */
const TAKEN = ['Id', 'Unit', 'Reference', 'Duration', 'ConfigValue', 'Configuration', ...Object.values(ID_TYPES)];

/** How a block within another is written: by its name, or in full. */
type WriteBlock = (block: ObjectSpec, isOptional: boolean) => string;

/** A block and where it was first met; blocks that read the same are one. */
interface Block {
  readonly spec: ObjectSpec;
  readonly isOptional: boolean;
  readonly path: readonly string[];
}

/** A component or `service`. */
interface Top {
  readonly name: string;
  readonly doc: string;
  readonly spec: ObjectSpec;
}

/** The text of the module. */
export function configurationTypes(): string {
  const tops = [...COMPONENTS.map(topOf), { name: 'Service', doc: SERVICE_DOC, spec: serviceSpec as ObjectSpec }];
  const blocks = new Map<string, Block>();
  for (const { name, spec } of tops) collectWithin(spec, [name], blocks);
  const names = nameBlocks(blocks, [...TAKEN, ...SECTIONS.map(pascal), ...tops.map(({ name }) => name)]);
  const byName: WriteBlock = (spec, isOptional) => names.get(inFull(spec, isOptional)) ?? '';
  return [
    HEAD,
    ...SECTIONS.map(idsOf),
    `/** Ids of pipelines. */\nexport type PipelineId = Id<${SIGNALS.map(quote).join(' | ')}>;\n`,
    ...Array.from(blocks, ([text, { spec, isOptional, path }]) =>
      interfaceOf(names.get(text) ?? '', `The block \`${path.slice(1).join('.')}\``, rowsOf(spec, isOptional, byName)),
    ),
    ...tops.map(({ name, doc, spec }) => interfaceOf(name, doc, rowsOf(spec, false, byName))),
    ...SECTIONS.map(sectionOfConfiguration),
    configuration(),
  ].join('\n');
}

function topOf(definition: ComponentDefinition): Top {
  return { name: componentName(definition), doc: definition.doc, spec: definition.spec as ObjectSpec };
}

function configuration(): string {
  const rows = SECTIONS.flatMap((section) => [
    `/** ${SECTION_DOCS[section]}. */`,
    `readonly ${section}?: ${pascal(section)} | null;`,
  ]);
  const service = [`/** ${SERVICE_DOC}. */`, 'readonly service?: Service | null;'];
  return interfaceOf('Configuration', 'A whole configuration, or a part of one that is merged with others', [
    ...rows,
    ...service,
  ]);
}

function idsOf(section: Section): string {
  const types = inSection(section).flatMap(({ type, aliases }) => [type, ...aliases]);
  return `/** Ids of ${section}. */\nexport type ${ID_TYPES[section]} = Id<${types.map(quote).join(' | ')}>;\n`;
}

/** The keys of a section are ids. */
function sectionOfConfiguration(section: Section): string {
  const rows = inSection(section).flatMap((definition) => {
    const { type, aliases, doc } = definition;
    const value = `${componentName(definition)} | null`;
    return [type, ...aliases].flatMap((name) => {
      const comment = name === type ? `/** ${doc} */` : `/** ${doc} @deprecated write \`${type}\` */`;
      return [comment, `readonly ${name}?: ${value};`, comment, `readonly [id: \`${name}/\${string}\`]: ${value};`];
    });
  });
  return interfaceOf(pascal(section), `${SECTION_DOCS[section]}: settings by id, \`TYPE\` or \`TYPE/NAME\``, rows);
}

function interfaceOf(name: string, doc: string, rows: readonly string[]): string {
  const comment = `/** ${doc.replace(/\.$/, '')}. */`;
  if (rows.length === 0) return `${comment}\nexport type ${name} = Readonly<Record<string, never>>;\n`;
  return `${comment}\nexport interface ${name} {\n${rows.map((row) => `  ${row}\n`).join('')}}\n`;
}

function collectWithin(spec: ObjectSpec, path: readonly string[], blocks: Map<string, Block>): void {
  for (const [name, field] of Object.entries(spec.fields)) collect(field.spec, [...path, name], blocks, false);
}

/** Finds the blocks of a declaration, those within before those around them. */
function collect(spec: Spec, path: readonly string[], blocks: Map<string, Block>, isOptional: boolean): void {
  switch (spec.kind) {
    case 'list':
    case 'map':
      collect(spec.of, [...path.slice(0, -1), singular(path.at(-1) ?? '')], blocks, false);
      return;
    case 'optional':
      collect(spec.of, path, blocks, true);
      return;
    case 'object': {
      collectWithin(spec, path, blocks);
      const text = inFull(spec, isOptional);
      if (!blocks.has(text)) blocks.set(text, { spec, isOptional, path });
      return;
    }
    default:
  }
}

/** Each block by the shortest end of its path that is no other's. */
function nameBlocks(blocks: ReadonlyMap<string, Block>, reserved: readonly string[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (let length = 1; names.size < blocks.size; length += 1) {
    const claims = new Map<string, string[]>();
    for (const [text, { path }] of blocks) {
      if (names.has(text)) continue;
      const name = path.slice(-length).map(pascal).join('');
      claims.set(name, [...(claims.get(name) ?? []), text]);
    }
    const taken = new Set([...reserved, ...names.values()]);
    for (const [name, [text = '', ...others]] of claims) {
      if (others.length === 0 && !taken.has(name)) names.set(text, name);
    }
  }
  return names;
}

/** A block with all that is within it, which tells it from others. */
function inFull(spec: ObjectSpec, isOptional: boolean): string {
  return `{\n${rowsOf(spec, isOptional, inFull).join('\n')}\n}`;
}

function rowsOf(spec: ObjectSpec, isOptional: boolean, write: WriteBlock): readonly string[] {
  const rows = Object.entries(spec.fields).flatMap(([name, field]) => [
    commentOf(field),
    `readonly ${name}?: ${expression(field.spec, write)};`,
  ]);
  if (!isOptional) return rows;
  return ['/** Whether this block is on. @default true */', 'readonly enabled?: boolean | Reference;', ...rows];
}

function commentOf(field: Field): string {
  const { doc, unit, ignored, spec } = field;
  const fallback = writtenDefault(field);
  const tail = fallback === undefined ? '' : ` @default ${literal(fallback)}`;
  const remarks = [
    `${doc}.`,
    unit === null ? '' : `Unit: ${unit}.`,
    boundsOf(spec),
    ignored === null ? '' : `This key ${ignored}.`,
  ];
  const text = remarks.filter((remark) => remark !== '').join(' ');
  return `/** ${text.replaceAll('*/', '*\\/')}${tail} */`;
}

function boundsOf(spec: Spec): string {
  if (spec.kind === 'optional') return boundsOf(spec.of);
  if (spec.kind === 'duration')
    return Number.isFinite(spec.min) && spec.min !== 0 ? `At least ${formatDuration(spec.min)}.` : '';
  if (spec.kind !== 'int' && spec.kind !== 'float') return '';
  const bounds = boundsText(spec.min, Number.isFinite(spec.max) ? spec.max : Number.MAX_SAFE_INTEGER);
  return bounds === 'a number' ? '' : `${bounds.charAt(0).toUpperCase()}${bounds.slice(1)}.`;
}

/** What may be written for a declaration, as a type. */
function expression(spec: Spec, write: WriteBlock): string {
  switch (spec.kind) {
    case 'string':
      return 'string';
    case 'bool':
      return 'boolean | Reference';
    case 'int':
    case 'float':
      return 'number | Reference';
    case 'duration':
      return 'Duration';
    case 'choice':
      return [...spec.values.filter((value) => value !== '').map(quote), 'Reference'].join(' | ');
    case 'id':
      return [...spec.of.map((space) => ID_TYPES[space]), 'Reference'].join(' | ');
    case 'list':
      return `ReadonlyArray<${expression(spec.of, write)}> | Reference`;
    case 'pairs':
      return '{ readonly [name: string]: string } | ReadonlyArray<{ readonly name: string; readonly value: string }> | Reference';
    case 'map':
      return `{ readonly [name ${spec.isByPipeline ? 'in PipelineId]?' : ': string]'}: ${expression(spec.of, write)} } | Reference`;
    case 'any':
      return 'ConfigValue';
    case 'value':
      return 'string | number | bigint | boolean | null';
    case 'object':
      return `${write(spec, false)} | null`;
    case 'optional':
      return spec.of.kind === 'object' ? `${write(spec.of, true)} | null` : `${expression(spec.of, write)} | null`;
  }
}

function componentName(definition: ComponentDefinition): string {
  return pascal(`${definition.type}_${definition.kind}`);
}

function pascal(words: string): string {
  return words.replaceAll(/(?:^|_)(\w)/g, (_match, letter: string) => letter.toUpperCase());
}

function singular(word: string): string {
  return word.endsWith('ies') ? `${word.slice(0, -3)}y` : word.replace(/s$/, '');
}

function quote(text: string): string {
  return `'${text}'`;
}

function literal(value: unknown): string {
  return typeof value === 'string' ? quote(value) : JSON.stringify(value);
}
