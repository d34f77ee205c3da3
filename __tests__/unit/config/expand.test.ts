// References in values: the Collector's rules and corners, bounds, and properties.
import * as fc from 'fast-check';

import { findReference } from '../../../src/config/tree/expand.js';
import { toPlain } from '../../../src/config/tree/node.js';
import { readSources } from '../../../src/config/tree/sources.js';
import type { Diagnostic } from '../../../src/config/index.js';
import { failureOf, problems, world } from './harness.js';

type Parts = Parameters<typeof world>[0];

async function expanded(text: string, parts: Parts = {}, diagnostics: Diagnostic[] = []): Promise<unknown> {
  const environment = world({ ...parts, files: { ...parts?.files, 'c.yaml': text } });
  const list = { sources: ['c.yaml'], sets: [], appends: null };
  return toPlain(await readSources(list, { environment, signal: null, diagnostics }));
}

const value = async (text: string, parts: Parts = {}): Promise<unknown> =>
  ((await expanded(`k: ${text}`, parts)) as Record<string, unknown>)['k'];

const VARIABLES = {
  A: 'x',
  NUM: '42',
  OCT: '0123',
  BOOL: 'true',
  LIST: '[1, b]',
  MAP: '{p: {q: 1}}',
  EMPTY: '',
  NAME: 'A',
  DOLLAR: '$$A',
  REF: '${A}',
};

