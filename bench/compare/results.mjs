// The raw results: one compact JSON file that holds every run, written after each cell so that a broken run can go on.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';

const schema = 1;
const fileName = 'results.json';

export function emptyResults({ settings, machine, peers, started }) {
  return { schema, started, settings, machine, peers, cells: {} };
}

export function readResults(folder) {
  const file = path.join(folder, fileName);
  const results = JSON.parse(readFileSync(file, 'utf8'));
  if (results.schema !== schema) throw new Error(`${file} has schema ${results.schema}; this program reads ${schema}`);
  return results;
}

/** The results to go on with, or null if there are none; other settings would make one report of two campaigns. */
export function resumableResults(folder, settings) {
  if (!existsSync(path.join(folder, fileName))) return null;
  const results = readResults(folder);
  if (!isDeepStrictEqual(results.settings, settings)) {
    throw new Error(`the results in ${folder} have other settings: ${JSON.stringify(results.settings)}`);
  }
  return results;
}

/** Written beside and renamed, so that a run broken in the middle of writing leaves the last whole file. */
export function writeResults(folder, results) {
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, fileName);
  writeFileSync(`${file}.part`, `${JSON.stringify(results, rounded)}\n`);
  renameSync(`${file}.part`, file);
}

/** Six significant digits are more than any of the measurements has. */
function rounded(_key, value) {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value;
}
