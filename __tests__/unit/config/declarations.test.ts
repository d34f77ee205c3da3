// The declarations themselves: documented, consistent with their own defaults, told alike to editors and readers.
import { COMPONENTS } from '../../../src/config/components/registry.js';
import { componentsMarkdown, configJsonSchema } from '../../../src/config/index.js';
import { decode } from '../../../src/config/schema/decode.js';
import { defaultOf, defaultOfSpec } from '../../../src/config/schema/spec.js';
import type { Field, ObjectSpec, Spec } from '../../../src/config/schema/spec.js';
import { toZod, writtenDefault } from '../../../src/config/schema/zod.js';
import { serviceSpec } from '../../../src/config/service/service.js';
import { fromObject } from '../../../src/config/tree/from-object.js';

interface Named {
  readonly name: string;
  readonly spec: Spec;
}

const ALL: readonly Named[] = [
  ...COMPONENTS.map(({ kind, type, spec }) => ({ name: `${kind} ${type}`, spec })),
  { name: 'service', spec: serviceSpec },
];

/** Every key below a declaration, with its dotted name. */
function keysOf(name: string, spec: Spec): { name: string; field: Field }[] {
  if (spec.kind === 'list' || spec.kind === 'map' || spec.kind === 'optional') return keysOf(name, spec.of);
  if (spec.kind !== 'object') return [];
  return Object.entries((spec as ObjectSpec).fields).flatMap(([key, field]) => [
    { name: `${name}.${key}`, field },
    ...keysOf(`${name}.${key}`, field.spec),
  ]);
}

const KEYS = ALL.flatMap(({ name, spec }) => keysOf(name, spec));

describe('declarations', () => {
  it('say what every key means, in plain words without a full stop at the end', () => {
    const bad = KEYS.filter(
      ({ field }) => field.doc.length < 2 || /[.\n]$/.test(field.doc) || field.doc.includes('TODO'),
    );
    expect(bad.map(({ name }) => name)).toEqual([]);
    expect(KEYS.length).toBeGreaterThan(300);
  });

  it('use one spelling for keys: lower case and underscores', () => {
    expect(KEYS.filter(({ name }) => !/^[a-z ]*[a-z0-9_. ]+$/.test(name)).map(({ name }) => name)).toEqual([]);
  });

  it.each(ALL)('$name: null means the defaults', ({ spec }) => {
    const context = { issues: [], diagnostics: [], base: [], component: null };
    expect(decode(spec, fromObject({}), '', context)).toEqual(defaultOfSpec(spec));
    expect(context.issues).toEqual([]);
  });

  it('a written default decodes to the default', () => {
    for (const { name, field } of KEYS) {
      const written = writtenDefault(field);
      // an id has no default, and readers are written in blocks
      if (written === undefined || ['any', 'id'].includes(field.spec.kind) || name.endsWith('metrics.readers'))
        continue;
      const context = { issues: [], diagnostics: [], base: [], component: null };
      const spec: Spec = { kind: 'object', fields: { key: field }, settle: null, validate: null };
      expect({ name, value: decode(spec, fromObject({ key: written }), '', context) }).toEqual({
        name,
        value: { key: defaultOf(field) },
      });
      expect(context.issues).toEqual([]);
    }
  });
});

describe('editor schema', () => {
  const schema = configJsonSchema() as {
    properties: Record<string, unknown>;
    definitions: Record<string, { description?: string }>;
  };

  it('has every section and component, and only references that lead somewhere', () => {
    expect(Object.keys(schema.properties)).toEqual([
      'receivers',
      'processors',
      'exporters',
      'connectors',
      'extensions',
      'service',
    ]);
    const text = JSON.stringify(schema);
    const names = new Set(Array.from(text.matchAll(/"#\/definitions\/([^"]+)"/g), (match) => match[1] ?? ''));
    expect([...names].filter((name) => !Object.hasOwn(schema.definitions, name))).toEqual([]);
    for (const { kind, type } of COMPONENTS) expect(schema.definitions).toHaveProperty([`${kind}_${type}`]);
  });

  it('knows units, defaults and aliases', () => {
    const text = JSON.stringify(schema);
    expect(text).toContain('"default":"200ms"');
    expect(text).toContain('(otlp_grpc|otlp)');
    expect(text).toContain('Largest body, both as sent and decompressed; 0 or less takes the default (bytes)');
  });

  it.each<[string, unknown, boolean]>([
    ['processor batch', { timeout: '5s', send_batch_size: 1 }, true],
    ['processor batch', null, true],
    ['processor batch', { timeout: '${env:T}', send_batch_size: '${N}' }, true],
    ['processor batch', { timeout: 'soon' }, false],
    ['processor batch', { timout: '5s' }, false],
    ['processor batch', { send_batch_size: -1 }, false],
    ['receiver otlp', { protocols: { grpc: null, http: { enabled: false } } }, true],
    ['receiver otlp', { protocols: { htttp: null } }, false],
    [
      'exporter otlp_grpc',
      { endpoint: 'h:1', headers: [{ name: 'a', value: 'b' }], sending_queue: { batch: {} } },
      true,
    ],
    ['exporter otlp_grpc', { compression: 'gzpi' }, false],
    [
      'service',
      { pipelines: { traces: { receivers: 'a,b', exporters: ['c'] } }, telemetry: { metrics: { level: 'None' } } },
      true,
    ],
    ['service', { pipelines: { traces: { receiver: [] } } }, false],
  ])('%s %j: %s', (name, value, isGood) => {
    const found = ALL.find((candidate) => candidate.name === name);
    expect(found && toZod(found.spec).safeParse(value).success).toBe(isGood);
  });
});

describe('reference', () => {
  const text = componentsMarkdown();

  it('has a table row for every key', () => {
    const missing = KEYS.filter(({ name }) => !text.includes(`| \`${name.split('.').at(-1)}\` |`));
    expect(missing.map(({ name }) => name)).toEqual([]);
  });

  it('is the same each time', () => {
    expect(componentsMarkdown()).toBe(text);
  });
});
