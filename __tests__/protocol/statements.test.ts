/**
 * Every statement of the checklist has a test.
 */
import { readdirSync, readFileSync } from 'node:fs';

import { STATEMENTS } from './statements.js';

test('every statement of the checklist has a test', () => {
  const folder = new URL('./', import.meta.url);
  const sources = readdirSync(folder)
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => readFileSync(new URL(name, folder), 'utf8'))
    .join('');
  const tested = new Set([...sources.matchAll(/\bstatement\((\d+),/g)].map(([, number]) => Number(number)));
  const all = Object.keys(STATEMENTS).map(Number);
  expect(all).toHaveLength(62);
  expect(all.filter((number) => !tested.has(number))).toEqual([]);
});
