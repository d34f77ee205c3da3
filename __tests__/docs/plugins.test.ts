/**
 * The code of docs/plugins.md: its three plugins work in one collector, configured as shown there, its tests pass, and
 * all of it compiles, as does the plugin of README.md.
 */
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';

import { transformSync } from '@swc/wasm-typescript';
import { parse } from 'yaml';

import { startCollector } from '../support/collector.js';
import { blocksOf, compile, isCode, type Block } from '../support/documents.js';
import { folderWith } from '../support/installed.js';
import { Cleanup, eventually } from '../support/poll.js';
import { decodeRequest, encodeRequest } from '../support/proto.js';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const blocks = blocksOf('docs/plugins.md');
const code = blocks.filter(isCode);
/** Modules by the file name in their first line. */
const modules = new Map(
  code.flatMap((block) => {
    const [, name] = /^\/\/ (\S+\.ts)\n/.exec(block.code) ?? [];
    return name === undefined ? [] : [[name, block.code] as const];
  }),
);
const isTest = (block: Block): boolean => block.code.includes("'node:test'");

/** The components of the configurations shown, with their modules in `folder` and some options of the test's. */
function components(kind: string, folder: string, options: object): Record<string, object> {
  const shown = blocks.filter(({ words }) => words[0] === 'yaml').map(({ code: text }) => parse(text) as object);
  const found = Object.assign({}, ...shown) as Record<string, Record<string, { module: string; options: object }>>;
  const entries = Object.entries(found[kind] ?? {}).map(([id, keys]) => {
    const module = path.join(folder, path.basename(keys.module));
    return [id, { ...keys, module, options: { ...keys.options, ...options } }] as const;
  });
  return Object.fromEntries(entries);
}

test('the code compiles', async () => {
  const given = `declare const batch: import('teleferric/plugin').Batch;\n`;
  const alone = code.filter((block) => !isTest(block));
  expect(alone).toHaveLength(code.length - 3);
  const readme = blocksOf('README.md').filter((block) => isCode(block) && block.code.includes('definePlugin'));
  expect(readme).toHaveLength(1);
  for (const each of [alone, readme]) {
    expect(await compile(each, { packages: [], given, before: () => '' })).toBe('');
  }
});

test('the tests pass', async () => {
  const folder = folderWith('docs', ['teleferric']);
  writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }');
  for (const [index, { code: written }] of code.filter(isTest).entries()) {
    writeFileSync(path.join(folder, `${index}.test.js`), written);
  }
  for (const [name, text] of modules) {
    const javascript = transformSync(text, { mode: 'strip-only' }).code;
    writeFileSync(path.join(folder, name.replace(/\.ts$/, '.js')), javascript);
  }
  const { stdout } = await promisify(execFile)(process.execPath, ['--test', '--test-reporter=tap'], {
    cwd: folder,
    // Node would take itself for a part of a run.
    env: { ...process.env, NODE_OPTIONS: '', NODE_TEST_CONTEXT: undefined },
  });
  expect(stdout).toContain('# pass 3');
});

test('a line and a span come in, a health check does not come out', async () => {
  const folder = folderWith('docs', ['teleferric']);
  for (const [name, text] of modules) writeFileSync(path.join(folder, name), text);
  const bodies: Buffer[] = [];
  const hook = createServer((request, response) => {
    void buffer(request).then((body) => {
      bodies.push(body);
      response.end();
    });
  }).listen(0, '127.0.0.1');
  cleanup.add(hook, () => hook.close());
  await once(hook, 'listening');
  const url = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/`;
  const port = await freeUdpPort();
  const receivers = components('receivers', folder, { port });
  const processors = components('processors', folder, {});
  const exporters = components('exporters', folder, { url });
  const through = { processors: Object.keys(processors), exporters: Object.keys(exporters) };
  const collector = await startCollector({
    receivers: { otlp: { protocols: { http: { endpoint: '127.0.0.1:0' } } }, ...receivers },
    processors,
    exporters,
    pipelines: {
      traces: { receivers: ['otlp'], ...through },
      logs: { receivers: Object.keys(receivers), ...through },
    },
  });
  cleanup.add(collector, (it) => it.close(0));

  const socket = createSocket('udp4');
  cleanup.add(socket, (it) => it.close());
  // The receiver opens its socket when the pipelines take data, and tells nobody.
  await eventually(() => {
    socket.send('a line', port, '127.0.0.1');
    return bodies.length > 0;
  });
  expect(JSON.stringify(decodeRequest('logs', bodies[0] ?? Buffer.alloc(0)))).toContain('a line');

  const spans = [span('probe', '/health'), span('GET /cart', '/cart')];
  const request = encodeRequest('traces', { resourceSpans: [{ scopeSpans: [{ spans }] }] });
  bodies.length = 0;
  expect(await collector.collector.ingest('traces', request)).toEqual({ outcome: 'accepted' });
  await eventually(() => bodies.some(isCart));
  expect(bodies.find(isCart)?.includes('probe')).toBe(false);
});

const span = (name: string, route: string) => ({
  name,
  attributes: [{ key: 'http.route', value: { stringValue: route } }],
});
const isCart = (body: Buffer): boolean => body.includes('GET /cart');

/** A port that was free a moment ago. */
async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  await promisify(socket.close.bind(socket))();
  return port;
}
