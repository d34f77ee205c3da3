/**
 * `Collector.flush`: what was taken before it leaves batches and queues in memory; what comes later is not waited for.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { isCollectorError } from '../../src/index.js';
import type { Setup } from '../support/collector.js';
import { Exporting, sendNamed } from '../support/exporting.js';
import { temporaryFolder } from '../support/folder.js';
import { eventually, Gate } from '../support/poll.js';
import { HttpSink } from '../support/sinks.js';

let exporting: Exporting;
beforeEach(() => {
  exporting = new Exporting();
});
afterEach(() => exporting.close());

const NEVER = '1h';
/** A deadline for what must not happen: it comes at once, since nothing can change meanwhile. */
const AT_ONCE = { deadlineMs: 0 };

it.each<[string, object, Omit<Setup, 'exporters'>]>([
  ['the batch processor', {}, { processors: { batch: { timeout: NEVER, send_batch_size: 1000 } } }],
  ['the batch of a queue', { batch: { flush_timeout: NEVER, min_size: 1000 } }, {}],
  [
    'both, one after another',
    { batch: { flush_timeout: NEVER, min_size: 1000 } },
    { processors: { batch: { timeout: NEVER, send_batch_size: 1000 } } },
  ],
])('sends what %s collects, and resolves when it is delivered', async (_name, queue, setup) => {
  const sink = exporting.keep(await HttpSink.start());
  const running = await exporting.collector(sink, { sending_queue: queue }, { ...setup, service: { threads: 2 } });
  for (const name of ['a', 'b', 'c', 'd']) expect(await sendNamed(running, name)).toMatchObject({ ok: true });
  await expect(running.collector.flush()).resolves.toEqual({ isComplete: true, remainingItems: 0 });
  expect(sink.names('logs').toSorted()).toEqual(['a', 'b', 'c', 'd']);
  await expect(running.collector.flush()).resolves.toEqual({ isComplete: true, remainingItems: 0 });
});

it('tells what remains at its deadline, and delivers it all the same', async () => {
  const gate = new Gate();
  const sink = exporting.keep(await HttpSink.start({ answer: () => gate.opened.then(() => ({})) }));
  const running = await exporting.collector(sink, {});
  for (const name of ['a', 'b']) await sendNamed(running, name);
  await expect(running.collector.flush(AT_ONCE)).resolves.toEqual({ isComplete: false, remainingItems: 2 });
  const whole = running.collector.flush({ deadlineMs: null });
  gate.open();
  await expect(whole).resolves.toEqual({ isComplete: true, remainingItems: 0 });
  expect(sink.items).toBe(2);
});

it('does not wait for what comes later', async () => {
  const [first, later] = [new Gate(), new Gate()];
  const answer = (_: unknown, index: number) => (index === 0 ? first : later).opened.then(() => ({}));
  const sink = exporting.keep(await HttpSink.start({ answer }));
  const running = await exporting.collector(sink, {}, { service: { threads: 1 } });
  await sendNamed(running, 'before');
  await eventually(() => sink.received.length === 1);
  const flushed = running.collector.flush({ deadlineMs: null });
  // Once the second has been answered the first is under way.
  await expect(running.collector.flush(AT_ONCE)).resolves.toEqual({ isComplete: false, remainingItems: 1 });
  await sendNamed(running, 'after');
  await eventually(() => sink.received.length === 2);
  first.open();
  await expect(flushed).resolves.toEqual({ isComplete: true, remainingItems: 0 });
  await expect(running.collector.flush(AT_ONCE)).resolves.toEqual({ isComplete: false, remainingItems: 1 });
  later.open();
});

it('does not wait for what is stored, nor for other exporters to send what it can', async () => {
  const [dead, alive] = [await HttpSink.start({ answer: () => 'hang' }), await HttpSink.start()];
  exporting.keep(dead);
  exporting.keep(alive);
  const queue = { batch: { flush_timeout: NEVER, min_size: 1000 } };
  const running = await exporting.start({
    exporters: {
      'otlp_http/dead': { endpoint: dead.endpoint, sending_queue: { storage: 'file_storage' } },
      'otlp_http/alive': { endpoint: alive.endpoint, sending_queue: queue },
    },
    extensions: { file_storage: { directory: temporaryFolder('flush') } },
    service: { extensions: ['file_storage'] },
  });
  await sendNamed(running, 'a');
  await expect(running.collector.flush()).resolves.toEqual({ isComplete: true, remainingItems: 0 });
  expect(alive.items).toBe(1);
});

it.each([
  ['one file', 'out.jsonl', {}],
  ['a file for each group', 'out-*.jsonl', { group_by: { enabled: true, resource_attribute: 'team' } }],
])('writes out what exporter file has buffered for %s', async (_name, file, keys) => {
  const folder = temporaryFolder('flush');
  const exporters = { file: { path: join(folder, file), flush_interval: NEVER, ...keys } };
  const running = await exporting.start({ exporters });
  await sendNamed(running, 'a');
  const written = () => readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
  expect(written()).toEqual(['']);
  await expect(running.collector.flush()).resolves.toEqual({ isComplete: true, remainingItems: 0 });
  expect(written()).toEqual([expect.stringMatching(/^\{"resourceLogs":.*"a".*\}\n$/)]);
});

it('is refused before the start and after the end, and ends when the collector does', async () => {
  const sink = exporting.keep(await HttpSink.start({ answer: () => 'hang' }));
  const running = await exporting.collector(sink, {});
  await sendNamed(running, 'a');
  const cut = running.collector.flush({ deadlineMs: null });
  await running.collector.close({ deadlineMs: 0 });
  await expect(cut).resolves.toMatchObject({ remainingItems: 0 });
  const late = await running.collector.flush().catch((error: unknown) => error);
  expect(isCollectorError(late, 'CLOSED')).toBe(true);
});
