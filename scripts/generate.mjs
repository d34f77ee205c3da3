// Writes what is derived from other sources: the addon's TypeScript declarations and the configuration document's
// types from Rust, the component reference, the editors' JSON Schema and the types of configurations from the TypeScript
// schemas, the reference of the API from the declarations that the compiler emits. With --check it writes nothing and
// fails when a committed file differs.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { addonDeclarations } from './addon-types.mjs';
import { apiReference } from './api-reference.mjs';
import { documentTypes } from './document-types.mjs';
import { fail, must, root } from './shell.mjs';

const check = process.argv.includes('--check');
const scratch = mkdtempSync(path.join(tmpdir(), 'teleferric-generate-'));
let stale = 0;

// What fails ends the process.
process.once('exit', () => rmSync(scratch, { recursive: true, force: true }));

put('src/binding/generated/native.d.ts', await addonTypes());
put('src/binding/generated/config.d.ts', documentTypes(await documentSchema()));
await compile();
const { componentsMarkdown } = await import('../dist/config/reference.js');
const { configurationTypes } = await import('../dist/config/typescript.js');
const { configJsonSchema } = await import('../dist/config/json-schema.js');
put('docs/components.md', componentsMarkdown());
put('src/config/generated/configuration.ts', configurationTypes());
put('schema/teleferric.schema.json', `${JSON.stringify(configJsonSchema(), null, 2)}\n`);
await compile();
const reference = apiReference(root);
put('docs/api.md', reference.text);
if (reference.undocumented.length > 0) {
  fail(`public names without a doc comment:\n${reference.undocumented.join('\n')}`);
}
if (stale > 0) fail('generated files are stale; run npm run generate and commit the result');

function compile() {
  return must('compiling TypeScript', process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json']);
}

/** What napi's macros say about the addon's exports: they write a line of JSON for each while the crate compiles. */
async function addonTypes() {
  const cwd = path.join(root, 'native');
  const env = { NAPI_TYPE_DEF_TMP_FOLDER: scratch };
  await must('forgetting the addon', 'cargo', ['clean', '--quiet', '--profile', 'dev', '-p', 'teleferric-node'], {
    cwd,
  });
  await must('reading the addon’s exports', 'cargo', ['check', '--quiet', '--locked', '-p', 'teleferric-node'], {
    cwd,
    env,
    quiet: true,
  });
  return addonDeclarations(readdirSync(scratch).map((name) => readFileSync(path.join(scratch, name), 'utf8')));
}

/** The JSON Schema of the document that crosses to the native core, as its Rust types define it. */
async function documentSchema() {
  const args = ['run', '--quiet', '--locked', '-p', 'teleferric-engine', '--features', 'schema', '--example', 'schema'];
  const output = await must('reading the configuration types', 'cargo', args, {
    cwd: path.join(root, 'native'),
    quiet: true,
  });
  return JSON.parse(output.slice(output.indexOf('{')));
}

function put(file, text) {
  const target = path.join(root, file);
  let current = null;
  try {
    current = readFileSync(target, 'utf8');
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  if (current === text) return;
  if (check) {
    stale += 1;
    console.error(`stale: ${file}`);
  } else {
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, text);
    console.error(`wrote ${file}`);
  }
}
