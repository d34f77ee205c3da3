// The metrics page of a collector under test, read as Prometheus reads it.
import { get } from './otlp.js';
import type { Program } from './program.js';
import { until } from './until.js';

/** One series. */
export interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** All series of a page. */
export function parsePage(text: string): readonly Series[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name = '', labels = '', value = ''] = /^([^{ ]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      const pairs = [...labels.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g)];
      return { name, labels: Object.fromEntries(pairs.map(([, key, label]) => [key, label])), value: Number(value) };
    });
}

/** Everything on the page now. */
export async function scrape(program: Program): Promise<readonly Series[]> {
  return parsePage((await get(await program.address('metrics'), '/metrics')).body);
}

/** The series of one name that carry these labels among theirs. */
export function select(
  all: readonly Series[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): readonly Series[] {
  const fits = (series: Series): boolean =>
    series.name === name && Object.entries(labels).every(([key, value]) => series.labels[key] === value);
  return all.filter(fits);
}

/** Their sum; null when there is none. */
export function sum(
  all: readonly Series[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | null {
  const found = select(all, name, labels);
  return found.length === 0 ? null : found.reduce((total, { value }) => total + value, 0);
}

/** Waits until the sum of a series has a value. */
export async function counts(
  program: Program,
  name: string,
  labels: Readonly<Record<string, string>>,
  value: number,
): Promise<void> {
  let last: number | null = null;
  await until(
    async () => {
      last = sum(await scrape(program), name, labels);
      return last === value;
    },
    `${name}${JSON.stringify(labels)} to be ${value}`,
    () => `it is ${last}`,
  );
}
