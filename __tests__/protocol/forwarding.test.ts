/**
 * What a forwarder keeps beyond the numbered statements, and forms of requests that honest clients use.
 */
import { gzipSync } from 'node:zlib';

import { direct, startCollector, type Running } from '../support/collector.js';
import { hex, named } from '../support/fixtures.js';
import { Cleanup } from '../support/poll.js';
import { encodeRequest, method, NAMES, plainRequest, SIGNALS } from '../support/proto.js';
import { HttpSink } from '../support/sinks.js';
import { callHttp, GrpcConnection, JSON_TYPE, PROTO, sendTo } from '../support/wire.js';

const cleanup = new Cleanup();
let collector: Running;
let sink: HttpSink;
let connection: GrpcConnection;

beforeAll(async () => {
  sink = cleanup.add(await HttpSink.start(), (it) => it.close());
  collector = cleanup.add(await startCollector({ exporters: { otlp_http: direct(sink) } }), (it) => it.close());
  connection = cleanup.add(await GrpcConnection.open(collector.grpc), (it) => it.close());
});
beforeEach(() => sink.reset());
afterEach(async () => collector.memoryIsFree());
afterAll(() => cleanup.run());

const valid = encodeRequest('logs', named('logs', 'x'));

test.each(SIGNALS)('unknown fields of %s go on as they came', async (signal) => {
  // Field 900, as a varint and as bytes, behind everything known.
  const bytes = Buffer.concat([encodeRequest(signal, named(signal, 'x')), hex('a03805a23803616263')]);
  expect(await sendTo(collector, 'grpc', signal, bytes)).toMatchObject({ ok: true });
  expect(sink.received.map(({ raw }) => raw.toString('hex'))).toEqual([bytes.toString('hex')]);
});

test('packed and unpacked repeated numbers are both read', async () => {
  // Field 7, two doubles: 1 and 2.
  const bounds = hex('3a10000000000000f03f0000000000000040');
  const unpacked = hex('39000000000000f03f390000000000000040');
  for (const point of [bounds, unpacked]) {
    expect(await sendTo(collector, 'grpc', 'metrics', histogramOf(point))).toMatchObject({ ok: true });
  }
  const histogram = { dataPoints: [{ explicitBounds: [1, 2] }] };
  const request = { resourceMetrics: [{ scopeMetrics: [{ metrics: [{ histogram }] }] }] };
  expect(sink.requests('metrics')).toEqual([plainRequest('metrics', request), plainRequest('metrics', request)]);
});

test('equal resources and scopes are neither merged nor moved', async () => {
  const [resources, scopes, items] = NAMES.logs.levels;
  const scope = { scope: { name: 's' }, [items]: [{ severityText: 'x' }] };
  const resource = { resource: { attributes: [{ key: 'k' }, { key: 'k' }] }, [scopes]: [scope, scope] };
  const request = { [resources]: [resource, resource] };
  expect(await sendTo(collector, 'http', 'logs', request)).toMatchObject({ ok: true });
  expect(sink.requests('logs')).toEqual([plainRequest('logs', request)]);
});

test('a query behind the path and headers in any case are fine', async () => {
  const sent = await callHttp(collector.http, { path: '/v1/logs?source=browser', body: valid });
  expect(sent.status).toBe(200);
  const headers = { 'CONTENT-TYPE': PROTO, 'Content-ENCODING': 'GZIP' };
  expect((await callHttp(collector.http, { path: '/v1/logs', headers, body: gzipSync(valid) })).status).toBe(200);
  expect(sink.names('logs')).toEqual(['x', 'x']);
});

test('gRPC media types with a suffix are taken, others are answered with 415', async () => {
  for (const type of ['application/grpc', 'application/grpc+proto', 'application/grpc;x=y']) {
    const reply = await connection.export('logs', named('logs', 'x'), { metadata: { 'content-type': type } });
    expect({ type, code: reply.code }).toEqual({ type, code: 0 });
  }
  for (const type of [JSON_TYPE, 'application/grpcx', 'text/plain']) {
    const reply = await connection.call({ path: method('logs'), message: valid, metadata: { 'content-type': type } });
    expect({ type, status: reply.httpStatus }).toEqual({ type, status: 415 });
  }
  expect(sink.names('logs')).toEqual(['x', 'x', 'x']);
});

test('other methods than POST are no gRPC', async () => {
  const reply = await connection.call({ path: method('logs'), message: valid, metadata: { ':method': 'PUT' } });
  expect(reply.httpStatus).toBe(405);
  expect(sink.received).toHaveLength(0);
});

test('custom paths replace the usual ones', async () => {
  const moved = await startCollector({
    exporters: { otlp_http: direct(sink) },
    http: { logs_url_path: '/in/logs', response_headers: { 'x-served-by': 'teleferric' } },
  });
  try {
    const reply = await callHttp(moved.http, { path: '/in/logs', body: valid });
    expect(reply).toMatchObject({ status: 200, headers: { 'x-served-by': 'teleferric' } });
    expect(await callHttp(moved.http, { path: '/v1/logs', body: valid })).toMatchObject({ status: 404 });
  } finally {
    await moved.close();
  }
});

test('include_metadata carries headers to where batches are kept apart', async () => {
  const own = await startCollector({
    processors: { batch: { timeout: '10ms', metadata_keys: ['X-Tenant'] } },
    exporters: { otlp_http: direct(sink) },
    http: { include_metadata: true },
    service: { threads: 1 },
  });
  for (const tenant of ['a', 'b', 'a']) {
    const headers = { 'content-type': PROTO, 'x-TENANT': tenant };
    expect(await callHttp(own.http, { path: '/v1/logs', headers, body: valid })).toMatchObject({ status: 200 });
  }
  expect(own.metric('otelcol_processor_batch_metadata_cardinality')).toBe(2);
  await own.close();
  expect(sink.items).toBe(3);
});

/** A request with one histogram point made of these bytes. */
function histogramOf(point: Buffer): Buffer {
  return [0x0a, 0x4a, 0x12, 0x12, 0x0a].reduce((content, key) => within(key, content), point);
}

function within(key: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([key, content.length]), content]);
}
