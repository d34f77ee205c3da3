// Joining sources: deep maps, replaced lists, split keys, positions that survive, and the gate that appends.
import * as fc from 'fast-check';

import { defineConfig, loadConfig } from '../../../src/config/index.js';
import { merge, mergeAppendRule, splitKeys } from '../../../src/config/tree/merge.js';
import { locate, toPlain } from '../../../src/config/tree/node.js';
import type { MapNode } from '../../../src/config/tree/node.js';
import { fromObject } from '../../../src/config/tree/from-object.js';
import { parseYaml } from '../../../src/config/tree/parse-yaml.js';
import { BASE, problems, world } from './harness.js';

const tree = (text: string, source = 'c.yaml'): MapNode => splitKeys(parseYaml(text, source)) as MapNode;
const merged = (...texts: string[]): unknown =>
  toPlain(texts.map((text) => tree(text)).reduce((below, above) => merge(below, above)));

const asTree = (value: unknown): MapNode => fromObject(value as object) as MapNode;

const positionOf = async (options: Parameters<typeof loadConfig>[0]): Promise<string> => {
  const message = await problems(loadConfig(options));
  return / \(([^;()]*)(?:;.*)?\)$/.exec(message)?.[1] ?? message;
};

describe('merging', () => {
  it.each([
    [['a: {b: 1, c: 2}', 'a: {b: 3}'], { a: { b: 3, c: 2 } }],
    [['a: [1, 2]', 'a: [3]'], { a: [3] }],
    [['a: {b: 1}', 'a: '], { a: null }],
    [['a: ', 'a: {b: 1}'], { a: { b: 1 } }],
    [['a: {b: 1}', 'a: x'], { a: 'x' }],
    [['a::b::c: 1', 'a::b::d: 2'], { a: { b: { c: 1, d: 2 } } }],
    [['a::b: 1\na: {c: 2}'], { a: { b: 1, c: 2 } }],
    [['a: {b::c: 1, b: {d: 2}}'], { a: { b: { c: 1, d: 2 } } }],
    [['__proto__: {x: 1}', '__proto__::y: 2'], JSON.parse('{"__proto__": {"x": 1, "y": 2}}')],
  ])('%j', (texts, expected) => {
    expect(JSON.stringify(merged(...(texts as string[])))).toBe(JSON.stringify(expected));
  });

  it('keeps the order of the first source', () => {
    expect(Object.keys(merged('b: 1\na: 2', 'c: 3\na: 4') as object)).toEqual(['b', 'a', 'c']);
  });

  it('points at the source that said it last, also below merged maps', () => {
    const both = merge(tree('a:\n  b: 1\n  c: 2\n', 'one'), tree('x: 0\na: {b: 3}\n', 'two'));
    expect(locate(both, ['a', 'b'])).toEqual({ source: 'two', line: 2, column: 5 });
    expect(locate(both, ['a', 'c'])).toEqual({ source: 'one', line: 3, column: 3 });
    expect(locate(both, ['a', 'missing'])).toEqual({ source: 'two', line: 2, column: 1 });
  });

  it('says all that the last source says, and saying it twice changes nothing', () => {
    const leaf = fc.oneof(fc.integer(), fc.constant(null), fc.array(fc.integer(), { maxLength: 2 }));
    const { node } = fc.letrec<{ node: unknown }>((tie) => ({
      node: fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.oneof({ depthSize: 'small' }, leaf, tie('node')), {
        maxKeys: 3,
      }),
    }));
    fc.assert(
      fc.property(node, node, (below, above) => {
        const both = merge(asTree(below), asTree(above));
        expect(toPlain(merge(both, asTree(above)))).toEqual(toPlain(both));
        expect(toPlain(both)).toMatchObject(above as object);
      }),
    );
  });

  it.each([
    [['service', 'extensions'], true],
    [['service', 'pipelines', 'traces', 'receivers'], true],
    [['service', 'pipelines', 'traces', 'exporters'], true],
    [['service', 'pipelines', 'traces', 'processors'], false],
    [['receivers', 'a', 'exporters'], false],
    [['service', 'telemetry', 'logs', 'output_paths'], false],
  ])('gate confmap.enableMergeAppendOption: %j appends: %s', (path, appends) => {
    expect(mergeAppendRule(path as string[])).toBe(appends);
  });

  it('the gate joins lists without doubles', async () => {
    const environment = world({
      files: {
        a: BASE,
        b: 'exporters: {debug: }\nservice: {pipelines: {traces: {receivers: [nop], exporters: [nop, debug]}}}',
      },
    });
    const on = await loadConfig({
      sources: ['a', 'b'],
      featureGates: ['confmap.enableMergeAppendOption'],
      environment,
    });
    expect(on.native.service.pipelines[0]?.exporters).toEqual(['nop', 'debug']);
    const over = ['a', 'yaml:{exporters: {debug: }, service::pipelines::traces::exporters: [debug]}'];
    const off = await loadConfig({ sources: over, environment });
    expect(off.native.service.pipelines[0]?.exporters).toEqual(['debug']);
    const joined = await loadConfig({ sources: over, featureGates: ['+confmap.enableMergeAppendOption'], environment });
    expect(joined.native.service.pipelines[0]?.exporters).toEqual(['nop', 'debug']);
  });
});

