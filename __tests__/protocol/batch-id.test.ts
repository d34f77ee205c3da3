/**
 * The id under which a stored request is sent: the same at each redelivery, also by the next process.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { exporterTo, exporterType, startCollector, type Running } from '../support/collector.js';
import { RETRY, sendNamed } from '../support/exporting.js';
import { Cleanup, eventually } from '../support/poll.js';
import { GrpcSink, HttpSink, type AnySink } from '../support/sinks.js';

const BATCH_ID = 'x-teleferric-batch-id';

const cleanup = new Cleanup();
let folder: string;

beforeEach(() => {
  folder = cleanup.add(mkdtempSync(path.join(tmpdir(), 'teleferric-id-')), (it) => rmSync(it, { recursive: true }));
});
afterEach(() => cleanup.run());

async function started(sink: AnySink, queue: object): Promise<Running> {
  const running = await startCollector({
    exporters: { [exporterType(sink)]: exporterTo(sink, { sending_queue: queue, ...RETRY }) },
    extensions: { file_storage: { directory: folder, segment_bytes: 1 << 20 } },
    service: { extensions: ['file_storage'] },
  });
  return cleanup.add(running, (it) => it.close(0));
}

const idsOf = (sink: AnySink): unknown[] => sink.received.map(({ headers }) => headers[BATCH_ID]);

describe.each([
  ['grpc', () => GrpcSink.start({ answer: () => ({ code: 14 }) })],
  ['http', () => HttpSink.start({ answer: () => ({ status: 503 }) })],
] as const)('otlp_%s', (_kind, start) => {
  test('a stored request has one id however often it is sent, and the next one another', async () => {
    const sink = cleanup.add<AnySink>(await start(), (it) => it.close());
    const first = await started(sink, { storage: 'file_storage' });
    await sendNamed(first, 'a');
    await eventually(() => sink.received.length > 2);
    await first.close(0);
    sink.answer = () => ({});
    const before = sink.received.length;
    const second = await started(sink, { storage: 'file_storage' });
    await eventually(() => sink.received.length > before);
    expect(new Set(idsOf(sink))).toEqual(new Set([expect.stringMatching(/^[0-9a-f]{32}-[0-9]+-[0-9]{13}$/u)]));
    await sendNamed(second, 'b');
    await eventually(() => new Set(idsOf(sink)).size === 2);
  });

  test('what waits in memory has none', async () => {
    const sink = cleanup.add<AnySink>(await start(), (it) => it.close());
    sink.answer = () => ({});
    await sendNamed(await started(sink, {}), 'a');
    await eventually(() => sink.received.length === 1);
    expect(idsOf(sink)).toEqual([undefined]);
  });
});
