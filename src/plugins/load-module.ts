/**
 * Loads the module of a plugin in a worker. TypeScript is loaded by Node where Node can, and elsewhere by taking its types
 * away with a package that the user installs.
 */
import { createRequire, register } from 'node:module';
import { pathToFileURL } from 'node:url';

import type { PluginKind } from '../config/plugin-modules.js';
import type { Plugin } from './define.js';

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
