/**
 * Folders that see packages as after `npm install`: this one and what it is tested with, and nothing else.
 */
import { mkdirSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { temporaryFolder } from './folder.js';

/** The root of the repository. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** A new folder with these packages in its `node_modules`; `teleferric` is this repository as it is built. */
export function folderWith(purpose: string, packages: readonly string[]): string {
  const folder = temporaryFolder(purpose);
  for (const name of packages) {
    const link = path.join(folder, 'node_modules', name);
    mkdirSync(path.dirname(link), { recursive: true });
    symlinkSync(name === 'teleferric' ? ROOT : path.join(ROOT, 'node_modules', name), link, 'dir');
  }
  return folder;
}
