/**
 * `dedup.status` of the receiver: a sender that was told OK asks what has become of its request since.
 */
import { direct, exporterTo, startCollector, type Running, type Setup } from '../support/collector.js';
import { RETRY } from '../support/exporting.js';
import { named } from '../support/fixtures.js';
import { temporaryFolder } from '../support/folder.js';
import { Cleanup, eventually, Gate } from '../support/poll.js';
import { encodeRequest } from '../support/proto.js';
import { HttpSink } from '../support/sinks.js';
import { callHttp, GrpcConnection, PROTO, postRequest, type HttpReply } from '../support/wire.js';

const BATCH_ID = 'x-teleferric-batch-id';

const cleanup = new Cleanup();
let sink: HttpSink;
let gate: Gate;

beforeEach(async () => {
  gate = new Gate();
  sink = await startSink();
});
afterEach(() => cleanup.run());

const startSink = async (): Promise<HttpSink> => cleanup.add(await HttpSink.start(), (it) => it.close());

/** Answers when the gate opens. */
const late = (status: number) => async (): Promise<{ status: number }> => {
  await gate.opened;
  return { status };
};

interface More extends Partial<Setup> {
  readonly dedup?: object;
  readonly receiver?: object;
}

async function started({ dedup, receiver, ...setup }: More = {}): Promise<Running> {
  const local = { endpoint: '127.0.0.1:0' };
  const otlp = { protocols: { grpc: local, http: local }, dedup: { status: true, ...dedup }, ...receiver };
  const all = { receivers: { otlp }, exporters: { otlp_http: exporterTo(sink, RETRY) }, ...setup };
  return cleanup.add(await startCollector(all), (it) => it.close(0));
}

const stored = (queue: object = {}): Setup => ({
  exporters: { otlp_http: exporterTo(sink, { ...RETRY, sending_queue: { storage: 'file_storage', ...queue } }) },
  extensions: { file_storage: { directory: temporaryFolder('status'), segment_bytes: 1 << 20 } },
  service: { extensions: ['file_storage'] },
});

const post = (to: Running, id: string, headers: object = {}): Promise<HttpReply> =>
  postRequest(to.http, 'logs', named('logs', id), { headers: { [BATCH_ID]: id, ...headers } });

async function sent(to: Running, id: string, headers: object = {}): Promise<void> {
  expect((await post(to, id, headers)).status).toBe(200);
}

const ask = (to: Running, query: string, headers = {}, method = 'GET'): Promise<HttpReply> =>
  callHttp(to.http, { path: `/queue/status${query}`, method, headers });

/** State and reasons of the one request with that id; the HTTP status if that is not 200. */
async function statusOf(to: Running, id: string, headers = {}): Promise<unknown> {
  const { status, body } = await ask(to, `?batch_id=${encodeURIComponent(id)}`, headers);
  if (status !== 200) return status;
  const answer = JSON.parse(body.toString()) as { batch_id: string; requests: Record<string, unknown>[] };
  expect(answer).toMatchObject({ batch_id: id, requests: [{ signal: 'logs' }] });
  const { state, reasons } = answer.requests[0] ?? {};
  return [state, ...(reasons as string[])];
}

/** The same once it has come to that state. */
const comesTo = (to: Running, id: string, state: string): Promise<unknown> =>
  eventually(async () => {
    const status = await statusOf(to, id);
    return Array.isArray(status) && status[0] === state ? status : undefined;
  });

test('a request in memory is pending until it is delivered', async () => {
  sink.answer = late(200);
  const collector = await started();
  await sent(collector, 'a+1 %2');
  await eventually(() => sink.received.length === 1);
  expect(await statusOf(collector, 'a+1 %2')).toEqual(['pending']);
  gate.open();
  expect(await comesTo(collector, 'a+1 %2', 'delivered')).toEqual(['delivered']);
  await collector.collector.reload();
  expect(await statusOf(collector, 'a+1 %2')).toEqual(['delivered']);
  expect(await statusOf(collector, 'other')).toBe(404);
});

test.each([
  ['refused for good', 400, 'permanent'],
  ['not delivered in time', 503, 'expired'],
])('what is %s is dropped', async (_name, status, reason) => {
  sink.answer = () => ({ status });
  const retry = { ...RETRY.retry_on_failure, max_elapsed_time: '50ms' };
  const collector = await started({ exporters: { otlp_http: exporterTo(sink, { retry_on_failure: retry }) } });
  await sent(collector, 'a');
  expect(await comesTo(collector, 'a', 'dropped')).toEqual(['dropped', reason]);
});

