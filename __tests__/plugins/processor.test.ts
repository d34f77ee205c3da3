/**
 * Processors of type `ts` in a running collector: what they change, what a bad one costs, and how it is told.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { startCollector, type Running } from '../support/collector.js';
import { named } from '../support/fixtures.js';
import { temporaryFolder } from '../support/folder.js';
import { Cleanup, eventually } from '../support/poll.js';
import { encodeRequest } from '../support/proto.js';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const NEIGHBOUR = fileURLToPath(new URL('modules/neighbour.ts', import.meta.url));

async function start(ts: object): Promise<Running> {
  const processors = { ts: { module: NEIGHBOUR, ...ts } };
  return cleanup.add(await startCollector({ processors, exporters: { nop: {} } }), (it) => it.close(0));
}

const ingest = (to: Running, ...names: readonly string[]) =>
  to.collector.ingest('logs', encodeRequest('logs', named('logs', ...names)));

const LABELS = { processor: 'ts', otel_signal: 'logs' };
const items = (of: Running, name: string) => of.metric(name, LABELS);
const batches = (of: Running, outcome: string) => of.metric('teleferric_plugin_batches_total', { ...LABELS, outcome });

test('what a plugin changes and leaves out goes on, and is counted', async () => {
  const collector = await start({});
  const outcomes = [await ingest(collector, 'a', 'drop', 'mark'), await ingest(collector, 'drop')];
  expect(outcomes).toEqual([{ outcome: 'accepted' }, { outcome: 'accepted' }]);
  await collector.memoryIsFree();
  expect([
    items(collector, 'otelcol_processor_incoming_items'),
    items(collector, 'otelcol_processor_outgoing_items'),
    items(collector, 'teleferric_plugin_filtered_items_total'),
    batches(collector, 'ok'),
  ]).toEqual([4, 2, 2, 2]);
});

test('a plugin beside which the package is not installed imports the copy that runs', async () => {
  const module = join(temporaryFolder('plugin'), 'quiet.ts');
  const lines = [
    `import { definePlugin, PermanentError, type Batch } from 'teleferric/plugin';`,
    `import { logs } from 'teleferric/testing';`,
    `const isOwn = typeof PermanentError === 'function' && logs([]).items === 0;`,
    `const process = (batch: Batch) => { for (const record of batch.logRecords()) if (isOwn) record.drop(); };`,
    `export default definePlugin({ process });`,
  ];
  writeFileSync(module, lines.join('\n'));
  const collector = await start({ module });
  expect(await ingest(collector, 'a')).toEqual({ outcome: 'accepted' });
  expect(items(collector, 'teleferric_plugin_filtered_items_total')).toBe(1);
});

test('what it imports that is nowhere is told by name', async () => {
  const module = join(temporaryFolder('plugin'), 'lost.mjs');
  writeFileSync(module, `import 'teleferric/nothing';\nexport default { process() {} };\n`);
  await expect(start({ module })).rejects.toMatchObject({
    code: 'START_FAILED',
    message: expect.stringContaining("Package subpath './nothing' is not defined") as unknown,
  });
});

/** Each kind of failure with its count, and whether the worker does not survive it. */
const FAILURES = [
  ['throw', 'thrown', false],
  ['permanent', 'thrown', false],
  ['later', 'thrown', false],
  ['nothing', 'thrown', false],
  ['nonsense', 'thrown', false],
  ['garbage', 'malformed', false],
  ['hang', 'timeout', true],
  ['forget', 'timeout', true],
  ['leak', 'worker_exit', true],
  ['exit', 'worker_exit', true],
  ['stray', 'worker_exit', true],
] as const;

type OnError = 'fail' | 'pass' | 'drop';

