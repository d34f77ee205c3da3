// The published packages, packed and installed into an empty folder, as users get them.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'teleferric-package-'));

/** Removes everything that was packed and installed. */
export function removeAll(): void {
  rmSync(scratch, { recursive: true, force: true });
}

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The installed package must find its own addon. */
const { TELEFERRIC_BINDING: addon, ...environment } = process.env;
const ENVIRONMENT = { ...environment, NODE_OPTIONS: '' };

/** A process in a folder; `said` sees its output so far and may end it. */
export function run(
  folder: string,
  [command = '', ...args]: readonly string[],
  said: (stdout: string, stderr: string, end: () => void) => void = () => {},
): Promise<Ran> {
  const shell = process.platform === 'win32';
  const child = spawn(command, args, { cwd: folder, env: ENVIRONMENT, shell, stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  const tell = (): void => said(stdout, stderr, () => child.kill('SIGTERM'));
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    tell();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    tell();
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject).once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** What the pack script made. */
export interface Packed {
  /** Tarball of `teleferric`. */
  readonly root: string;
  /** Tarball of this platform's addon. */
  readonly binding: string;
  /** What the script printed. */
  readonly printed: string;
}

/** Packs both. */
export async function pack(): Promise<Packed> {
  const folder = join(scratch, 'packed');
  const args = [join(ROOT, 'scripts/pack.mjs'), folder, ...(addon === undefined ? [] : [addon])];
  const { code, stdout, stderr } = await run(ROOT, [process.execPath, ...args]);
  if (code !== 0) throw new Error(`packing failed\n${stderr}`);
  const files = readdirSync(folder);
  const find = (pattern: RegExp): string => join(folder, files.find((name) => pattern.test(name)) ?? '');
  return { root: find(/^teleferric-\d/), binding: find(/^teleferric-binding-/), printed: stdout };
}

/** Installs tarballs into a new folder without running anything of theirs. @returns the folder */
export async function install(name: string, tarballs: readonly string[], ...flags: readonly string[]): Promise<string> {
  const folder = join(scratch, name);
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), '{"private": true}');
  const quiet = ['--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline'];
  const { code, stderr } = await run(folder, ['npm', 'install', ...quiet, ...flags, ...tarballs]);
  if (code !== 0) throw new Error(`installing failed\n${stderr}`);
  return folder;
}

/** Paths inside a tarball, without the leading folder. */
export async function listing(tarball: string): Promise<readonly string[]> {
  const { stdout } = await run(ROOT, ['tar', '-tzf', tarball]);
  return stdout
    .split('\n')
    .filter((line) => line !== '' && !line.endsWith('/'))
    .map((line) => line.replace(/^package\//, ''));
}

/** Writes a script into a folder. @returns its name */
export function script(folder: string, name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return name;
}
