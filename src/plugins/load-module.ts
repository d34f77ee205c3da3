/**
 * Loads the module of a plugin in a worker. TypeScript is loaded by Node where Node can, and elsewhere by taking its types
 * away with a package that the user installs. This package need not be installed beside it.
 */
import * as nodeModule from 'node:module';
import { pathToFileURL } from 'node:url';

import type { PluginKind } from '../config/plugin-modules.js';
import type { Plugin } from './define.js';
import { resolve } from './own-package.js';

const { createRequire, register } = nodeModule;

/** What takes types away where Node cannot; it is what Node itself is built with. */
export const STRIPPER = '@swc/wasm-typescript';

/** What makes a plugin one of a kind. */
const METHODS = { receiver: 'start', processor: 'process', exporter: 'export' } as const satisfies Record<
  PluginKind,
  string
>;

/**
 * The default export of a module.
 * @throws whatever the module throws; an error that says what is missing
 */
export async function loadPlugin(file: string, kind: PluginKind): Promise<Plugin> {
  if (!isInstalledBeside(file)) registerOwnPackage();
  if (/\.[mc]?ts$/.test(file) && !hasTypeStripping()) registerStripper(file);
  const module = (await import(pathToFileURL(file).href)) as { default?: unknown };
  return checkPlugin(module.default, kind);
}

/** Whether an export is a plugin; only own shape counts. */
export function checkPlugin(plugin: unknown, kind: PluginKind): Plugin {
  if (typeof plugin !== 'object' || plugin === null) {
    throw new TypeError('the module has no plugin as its default export: export default definePlugin({ … })');
  }
  const method = METHODS[kind];
  const members = plugin as Readonly<Record<string, unknown>>;
  if (typeof members[method] !== 'function') {
    const other = Object.values(METHODS).find((name) => typeof members[name] === 'function');
    const hint = other === undefined ? '' : `; one with ${other} is no ${kind}`;
    throw new TypeError(`the plugin has no method ${method}${hint}`);
  }
  for (const name of ['options', 'setup', 'close']) {
    if (members[name] !== undefined && typeof members[name] !== 'function') {
      throw new TypeError(`${name} of the plugin is no function`);
    }
  }
  return plugin as Plugin;
}

/** Node tells since 22.10; without the feature it is undefined or false. */
function hasTypeStripping(): boolean {
  return Boolean((process.features as { typescript?: unknown }).typescript);
}

function isInstalledBeside(file: string): boolean {
  try {
    createRequire(file).resolve('teleferric/package.json');
    return true;
  } catch {
    return false;
  }
}

function registerOwnPackage(): void {
  // Since Node 22.15 and 23.5; the other way takes a thread.
  const { registerHooks } = nodeModule as { readonly registerHooks?: (hooks: { resolve: typeof resolve }) => void };
  if (registerHooks === undefined) register(new URL('./own-package.js', import.meta.url));
  else registerHooks({ resolve });
}

function registerStripper(file: string): void {
  // Beside the plugin first: it is the user's choice of version.
  for (const from of [file, import.meta.url]) {
    try {
      const stripper = createRequire(from).resolve(STRIPPER);
      register(new URL('./strip-types.js', import.meta.url), { data: { stripper } });
      return;
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'MODULE_NOT_FOUND') throw error;
    }
  }
  const { node } = process.versions;
  throw new Error(
    `Node ${node} does not load TypeScript: install ${STRIPPER} beside the plugin, use Node 22.18 or newer, or compile it`,
  );
}
