/**
 * The code in the documents: found, and compiled against the package's types.
 */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

import { folderWith, ROOT } from './installed.js';

/** A block of code. */
export interface Block {
  /** Of its first line in the document. */
  readonly line: number;
  /** What stands behind the fence: `js run`. */
  readonly words: readonly string[];
  readonly code: string;
  /** The heading above it. */
  readonly heading: string;
}

/** Those of a document, by its path from the root, of any language. */
export function blocksOf(file: string): readonly Block[] {
  const document = readFileSync(path.join(ROOT, file), 'utf8');
  const found: Block[] = [];
  let heading = '';
  let open: { line: number; words: string[]; lines: string[] } | null = null;
  for (const [index, line] of document.split('\n').entries()) {
    if (open !== null && line === '```') {
      const { lines, ...rest } = open;
      found.push({ ...rest, code: `${lines.join('\n')}\n`, heading });
      open = null;
    } else if (open !== null) open.lines.push(line);
    else if (line.startsWith('```')) open = { line: index + 2, words: line.slice(3).split(' '), lines: [] };
    else if (line.startsWith('#')) heading = line.replace(/^#+ /, '');
  }
  return found;
}

/** Whether it is JavaScript or TypeScript. */
export const isCode = ({ words }: Block): boolean => ['js', 'ts'].includes(words[0] ?? '');

/**
 * What the compiler says of blocks, each a module of its own; nothing if they are right.
 * @param packages that they may import, beside this one
 * @param given declarations that hold for all of them
 * @param before what stands in front of a block
 */
export async function compile(
  blocks: readonly Block[],
  { packages, given, before }: { packages: readonly string[]; given: string; before: (block: Block) => string },
): Promise<string> {
  const folder = folderWith('docs', ['teleferric', '@types', ...packages]);
  writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(path.join(folder, 'given.d.ts'), given);
  for (const block of blocks) {
    writeFileSync(path.join(folder, `line-${block.line}.ts`), `${before(block)}${block.code}\nexport {};\n`);
  }
  const project = { compilerOptions: COMPILER, include: ['*.ts'] };
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(project));
  const compiler = path.join(ROOT, 'node_modules/typescript/bin/tsc');
  return promisify(execFile)(process.execPath, [compiler, '-p', folder]).then(
    () => '',
    (error: { readonly stdout: string }) => error.stdout,
  );
}

const COMPILER = {
  target: 'es2023',
  module: 'nodenext',
  lib: ['es2023', 'esnext.disposable'],
  types: ['node'],
  strict: true,
  noEmit: true,
  skipLibCheck: true,
};
