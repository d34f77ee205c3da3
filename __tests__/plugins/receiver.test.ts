/**
 * Receivers of type `ts`: what they emit, when they start, and what becomes of one that fails.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { startCollector, type Running } from '../support/collector.js';
import { Cleanup, eventually } from '../support/poll.js';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const module = fileURLToPath(new URL('modules/source.ts', import.meta.url));

const setup = (options: object, ts: object = {}) => ({
  receivers: { 'ts/source': { module, options, ...ts } },
  exporters: { nop: {} },
  pipelines: { logs: { receivers: ['ts/source'], exporters: ['nop'] } },
});

async function start(options: object, ts: object = {}): Promise<Running> {
  return cleanup.add(await startCollector(setup(options, ts)), (it) => it.close(0));
}

const answers = (of: Running): unknown[] => of.said('answered').map(({ fields }) => fields['outcome']);
const names = (of: Running, what: string): unknown[] => of.said(what).map(({ fields }) => fields['name']);

test('batches and bytes come in, and what is wrong is refused', async () => {
  const collector = await start({ name: 'a' });
  await eventually(() => collector.said('refused').length === 1);
  expect(answers(collector)).toEqual([
    { outcome: 'accepted' },
    { outcome: 'accepted' },
    expect.objectContaining({ outcome: 'refused', code: 'malformed', retryable: false }),
  ]);
  expect(collector.said('refused')[0]?.fields['code']).toBe('INVALID_ARGUMENT');
  expect(collector.metric('otelcol_receiver_accepted_log_records', { receiver: 'ts/source' })).toBe(2);
  expect(collector.metric('otelcol_exporter_sent_log_records')).toBe(2);
  await collector.memoryIsFree();
});

test('one that cannot start is tried again, and told of', async () => {
  const folder = cleanup.add(await mkdtemp(join(tmpdir(), 'teleferric-')), (it) => rm(it, { recursive: true }));
  const collector = await start({ name: 'a', fails: join(folder, 'failed') });
  await eventually(() => answers(collector).length === 3);
  expect(names(collector, 'started')).toEqual(['a']);
  const [told] = collector.said('plugin worker ended');
  expect(told?.fields).toMatchObject({ error: 'cannot listen', 'otelcol.component.id': 'ts/source' });
  expect(String(told?.fields['stacktrace'])).toContain('source.ts');
  expect(collector.metric('teleferric_plugin_restarts_total')).toBe(1);
});

test('one that stands still is ended, told of, and started anew', async () => {
  const folder = cleanup.add(await mkdtemp(join(tmpdir(), 'teleferric-')), (it) => rm(it, { recursive: true }));
  const collector = await start({ name: 'a', hangs: join(folder, 'hung') }, { timeout: '500ms' });
  await eventually(() => answers(collector).length === 3);
  expect(names(collector, 'started')).toEqual(['a']);
  const [told, ...more] = collector.said('plugin worker ended');
  expect(told?.fields).toMatchObject({ error: 'the worker stood still for 500 ms' });
  expect(more).toEqual([]);
  expect(collector.metric('teleferric_plugin_restarts_total')).toBe(1);
});

test('one that works is left alone, even if the collector’s own thread stands still', async () => {
  const collector = await start({ name: 'a' }, { timeout: '100ms' });
  await eventually(() => collector.said('refused').length === 1);
  for (let times = 0; times < 3; times += 1) {
    const until = performance.now() + 300;
    while (performance.now() < until);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  expect(collector.said('plugin worker ended')).toEqual([]);
  expect(collector.metric('teleferric_plugin_restarts_total')).toBe(0);
});

test('a reload starts the new one when the old one has ended', async () => {
  const collector = await start({ name: 'a' });
  await eventually(() => collector.said('refused').length === 1);
  const { pipelines, ...rest } = setup({ name: 'b' });
  const telemetry = { metrics: { level: 'none' }, logs: { sampling: { enabled: false } } };
  await collector.collector.reload({ config: { ...rest, service: { telemetry, pipelines } } as never });
  await eventually(() => collector.said('refused').length === 2);
  const steps = collector.logs.filter(({ msg }) => ['set up', 'started', 'closed'].includes(msg));
  expect(steps.map(({ msg, fields }) => `${msg} ${fields['name']}`)).toEqual([
    'set up a',
    'started a',
    'set up b',
    'closed a',
    'started b',
  ]);
  expect(answers(collector)).toHaveLength(6);
});

test('a plugin of another kind is refused', async () => {
  const neighbour = fileURLToPath(new URL('modules/neighbour.ts', import.meta.url));
  await expect(startCollector(setup({}, { module: neighbour }))).rejects.toMatchObject({
    code: 'START_FAILED',
    message: expect.stringContaining('the plugin has no method start; one with process is no receiver') as string,
  });
});
