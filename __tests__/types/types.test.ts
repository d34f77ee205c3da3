// The public types, as the compiler sees them: what is wrong does not compile, and what is right does.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { jest } from '@jest/globals';

jest.setTimeout(120_000);

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Faults by `file:line`. */
let faults: ReadonlyMap<string, string>;

beforeAll(() => {
  const args = ['node_modules/typescript/bin/tsc', '-p', '__tests__/types/tsconfig.json', '--pretty', 'false'];
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
  expect(stderr).toBe('');
  const found = stdout.matchAll(/^__tests__\/types\/(\S+)\((\d+),\d+\): error (.*)$/gm);
  faults = new Map(Array.from(found, ([, file, line, text = '']) => [`${file}:${line}`, text]));
  // Nothing else has a fault.
  expect(stdout.match(/: error /g)?.length ?? 0).toBe(faults.size);
});

const lines = readFileSync(new URL('refused.ts', import.meta.url), 'utf8').split('\n');
const cases = lines.flatMap((line, index) => {
  const [, what] = /^\/\/ @ts-expect-error -- (.*)$/.exec(line) ?? [];
  return what === undefined ? [] : [{ what, at: `refused.ts:${index + 1}` }];
});

describe('does not compile', () => {
  it.each(cases)('$what', ({ at }) => {
    expect(faults.get(at)).toBeUndefined();
  });

  it('for another reason anywhere', () => {
    const known = new Set(cases.map(({ at }) => at));
    expect([...faults].filter(([at]) => at.startsWith('refused.ts') && !known.has(at))).toEqual([]);
  });
});

it('compiles as users write it', () => {
  expect([...faults].filter(([at]) => at.startsWith('accepted.ts'))).toEqual([]);
});
