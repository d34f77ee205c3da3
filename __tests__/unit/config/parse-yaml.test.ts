// YAML to a tree: values as Go's reader takes them, positions, and bounds on hostile text.
import { toPlain } from '../../../src/config/tree/node.js';
import type { MapNode } from '../../../src/config/tree/node.js';
import { YamlError, parseYaml } from '../../../src/config/tree/parse-yaml.js';

const plain = (text: string): unknown => toPlain(parseYaml(text, 'c.yaml'));
const value = (text: string): unknown => (plain(`k: ${text}`) as Record<string, unknown>)['k'];

function errorOf(text: string): YamlError {
  try {
    parseYaml(text, 'c.yaml');
  } catch (error) {
    if (error instanceof YamlError) return error;
    throw error;
  }
  throw new Error('expected the text to be refused');
}

describe('YAML scalars', () => {
  it.each([
    ['', null],
    ['~', null],
    ['null', null],
    ['Null', null],
    ['nULL', 'nULL'],
    ['true', true],
    ['TRUE', true],
    ['yes', 'yes'],
    ['on', 'on'],
    ['12', 12],
    ['-12', -12],
    ['+12', 12],
    ['1_000', 1000],
    ['0x1F', 31],
    ['0o17', 15],
    ['0123', 83],
    ['0b101', 5],
    ['089', 89],
    ['1.5', 1.5],
    ['1e3', 1000],
    ['.5', 0.5],
    ['.inf', Number.POSITIVE_INFINITY],
    ['-.INF', Number.NEGATIVE_INFINITY],
    ['9223372036854775807', 9_223_372_036_854_775_807n],
    ['1:30', '1:30'],
    ['"12"', '12'],
    ["'true'", 'true'],
    ['1.2.3', '1.2.3'],
    ['localhost:4317', 'localhost:4317'],
    ['!!str 12', '12'],
    ['!!float 12', 12],
    ['!!int "12"', 12],
  ])('reads %s', (text, expected) => {
    expect(value(text)).toBe(expected);
  });

  it('keeps the kind of a whole float apart from an int', () => {
    const tree = parseYaml('[1.0, 1]', 'c.yaml');
    expect(tree.kind === 'list' && tree.items.map((item) => item.kind === 'scalar' && item.type)).toEqual([
      'float',
      'int',
    ]);
  });
});

describe('YAML structure', () => {
  it('knows where every key and value is written', () => {
    const tree = parseYaml('a:\n  b: 1\n  c: [x,\n    y]\n', 'c.yaml') as MapNode;
    const a = tree.entries.get('a');
    const inner = a?.node.kind === 'map' ? a.node.entries : null;
    const b = inner?.get('b');
    const c = inner?.get('c')?.node;
    expect([a?.at, b?.at, b?.node.at].map((at) => `${at?.source}:${at?.line}:${at?.column}`)).toEqual([
      'c.yaml:1:1',
      'c.yaml:2:3',
      'c.yaml:2:6',
    ]);
    expect(c?.kind === 'list' && c.items[1]?.at).toEqual({ source: 'c.yaml', line: 4, column: 5 });
  });

  it('follows anchors, aliases and merge keys; written keys win, then the first merged', () => {
    const text = 'x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\nz: {<<: [*x, *y], a: 0}\nw: *x\n';
    expect(plain(text)).toEqual({
      x: { a: 1, b: 2 },
      y: { b: 3, c: 4 },
      z: { a: 0, b: 2, c: 4 },
      w: { a: 1, b: 2 },
    });
  });

  it('reads JSON', () => {
    expect(plain('{"a": [1, "2", null], "b": {"c": true}}')).toEqual({ a: [1, '2', null], b: { c: true } });
  });

  it('takes the first of several documents', () => {
    expect(plain('a: 1\n---\nb: 2\n')).toEqual({ a: 1 });
  });

  it('keeps __proto__ and constructor as plain keys', () => {
    const out = plain('__proto__: {polluted: true}\nconstructor: {prototype: {polluted: true}}') as Record<
      string,
      unknown
    >;
    expect(Object.keys(out)).toEqual(['__proto__', 'constructor']);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('refuses duplicate keys, naming both lines', () => {
    const error = errorOf('a: 1\nb: 2\na: 3\n');
    expect(error.message).toBe('yaml: unmarshal errors:\n  line 3: mapping key "a" already defined at line 1');
    expect(error.at).toEqual({ source: 'c.yaml', line: 3, column: 1 });
  });

  it.each([
    ['a: [1, 2', 1],
    ['a: 1\n  b: 2', 1],
    ['a: 1\nb: [', 2],
    ['a: "x', 1],
    ['a: *nowhere', 1],
    ['? [a, b]\n: c', 1],
    ['a: &a [*a]', 1],
    ['a: !!int x', 1],
    ['<<: 3', 1],
  ])('refuses %j at line %d', (text, line) => {
    expect(errorOf(text).at.line).toBe(line);
  });
});

describe('hostile YAML', () => {
  it('bounds what aliases multiply', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
    for (let level = 1; level < 10; level += 1) {
      const refs = Array.from({ length: 10 }, () => `*a${level - 1}`).join(', ');
      lines.push(`a${level}: &a${level} [${refs}]`);
    }
    const started = performance.now();
    expect(errorOf(lines.join('\n')).message).toContain('excessive aliasing');
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it('bounds what merge keys multiply', () => {
    const lines = ['a0: &a0 {k: [x, x, x, x, x, x, x, x, x, x]}'];
    for (let level = 1; level < 10; level += 1) {
      const keys = Array.from({ length: 10 }, (_, index) => `k${index}: {<<: *a${level - 1}}`).join(', ');
      lines.push(`a${level}: &a${level} {${keys}}`);
    }
    expect(errorOf(lines.join('\n')).message).toMatch(/excessive aliasing|max depth/);
  });

  it.each([
    ['brackets', '['.repeat(200_000)],
    ['closed brackets', `${'['.repeat(500)}${']'.repeat(500)}`],
    ['braces', '{a: '.repeat(100_000)],
    ['dashes', '- '.repeat(100_000)],
    ['questions', '? '.repeat(50_000)],
    ['indents', Array.from({ length: 400 }, (_, index) => `${' '.repeat(index)}a:`).join('\n')],
  ])('bounds nesting by %s', (_name, text) => {
    expect(errorOf(text)).toBeInstanceOf(YamlError);
  });

  it('bounds the size of the text', () => {
    expect(errorOf('#'.repeat(17 * 1024 * 1024)).message).toContain('larger than');
  });
});
