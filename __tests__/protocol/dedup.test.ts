/**
 * `dedup` of the receiver: a request that comes again is answered like the first and goes no further.
 */
import { direct, startCollector, type Running } from '../support/collector.js';
import { named } from '../support/fixtures.js';
import { Cleanup, eventually, Gate } from '../support/poll.js';
import { encodeRequest } from '../support/proto.js';
import { HttpSink } from '../support/sinks.js';
import { GrpcConnection, postRequest, type HttpReply } from '../support/wire.js';

const BATCH_ID = 'x-teleferric-batch-id';

const cleanup = new Cleanup();
let sink: HttpSink;

beforeEach(async () => {
  sink = cleanup.add(await HttpSink.start(), (it) => it.close());
});
afterEach(() => cleanup.run());

async function started(keys: object): Promise<Running> {
  const local = { endpoint: '127.0.0.1:0' };
  const receivers = { otlp: { protocols: { grpc: local, http: local }, ...keys } };
  return cleanup.add(await startCollector({ receivers, exporters: { otlp_http: direct(sink) } }), (it) => it.close(0));
}

const post = (to: Running, id: string | null, name = 'a'): Promise<HttpReply> =>
  postRequest(to.http, 'logs', named('logs', name), { headers: id === null ? {} : { [BATCH_ID]: id } });

const connect = async (to: Running): Promise<GrpcConnection> =>
  cleanup.add(await GrpcConnection.open(to.grpc), (it) => it.close());

test('a request whose answer was lost is delivered once, over any transport and after a reload', async () => {
  const gate = new Gate();
  sink.answer = async () => {
    await gate.opened;
    return {};
  };
  const collector = await started({ dedup: null });
  const metadata = { [BATCH_ID]: 'a' };
  const cut = await connect(collector);
  const lost = cut.export('logs', named('logs', 'a'), { metadata }).catch(() => 'lost');
  await eventually(() => sink.received.length === 1);
  await cut.close();
  await lost;
  const again = post(collector, 'a');
  gate.open();
  expect((await again).status).toBe(200);
  const connection = await connect(collector);
  expect(await connection.export('logs', named('logs', 'a'), { metadata })).toMatchObject({ code: 0 });
  await collector.collector.reload();
  const node = collector.collector.ingest('logs', encodeRequest('logs', named('logs', 'a')), { metadata });
  expect(await node).toMatchObject({ outcome: 'accepted' });
  expect(sink.received.length).toBe(1);
  expect(collector.metric('teleferric_deduplicated_items_total')).toBe(3);
  expect(collector.metric('otelcol_receiver_accepted_log_records')).toBe(0);
  expect((await post(collector, 'b')).status).toBe(200);
  expect(sink.received.length).toBe(2);
});

test('what was refused is taken when it comes again', async () => {
  const collector = await started({ dedup: { window: '1h' } });
  sink.answer = () => ({ status: 503 });
  expect((await post(collector, 'a')).status).toBe(503);
  sink.answer = () => ({});
  for (let times = 0; times < 2; times += 1) expect((await post(collector, 'a')).status).toBe(200);
  expect(sink.received.length).toBe(2);
});

test.each([false, true])('requests without an id are told apart by their bytes if that is set: %s', async (set) => {
  const collector = await started({ dedup: { body_hash: set } });
  for (const name of ['a', 'a', 'b']) expect((await post(collector, null, name)).status).toBe(200);
  expect(sink.received.length).toBe(set ? 2 : 3);
});

test('without it every request is another', async () => {
  const collector = await started({});
  for (let times = 0; times < 2; times += 1) expect((await post(collector, 'a')).status).toBe(200);
  expect(sink.received.length).toBe(2);
});
