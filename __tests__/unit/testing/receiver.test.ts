import { gzipSync } from 'node:zlib';

import { definePlugin, type IngestOutcome, type ReceiverContext } from '../../../src/plugins/index.js';
import { logs, startReceiver, traces } from '../../../src/testing/index.js';

/** A receiver that hands over what the test says. */
function open(): {
  readonly plugin: { start(context: ReceiverContext): void };
  readonly emit: () => ReceiverContext['emit'];
} {
  let context: ReceiverContext | null = null;
  const plugin = definePlugin({ start: (given: ReceiverContext) => void (context = given) });
  const emit = (): ReceiverContext['emit'] => {
    if (context === null) throw new Error('the receiver was not started');
    return context.emit;
  };
  return { plugin, emit };
}

test('batches and requests arrive in their order, before and after somebody waits', async () => {
  const { plugin, emit } = open();
  const receiver = await startReceiver(plugin);
  const bytes = traces([{ name: 'one' }, {}]).encode();
  await expect(emit()(logs([{ body: 'hello' }]))).resolves.toEqual({ outcome: 'accepted' });
  const told = emit()('traces', bytes, { metadata: { tenant: 'a' } });
  bytes.fill(0);
  const [first, second] = [await receiver.next(), await receiver.next()];
  expect(Array.from(first.batch?.logRecords() ?? [], ({ body }) => body)).toEqual(['hello']);
  expect([second.signal, second.options, second.batch?.items]).toEqual(['traces', { metadata: { tenant: 'a' } }, 2]);
  await expect(told).resolves.toEqual({ outcome: 'accepted' });
  const next = receiver.next();
  await emit()(traces([{ name: 'later' }]));
  expect((await next).batch?.items).toBe(1);
});

test('JSON and what is compressed are bytes only', async () => {
  const { plugin, emit } = open();
  const receiver = await startReceiver(plugin);
  await emit()('logs', Buffer.from('{}'), { encoding: 'json' });
  await emit()('logs', gzipSync(''), { compression: 'gzip' });
  const [json, packed] = [await receiver.next(), await receiver.next()];
  expect([json.batch, Buffer.from(json.body).toString(), packed.batch]).toEqual([null, '{}', null]);
});

test('pipelines answer what the test says', async () => {
  const { plugin, emit } = open();
  const refused: IngestOutcome = {
    outcome: 'refused',
    code: 'queue_full',
    message: 'full',
    retryable: true,
    retryAfterMs: 100,
  };
  await startReceiver(plugin, { answer: ({ batch }) => (batch?.items === 0 ? { outcome: 'accepted' } : refused) });
  await expect(emit()(traces([{}]))).resolves.toEqual(refused);
  await expect(emit()(traces([]))).resolves.toEqual({ outcome: 'accepted' });
});

test('wrong arguments are refused as in the collector, and nothing arrives', async () => {
  const { plugin, emit } = open();
  const receiver = await startReceiver(plugin);
  const loose = emit() as unknown as (...values: readonly unknown[]) => Promise<unknown>;
  for (const values of [
    ['spans', new Uint8Array(0)],
    ['logs'],
    ['logs', 'text'],
    ['logs', new Uint8Array(0), { x: 1 }],
  ]) {
    await expect(loose(...values)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  }
  await receiver.close();
  await expect(receiver.next()).rejects.toThrow('the plugin is closed');
});

test('who waits when it is closed is told, and what has come before is still there', async () => {
  let closed = 0;
  const { plugin, emit } = open();
  const receiver = await startReceiver({ ...plugin, close: () => (closed += 1) });
  const told = receiver.next().catch((error: Error) => error.message);
  await receiver.close();
  await receiver.close();
  expect([await told, closed]).toEqual(['the plugin is closed', 1]);

  const again = await startReceiver(plugin);
  await emit()(traces([{}]));
  await again.close();
  expect((await again.next()).batch?.items).toBe(1);
});

test('options, set-up and log are as for the other kinds', async () => {
  const receiver = await startReceiver(
    definePlugin<{ port: number }>({
      options: ({ port }) => ({ port: Number(port) }),
      start: ({ id, options, log }) => log.warn('listening', { id, port: options.port }),
    }),
    { options: { port: '5' } },
  );
  expect(receiver.logged()).toEqual([{ level: 'warn', message: 'listening', fields: { id: 'ts/test', port: 5 } }]);
  expect(receiver.logged()).toEqual([]);
  const failing = {
    start() {
      throw new Error('the port is taken');
    },
  };
  await expect(startReceiver(failing)).rejects.toThrow('the port is taken');
  await expect(startReceiver({} as typeof failing)).rejects.toThrow('it has no function start');
});