describe('positions', () => {
  const environment = world({
    files: {
      'a.yaml': BASE,
      'b.yaml': '\nprocessors:\n  batch:\n    timout: 1s\n',
      'inner.yaml': 'x: 1\ntimout: 2s\n',
      'c.yaml': 'processors:\n  batch: ${file:inner.yaml}\n',
    },
    variables: { BLOCK: '{timeout: 1s,\n timout: 2s}', WRONG: 'soon' },
  });

  it.each([
    ['a later file', ['a.yaml', 'b.yaml'], [], 'b.yaml:4:5'],
    ['a file brought by a reference', ['a.yaml', 'c.yaml'], [], 'inner.yaml:2:1; inner.yaml:1:1'],
    ['a flag', ['a.yaml'], ['processors.batch.timout=1s'], '--set=processors.batch.timout:1:1'],
    ['text in a flag', ['a.yaml', 'yaml:processors::batch::timout: 1s'], [], 'yaml#2:1:1'],
    ['a block in a variable', ['a.yaml', 'yaml:{processors: {batch: "${BLOCK}"}}'], [], 'env:BLOCK:2:2'],
    [
      'a value in a variable: where it is referred to',
      ['a.yaml', 'yaml:{processors: {batch: {timeout: "${WRONG}"}}}'],
      [],
      'yaml#2:1:32',
    ],
  ])('of %s', async (_name, sources, sets, expected) => {
    const position = await positionOf({ sources: sources as string[], sets: sets as string[], environment });
    expect(expected).toContain(position);
  });

  it('never show a secret of an address', async () => {
    const message = await problems(
      loadConfig({
        sources: ['http://user:hunter2@h/c.yaml?key=hunter2'],
        environment: world({ pages: { 'http://user:hunter2@h/c.yaml?key=hunter2': 'foo: 1' } }),
      }),
    );
    expect(message).toContain('(http://h/c.yaml:1:1;');
    expect(message).not.toContain('hunter2');
  });
});

