/**
 * What the configuration tests share: a world that holds still, and short ways to load YAML and to see what is wrong
 * with it. Holds no tests.
 */
import { loadConfig } from '../../../src/config/index.js';
import type { Environment, LoadOptions, LoadedConfig } from '../../../src/config/index.js';
import type { CollectorError } from '../../../src/errors.js';

export const MIB = 1024 * 1024;

/** A world with these variables, files and pages, and nothing else. */
export function world(
  parts: {
    variables?: Record<string, string>;
    files?: Record<string, string>;
    pages?: Record<string, string>;
    memory?: { bytes: number; from: 'cgroup' | 'host' };
  } = {},
): Environment {
  const variables = new Map(Object.entries(parts.variables ?? {}));
  const files = new Map(Object.entries(parts.files ?? {}));
  const pages = new Map(Object.entries(parts.pages ?? {}));
  return {
    variable: (name) => variables.get(name),
    readFile: async (path) => {
      const text = files.get(path);
      if (text === undefined) throw Object.assign(new Error('missing'), { code: 'ENOENT' });
      return text;
    },
    fetchText: async (url) => ({ status: pages.has(url) ? 200 : 404, text: pages.get(url) ?? '' }),
    memory: () => parts.memory ?? { bytes: 8192 * MIB, from: 'host' },
    parallelism: () => 2,
  };
}

/** A smallest whole configuration around other text. */
export const BASE = `
receivers: {nop: }
exporters: {nop: }
service: {pipelines: {traces: {receivers: [nop], exporters: [nop]}}}
`;

/** Loads one YAML text, named `c.yaml` in positions. */
export function load(
  text: string,
  options: LoadOptions = {},
  parts: Parameters<typeof world>[0] = {},
): Promise<LoadedConfig> {
  const environment = world({ ...parts, files: { ...parts.files, 'c.yaml': text } });
  return loadConfig({ sources: ['c.yaml'], environment, userAgent: 'test/1', ...options });
}

/** {@link BASE} with more merged over it. */
export function loadOver(
  text: string,
  options: LoadOptions = {},
  parts: Parameters<typeof world>[0] = {},
): Promise<LoadedConfig> {
  const environment = world({ ...parts, files: { ...parts.files, 'base.yaml': BASE, 'c.yaml': text } });
  return loadConfig({ sources: ['base.yaml', 'c.yaml'], environment, userAgent: 'test/1', ...options });
}

/** The error a load ends with. */
export async function failureOf(loading: Promise<unknown>): Promise<CollectorError> {
  try {
    await loading;
  } catch (error) {
    return error as CollectorError;
  }
  throw new Error('expected the configuration to be refused');
}

/** The message of {@link failureOf}. */
export async function problems(loading: Promise<unknown>): Promise<string> {
  return (await failureOf(loading)).message;
}

/** The native configuration of one component. */
export function nativeOf(
  loaded: LoadedConfig,
  section: 'receivers' | 'processors' | 'exporters',
  id: string,
): Record<string, unknown> {
  const found = loaded.native[section].find((component) => component.id === id);
  if (found === undefined) throw new Error(`no ${id} in ${section}`);
  return found.config as unknown as Record<string, unknown>;
}
