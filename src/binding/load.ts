/**
 * Finds and loads the native addon: the path in TELEFERRIC_BINDING, the platform's package, or the checkout's build.
 * Not for talking to it; that is index.ts.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import { CollectorError, isCollectorError, messageOf } from '../errors.js';
import type { NativeCollector, NativeExchange, NativePluginBatch, NativePluginWorker } from './generated/native.js';

/** The class the addon exports: text and numbers only, every answer JSON. */
export type NativeCollectorClass = NativeCollector;
export type { NativeExchange, NativePluginBatch, NativePluginWorker };

/** What the addon exports. */
export interface NativeBinding {
  readonly NativeCollector: new (onEvent: () => void, onAnswer: () => void) => NativeCollectorClass;
  readonly NativePluginWorker: new (collector: number, port: string, onWake: () => void) => NativePluginWorker;
  nativeVersion(): string;
  nativeComponents(): string;
  nativeStorage(request: string): string;
}

/** Where the addon is looked for; every field has a default, tests replace them. */
export interface LoadOptions {
  /** Environment variables; `TELEFERRIC_BINDING` names the addon's path. @default process.env */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** @default process.platform */
  readonly platform?: string;
  /** @default process.arch */
  readonly arch?: string;
  /** C library on Linux; empty elsewhere. @default what the running Node reports */
  readonly libc?: 'glibc' | 'musl' | '';
  /** Version of the root package. @default the version in package.json */
  readonly version?: string;
  /** Loads a package or a path; throws when there is none. @default Node's require */
  readonly load?: (specifier: string) => unknown;
}

/** Where a build of the checkout leaves the addon; beside `src` and `dist` alike. */
const CHECKOUT = fileURLToPath(new URL('../../native/teleferric.node', import.meta.url));
const MANIFEST = new URL('../../package.json', import.meta.url);

let loaded: NativeBinding | null = null;

/**
 * The addon of this process, loaded at the first call.
 * @throws CollectorError `BINDING_MISSING` when none can be loaded, `BINDING_MISMATCH` when its version is another.
 */
export function binding(): NativeBinding {
  loaded ??= loadBinding();
  return loaded;
}

/** Loads the addon without keeping it; throws as {@link binding}. */
export function loadBinding(options: LoadOptions = {}): NativeBinding {
  const env = options.env ?? process.env;
  const platform = options.platform ?? process.platform;
  const arch = options.arch ?? process.arch;
  const libc = options.libc ?? detectLibc(platform);
  const load = options.load ?? createRequire(import.meta.url);
  const failures: Failure[] = [];

  const override = env['TELEFERRIC_BINDING'];
  const packageName = platformPackage(platform, arch, libc);
  const places = override ? [override] : [packageName, CHECKOUT];
  for (const place of places) {
    if (place === null || (place === CHECKOUT && options.load === undefined && !existsSync(CHECKOUT))) continue;
    try {
      const addon = load(place);
      if (!isBinding(addon)) throw new CollectorError('BINDING_MISSING', 'the module is not the teleferric addon');
      requireSameVersion(addon, options.version ?? packageVersion(), place);
      return addon;
    } catch (error) {
      if (isCollectorError(error, 'BINDING_MISMATCH')) throw error;
      failures.push({ place, error });
    }
  }
  throw missing(failures, { platform, arch, libc, packageName });
}

/** The npm package that carries the addon for a platform, or null when none is published for it. */
export function platformPackage(platform: string, arch: string, libc: string): string | null {
  if (arch !== 'x64' && arch !== 'arm64') return null;
  const base = `@teleferric/binding-${platform}-${arch}`;
  if (platform === 'linux') return `${base}-${libc === 'musl' ? 'musl' : 'gnu'}`;
  if (platform === 'darwin') return base;
  return platform === 'win32' ? `${base}-msvc` : null;
}

let version: string | undefined;

/** The version of the root package. */
export function packageVersion(): string {
  version ??= String((JSON.parse(readFileSync(MANIFEST, 'utf8')) as { version?: unknown }).version);
  return version;
}

function detectLibc(platform: string): 'glibc' | 'musl' | '' {
  if (platform !== 'linux') return '';
  // Listing network interfaces can take seconds in the report and tells nothing here.
  const report = process.report as (NodeJS.ProcessReport & { excludeNetwork?: boolean }) | undefined;
  if (report === undefined) return 'glibc';
  const before = report.excludeNetwork;
  report.excludeNetwork = true;
  try {
    const { header } = report.getReport() as { header?: { glibcVersionRuntime?: string } };
    return header?.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
  } finally {
    report.excludeNetwork = before ?? false;
  }
}

function isBinding(addon: unknown): addon is NativeBinding {
  if (typeof addon !== 'object' || addon === null) return false;
  const { NativeCollector, nativeVersion, nativeComponents, nativeStorage } = addon as Record<string, unknown>;
  return [NativeCollector, nativeVersion, nativeComponents, nativeStorage].every(
    (member) => typeof member === 'function',
  );
}

function requireSameVersion(addon: NativeBinding, wanted: string, place: string): void {
  const found = addon.nativeVersion();
  if (found === wanted) return;
  throw new CollectorError(
    'BINDING_MISMATCH',
    `the native addon ${place} is version ${found}, but teleferric is ${wanted}: install both at one version ` +
      `(delete node_modules and the lock file, then install again)`,
    { details: { place, found, wanted } },
  );
}

interface Failure {
  readonly place: string;
  readonly error: unknown;
}

interface Target {
  readonly platform: string;
  readonly arch: string;
  readonly libc: string;
  readonly packageName: string | null;
}

function missing(failures: readonly Failure[], target: Target): CollectorError {
  const { platform, arch, libc, packageName } = target;
  const where = [platform, arch, libc].filter(Boolean).join(' ');
  const remedy =
    packageName === null
      ? 'no binary is published for this platform'
      : `install ${packageName}; if optional packages were skipped, delete node_modules and the lock file and install ` +
        'again; in a checkout run npm start once';
  const tried = failures.map(({ place, error }) => `\n  ${place}: ${firstLine(messageOf(error))}`).join('');
  return new CollectorError('BINDING_MISSING', `the native addon for ${where} could not be loaded: ${remedy}${tried}`, {
    cause: chain(failures),
    details: { platform, arch, libc, tried: failures.map(({ place }) => place) },
  });
}

/** The failures as one chain of causes, the last tried place first. */
function chain(failures: readonly Failure[]): unknown {
  let cause: unknown;
  for (const { place, error } of failures) {
    const text = `${place}: ${firstLine(messageOf(error))}`;
    cause = cause === undefined ? error : new Error(text, { cause });
  }
  return cause;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? text;
}
