// Checks who imports whom: the crates against their manifests, the TypeScript folders against their import lines.
// The tables below are the architecture; see docs/architecture.md for the reasons.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { root } from './shell.mjs';

/** Crate → the crates of this workspace that it may depend on. `testkit` is for tests only. */
const crates = {
  wire: [],
  tasks: [],
  buf: [],
  codec: ['buf'],
  store: ['codec', 'tasks'],
  flow: ['wire', 'buf', 'store', 'tasks'],
  net: ['buf', 'tasks'],
  parts: ['flow', 'net', 'codec', 'wire', 'buf', 'tasks'],
  engine: ['parts', 'flow', 'store', 'net', 'codec', 'wire', 'buf', 'tasks'],
  node: ['engine'],
  testkit: ['wire', 'buf', 'flow', 'net'],
  models: [],
};

/** Folder or file below src → what it may import there. */
const folders = {
  errors: [],
  protobuf: [],
  views: ['protobuf'],
  binding: ['errors'],
  config: ['errors', 'binding/generated'],
  servers: ['errors'],
  receivers: ['binding', 'servers', 'errors'],
  ingest: ['config', 'binding', 'errors'],
  plugins: ['ingest', 'config', 'binding', 'views', 'errors'],
  testing: ['plugins', 'views'],
  telemetry: ['binding', 'servers', 'errors'],
  collector: ['ingest', 'config', 'binding', 'plugins', 'receivers', 'servers', 'telemetry', 'errors'],
  cli: ['collector', 'config', 'telemetry', 'errors'],
  sdk: ['collector', 'ingest', 'config', 'protobuf', 'errors'],
  index: ['collector', 'config', 'errors'],
};

const faults = [...crateFaults(), ...folderFaults()];
for (const fault of faults) console.error(fault);
process.exit(faults.length === 0 ? 0 : 1);

function crateFaults() {
  const found = [];
  const names = readdirSync(path.join(root, 'native/crates'));
  for (const name of names) {
    const allowed = crates[name];
    if (allowed === undefined) {
      found.push(`native/crates/${name}: not in the table of scripts/check-arrows.mjs`);
      continue;
    }
    const manifest = readFileSync(path.join(root, 'native/crates', name, 'Cargo.toml'), 'utf8');
    for (const { section, dependency } of workspaceDependencies(manifest)) {
      const test = section === 'dev-dependencies' && dependency === 'testkit';
      if (!test && !allowed.includes(dependency)) found.push(`native/crates/${name}: may not depend on ${dependency}`);
    }
  }
  return found;
}

function workspaceDependencies(manifest) {
  const found = [];
  let section = '';
  for (const line of manifest.split('\n')) {
    section = /^\[(?:.*\.)?([\w-]+)\]/.exec(line)?.[1] ?? section;
    const dependency = /^teleferric-(\w+)/.exec(line)?.[1];
    if (dependency !== undefined) found.push({ section, dependency });
  }
  return found;
}

function folderFaults() {
  const found = [];
  for (const file of sources(path.join(root, 'src'))) {
    const from = unit(file);
    if (folders[from] === undefined) {
      found.push(`src/${from}: not in the table of scripts/check-arrows.mjs`);
      continue;
    }
    const text = readFileSync(file, 'utf8');
    for (const [, specifier] of text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)) {
      const to = unit(path.resolve(path.dirname(file), specifier));
      const inside = path.relative(path.join(root, 'src'), path.resolve(path.dirname(file), specifier));
      const allowed = folders[from].some((entry) => entry === to || inside.startsWith(`${entry}/`));
      if (to !== from && !allowed) found.push(`${path.relative(root, file)}: may not import ${inside}`);
    }
  }
  return found;
}

function* sources(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) yield* sources(file);
    else if (file.endsWith('.ts')) yield file;
  }
}

function unit(file) {
  return path
    .relative(path.join(root, 'src'), file)
    .split(path.sep)[0]
    .replace(/\.(d\.)?(ts|js)$/, '');
}