describe('a configuration written in code', () => {
  const object = defineConfig({
    receivers: { nop: null },
    exporters: { nop: {} },
    service: { pipelines: { traces: { receivers: ['nop'], exporters: ['nop'] } } },
  });

  it('loads, expands references, and goes between --config and --set', async () => {
    const environment = world({
      files: { a: 'processors: {batch: {timeout: 9s, send_batch_size: 3}}' },
      variables: { T: '7s' },
    });
    const loaded = await loadConfig({
      sources: ['a'],
      object: { ...object, processors: { batch: { timeout: '${T}', metadata_keys: undefined } } } as object,
      sets: ['service.pipelines.traces.processors=[batch]', 'processors.batch.send_batch_max_size=5'],
      environment,
    });
    expect(loaded.native.processors[0]?.config).toMatchObject({
      timeout: 7e9,
      send_batch_size: 3,
      send_batch_max_size: 5,
    });
  });

  it.each([
    [{ a: () => 1 }, 'a is a function, which has no place in a configuration'],
    [{ a: { b: Symbol('x') } }, 'a::b is a symbol, which has no place in a configuration'],
  ])('refuses %j', async (value, message) => {
    await expect(problems(loadConfig({ object: value as object, environment: world() }))).resolves.toBe(
      `configuration object: ${message}`,
    );
  });

  it('refuses a cycle', async () => {
    const loop: Record<string, unknown> = {};
    loop['a'] = loop;
    await expect(problems(loadConfig({ object: loop, environment: world() }))).resolves.toContain(
      'is nested too deeply or too large',
    );
  });

  it('is not moved by a polluted prototype', async () => {
    const parsed = JSON.parse('{"__proto__": {"receivers": {"evil": null}}, "receivers": {"nop": null}}') as object;
    await expect(
      problems(loadConfig({ object: { ...object, ...parsed }, environment: world() })),
    ).resolves.not.toContain('evil');
    expect(({} as Record<string, unknown>)['receivers']).toBeUndefined();
  });
});

const refused = (value: object): Promise<string> => problems(loadConfig({ object: value, environment: world() }));

describe('an object that is not to be trusted', () => {
  it('counts with its own properties only', async () => {
    await expect(refused(Object.create({ receivers: { nop: null } }) as object)).resolves.toBe(
      'configuration object: the top is an object of a class, which has no place in a configuration',
    );
    const bare = Object.assign(Object.create(null) as object, { receivers: { nop: null } });
    await expect(refused(bare)).resolves.toContain('no exporter configuration');
  });

  it.each<[string, object]>([
    ['a date', new Date(0)],
    ['a map', new Map([['nop', null]])],
    ['a buffer', Buffer.from('nop')],
    ['an instance', new URLSearchParams()],
  ])('is refused as %s', async (_name, value) => {
    await expect(refused({ receivers: value })).resolves.toBe(
      'configuration object: receivers is an object of a class, which has no place in a configuration',
    );
  });

  it('is refused when a getter or a proxy throws', async () => {
    const getter = Object.defineProperty({}, 'nop', {
      enumerable: true,
      get: () => {
        throw new TypeError('not today');
      },
    });
    await expect(refused({ receivers: getter })).resolves.toBe(
      'configuration object: receivers cannot be read: not today',
    );
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    await expect(refused({ exporters: proxy })).resolves.toMatch(
      /^configuration object: exporters cannot be read: .*revoked/,
    );
  });

  it('is read once, whatever it says the second time', async () => {
    let reads = 0;
    const receivers = Object.defineProperty({}, 'nop', {
      enumerable: true,
      get: () => (reads++ === 0 ? null : { evil: true }),
    });
    const config = { receivers, exporters: { nop: null } };
    const service = { pipelines: { traces: { receivers: ['nop'], exporters: ['nop'] } } };
    await loadConfig({ object: { ...config, service } as object, environment: world() });
    expect(reads).toBe(1);
  });

  it('is refused when it is deep or large, at once', async () => {
    let deep: object = {};
    for (let level = 0; level < 100_000; level += 1) deep = { deep };
    await expect(refused(deep)).resolves.toContain('is nested too deeply or too large');
    await expect(refused({ exporters: Object.assign([], { length: 2 ** 32 - 1 }) })).resolves.toBe(
      'configuration object: exporters is nested too deeply or too large',
    );
  });

  it('has holes of lists refused', async () => {
    // oxlint-disable-next-line no-sparse-arrays
    await expect(refused({ service: { extensions: [, 'health_check'] } })).resolves.toBe(
      'configuration object: service::extensions::0 is a undefined, which has no place in a configuration',
    );
  });
});

describe('options of loadConfig', () => {
  it('are refused if unknown, with what may have been meant', async () => {
    await expect(problems(loadConfig({ source: ['a'] } as object))).resolves.toBe(
      'unknown option "source" of loadConfig (did you mean "sources"?)',
    );
    await expect(problems(loadConfig(JSON.parse('{"__proto__": {}}') as object))).resolves.toMatch(
      /^unknown option "__proto__" of loadConfig \(one of sources, object, /,
    );
  });
});
