/**
 * Modules that change while the collector runs, and modules that cannot be run.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { loadConfig } from '../../src/config/index.js';
import type { Configuration } from '../../src/index.js';
import { startCollector, type Running } from '../support/collector.js';
import { named } from '../support/fixtures.js';
import { Cleanup } from '../support/poll.js';
import { encodeRequest } from '../support/proto.js';

const cleanup = new Cleanup();
let folder: string;
beforeEach(async () => {
  folder = cleanup.add(await mkdtemp(join(tmpdir(), 'teleferric-')), (it) => rm(it, { recursive: true }));
});
afterEach(() => cleanup.run());

async function write(text: string, name = 'plugin.mjs'): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, text);
  return file;
}

async function start(ts: object): Promise<Running> {
  const setup = { processors: { ts }, exporters: { nop: {} } };
  return cleanup.add(await startCollector(setup), (it) => it.close(0));
}

const REQUEST = encodeRequest('logs', named('logs', 'a'));

/** A processor that says which version it is. */
const version = (number: number) =>
  `export default { async process(batch, { log }) { log.info('version ${number}'); await null; } };`;

test('a reload swaps the module without losing a batch', async () => {
  const module = await write(version(0));
  const collector = await start({ module, workers: 2 });
  let [sent, accepted] = [0, 0];
  const end = new AbortController();
  const send = async (): Promise<void> => {
    while (!end.signal.aborted) {
      sent += 1;
      if ((await collector.collector.ingest('logs', REQUEST)).outcome === 'accepted') accepted += 1;
    }
  };
  const senders = Array.from({ length: 8 }, send);
  for (let number = 1; number <= 4; number += 1) {
    await write(version(number));
    await collector.collector.reload();
    await collector.collector.ingest('logs', REQUEST);
    [sent, accepted] = [sent + 1, accepted + 1];
  }
  end.abort();
  await Promise.all(senders);
  expect(accepted).toBe(sent);
  expect(collector.metric('otelcol_exporter_sent_log_records')).toBe(sent);
  expect(collector.metric('teleferric_plugin_batches_total', { outcome: 'ok' })).toBe(sent);
  const said = [0, 1, 2, 3, 4].map((number) => collector.said(`version ${number}`).length > 0);
  expect(said).toEqual([true, true, true, true, true]);
});

test('a reload to a module that cannot be run leaves the one before', async () => {
  const module = await write(version(0));
  const collector = await start({ module });
  await write('export default { process: 1 };');
  await expect(collector.collector.reload()).rejects.toMatchObject({
    code: 'START_FAILED',
    message: 'processors::ts: the plugin has no method process',
  });
  expect(await collector.collector.ingest('logs', REQUEST)).toEqual({ outcome: 'accepted' });
});

test.each([
  ['no default export', 'export const process = () => {};', 'the module has no plugin as its default export'],
  [
    'another kind',
    'export default { export() {} };',
    'the plugin has no method process; one with export is no processor',
  ],
  [
    'a setup that fails',
    "export default { setup() { throw new Error('no database'); }, process() {} };",
    'no database',
  ],
  [
    'options it does not take',
    "export default { options() { throw new Error('keys must be a list'); }, process() {} };",
    'keys must be a list',
  ],
  ['text that is no JavaScript', 'export default {{', 'Unexpected token'],
  [
    'a package it does not have',
    "import 'a-package-that-is-not-there'; export default { process() {} };",
    "Cannot find package 'a-package-that-is-not-there'",
  ],
  ['an exit', 'process.exit(3);', 'the worker has ended with exit code 3'],
])('a module with %s keeps the collector from starting', async (_, text, reason) => {
  const starting = start({ module: await write(text) });
  await expect(starting).rejects.toMatchObject({ code: 'START_FAILED' });
  await expect(starting).rejects.toThrow(`processors::ts: ${reason}`);
});

const config = (module: string): Configuration => ({
  receivers: { nop: {} },
  processors: { 'ts/x': { module } },
  exporters: { nop: {} },
  service: { pipelines: { logs: { receivers: ['nop'], processors: ['ts/x'], exporters: ['nop'] } } },
});

const validate = (module: string) => loadConfig({ object: config(module), purpose: 'validate' });

test('a module that is not there is found without running anything', async () => {
  await expect(validate(join(folder, 'none.mjs'))).rejects.toThrow(/^processors::ts\/x: module: ENOENT/);
  await expect(validate('no-such-package')).rejects.toThrow(
    /cannot find package "no-such-package" from .*: install it/,
  );
  await expect(validate('')).rejects.toThrow("processors::ts/x: 'module' must be specified");
});

test('paths are relative to the file that names them, and the module is watched with it', async () => {
  const module = await write(version(0), 'beside.mjs');
  const text = `
receivers: { nop: }
processors: { ts: { module: ./beside.mjs } }
exporters: { nop: }
service: { pipelines: { logs: { receivers: [nop], processors: [ts], exporters: [nop] } } }`;
  const loaded = await loadConfig({ sources: [await write(text, 'config.yaml')] });
  expect(loaded.plugins.map(({ file }) => file)).toEqual([module]);
  expect([...loaded.files.keys()]).toContain(module);
});
