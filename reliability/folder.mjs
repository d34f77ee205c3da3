// Folders of a run, gone with the process however the run ends.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

let made = null;

/** A new empty folder. */
export function temporaryFolder(purpose) {
  const folder = mkdtempSync(path.join(tmpdir(), `teleferric-${purpose}-`));
  if (made === null) {
    made = [];
    // Behind the listener that ends what writes there.
    process.once('exit', () => {
      for (const each of made) rmSync(each, { recursive: true, force: true });
    });
  }
  made.push(folder);
  return folder;
}
