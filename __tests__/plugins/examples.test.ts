/**
 * The plugins under `examples/`, as they are.
 */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { loadConfig } from '../../src/config/index.js';
import { startCollector } from '../support/collector.js';
import { ACCEPT, Exporting, UNQUEUED } from '../support/exporting.js';
import { Cleanup } from '../support/poll.js';
import { decodeRequest, encodeRequest, itemsOf, type Plain } from '../support/proto.js';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const root = fileURLToPath(new URL('../..', import.meta.url));
const examples = join(root, 'examples');

/** A request with spans of service `cart`. */
function spans(...list: readonly object[]): Buffer {
  const attributes = [{ key: 'service.name', value: { stringValue: 'cart' } }];
  return encodeRequest('traces', { resourceSpans: [{ resource: { attributes }, scopeSpans: [{ spans: list }] }] });
}

const span = (name: string, traceEnd: string, more: object = {}) => ({
  traceId: Buffer.from(`000000000000000000000000${traceEnd}`, 'hex'),
  spanId: Buffer.from('0102030405060708', 'hex'),
  name,
  startTimeUnixNano: '1000000000',
  endTimeUnixNano: '1001000000',
  ...more,
});

test('three processors sample, enrich and redact what passes', async () => {
  const { config } = await loadConfig({ sources: [join(examples, 'plugins/collector.yaml')] });
  const processors = Object.fromEntries(
    [...config.processors].map(([id, { config: keys }]) => {
      const { module, options } = keys as { module: string; options: object };
      return [id, { module: join(examples, 'plugins', module), options, timeout: '20s' }];
    }),
  );
  const exporting = cleanup.add(new Exporting(), (it) => it.close());
  const sink = await exporting.sink('http', ACCEPT);
  const pipelines = { traces: { receivers: ['otlp'], processors: Object.keys(processors), exporters: ['otlp_http'] } };
  const collector = await exporting.collector(sink, UNQUEUED, { processors, pipelines });
  const sent = spans(
    span('dropped', 'ffffffff'),
    span('kept', '00000000', {
      attributes: [
        { key: 'user.email', value: { stringValue: 'a@example.com' } },
        { key: 'note', value: { stringValue: 'from a@example.com' } },
      ],
    }),
    span('failed', 'ffffffff', { status: { code: 2 } }),
    span('slow', 'ffffffff', { endTimeUnixNano: '2000000000' }),
  );
  expect(await collector.collector.ingest('traces', sent)).toEqual({ outcome: 'accepted' });
  const arrived = decodeRequest('traces', sink.received[0]!.body);
  const names = itemsOf('traces', arrived).map(({ name }) => name);
  expect(names).toEqual(['kept', 'failed', 'slow']);
  const text = JSON.stringify(arrived);
  expect(text).toContain('"checkout"');
  expect(text).toContain('from [redacted]');
  expect(text).not.toContain('example.com');
  expect((itemsOf('traces', arrived)[0] as Plain)['attributes']).toHaveLength(1);
});

test('the template builds, passes its test, and is found as a package', async () => {
  const folder = cleanup.add(await mkdtemp(join(tmpdir(), 'teleferric-')), (it) => rm(it, { recursive: true }));
  const plugin = join(folder, 'node_modules/teleferric-plugin-example');
  await mkdir(join(folder, 'node_modules'));
  await cp(join(examples, 'plugin-template'), plugin, { recursive: true });
  await symlink(root, join(folder, 'node_modules/teleferric'));
  const run = promisify(execFile);
  const env = { ...process.env, NODE_OPTIONS: '' };
  await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc')], { cwd: plugin, env });
  await run(process.execPath, ['--test'], { cwd: plugin, env });
  const before = process.cwd();
  process.chdir(folder);
  try {
    const processors = { ts: { module: 'teleferric-plugin-example', options: { value: 'checkout' } } };
    const collector = await startCollector({ processors, exporters: { nop: {} } });
    cleanup.add(collector, (it) => it.close(0));
    expect(await collector.collector.ingest('traces', spans(span('a', '00000000')))).toEqual({ outcome: 'accepted' });
  } finally {
    process.chdir(before);
  }
});