/** Lets everything go wrong, one after another; what takes too long in a collector of its own, which does not wait. */
async function fail(onError: OnError): Promise<number[]> {
  const late = FAILURES.filter(([, outcome]) => outcome === 'timeout');
  const others = FAILURES.filter(([, outcome]) => outcome !== 'timeout');
  return Promise.all([failBy(onError, '1s', late), failBy(onError, '30s', others)]);
}

async function failBy(
  onError: OnError,
  timeout: string,
  failures: readonly (typeof FAILURES)[number][],
): Promise<number> {
  const collector = await start({ on_error: onError, timeout, memory_limit_mib: 32 });
  for (const [told, outcome, isDeadly] of failures) {
    const names = ['dropped_items', 'filtered_items'].map((word) => `teleferric_plugin_${word}_total`);
    const counts = () => [
      ...names.map((name) => items(collector, name)),
      items(collector, 'otelcol_processor_outgoing_items'),
      batches(collector, outcome),
      collector.metric('teleferric_plugin_restarts_total'),
    ];
    const before = counts();
    const answer = await ingest(collector, told, 'other');
    expect([told, answer.outcome]).toEqual([told, onError === 'fail' ? 'refused' : 'accepted']);
    // The next one is as if nothing had been.
    expect(await ingest(collector, 'a')).toEqual({ outcome: 'accepted' });
    const change = counts().map((count, index) => count - before[index]!);
    const [dropped, passed] = [onError === 'drop' ? 2 : 0, onError === 'pass' ? 2 : 0];
    expect([told, ...change]).toEqual([told, dropped, 0, passed + 1, 1, isDeadly ? 1 : 0]);
  }
  await collector.memoryIsFree();
  return collector.metric('teleferric_panics_total');
}

// At the same time, since most of it is waiting.
test('each failure costs its batch what on_error says', async () => {
  expect(await Promise.all([fail('fail'), fail('pass'), fail('drop')])).toEqual(
    Array.from({ length: 3 }, () => [0, 0]),
  );
});

test('a sender is told whether and when to try again', async () => {
  const collector = await start({});
  expect(await ingest(collector, 'throw')).toMatchObject({
    outcome: 'refused',
    code: 'plugin_failed',
    message: 'plugin failed: thrown on purpose',
    retryable: true,
  });
  expect(await ingest(collector, 'later')).toMatchObject({ retryable: true, retryAfterMs: 7000 });
  expect(await ingest(collector, 'permanent')).toMatchObject({ retryable: false });
});

test('a failure is told once, with its stack in the source', async () => {
  const collector = await start({});
  const warnings: string[] = [];
  collector.collector.on('warning', (message) => void warnings.push(message));
  await ingest(collector, 'throw');
  await ingest(collector, 'stray');
  await ingest(collector, 'a');
  const [thrown, astray] = await eventually(() => {
    const lines = [...collector.said('plugin failed'), ...collector.said('plugin worker ended')];
    return lines.length >= 2 && lines;
  });
  expect(thrown!.fields).toMatchObject({ error: 'thrown on purpose', on_error: 'fail', items: 1 });
  expect(thrown!.fields['stacktrace']).toMatch(/neighbour\.ts:12:11/);
  expect(astray!.fields).toMatchObject({ error: 'thrown astray', 'otelcol.component.id': 'ts' });
  expect(astray!.fields['stacktrace']).toMatch(/neighbour\.ts:\d+:\d+/);
  expect(warnings).toEqual(['plugin failed', 'plugin worker ended']);
});

test('several workers share the batches, and one that hangs holds up only its own', async () => {
  const collector = await start({ workers: 2, timeout: '30s' });
  const hung = ingest(collector, 'forget');
  await eventually(() => collector.metric('teleferric_plugin_in_flight_batches') === 1);
  const others = await Promise.all(Array.from({ length: 50 }, () => ingest(collector, 'a')));
  expect(new Set(others.map(({ outcome }) => outcome))).toEqual(new Set(['accepted']));
  await collector.close(0);
  expect((await hung).outcome).toBe('refused');
});
