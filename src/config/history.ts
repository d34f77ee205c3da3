/**
 * Configurations that ran, kept in a folder: one file for each version, `config/<number>-<sha256>`. Texts are kept as they
 * were written, so references stay references and what they lead to is not in here.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { CollectorError, messageOf } from '../errors.js';

/** What asked for a configuration. */
export type ConfigActor = 'start' | 'signal' | 'watch';

/** A `--config` flag, with the text of the file that it names; null if it names none. */
export interface VersionSource {
  readonly location: string;
  readonly text: string | null;
}

/** What a version is made of. */
export interface VersionContent {
  readonly sources: readonly VersionSource[];
  readonly set: readonly string[];
  readonly featureGates: readonly string[];
}

/** One version. */
export interface ConfigVersion extends VersionContent {
  /** From 1 on. */
  readonly number: number;
  /** When it was taken, ISO 8601. */
  readonly time: string;
  readonly actor: ConfigActor;
  /** Of the content, in hexadecimal digits. */
  readonly sha256: string;
}

/** How many digits of a hash are enough for people. */
export const SHORT_HASH = 12;
const NAME = /^([1-9][0-9]{0,8})-([0-9a-f]{64})$/;
/** What is written literally may be secret. */
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

/** The versions in a folder. Methods reject with `HISTORY_FAILED` when the folder cannot be used. */
export class ConfigHistory {
  readonly #folder: string;

  /** @param directory `service.reload.history.directory` */
  constructor(directory: string) {
    this.#folder = join(directory, 'config');
  }

  /** All versions that can be read, oldest first; none if there is no folder. */
  async list(): Promise<readonly ConfigVersion[]> {
    const versions: ConfigVersion[] = [];
    for (const { name } of await this.#names()) {
      const version = parseVersion(name, await guard('read', () => readFile(join(this.#folder, name), 'utf8')));
      if (version !== null) versions.push(version);
    }
    return versions;
  }

  /**
   * Adds a version, unless the newest has the same content, and removes the oldest above `keep`.
   * @returns its number; null if there was nothing to add
   */
  async record(content: VersionContent, actor: ConfigActor, keep: number): Promise<number | null> {
    await guard('create', () => mkdir(this.#folder, { recursive: true, mode: FOLDER_MODE }));
    const known = await this.#names();
    const sha256 = hashOf(content);
    const newest = known.at(-1);
    if (newest?.sha256 === sha256) return null;
    const number = (newest?.number ?? 0) + 1;
    const version: ConfigVersion = { number, time: new Date().toISOString(), actor, sha256, ...content };
    await writeWhole(join(this.#folder, `${number}-${sha256}`), `${JSON.stringify(version, null, 2)}\n`, FILE_MODE);
    for (const { name } of known.slice(0, Math.max(0, known.length + 1 - keep))) {
      await guard('remove', () => rm(join(this.#folder, name), { force: true }));
    }
    return number;
  }

  async #names(): Promise<readonly { name: string; number: number; sha256: string }[]> {
    let found: string[];
    try {
      found = await readdir(this.#folder);
    } catch (error) {
      if ((error as { code?: unknown }).code === 'ENOENT') return [];
      throw failed('read', error);
    }
    return found
      .flatMap((name) => {
        const [, number, sha256 = ''] = NAME.exec(name) ?? [];
        return number === undefined ? [] : [{ name, number: Number(number), sha256 }];
      })
      .toSorted((a, b) => a.number - b.number);
  }
}

/** Writes a file that is either there as a whole or as it was before. */
export async function writeWhole(path: string, text: string, mode: number): Promise<void> {
  const draft = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(draft, text, { mode, flush: true });
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw failed('write', error);
  }
}

/** Null if the file is not what its name says. */
function parseVersion(name: string, text: string): ConfigVersion | null {
  let version: ConfigVersion;
  try {
    version = JSON.parse(text) as ConfigVersion;
    if (`${version.number}-${hashOf(version)}` !== name) return null;
  } catch {
    return null;
  }
  return version;
}

function hashOf({ sources, set, featureGates }: VersionContent): string {
  const content = [sources.map(({ location, text }) => [location, text]), set, featureGates];
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}

async function guard<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw failed(what, error);
  }
}

function failed(what: string, error: unknown): CollectorError {
  const text = `cannot ${what} versions of the configuration: ${messageOf(error)}`;
  return new CollectorError('HISTORY_FAILED', text, { cause: error });
}
