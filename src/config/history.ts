/**
 * Configurations that ran, kept in a folder: one file for each version, `config/<number>-<sha256>`. Texts are kept as they
 * were written, so references stay references and what they lead to is not in here. A file beside it,
 * `<number>-<sha256>.probation` or `.refused`, marks a version whose probation is not over, or that failed in it.
 */
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

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

/** A version whose probation is not over, or that failed in it. */
export interface ConfigMark {
  /** Of all that the version was made of, what its references lead to included. */
  readonly fingerprint: string;
  /** The version that ran before and is the way back. */
  readonly good: number;
  /** When it was marked, ISO 8601. */
  readonly time: string;
  /** Why it is not to run again; null while it is on probation. */
  readonly cause: string | null;
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

/** A version and how it did. */
export interface KeptVersion extends ConfigVersion {
  readonly mark: ConfigMark | null;
}

/** How many digits of a hash are enough for people. */
export const SHORT_HASH = 12;
const NAME = /^([1-9][0-9]{0,8})-([0-9a-f]{64})$/;
const ON_PROBATION = '.probation';
const REFUSED = '.refused';
/** What is written literally may be secret. */
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

/** The versions in a folder. Methods reject with `HISTORY_FAILED` when the folder cannot be used. */
export class ConfigHistory {
  /** `service.reload.history.directory`. */
  readonly directory: string;
  readonly #folder: string;

  constructor(directory: string) {
    this.directory = directory;
    this.#folder = join(directory, 'config');
  }

  /** All versions that can be read, oldest first; none if there is no folder. */
  async list(): Promise<readonly KeptVersion[]> {
    const versions: KeptVersion[] = [];
    for (const { name } of await this.#names()) {
      const version = parseVersion(name, await guard('read', () => readFile(join(this.#folder, name), 'utf8')));
      if (version !== null) versions.push({ ...version, mark: await this.#markOf(name) });
    }
    return versions;
  }

  /**
   * Adds a version, unless the newest has the same content.
   * @returns its number, or that of the newest, and whether it was added
   */
  async record(content: VersionContent, actor: ConfigActor): Promise<{ number: number; added: boolean }> {
    await guard('create', () => mkdir(this.#folder, { recursive: true, mode: FOLDER_MODE }));
    const sha256 = hashOf(content);
    const newest = (await this.#names()).at(-1);
    if (newest?.sha256 === sha256) return { number: newest.number, added: false };
    const number = (newest?.number ?? 0) + 1;
    const version: ConfigVersion = { number, time: new Date().toISOString(), actor, sha256, ...content };
    await writeWhole(join(this.#folder, `${number}-${sha256}`), `${JSON.stringify(version, null, 2)}\n`, FILE_MODE);
    return { number, added: true };
  }

  /** The newest version with this content; null if there is none. */
  async find(content: VersionContent): Promise<number | null> {
    const sha256 = hashOf(content);
    return (await this.#names()).findLast((version) => version.sha256 === sha256)?.number ?? null;
  }

  /** Removes the oldest versions above `keep`, but for one. */
  async prune(keep: number, spared: number | null = null): Promise<void> {
    const known = await this.#names();
    for (const { number } of known.slice(0, Math.max(0, known.length - keep))) {
      if (number !== spared) await this.remove(number);
    }
  }

  /** Removes a version. */
  async remove(number: number): Promise<void> {
    for (const name of await this.#namesOf(number)) await this.#remove(name, REFUSED, ON_PROBATION, '');
  }

  /** Puts a version on probation. What is written is on disk when this resolves, as a crash may be next. */
  async begin(number: number, good: number, fingerprint: string): Promise<void> {
    const mark: ConfigMark = { fingerprint, good, time: new Date().toISOString(), cause: null };
    for (const name of await this.#namesOf(number)) {
      await this.#write(name, ON_PROBATION, mark);
      await this.#remove(name, REFUSED);
    }
  }

  /** How a version did; null if there is nothing to say. */
  async markOf(number: number): Promise<ConfigMark | null> {
    const [name] = await this.#namesOf(number);
    return name === undefined ? null : this.#markOf(name);
  }

  /** Ends the probation of a version, and forgets that it failed in one. */
  async acquit(number: number): Promise<void> {
    for (const name of await this.#namesOf(number)) await this.#remove(name, REFUSED, ON_PROBATION);
  }

  /** Marks a version that is on probation as one that is not to run again. */
  async refuse(number: number, cause: string): Promise<void> {
    for (const name of await this.#namesOf(number)) {
      const mark = await this.#markOf(name);
      if (mark === null) continue;
      await this.#write(name, REFUSED, { ...mark, time: new Date().toISOString(), cause });
      await this.#remove(name, ON_PROBATION);
    }
  }

  async #markOf(name: string): Promise<ConfigMark | null> {
    return (await readMark(join(this.#folder, name + REFUSED))) ?? readMark(join(this.#folder, name + ON_PROBATION));
  }

  #write(name: string, suffix: string, mark: ConfigMark): Promise<void> {
    return writeWhole(join(this.#folder, name + suffix), `${JSON.stringify(mark, null, 2)}\n`, FILE_MODE);
  }

  async #remove(name: string, ...suffixes: readonly string[]): Promise<void> {
    for (const suffix of suffixes) await guard('remove', () => rm(join(this.#folder, name + suffix), { force: true }));
  }

  async #namesOf(number: number): Promise<readonly string[]> {
    return (await this.#names()).filter((version) => version.number === number).map(({ name }) => name);
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

/** Writes a file that is there as a whole, synced, or as it was before. */
export async function writeWhole(path: string, text: string, mode: number): Promise<void> {
  const draft = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(draft, text, { mode, flush: true });
    await rename(draft, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(draft, { force: true });
    throw failed('write', error);
  }
}

/** Makes the names in a folder last, where the system can open one. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path).catch(() => null);
  await folder?.sync().catch(() => {});
  await folder?.close();
}

/** Null if there is none, or it cannot be understood. */
async function readMark(path: string): Promise<ConfigMark | null> {
  try {
    const { fingerprint, good, time, cause } = JSON.parse(await readFile(path, 'utf8')) as ConfigMark;
    return { fingerprint, good, time, cause };
  } catch {
    return null;
  }
}

/** What loads a version: its texts in the place of the files that they were read from. */
export function sourcesOf({ sources }: VersionContent): readonly string[] {
  return sources.map(({ location, text }) => (text === null ? location : `yaml:${text}`));
}

/** What people call a version: its number, if it was kept, and the beginning of its hash. */
export function nameOf(number: number | null, content: VersionContent): string {
  const hash = hashOf(content).slice(0, SHORT_HASH);
  return number === null ? hash : `${number}-${hash}`;
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
