/**
 * `teleferric config`: the configurations that ran, and one of them back in its files.
 */
import { chmod, readFile, realpath, stat } from 'node:fs/promises';

import {
  ConfigHistory,
  loadConfig,
  SHORT_HASH,
  sourcePath,
  sourcesOf,
  writeWhole,
  type ConfigMark,
  type ConfigVersion,
  type KeptVersion,
  type VersionSource,
} from '../config/index.js';
import { CollectorError, messageOf } from '../errors.js';
import type { CliIo } from './io.js';
import type { ConfigFlags } from './run.js';
import { table } from './table.js';

/** Flags of every `config` command. */
export interface HistoryFlags extends ConfigFlags {
  readonly directory?: string;
}

/** What a file is saved under that no version has. */
const SAVED_SUFFIX = '.before-rollback';

/** A table of all versions; `*` marks the newest that the files are. */
export async function configHistory(flags: HistoryFlags, io: CliIo): Promise<void> {
  const versions = await (await historyOf(flags)).list();
  let current = 0;
  for (const version of versions) if ((await differing(version)).length === 0) current = version.number;
  const rows = versions.map(({ number, time, actor, sha256, sources, mark }) => [
    `${number}${number === current ? ' *' : ''}`,
    time,
    actor,
    sha256.slice(0, SHORT_HASH),
    sources.map(({ location }) => (location.startsWith('yaml:') ? 'yaml:…' : location)).join(' '),
    stateOf(mark),
  ]);
  io.stdout.write(table([['VERSION', 'TAKEN', 'BY', 'SHA256', 'SOURCES', 'STATE'], ...rows]));
}

function stateOf(mark: ConfigMark | null): string {
  if (mark === null) return '';
  return mark.cause === null ? 'on probation' : `refused: ${mark.cause.replaceAll(/\s+/g, ' ')}`;
}

/**
 * Writes the files of a version back to where they were read from.
 * @param number the version, which may run again if it was refused; null is the newest that the files differ from and
 * that was not
 */
export async function configRollback(number: number | null, flags: HistoryFlags, io: CliIo): Promise<void> {
  const history = await historyOf(flags);
  const versions = await history.list();
  const version = number === null ? await newestOther(versions) : versions.find((each) => each.number === number);
  if (version === undefined) {
    const text = number === null ? 'there is no version that differs from the files' : `there is no version ${number}`;
    throw new CollectorError('HISTORY_FAILED', text);
  }
  await checkVersion(version);
  const kept = new Set(versions.flatMap(({ sources }) => sources.map(({ text }) => text)));
  const changes = await differing(version);
  for (const { path, text } of changes) await putBack(path, text, kept, io);
  const files = changes.map(({ path }) => path).join(', ');
  io.stdout.write(
    changes.length === 0
      ? `the files are as in version ${version.number}\n`
      : `wrote ${files} as in version ${version.number}\n`,
  );
  const pardoned = version.mark !== null && version.mark.cause !== null;
  if (pardoned) {
    await history.acquit(version.number);
    io.stdout.write(`version ${version.number} is not refused any more\n`);
  }
  if (changes.length > 0 || pardoned) io.stdout.write(APPLY);
}

const APPLY = 'a collector that watches its files takes up other texts by itself; SIGHUP takes up the rest\n';

/** A version that cannot be read today would be no way back. */
async function checkVersion(version: ConfigVersion): Promise<void> {
  const { number, sources, set, featureGates } = version;
  if (!sources.some(({ text }) => text !== null)) {
    throw new CollectorError('HISTORY_FAILED', `version ${number} came from no file that could be written`);
  }
  try {
    await loadConfig({ sources: sourcesOf(version), sets: set, featureGates, purpose: 'validate' });
  } catch (error) {
    throw new CollectorError('HISTORY_FAILED', `version ${number} is not valid any more: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

async function newestOther(versions: readonly KeptVersion[]): Promise<KeptVersion | undefined> {
  const allowed = versions.filter(({ mark }) => mark === null || mark.cause === null);
  for (const version of allowed.toReversed()) if ((await differing(version)).length > 0) return version;
  return undefined;
}

/** The files that are not as a version has them. */
async function differing({ sources }: ConfigVersion): Promise<readonly { path: string; text: string }[]> {
  const out: { path: string; text: string }[] = [];
  for (const { location, text } of sources) {
    const path = sourcePath(location);
    if (path !== null && text !== null && (await textOf(path)) !== text) out.push({ path, text });
  }
  return out;
}

/** Follows links, keeps the file's permissions, and saves a text that is nowhere else. */
async function putBack(path: string, text: string, kept: ReadonlySet<VersionSource['text']>, io: CliIo): Promise<void> {
  const before = await textOf(path);
  if (before === null) return writeWhole(path, text, 0o600);
  const target = await realpath(path);
  const mode = (await stat(target)).mode & 0o7777;
  if (!kept.has(before)) {
    await writeWhole(`${target}${SAVED_SUFFIX}`, before, mode);
    io.stdout.write(`saved ${target} as ${target}${SAVED_SUFFIX}\n`);
  }
  await writeWhole(target, text, mode);
  await chmod(target, mode);
}

async function textOf(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return null;
  }
}

async function historyOf({
  config: sources,
  set: sets,
  featureGates,
  directory,
}: HistoryFlags): Promise<ConfigHistory> {
  if (directory !== undefined) return new ConfigHistory(directory);
  if (sources.length === 0) {
    throw new CollectorError('INVALID_ARGUMENT', 'name a configuration by --config, or the folder by --directory');
  }
  let found: string;
  try {
    const { config } = await loadConfig({ sources, sets, featureGates, purpose: 'look' });
    found = config.service.options.reload.history.directory;
  } catch (error) {
    const text = `${messageOf(error)}\nname the folder of the versions by --directory`;
    throw new CollectorError('HISTORY_FAILED', text, { cause: error });
  }
  if (found === '') {
    throw new CollectorError('INVALID_ARGUMENT', 'the configuration has no service::reload::history::directory');
  }
  return new ConfigHistory(found);
}
