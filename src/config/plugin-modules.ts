/**
 * The modules that components of type `ts` name: found and read when the configuration is, so that a module that is
 * missing is found before anything starts, and one that has changed makes another configuration. None is run here.
 */
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { dirname, isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { messageOf } from '../errors.js';
import type { Section } from './components/definition.js';
import type { DecodedComponent, DecodedConfig } from './decode-config.js';
import type { Environment } from './environment.js';
import type { ConfigIssue } from './issues.js';
import { validationIssue } from './schema/validate.js';
import { locate } from './tree/node.js';
import type { ConfigNode } from './tree/node.js';

/** What a module does. */
export type PluginKind = 'receiver' | 'processor' | 'exporter';

/** What workers need to know of a component that runs a module. */
export interface PluginModule {
  /** `processors::ts/redact`. */
  readonly component: string;
  readonly kind: PluginKind;
  /** As the user wrote it. */
  readonly id: string;
  /** Tells it from the same component with another module or other options. */
  readonly port: string;
  /** Path of the module. */
  readonly file: string;
  readonly options: Readonly<Record<string, unknown>>;
  /** Worker threads. */
  readonly workers: number;
  /** Heap of one worker, MiB. */
  readonly memoryLimitMib: number;
  /** For one batch, and for a receiver to stand still, milliseconds. */
  readonly timeoutMs: number;
  /** Batches that one worker has in hand at once. */
  readonly concurrency: number;
}

/** Batches that a worker of an exporter sends at once, most of whose time it waits. */
const EXPORTER_CONCURRENCY = 16;

/** A receiver has one worker, and no batches. */
interface PluginKeys {
  readonly module: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly workers?: number;
  readonly memory_limit_mib: number;
  readonly timeout: number;
}

/** Finds and reads the modules of components in use; what is wrong goes to `issues`. */
export async function readPluginModules(
  decoded: DecodedConfig,
  used: Readonly<Record<Section, ReadonlySet<string>>>,
  source: { readonly root: ConfigNode; readonly files: ReadonlyMap<string, string>; readonly environment: Environment },
  issues: ConfigIssue[],
): Promise<readonly PluginModule[]> {
  const modules: PluginModule[] = [];
  for (const [section, kind] of [
    ['receivers', 'receiver'],
    ['processors', 'processor'],
    ['exporters', 'exporter'],
  ] as const) {
    for (const id of used[section]) {
      const component = decoded.components[section].get(id);
      if (component?.definition.type !== 'ts') continue;
      const path = [section, id, 'module'];
      try {
        const folder = folderOf(locate(source.root, path).source, source.files);
        modules.push(await readModule(kind, component, folder, source.environment));
      } catch (error) {
        const text = `${section}::${id}: module: ${messageOf(error)}`;
        issues.push(validationIssue(text, path, { issues, root: source.root }));
      }
    }
  }
  return modules;
}

/** Paths are relative to the file that names them, and elsewhere to the working directory. */
function folderOf(source: string, files: ReadonlyMap<string, string>): string {
  return files.has(source) ? dirname(resolve(source)) : process.cwd();
}

async function readModule(
  kind: PluginModule['kind'],
  { id, config }: DecodedComponent,
  folder: string,
  environment: Environment,
): Promise<PluginModule> {
  const keys = config as PluginKeys;
  const file = findModule(keys.module, folder);
  const text = await environment.readFile(file);
  const concurrency = kind === 'exporter' ? EXPORTER_CONCURRENCY : 1;
  const { workers = 1, timeout } = keys;
  const made = [file, text, keys.options, workers, keys.memory_limit_mib, timeout];
  const component = `${kind}s::${id}`;
  return {
    component,
    kind,
    id,
    port: `${component}@${digest(made)}`,
    file,
    options: keys.options,
    workers,
    memoryLimitMib: keys.memory_limit_mib,
    timeoutMs: timeout / 1e6,
    concurrency,
  };
}

function findModule(name: string, folder: string): string {
  if (name.startsWith('file:')) return fileURLToPath(name);
  if (isAbsolute(name) || /^\.{1,2}[\\/]/.test(name)) return resolve(folder, name);
  try {
    return createRequire(resolve(folder, 'package.json')).resolve(name);
  } catch {
    throw new Error(
      `cannot find package ${JSON.stringify(name)} from ${folder}: install it, or write a path with ./ in front`,
    );
  }
}

function digest(value: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? `${each}n` : each)))
    .digest('hex')
    .slice(0, 16);
}
