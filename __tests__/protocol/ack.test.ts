/**
 * Acknowledgement levels: when a sender is answered, by the receiver's `ack` and by the header of a request.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { exporterTo, startCollector, type Running } from '../support/collector.js';
import { named } from '../support/fixtures.js';
import { Cleanup, eventually, Gate } from '../support/poll.js';
import { decodeDetails, decodeStatus, encodeRequest, method } from '../support/proto.js';
import { HttpSink } from '../support/sinks.js';
import { GrpcConnection, postRequest, type HttpReply } from '../support/wire.js';

const cleanup = new Cleanup();
let sink: HttpSink;
let folder: string;

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'teleferric-ack-'));
  cleanup.add(folder, (it) => rmSync(it, { recursive: true, force: true }));
  sink = cleanup.add(await HttpSink.start(), (it) => it.close());
});
afterEach(() => cleanup.run());

/** A collector whose receiver has these keys, with a stored or a plain queue in front of the sink. */
async function started(keys: object, stored: boolean, batch: object | null = null): Promise<Running> {
  const local = { endpoint: '127.0.0.1:0' };
  const queue = stored ? { sending_queue: { storage: 'file_storage' } } : {};
  const running = await startCollector({
    receivers: { otlp: { protocols: { grpc: local, http: local }, ...keys } },
    ...(batch !== null && { processors: { batch } }),
    exporters: { otlp_http: exporterTo(sink, queue) },
    extensions: { file_storage: { directory: folder } },
    // a batch is made on each thread
    service: { extensions: ['file_storage'], threads: 1 },
  });
  return cleanup.add(running, (it) => it.close());
}

const post = (collector: Running, level: string | null): Promise<HttpReply> =>
  postRequest(collector.http, 'logs', named('logs', level ?? 'none'), {
    headers: level === null ? {} : { 'x-teleferric-ack': level },
  });

describe.each([true, false])('with a stored queue: %s', (stored) => {
  test('a request is answered at the level that its header asks for', async () => {
    const gate = new Gate();
    sink.answer = async () => {
      await gate.opened;
      return {};
    };
    const collector = await started({ ack_header: true }, stored);
    expect((await post(collector, 'received')).status).toBe(200);
    expect((await post(collector, null)).status).toBe(200);
    let answered = false;
    const delivered = post(collector, 'delivered').finally(() => (answered = true));
    await eventually(() => sink.received.length === 3);
    expect(answered).toBe(false);
    gate.open();
    expect((await delivered).status).toBe(200);
    const { status } = await post(collector, 'persisted');
    expect(status).toBe(stored ? 200 : 400);
  });
});

test('a sender that waits for the delivery learns why it failed, and nothing is counted as dropped', async () => {
  sink.answer = () => ({ status: 400 });
  const collector = await started({ ack: 'delivered' }, true);
  expect((await post(collector, null)).status).toBe(400);
  expect(collector.metric('teleferric_dropped_items_total')).toBe(0);
  expect(collector.metric('otelcol_receiver_refused_log_records')).toBe(1);
});

test('a level that cannot be had, and a word that is none, are refused with what is wrong', async () => {
  const collector = await started({ ack_header: true }, false);
  const says = {
    persisted: 'x-teleferric-ack: persisted cannot be had for logs here; ask for one of received, delivered',
    kept: 'x-teleferric-ack: "kept" is none of received, persisted, delivered',
  };
  const connection = cleanup.add(await GrpcConnection.open(collector.grpc), (it) => it.close());
  for (const [level, description] of Object.entries(says)) {
    const { status, body } = await post(collector, level);
    expect({ status, message: decodeStatus(body).message }).toEqual({ status: 400, message: description });
    expect(decodeDetails(body)).toEqual([{ type: 'google.rpc.BadRequest', fieldViolations: [{ description }] }]);
    const call = { path: method('logs'), message: encodeRequest('logs', named('logs', 'x')) };
    const overGrpc = await connection.call({ ...call, metadata: { 'x-teleferric-ack': level } });
    expect(overGrpc).toMatchObject({ code: 3, message: description });
  }
  const node = await collector.collector.ingest('logs', encodeRequest('logs', named('logs', 'x')), {
    metadata: { 'x-teleferric-ack': 'kept' },
  });
  expect(node).toMatchObject({ outcome: 'refused', message: says.kept });
});

test('a receiver with ack: persisted is answered with the batch that the processor makes', async () => {
  sink.answer = () => 'hang';
  const batch = { send_batch_size: 2, timeout: '1h' };
  const collector = await started({ ack: 'persisted' }, true, batch);
  let answered = false;
  const first = post(collector, null).finally(() => (answered = true));
  await eventually(() => collector.metric('teleferric_memory_used_bytes') > 0);
  expect(answered).toBe(false);
  expect((await post(collector, null)).status).toBe(200);
  expect((await first).status).toBe(200);
  expect(collector.said('What OK tells senders')[0]?.fields).toMatchObject({ logs: 'persisted' });
});

describe.each([true, false])('a quorum, with stored queues: %s', (stored) => {
  test('answers with the exporters that it needs, and the others go on', async () => {
    const other = cleanup.add(await HttpSink.start(), (it) => it.close());
    const gate = new Gate();
    other.answer = async () => {
      await gate.opened;
      return { status: 400 };
    };
    const queue = stored ? { sending_queue: { storage: 'file_storage' } } : {};
    const local = { endpoint: '127.0.0.1:0' };
    const collector = await startCollector({
      receivers: { otlp: { protocols: { grpc: local, http: local }, ack: 'delivered', ack_quorum: 1 } },
      exporters: { otlp_http: exporterTo(sink, queue), 'otlp_http/2': exporterTo(other, queue) },
      extensions: { file_storage: { directory: folder, segment_bytes: 1 << 20 } },
      service: { extensions: ['file_storage'] },
    });
    cleanup.add(collector, (it) => it.close());
    expect((await post(collector, null)).status).toBe(200);
    await eventually(() => other.received.length === 1);
    gate.open();
    const ended = stored ? 'teleferric_dead_lettered_items_total' : 'teleferric_dropped_items_total';
    await eventually(() => collector.metric(ended) === 1);
    expect(collector.metric('teleferric_dropped_items_total')).toBe(stored ? 0 : 1);
    other.answer = () => ({});
    sink.answer = () => ({ status: 400 });
    expect((await post(collector, null)).status).toBe(200);
    other.answer = () => ({ status: 400 });
    expect((await post(collector, null)).status).toBe(400);
  });
});