test('one of two exporters that fails makes a request dropped, and leaves the other in peace', async () => {
  const other = await startSink();
  sink.answer = () => ({ status: 400 });
  other.answer = late(200);
  const exporters = { 'otlp_http/a': exporterTo(sink, RETRY), 'otlp_http/b': exporterTo(other, RETRY) };
  const collector = await started({ exporters });
  await sent(collector, 'a');
  await eventually(async () => String(await statusOf(collector, 'a')) === 'pending,permanent');
  gate.open();
  expect(await comesTo(collector, 'a', 'dropped')).toEqual(['dropped', 'permanent']);
  expect(other.received.length).toBe(1);
});

test('requests that share a batch have its fate, behind a queue that took it over too', async () => {
  sink.answer = late(400);
  const collector = await started({ processors: { batch: { timeout: '20ms', send_batch_size: 1000 } } });
  await Promise.all(['a', 'b'].map((id) => sent(collector, id)));
  await eventually(() => sink.received.length > 0);
  expect(await statusOf(collector, 'a')).toEqual(['pending']);
  gate.open();
  for (const id of ['a', 'b']) expect(await comesTo(collector, id, 'dropped')).toEqual(['dropped', 'permanent']);
});

test('items that the destination rejects make a request partial', async () => {
  sink.answer = () => ({ headers: { 'content-type': PROTO }, body: Buffer.from([0x0a, 0x02, 0x08, 0x01]) });
  const collector = await started();
  await sent(collector, 'a');
  expect(await comesTo(collector, 'a', 'partial')).toEqual(['partial', 'rejected']);
  const waiting = await started({ receiver: { ack: 'delivered' } });
  await sent(waiting, 'a');
  expect(await comesTo(waiting, 'a', 'partial')).toEqual(['partial', 'rejected']);
});

test('a request on disk is stored until it is delivered, whatever its sender waits for', async () => {
  sink.answer = () => ({ status: 503 });
  const collector = await started({ ...stored(), receiver: { ack_header: true } });
  await sent(collector, 'a');
  await sent(collector, 'b', { 'x-teleferric-ack': 'received' });
  const waits = post(collector, 'c', { 'x-teleferric-ack': 'delivered' });
  for (const id of ['a', 'b', 'c']) expect(await comesTo(collector, id, 'stored')).toEqual(['stored']);
  sink.answer = () => ({});
  for (const id of ['a', 'b', 'c']) expect(await comesTo(collector, id, 'delivered')).toEqual(['delivered']);
  expect((await waits).status).toBe(200);
});

test('a request on disk that is refused for good is a dead letter or dropped', async () => {
  sink.answer = () => ({ status: 400 });
  const kept = await started(stored());
  await sent(kept, 'a');
  expect(await comesTo(kept, 'a', 'dead_lettered')).toEqual(['dead_lettered', 'dead_lettered']);
  const dropped = await started(stored({ dead_letter: { enabled: false } }));
  await sent(dropped, 'a');
  expect(await comesTo(dropped, 'a', 'dropped')).toEqual(['dropped', 'permanent']);
});

test('what a queue on disk lets go before it is read is dropped', async () => {
  sink.answer = late(200);
  const queue = { queue_size: 2, lag_policy: 'detach', num_consumers: 1 };
  const collector = await started(stored(queue));
  const ids = [...'abcdef'];
  for (const id of ids) await sent(collector, id);
  const states = async (): Promise<unknown[]> => Promise.all(ids.map((id) => statusOf(collector, id)));
  await eventually(async () => {
    expect(await states()).toContainEqual(['dropped', 'queue_full']);
    return true;
  });
  gate.open();
  await eventually(async () => (await states()).every((each) => (each as string[])[0] !== 'stored'));
  const dropped = (await states()).filter((each) => (each as string[])[0] === 'dropped').length;
  expect(collector.metric('teleferric_dropped_items_total', { reason: 'queue_full' })).toBe(dropped);
  expect(sink.received.length).toBe(ids.length - dropped);
});

test('a request that was refused is not known, as its sender has to send it again', async () => {
  const collector = await started({ receiver: { ack: 'delivered' } });
  sink.answer = () => ({ status: 400 });
  expect((await post(collector, 'a')).status).toBe(400);
  expect(await statusOf(collector, 'a')).toBe(404);
  sink.answer = late(200);
  const again = post(collector, 'a');
  await eventually(() => sink.received.length === 2);
  expect(await statusOf(collector, 'a')).toEqual(['pending']);
  gate.open();
  expect((await again).status).toBe(200);
  expect(await statusOf(collector, 'a')).toEqual(['delivered']);
});

