/**
 * Connections of the exporters: kept, replaced without loss when the peer ends them, and redirects.
 */
import { once } from 'node:events';
import * as http from 'node:http';
import * as http2 from 'node:http2';
import { createServer, type AddressInfo, type Socket } from 'node:net';

import { Exporting, ACCEPT, RETRY, sendNamed, UNQUEUED } from '../support/exporting.js';
import { Cleanup, eventually } from '../support/poll.js';
import { encodeResponse } from '../support/proto.js';
import { HttpSink } from '../support/sinks.js';
import { frame, PROTO, TRANSPORTS } from '../support/wire.js';

const ONE_THREAD = { service: { threads: 1 } };
const NO_RETRY = { ...UNQUEUED, retry_on_failure: { enabled: false } };

let exporting: Exporting;
let cleanup: Cleanup;
beforeEach(() => {
  exporting = new Exporting();
  cleanup = new Cleanup();
});
afterEach(async () => {
  await exporting.close();
  await cleanup.run();
});

test.each(TRANSPORTS)('requests to a %s peer one after another share a connection', async (kind) => {
  const sink = await exporting.sink(kind, ACCEPT);
  const collector = await exporting.collector(sink, NO_RETRY, ONE_THREAD);
  for (let index = 0; index < 20; index++) expect(await sendNamed(collector, `n${index}`)).toMatchObject({ ok: true });
  expect(new Set(sink.received.map(({ connection }) => connection)).size).toBe(1);
});

test('an HTTP/1.1 peer that closes idle connections costs no request', async () => {
  const server = http.createServer({ keepAliveTimeout: 1 }, (request, response) => {
    request.resume();
    request.on('end', () => response.writeHead(200, { 'content-type': PROTO }).end());
  });
  const closes: Promise<unknown>[] = [];
  server.on('connection', (socket: Socket) => closes.push(once(socket, 'close')));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.add(server, (it) => it.close());
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const collector = await exporting.start({ exporters: { otlp_http: { endpoint, ...NO_RETRY } }, ...ONE_THREAD });
  for (let index = 0; index < 5; index++) {
    expect(await sendNamed(collector, `n${index}`)).toMatchObject({ ok: true });
    server.closeIdleConnections();
    await closes[index];
  }
  expect(closes).toHaveLength(5);
});

test.each(TRANSPORTS)(
  'a %s peer that says nothing is given up at the limit of the handshake, long before that of the attempt',
  async (kind) => {
    const silent = createServer((socket) => socket.on('error', () => undefined));
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const sockets = new Set<Socket>();
    silent.on('connection', (socket) => sockets.add(socket));
    cleanup.add(silent, (it) => {
      for (const socket of sockets) socket.destroy();
      it.close();
    });
    const { port } = silent.address() as AddressInfo;
    const settings = { ...NO_RETRY, timeout: '1h', tls_timeout: '50ms' };
    const exporters =
      kind === 'grpc'
        ? { otlp_grpc: { endpoint: `127.0.0.1:${port}`, ...settings } }
        : { otlp_http: { endpoint: `https://127.0.0.1:${port}`, ...settings } };
    const collector = await exporting.start({ exporters, ...ONE_THREAD });
    expect(await sendNamed(collector, 'x')).toMatchObject({ ok: false, code: 14 });
  },
);

test('a gRPC peer that says GOAWAY after each request costs none', async () => {
  const server = http2.createServer();
  let sessions = 0;
  server.on('session', (session) => {
    sessions += 1;
    cleanup.add(session, (it) => it.destroy());
  });
  server.on('stream', (stream: http2.ServerHttp2Stream) => {
    stream.resume();
    stream.on('end', () => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(frame(encodeResponse('logs', {})));
      stream.session?.goaway(0);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.add(server, (it) => it.close());
  const endpoint = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const exporters = { otlp_grpc: { endpoint, tls: { insecure: true }, ...UNQUEUED, ...RETRY } };
  const collector = await exporting.start({ exporters, ...ONE_THREAD });
  for (let index = 0; index < 10; index++) expect(await sendNamed(collector, `n${index}`)).toMatchObject({ ok: true });
  expect(sessions).toBeGreaterThanOrEqual(10);
  expect(collector.metric('otelcol_exporter_sent_log_records')).toBe(10);
});

for (const status of [307, 308]) {
  test(`a redirect with ${status} is followed with the same body`, async () => {
    const target = exporting.keep(await HttpSink.start());
    const location = `${target.endpoint}/moved`;
    const first = exporting.keep(await HttpSink.start({ answer: () => ({ status, headers: { location } }) }));
    const collector = await exporting.collector(first, NO_RETRY);
    expect(await sendNamed(collector, 'x')).toMatchObject({ ok: true });
    expect(target.received.map(({ path }) => path)).toEqual(['/moved']);
    expect(target.received[0]?.body.equals(first.received[0]?.body ?? Buffer.alloc(0))).toBe(true);
  });
}

test('redirects in a circle end', async () => {
  const sink = exporting.keep(await HttpSink.start());
  sink.answer = () => ({ status: 307, headers: { location: `${sink.endpoint}/again` } });
  const collector = await exporting.collector(sink, NO_RETRY);
  expect(await sendNamed(collector, 'x')).toMatchObject({ ok: false });
  expect(sink.received.length).toBeLessThanOrEqual(11);
});

test.each(TRANSPORTS)('a %s peer that speaks something else is a failure to try again', async (kind) => {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.end('220 mail.example ESMTP\r\n');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.add(server, (it) => it.close());
  const { port } = server.address() as AddressInfo;
  const settings =
    kind === 'grpc'
      ? { endpoint: `127.0.0.1:${port}`, tls: { insecure: true } }
      : { endpoint: `http://127.0.0.1:${port}` };
  const collector = await exporting.start({ exporters: { [`otlp_${kind}`]: { ...settings, ...NO_RETRY } } });
  expect(await sendNamed(collector, 'x')).toMatchObject({ ok: false, code: 14 });
  await collector.memoryIsFree();
});

test.each(TRANSPORTS)('what a queue holds for a %s peer is sent once it is back, in full', async (kind) => {
  const sink = await exporting.sink(kind, { grpc: { code: 14 }, http: { status: 503 } });
  const collector = await exporting.collector(sink, RETRY);
  const names = Array.from({ length: 50 }, (_, index) => `n${index}`);
  for (const name of names) expect(await sendNamed(collector, name)).toMatchObject({ ok: true });
  await eventually(() => sink.received.length > 20);
  sink.reset();
  // What was refused does not count; each item comes once from here on.
  await eventually(() => new Set(sink.names('logs')).size === names.length);
  expect(sink.names('logs').toSorted()).toEqual(names.toSorted());
  await collector.memoryIsFree();
  expect(collector.metric('otelcol_exporter_sent_log_records')).toBe(names.length);
});
