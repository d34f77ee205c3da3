/**
 * The configurations that a command ran and is about to run: which of them is the way back, which was refused, and what
 * the history on disk has to know of it before the next one takes over.
 */
import {
  ConfigHistory,
  fingerprintOf,
  loadConfig,
  nameOf,
  sourcePath,
  sourcesOf,
  type ConfigActor,
  type ConfigMark,
  type Diagnostic,
  type KeptVersion,
  type LoadedConfig,
  type LoadOptions,
  type VersionContent,
} from '../config/index.js';
import { CollectorError, isCollectorError, messageOf } from '../errors.js';
import type { ConfigFlags } from './run.js';

/** Writes a line into the collector's log. */
export type LogLine = (level: 'info' | 'warn' | 'error', message: string, fields: Record<string, unknown>) => void;

/** One configuration, and where it is kept. */
interface Version {
  readonly content: VersionContent;
  readonly fingerprint: string;
  /** Path → text of what was read for it. */
  readonly files: ReadonlyMap<string, string>;
  readonly actor: ConfigActor;
  /** Null if nothing is kept. */
  readonly history: ConfigHistory | null;
  /** Versions kept. */
  readonly keep: number;
  readonly probation: boolean;
  /** Its place in the history, once it is there. */
  readonly number: number | null;
  /** Whether it was added to the history for this trial. */
  readonly added: boolean;
  /** Whether the history says that it is on probation. */
  readonly marked: boolean;
}

/** One that failed on probation. */
type RefusedVersion = KeptVersion & { readonly mark: ConfigMark & { readonly cause: string } };

/** What became of a process whose probation nobody ended. */
const DIED = 'the process died while this configuration was on probation';

/**
 * Versions of one process. Methods are carried out one after another, and all but `load` never reject: what cannot be
 * kept is logged and is no reason to stop.
 */
export class Versions {
  readonly #flags: ConfigFlags;
  readonly #log: LogLine;
  #work: Promise<unknown> = Promise.resolve();
  /** What asks for the next load. */
  actor: ConfigActor = 'start';
  /** Loaded, and not accepted yet. */
  #trying: Version | null = null;
  #running: Version | null = null;
  /** The last that is not on probation. */
  #good: Version | null = null;
  /** Fingerprint → why it is not to run again, of those that the history does not have. */
  readonly #refused = new Map<string, string>();

  constructor(flags: ConfigFlags, log: LogLine) {
    this.#flags = flags;
    this.#log = log;
  }

