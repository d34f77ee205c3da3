/**
 * Folders of a test file, gone after its last test, whether that failed or not.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const made: string[] = [];

afterAll(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A new empty folder. @param purpose a word of its name, for whoever finds it while the test runs */
export function temporaryFolder(purpose: string): string {
  const folder = mkdtempSync(join(tmpdir(), `teleferric-${purpose}-`));
  made.push(folder);
  return folder;
}
