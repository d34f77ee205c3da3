/**
 * A hook of Node's loader that takes the types out of TypeScript modules. Types become blanks, so lines and columns in
 * stack traces are those of the source.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

interface Stripper {
  transformSync(source: string, options: { mode: 'strip-only'; filename: string }): { code: string };
}

interface Loaded {
  readonly format: string;
  readonly source: string;
  readonly shortCircuit: true;
}

let strip: Stripper | null = null;

/** Called by Node with what `register` was given. */
export function initialize({ stripper }: { readonly stripper: string }): void {
  strip = createRequire(import.meta.url)(stripper) as Stripper;
}

/** Called by Node for each module. */
export async function load<C>(
  url: string,
  context: C,
  next: (url: string, context: C) => Promise<unknown>,
): Promise<unknown> {
  if (strip === null || !url.startsWith('file:') || !/\.m?ts$/.test(new URL(url).pathname)) return next(url, context);
  const source = await readFile(new URL(url), 'utf8');
  const { code } = strip.transformSync(source, { mode: 'strip-only', filename: url });
  return { format: 'module', source: code, shortCircuit: true } satisfies Loaded;
}
