/**
 * Tells when files of the configuration have other text than the one that was read. It looks at them again and again
 * rather than asking the system for events: that sees renamed files, swapped links and mounted volumes alike.
 */
import { stat } from 'node:fs/promises';

import { processEnvironment } from '../config/index.js';
import type { CliIo } from './io.js';

/** How often to look. A change counts once a second look finds it the same. */
export const WATCH_INTERVAL_MS = 1000;

/** Looks at files until it is stopped. */
export class FileWatch {
  readonly #onChange: (paths: readonly string[]) => void;
  readonly #end: () => void;
  /** The text of each file as it is known; null if it could not be read. */
  #texts: Map<string, string | null>;
  /** What each file looked like last, and whether its text was compared since it looks like that. */
  #seen = { stamps: '', compared: false };
  #looking = false;

  /** @param files path → text as it was read @param onChange told the paths of files with another text */
  constructor(
    files: ReadonlyMap<string, string>,
    onChange: (paths: readonly string[]) => void,
    io: Pick<CliIo, 'every'>,
  ) {
    this.#texts = new Map(files);
    this.#onChange = onChange;
    this.#end = io.every(WATCH_INTERVAL_MS, () => this.#look());
  }

  /** Goes on with these files. */
  follow(files: ReadonlyMap<string, string>): void {
    this.#texts = new Map(files);
    this.#seen = { stamps: '', compared: false };
  }

  stop(): void {
    this.#end();
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const texts = this.#texts;
      const stamps = (await Promise.all([...texts.keys()].map(stampOf))).join('\n');
      if (stamps !== this.#seen.stamps) {
        this.#seen = { stamps, compared: false };
      } else if (!this.#seen.compared) {
        this.#seen.compared = true;
        await this.#compare(texts);
      }
    } finally {
      this.#looking = false;
    }
  }

  async #compare(texts: Map<string, string | null>): Promise<void> {
    const changed: string[] = [];
    for (const [path, known] of texts) {
      const text = await textOf(path);
      if (text === known) continue;
      texts.set(path, text);
      changed.push(path);
    }
    if (changed.length > 0 && texts === this.#texts) this.#onChange(changed);
  }
}

/** Differs when the file, or the one that a link leads to, was written or replaced. */
async function stampOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs].join(':');
  } catch {
    return 'missing';
  }
}

async function textOf(path: string): Promise<string | null> {
  try {
    return await processEnvironment().readFile(path);
  } catch {
    return null;
  }
}
