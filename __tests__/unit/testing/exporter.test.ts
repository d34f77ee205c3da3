import { definePlugin, PermanentError, RetryableError } from '../../../src/plugins/index.js';
import { runExporter, startExporter, traces, type Batch } from '../../../src/testing/index.js';

/** An exporter that does what its option says. */
const scripted = definePlugin<{ what: string }>({
  options: ({ what }) => ({ what: String(what) }),
  async export(batch, { options, log }) {
    log.info(options.what, { items: batch.items });
    if (options.what === 'busy') throw new RetryableError('busy', { delayMs: 250 });
    if (options.what === 'later') throw new RetryableError('later');
    if (options.what === 'never') throw new PermanentError('never');
    if (options.what === 'broken') throw new TypeError('broken');
  },
});

test.each([
  ['busy', { outcome: 'refused', retryable: true, delayMs: 250, error: { message: 'busy' } }],
  ['later', { outcome: 'refused', retryable: true, delayMs: null, error: { message: 'later' } }],
  ['never', { outcome: 'refused', retryable: false, delayMs: null, error: { message: 'never' } }],
  ['broken', { outcome: 'refused', retryable: false, delayMs: null, error: { message: 'broken' } }],
  ['fine', { outcome: 'delivered' }],
])('what is thrown is understood as the collector does: %s', async (what, outcome) => {
  const told = await runExporter(scripted, traces([{}, {}]), { options: { what } });
  expect(told).toMatchObject(outcome);
  expect(told.logged).toEqual([{ level: 'info', message: what, fields: { items: 2 } }]);
});

test('the batch is a copy, and several are under way at once', async () => {
  const waiting: (() => void)[] = [];
  const seen: number[] = [];
  const given = traces([{ name: 'kept' }]);
  const exporter = await startExporter({
    default: {
      async export(batch: Batch) {
        for (const span of batch.spans()) span.name = 'changed';
        seen.push(batch.items);
        await new Promise<void>((resolve) => waiting.push(resolve));
      },
    },
  });
  const outcomes = [exporter.export(given), exporter.export(traces([{}, {}]))];
  expect(seen).toEqual([1, 2]);
  for (const resolve of waiting) resolve();
  expect((await Promise.all(outcomes)).map(({ outcome }) => outcome)).toEqual(['delivered', 'delivered']);
  expect(Array.from(given.spans(), ({ name }) => name)).toEqual(['kept']);
});

test('it is closed once, and sends nothing then', async () => {
  let closed = 0;
  const exporter = await startExporter({ export() {}, close: () => (closed += 1) });
  await exporter.close();
  await exporter.close();
  expect(closed).toBe(1);
  await expect(exporter.export(traces([]))).rejects.toThrow('the plugin is closed');
});

test('what is no exporter, or refuses its options, fails the test', async () => {
  await expect(runExporter({} as typeof scripted, traces([]))).rejects.toThrow('it has no function export');
  await expect(runExporter({ default: null } as never, traces([]))).rejects.toThrow('it has no function export');
  const strict = {
    ...scripted,
    options: (): never => {
      throw new TypeError('options.url is missing');
    },
  };
  await expect(runExporter(strict, traces([]))).rejects.toThrow('options.url is missing');
});
