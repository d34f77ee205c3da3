// Acknowledgement levels: what a path gives, what can be asked of it, and what stands in the way.
import type { NativeOtlpConfig } from '../../../src/config/native-types.js';
import { failureOf, load, nativeOf } from './harness.js';
import type { LoadedConfig } from '../../../src/config/index.js';

const QUEUES = {
  direct: 'sending_queue: {enabled: false}',
  memory: '',
  waiting: 'sending_queue: {wait_for_result: true}',
  stored: 'sending_queue: {storage: file_storage}',
  storedWaiting: 'sending_queue: {storage: file_storage, wait_for_result: true}',
  careless: 'sending_queue: {storage: file_storage/never}',
};
type Queue = keyof typeof QUEUES;

/** One traces pipeline with an exporter for each queue. */
function loadPath(queues: readonly Queue[], receiver = '', processors = '[]'): Promise<LoadedConfig> {
  const exporters = queues.map((queue) => `otlp_grpc/${queue}: {endpoint: "h:1", ${QUEUES[queue]}}`).join(', ');
  const names = queues.map((queue) => `otlp_grpc/${queue}`).join(', ');
  return load(`
receivers: {otlp: {protocols: {grpc: }, ${receiver}}}
processors: {batch: }
exporters: {${exporters}}
extensions: {file_storage: {directory: /data}, file_storage/never: {directory: /other, sync: never}}
service:
  extensions: [file_storage, file_storage/never]
  pipelines: {traces: {receivers: [otlp], processors: ${processors}, exporters: [${names}]}}`);
}

const levelsOf = ({ acks }: LoadedConfig): object | undefined => acks.get('otlp')?.get('traces');

it.each<[readonly Queue[], string, string, readonly string[]]>([
  [['direct'], '[]', 'delivered', ['delivered']],
  [['memory'], '[]', 'received', ['received', 'delivered']],
  [['waiting'], '[]', 'delivered', ['received', 'delivered']],
  [['stored'], '[]', 'persisted', ['received', 'persisted', 'delivered']],
  [['storedWaiting'], '[]', 'delivered', ['received', 'persisted', 'delivered']],
  [['careless'], '[]', 'received', ['received', 'delivered']],
  [['stored', 'direct'], '[]', 'persisted', ['received', 'persisted', 'delivered']],
  [['stored', 'memory'], '[]', 'received', ['received', 'delivered']],
  [['direct'], '[batch]', 'received', ['received', 'delivered']],
  [['stored'], '[batch]', 'received', ['received', 'persisted', 'delivered']],
])('behind %j and processors %s OK means %s', async (queues, processors, level, levels) => {
  expect(levelsOf(await loadPath(queues, '', processors))).toEqual({ level, levels });
});

it('finds the way through connectors', async () => {
  const loaded = await load(`
receivers: {otlp: {protocols: {grpc: }, ack: delivered}}
processors: {batch: }
connectors: {forward: }
exporters: {otlp_grpc: {endpoint: "h:1"}}
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [forward]}
    traces/2: {receivers: [forward], processors: [batch], exporters: [otlp_grpc]}`);
  expect(levelsOf(loaded)).toEqual({ level: 'delivered', levels: ['received', 'delivered'] });
});

it.each<[readonly Queue[], string, string]>([
  [['stored', 'memory'], 'persisted', 'exporter "otlp_grpc/memory" has a sending_queue without storage'],
  [
    ['careless'],
    'persisted',
    'exporter "otlp_grpc/careless" has a sending_queue whose storage "file_storage/never" answers before the disk has a request (sync: never)',
  ],
  [['direct'], 'persisted', 'nothing in front of exporter "otlp_grpc/direct" stores requests, so OK means "delivered"'],
  [
    ['direct'],
    'received',
    'nothing in front of exporter "otlp_grpc/direct" holds a request that is answered before it is delivered, so OK means "delivered"',
  ],
])('with %j refuses ack: %s', async (queues, level, reason) => {
  const error = await failureOf(loadPath(queues, `ack: ${level}`));
  expect(error.code).toBe('CONFIG_GRAPH');
  expect(error.message).toContain(`receivers::otlp: ack: "${level}" cannot be had for traces: ${reason} (c.yaml:2:`);
});

it('refuses a word that is no level', async () => {
  await expect(loadPath(['memory'], 'ack: kept')).rejects.toThrow(
    'invalid ack: kept (it is "received", "persisted" or "delivered")',
  );
});

it('tells the data plane what was written and what senders may choose', async () => {
  const plain = nativeOf(await loadPath(['stored']), 'receivers', 'otlp') as unknown as NativeOtlpConfig;
  expect(plain.ack).toEqual({ level: null, choices: null, quorum: null });
  const asked = await loadPath(['memory'], 'ack: delivered, ack_header: true');
  expect((nativeOf(asked, 'receivers', 'otlp') as unknown as NativeOtlpConfig).ack).toEqual({
    level: 'delivered',
    choices: { traces: ['received', 'delivered'], metrics: [], logs: [], profiles: [] },
    quorum: null,
  });
});

it.each<[string, string, string]>([
  ['ack: delivered, ack_quorum: 0', '[]', 'ack_quorum'],
  ['ack: persisted, ack_quorum: 1', '[]', '`ack_quorum` is supported only with `ack: delivered` (c.yaml:2:'],
  ['ack_quorum: 1', '[]', '`ack_quorum` is supported only with `ack: delivered` (c.yaml:2:'],
  [
    'ack: delivered, ack_quorum: 3',
    '[]',
    'ack_quorum: 3 cannot be had for traces: the way leads to no more than 2 (c.yaml:2:',
  ],
  [
    'ack: delivered, ack_quorum: 1',
    '[batch]',
    'ack_quorum: 1 cannot be had for traces: processor "batch" answers for all exporters behind it; use sending_queue.batch instead (c.yaml:2:',
  ],
])('refuses %s behind processors %s', async (receiver, processors, says) => {
  expect((await failureOf(loadPath(['direct', 'stored'], receiver, processors))).message).toContain(says);
});

it('tells the data plane how many exporters must have a request', async () => {
  const loaded = await loadPath(['direct', 'stored'], 'ack: delivered, ack_quorum: 2');
  const { ack } = nativeOf(loaded, 'receivers', 'otlp') as unknown as NativeOtlpConfig;
  expect(ack).toEqual({ level: 'delivered', choices: null, quorum: 2 });
});

const messages = async (queues: readonly Queue[], receiver = ''): Promise<readonly string[]> =>
  (await loadPath(queues, receiver, '[batch]')).diagnostics.map(({ message }) => message);

it('points to a batch processor in front of a storage, unless ack is written', async () => {
  const hint =
    'processor "batch" answers before its batch is persisted, so OK means "received"; write "ack: persisted" on the receiver, or use sending_queue.batch of the exporter instead of the processor';
  await expect(messages(['stored'])).resolves.toContain(hint);
  await expect(messages(['stored'], 'ack: persisted')).resolves.not.toContain(hint);
  await expect(messages(['stored', 'memory'])).resolves.not.toContain(hint);
});