test('what an exporter loses that a quorum did not wait for is dropped', async () => {
  const other = await startSink();
  other.answer = late(400);
  const exporters = { 'otlp_http/a': exporterTo(sink, RETRY), 'otlp_http/b': exporterTo(other, RETRY) };
  const collector = await started({ exporters, receiver: { ack: 'delivered', ack_quorum: 1 } });
  await sent(collector, 'a');
  expect(await statusOf(collector, 'a')).toEqual(['pending']);
  gate.open();
  expect(await comesTo(collector, 'a', 'dropped')).toEqual(['dropped', 'permanent']);
});

test('a request that fails over has the fate it has in the end', async () => {
  const other = await startSink();
  sink.answer = () => ({ status: 503 });
  other.answer = late(400);
  const collector = await started({
    exporters: { 'otlp_http/a': direct(sink), 'otlp_http/b': exporterTo(other, RETRY) },
    connectors: { failover: { priority_levels: [['logs/a'], ['logs/b']] } },
    pipelines: {
      logs: { receivers: ['otlp'], exporters: ['failover'] },
      'logs/a': { receivers: ['failover'], exporters: ['otlp_http/a'] },
      'logs/b': { receivers: ['failover'], exporters: ['otlp_http/b'] },
    },
  });
  await sent(collector, 'a');
  expect(await statusOf(collector, 'a')).toEqual(['pending']);
  gate.open();
  expect(await comesTo(collector, 'a', 'dropped')).toEqual(['dropped', 'permanent']);
  other.answer = () => ({});
  await sent(collector, 'b');
  expect(await comesTo(collector, 'b', 'delivered')).toEqual(['delivered']);
});

test('requests over gRPC and from the host can be asked for too', async () => {
  const collector = await started();
  const metadata = { [BATCH_ID]: 'a' };
  const connection = cleanup.add(await GrpcConnection.open(collector.grpc), (it) => it.close());
  expect(await connection.export('logs', named('logs', 'a'), { metadata })).toMatchObject({ code: 0 });
  expect(await comesTo(collector, 'a', 'delivered')).toEqual(['delivered']);
  const body = encodeRequest('logs', named('logs', 'b'));
  expect(await collector.collector.ingest('logs', body, { metadata: { [BATCH_ID]: 'b' } })).toMatchObject({
    outcome: 'accepted',
  });
  expect(await comesTo(collector, 'b', 'delivered')).toEqual(['delivered']);
});

test('as many are known as may be remembered', async () => {
  const collector = await started({ dedup: { max_ids: 2 } });
  for (const id of ['a', 'b', 'c']) await sent(collector, id);
  expect(await statusOf(collector, 'a')).toBe(404);
  for (const id of ['b', 'c']) expect(await comesTo(collector, id, 'delivered')).toEqual(['delivered']);
});

test('a tenant asks about its own requests only', async () => {
  const tenants = { header: 'x-tenant', trusted_proxies: ['127.0.0.1'] };
  const collector = await started({ service: { tenants } });
  await sent(collector, 'a', { 'x-tenant': 'one' });
  const asked = (tenant: string): Promise<unknown> => statusOf(collector, 'a', { 'x-tenant': tenant });
  await eventually(async () => (await asked('one'))?.toString() === 'delivered');
  expect(await asked('two')).toBe(404);
  expect(await statusOf(collector, 'a')).toBe(404);
});

test('a question that cannot be answered is refused with what is wrong with it', async () => {
  const collector = await started();
  for (const [query, what] of [
    ['', 'batch_id is missing'],
    ['?batch_id=', 'batch_id is empty'],
    ['?batch_id=a&batch_id=b', 'batch_id is there more than once'],
    ['?id=a', 'unknown parameter "id"'],
    [`?batch_id=${'x'.repeat(257)}`, 'batch_id is longer than 256 bytes'],
  ] as const) {
    const { status, headers, body } = await ask(collector, query);
    expect([status, headers['content-type']]).toEqual([400, 'application/json']);
    const message = `${what}; ask /queue/status?batch_id=<id>, percent-encoded`;
    expect(JSON.parse(body.toString())).toMatchObject({ code: 3, message });
  }
  const unknown = await ask(collector, '?batch_id=a');
  expect(unknown.headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'no-store' });
  expect(JSON.parse(unknown.body.toString())).toMatchObject({ code: 5, message: /^no request with this id is known/u });
  const posted = await ask(collector, '?batch_id=a', {}, 'POST');
  expect([posted.status, posted.headers.allow]).toEqual([405, 'GET']);
});

test('there is nothing to ask unless it is set', async () => {
  const collector = await started({ dedup: { status: false } });
  await sent(collector, 'a');
  const { status, body } = await ask(collector, '?batch_id=a');
  expect([status, body.toString()]).toEqual([404, '404 page not found\n']);
});
