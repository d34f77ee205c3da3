/**
 * Tells whether two configurations are the same in all that they were made of.
 */
import { createHash } from 'node:crypto';

import type { LoadedConfig } from './resolved.js';

/**
 * SHA-256, in hexadecimal digits, of every file that was read and of what the core gets: another text, another value
 * that a reference leads to or another version of this program makes another one.
 */
export function fingerprintOf({ files, native }: Pick<LoadedConfig, 'files' | 'native'>): string {
  const texts = [...files].toSorted(([one], [other]) => (one < other ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify([texts, native]))
    .digest('hex');
}