describe('references', () => {
  it.each([
    ['${env:A}', 'x'],
    ['${A}', 'x'],
    ['pre-${A}-post', 'pre-x-post'],
    ['${NUM}', 42],
    ['n${NUM}', 'n42'],
    ['${OCT}', 83],
    ['o${OCT}', 'o0123'],
    ['${BOOL}', true],
    ['${LIST}', [1, 'b']],
    ['l-${LIST}', 'l-[1, b]'],
    ['${MAP}', { p: { q: 1 } }],
    ['${env:UNSET:-d}', 'd'],
    ['${env:UNSET:-7}', 7],
    ['${env:UNSET:-}', ''],
    ['${env:EMPTY:-d}', null],
    ['${UNSET}', null],
    ['a${UNSET}b', 'ab'],
    ['${env:${NAME}}', 'x'],
    ['${${NAME}}', 'x'],
    ['${REF}', 'x'],
    ['$$', '$'],
    ['$A', '$A'],
    ['$1', '$1'],
    ['$$1', '$1'],
    ['$${A}', '${A}'],
    ['$$${A}', '$x'],
    ['$$$${A}', '$${A}'],
    ['"$${1}"', '${1}'],
    ['${yaml:a: 1}', '${yaml:a: 1}'],
    ['"${yaml:{a: 1}}"', '{a: 1}'],
    ['"${yaml:12}"', 12],
    ['${file:f.yaml}', { inner: [1, 2] }],
    ['t-${file:t.txt}', 't-secret'],
    ['${http://h/p.yaml}', { page: true }],
    ['"{${A}"', '{x'],
    ['"}${A}"', '}x'],
    ['"${A"', '${A'],
  ])('%s becomes %j', async (text, expected) => {
    const parts = {
      variables: VARIABLES,
      files: { 'f.yaml': 'inner: [1, 2]\n', 't.txt': 'secret' },
      pages: { 'http://h/p.yaml': 'page: true' },
    };
    if (text === '${yaml:a: 1}') {
      // not valid YAML without quotes: a mapping inside a plain scalar
      await expect(value(text, parts)).rejects.toThrow('assuming string type');
    } else if (text === '"${yaml:{a: 1}}"') {
      // the first brace ends the reference, as in the Collector
      await expect(value(text, parts)).resolves.toBe('{a: 1}');
    } else {
      await expect(value(text, parts)).resolves.toEqual(expected);
    }
  });

  it('expands values in lists and maps that came from references, and never keys', async () => {
    const text = 'a: ${file:f.yaml}\n"${A}": 1\n';
    await expect(
      expanded(text, { variables: VARIABLES, files: { 'f.yaml': 'l: ["${A}", {"${A}": "${NUM}"}]' } }),
    ).resolves.toEqual({
      a: { l: ['x', { '${A}': 42 }] },
      '${A}': 1,
    });
  });

  it('splits :: keys in what a reference brings', async () => {
    await expect(expanded('a: ${MAP}', { variables: { MAP: '{x::y: 1}' } })).resolves.toEqual({ a: { x: { y: 1 } } });
  });

  it('tells of unset and of empty variables, with the place', async () => {
    const diagnostics: Diagnostic[] = [];
    await expanded(
      'a:\n  b: ${UNSET}\n  c: ${EMPTY}\n  d: ${env:ALSO:-x}\n',
      { variables: { EMPTY: '' } },
      diagnostics,
    );
    expect(diagnostics).toEqual([
      {
        severity: 'warning',
        message: 'Configuration references unset environment variable',
        path: [],
        position: { source: 'c.yaml', line: 2, column: 6 },
        fields: { name: 'UNSET' },
      },
      {
        severity: 'info',
        message: 'Configuration references empty environment variable',
        path: [],
        position: { source: 'c.yaml', line: 3, column: 6 },
        fields: { name: 'EMPTY' },
      },
    ]);
  });

  it.each([
    ['${NAME:-x}', 'scheme "NAME" is not supported for uri "NAME:-x" (c.yaml:1:4)'],
    ['${foo:bar}', 'scheme "foo" is not supported for uri "foo:bar" (c.yaml:1:4)'],
    [
      '${env:x-y}',
      'environment variable "x-y" has invalid name: must match regex ^[a-zA-Z_][a-zA-Z0-9_]*$ (c.yaml:1:4)',
    ],
    ['${env:A$B}', 'the uri "env:A$B" contains unsupported characters (\'$\') (c.yaml:1:4)'],
    ['${file:none}', 'unable to read the file file:none: open none: no such file or directory (c.yaml:1:4)'],
    ['${http://h/none}', 'failed to load resource from uri "http://h/none". status code: 404 (c.yaml:1:4)'],
    ['"${1:x}"', 'invalid uri: "1:x" (c.yaml:1:4)'],
    ['${LOOP}', 'too many recursive expansions (c.yaml:1:4)'],
    ['x${LOOP}', 'too many recursive expansions (c.yaml:1:4)'],
  ])('%s is refused', async (text, message) => {
    await expect(problems(value(text, { variables: { LOOP: '${LOOP}' } }))).resolves.toBe(message);
  });

  it('bounds growth: a reference that doubles itself', async () => {
    const error = await failureOf(
      value('x${BOMB}', { variables: { BOMB: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa${BOMB}${BOMB}' } }),
    );
    expect(error.code).toBe('CONFIG_EXPANSION');
  });

  it('bounds growth: a map that holds itself', async () => {
    const error = await failureOf(value('${BOMB}', { variables: { BOMB: '{a: "${BOMB}", b: "${BOMB}"}' } }));
    expect(error.code).toBe('CONFIG_EXPANSION');
  });

  it('leaves text without references alone, but for $$', () => {
    return fc.assert(
      fc.asyncProperty(fc.stringMatching(/^[a-z$ ]{0,30}$/), async (text) => {
        await expect(value(JSON.stringify(text))).resolves.toBe(text.replaceAll('$$', () => '$'));
      }),
    );
  });

  it('doubling every dollar gives the text back', () => {
    const piece = fc.constantFrom('$', '{', '}', 'A', ':', 'env', '${A}', 'x');
    return fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 10 }), async (pieces) => {
        const text = pieces.join('');
        await expect(value(JSON.stringify(text.replaceAll('$', () => '$$')), { variables: VARIABLES })).resolves.toBe(
          text,
        );
      }),
    );
  });

  it('a reference it finds is one, and not escaped', () => {
    const piece = fc.constantFrom('$', '{', '}', 'A', ':', '${', '$${');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
        const found = findReference(pieces.join(''));
        expect(found === null || /^\$\{[^}]*\}$/.test(found)).toBe(true);
      }),
    );
  });
});