  /**
   * Loads a configuration for the collector. For a start, the last good version stands in for one that was refused; for
   * a reload, the history knows of it when this resolves.
   * @throws CollectorError as `loadConfig`; `RELOAD_FAILED` for a reload to a configuration that was refused
   */
  load(options: LoadOptions): Promise<LoadedConfig> {
    return this.#next(async () => {
      const loaded = await loadConfig(options);
      const version = this.#versionOf(loaded);
      if (this.#running === null) return this.#admitStart(loaded, version, options);
      await this.#admitReload(version);
      return loaded;
    });
  }

  /** What was loaded runs. */
  accepted(): Promise<void> {
    return this.#keeping(async () => {
      const [version, before] = [this.#trying, this.#running];
      if (version === null) return;
      this.#trying = null;
      this.#running = version;
      if (before === null || !version.probation) this.#good = version;
      if (before?.marked === true && !isSameEntry(before, version)) await acquit(before);
      await this.#keep(version);
    });
  }

  /** What was loaded does not run after all; nothing of it is kept. */
  rejected(): Promise<void> {
    return this.#keeping(async () => {
      const version = this.#trying;
      this.#trying = null;
      if (version === null || version.history === null || version.number === null) return;
      if (version.added) await version.history.remove(version.number);
      else if (version.marked && !isSameEntry(this.#running, version)) await acquit(version);
    });
  }

  /** What runs has passed its probation, or ends in good order before it could. */
  passed(): Promise<void> {
    return this.#keeping(async () => {
      this.#good = this.#running;
      await this.#settle();
    });
  }

  /**
   * What runs has failed on probation, and the last good version has taken over.
   * @returns the files to watch from now on, with the texts that were refused
   */
  async failed(cause: string): Promise<ReadonlyMap<string, string>> {
    let files: ReadonlyMap<string, string> = new Map();
    await this.#keeping(async () => {
      const [version, good] = [this.#running, this.#good];
      if (version === null || good === null) return;
      files = new Map([...good.files, ...version.files]);
      this.#running = good;
      const { content, fingerprint, history, number, keep } = version;
      const names = { refused: nameOf(number, content), good: nameOf(good.number, good.content) };
      this.#log('error', 'Configuration refused', { ...names, cause });
      // The same once more: there is nothing to refuse that does not run now.
      if (fingerprint === good.fingerprint) return;
      if (history === null || number === null || !version.marked) {
        this.#refused.set(fingerprint, cause);
        return;
      }
      await history.refuse(number, cause);
      await history.prune(keep, await history.find(good.content));
    });
    return files;
  }

  async #admitStart(loaded: LoadedConfig, version: Version, options: LoadOptions): Promise<LoadedConfig> {
    this.#trying = version;
    if (version.history === null) return loaded;
    try {
      await refuseLeftBehind(version.history);
      const refused = await refusedOf(version, version.history);
      if (refused === null) return loaded;
      const standIn = await this.#standIn(version, refused, options);
      this.#trying = standIn.version;
      return standIn.loaded;
    } catch (error) {
      const note = warning('cannot return to the last good configuration', { error: messageOf(error) });
      return { ...loaded, diagnostics: [...loaded.diagnostics, note] };
    }
  }

  /** The last good version in the place of one that was refused, with the files of the latter to watch. */
  async #standIn(
    { history, files, keep }: Version,
    refused: RefusedVersion,
    options: LoadOptions,
  ): Promise<{ loaded: LoadedConfig; version: Version }> {
    const versions = (await history?.list()) ?? [];
    const allowed = versions.filter(({ mark, number }) => mark === null && number < refused.number);
    const good = allowed.find(({ number }) => number === refused.mark.good) ?? allowed.at(-1);
    if (good === undefined) throw new CollectorError('HISTORY_FAILED', 'there is no version before the refused one');
    const { sources, set, featureGates, number } = good;
    const loaded = await loadConfig({ ...options, sources: sourcesOf(good), sets: set, featureGates });
    const names = { refused: nameOf(refused.number, refused), good: nameOf(number, good) };
    const note = warning('Configuration refused', { ...names, cause: refused.mark.cause });
    const watched = new Map([...loaded.files, ...files]);
    return {
      loaded: { ...loaded, files: watched, diagnostics: [...loaded.diagnostics, note] },
      version: {
        ...this.#versionOf(loaded),
        content: { sources, set, featureGates },
        files: watched,
        history,
        keep,
        number,
      },
    };
  }

  async #admitReload(version: Version): Promise<void> {
    this.#trying = null;
    const { history, fingerprint } = version;
    const isNew = fingerprint !== this.#running?.fingerprint;
    const cause = this.#refused.get(fingerprint);
    if (isNew && cause !== undefined) throw refusal(nameOf(null, version.content), cause, 'change it');
    this.#trying = version;
    if (history === null) return;
    try {
      const refused = isNew ? await refusedOf(version, history) : null;
      if (refused !== null) {
        const way = `change it, or allow it by \`teleferric config rollback ${refused.number}\``;
        throw refusal(nameOf(refused.number, refused), refused.mark.cause, way);
      }
      if (version.probation) this.#trying = await this.#mark(version, history);
    } catch (error) {
      if (isCollectorError(error, 'RELOAD_FAILED')) throw error;
      this.#warn(error);
    }
  }

  /** Has the history know of a version before it runs, so that the next process finds the way back if this one dies. */
  async #mark(version: Version, history: ConfigHistory): Promise<Version> {
    const good = this.#good;
    if (good === null || good.fingerprint === version.fingerprint) return version;
    const way = (await history.find(good.content)) ?? (await history.record(good.content, good.actor)).number;
    const { number, added } = await history.record(version.content, version.actor);
    // Only what its references lead to has changed, and that is not kept: the texts are no way back.
    if (number === way) return version;
    await history.begin(number, way, version.fingerprint);
    return { ...version, number, added, marked: true };
  }

  /** Has the history hold what runs. */
  async #keep(version: Version): Promise<void> {
    const { content, history, actor, fingerprint } = version;
    if (history === null) return;
    const { number, added } =
      version.number === null ? await history.record(content, actor) : { ...version, number: version.number };
    // It may have failed with other values behind its references.
    const mark = await history.markOf(number);
    if (mark !== null && mark.fingerprint !== fingerprint) await history.acquit(number);
    this.#replace(version, { ...version, number });
    if (added) this.#log('info', 'Configuration kept', { version: number });
    if (this.#good === this.#running) await this.#settle();
  }

  /** Ends the probation of what runs, if it is on it. */
  async #settle(): Promise<void> {
    const version = this.#running;
    if (version === null || version.history === null) return;
    if (version.marked) await acquit(version);
    this.#replace(version, { ...version, marked: false });
    await version.history.prune(version.keep);
  }

  #replace(before: Version, after: Version): void {
    if (this.#running === before) this.#running = after;
    if (this.#good === before) this.#good = after;
  }

  #versionOf({ config, files, native }: LoadedConfig): Version {
    const { history, probation } = { ...config.service.options.reload, probation: config.service.probation };
    const { set, featureGates } = this.#flags;
    const sources = this.#flags.config.map((location) => {
      const path = sourcePath(location);
      return { location, text: path === null ? null : (files.get(path) ?? null) };
    });
    return {
      content: { sources, set, featureGates },
      fingerprint: fingerprintOf({ files, native }),
      files,
      actor: this.actor,
      history: history.directory === '' ? null : new ConfigHistory(history.directory),
      keep: history.keep,
      probation: probation > 0,
      number: null,
      added: false,
      marked: false,
    };
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#work.then(work);
    this.#work = done.catch(() => {});
    return done;
  }

  /** A version that cannot be kept is no reason to stop. */
  #keeping(work: () => Promise<void>): Promise<void> {
    return this.#next(work).catch((error: unknown) => this.#warn(error));
  }

  #warn(error: unknown): void {
    this.#log('warn', 'cannot keep the configuration', { error: messageOf(error) });
  }
}

/** What an earlier process had on probation when it died. */
async function refuseLeftBehind(history: ConfigHistory): Promise<void> {
  for (const { number, mark } of await history.list()) {
    if (mark !== null && mark.cause === null) await history.refuse(number, DIED);
  }
}

/** The refusal of this very configuration; null if there is none. */
async function refusedOf({ fingerprint }: Version, history: ConfigHistory): Promise<RefusedVersion | null> {
  const versions = await history.list();
  const isRefused = (version: KeptVersion): version is RefusedVersion =>
    version.mark !== null && version.mark.cause !== null && version.mark.fingerprint === fingerprint;
  return versions.findLast(isRefused) ?? null;
}

function isSameEntry(one: Version | null, other: Version): boolean {
  return one?.history?.directory === other.history?.directory && one?.number === other.number;
}

async function acquit({ history, number }: Version): Promise<void> {
  if (history !== null && number !== null) await history.acquit(number);
}

function refusal(name: string, cause: string, way: string): CollectorError {
  return new CollectorError('RELOAD_FAILED', `configuration ${name} was refused: ${cause}; ${way}`);
}

function warning(message: string, fields: Diagnostic['fields']): Diagnostic {
  return { severity: 'warning', message, path: [], position: null, fields };
}
