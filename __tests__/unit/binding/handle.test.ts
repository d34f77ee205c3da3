import { NativeHandle, type IngestHead } from '../../../src/binding/index.js';
import { isCollectorError } from '../../../src/errors.js';
import { FakeAddon, refusing } from './fake-binding.js';

const HEAD: IngestHead = { signal: 'traces', encoding: 'proto', metadata: [], compression: null, context: null };

function handle(): { addon: FakeAddon; native: NativeHandle; wakes: () => number } {
  const addon = new FakeAddon();
  let count = 0;
  const native = new NativeHandle(() => {
    count += 1;
  }, addon);
  return { addon, native, wakes: () => count };
}

describe('NativeHandle', () => {
  it('gives listeners of a start as values', async () => {
    const { native } = handle();
    await expect(native.start('{}')).resolves.toEqual({
      ok: true,
      value: [{ component: 'otlp', protocol: 'grpc', address: '127.0.0.1:4317' }],
    });
  });

  it('gives a refused start as a value', async () => {
    const { addon, native } = handle();
    addon.answers.start = () => Promise.resolve(refusing('bind_failed', 'port in use'));
    await expect(native.start('{}')).resolves.toEqual({
      ok: false,
      error: { code: 'bind_failed', message: 'port in use', path: null },
    });
  });

  it.each([
    ['{"outcome":"accepted"}', { outcome: 'accepted' }],
    ['{"outcome":"partial","rejected":1,"message":"too old"}', { outcome: 'partial', rejected: 1, message: 'too old' }],
    [
      '{"outcome":"refused","code":"queue_full","message":"sending queue is full","retryable":true,"retryAfterMs":1500}',
      { outcome: 'refused', code: 'queue_full', message: 'sending queue is full', retryable: true, retryAfterMs: 1500 },
    ],
    [
      '{"outcome":"refused","code":"malformed","message":"bad tag","retryable":false,"retryAfterMs":null}',
      { outcome: 'refused', code: 'malformed', message: 'bad tag', retryable: false, retryAfterMs: null },
    ],
  ])('reads outcome %s', async (text, outcome) => {
    const { addon, native } = handle();
    addon.answers.ingest = () => Promise.resolve(text);
    await expect(
      native.ingest({ ...HEAD, metadata: [['tenant', 'a']], compression: 'gzip' }, new Uint8Array(3)),
    ).resolves.toEqual(outcome);
    const head =
      '{"signal":"traces","encoding":"proto","metadata":[["tenant","a"]],"compression":"gzip","context":null}';
    expect(addon.calls).toEqual([`ingest ${head} 3`]);
  });

  it('reads what remains after a flush, and that one was lost', async () => {
    const { addon, native } = handle();
    addon.answers.flush = () => Promise.resolve('{"ok":true,"remaining_items":7}');
    await expect(native.flush(null)).resolves.toBe(7);
    addon.answers.flush = () => Promise.resolve('{"ok":false,"error":{"code":"INTERNAL","message":"internal error"}}');
    await expect(native.flush(null)).rejects.toMatchObject({ code: 'INTERNAL', message: 'internal error' });
  });

  it('wraps errors of another realm by their shape', async () => {
    const { addon, native } = handle();
    const foreign = { message: 'panicked at batch.rs' };
    // oxlint-disable-next-line prefer-promise-reject-errors -- an error of another realm looks like this
    addon.answers.start = () => Promise.reject(foreign);
    const error: unknown = await native.start('{}').catch((reason: unknown) => reason);
    expect(isCollectorError(error, 'INTERNAL')).toBe(true);
    expect((error as Error).message).toBe('the native addon failed in start: panicked at batch.rs');
    expect((error as Error).cause).toBe(foreign);
  });

  it.each(['nonsense', '[]', 'null'])('calls the answer %s a bug of ours', async (text) => {
    const { addon, native } = handle();
    addon.answers.ingest = () => Promise.resolve(text);
    const error: unknown = await native.ingest(HEAD, new Uint8Array(0)).catch((reason: unknown) => reason);
    expect(isCollectorError(error, 'INTERNAL')).toBe(true);
  });

  it('reads every kind of event, passes over unknown ones and counts lost ones', () => {
    const { addon, native, wakes } = handle();
    addon.lost = 7;
    addon.emit(
      { kind: 'log', level: 'warn', message: 'slow', fields: { ms: 3 }, ts_ms: 5 },
      { kind: 'output', path: 'stdout', text: 'Traces', fields: { spans: 1 } },
      { kind: 'fatal', component: 'otlp', message: 'listener died' },
      { kind: 'of the future' },
      {
        kind: 'generator_done',
        accepted: 1,
        partial_rejected: 2,
        refused: 3,
        requests: 4,
        errors: [{ message: 'no', count: 1 }],
        elapsed_ms: 9,
      },
    );
    expect(wakes()).toBe(1);
    expect(native.takeEvents()).toEqual({
      lost: 7,
      events: [
        { kind: 'log', level: 'warn', msg: 'slow', fields: { ms: 3 }, tsMs: 5 },
        { kind: 'output', path: 'stdout', text: 'Traces', fields: { spans: 1 } },
        { kind: 'fatal', component: 'otlp', message: 'listener died' },
        {
          kind: 'generator_done',
          accepted: 1,
          partialRejected: 2,
          refused: 3,
          requests: 4,
          errors: [{ message: 'no', count: 1 }],
          elapsedMs: 9,
        },
      ],
    });
    expect(native.takeEvents()).toEqual({ lost: 0, events: [] });
  });

  it('reads the catalogue of metrics', () => {
    const { addon, native } = handle();
    addon.answers.catalogue = () =>
      JSON.stringify({
        version: 2,
        series: [{ name: 'a', help: 'h', type: 'histogram', labels: { x: '1' }, offset: 4, bounds: [1, 2] }],
      });
    expect(native.metricsCatalogue()).toEqual({
      version: 2,
      series: [{ name: 'a', help: 'h', kind: 'histogram', labels: { x: '1' }, offset: 4, bounds: [1, 2] }],
    });
  });
});
