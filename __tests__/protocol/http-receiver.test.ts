/**
 * Statements 25 to 34: OTLP/HTTP as a server.
 */
import { once } from 'node:events';
import * as http from 'node:http';
import * as http2 from 'node:http2';
import { connect, type Socket } from 'node:net';
import { deflateSync, gzipSync } from 'node:zlib';

import { certificates } from '../support/certificates.js';
import { direct, startCollector, type Running } from '../support/collector.js';
import { lz4Stored, snappyBlock, snappyFramed, zstdRaw, zstdZeros } from '../support/compress.js';
import { named } from '../support/fixtures.js';
import { Cleanup } from '../support/poll.js';
import { decodeStatus, encodeRequest, NAMES, SIGNALS, toOtlpJson } from '../support/proto.js';
import { HttpSink } from '../support/sinks.js';
import { callHttp, GrpcConnection, JSON_TYPE, postRequest, PROTO, type HttpReply } from '../support/wire.js';
import { statement } from './statements.js';

const cleanup = new Cleanup();
let collector: Running;
let sink: HttpSink;
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

beforeAll(async () => {
  sink = cleanup.add(await HttpSink.start(), (it) => it.close());
  collector = cleanup.add(await startCollector({ exporters: { otlp_http: direct(sink) } }), (it) => it.close());
  cleanup.add(agent, (it) => it.destroy());
});
beforeEach(() => sink.reset());
afterEach(async () => collector.memoryIsFree());
afterAll(() => cleanup.run());

const LOGS = '/v1/logs';
const valid = encodeRequest('logs', named('logs', 'here'));
const validJson = toOtlpJson('logs', named('logs', 'here'));

/** A logs request over the one kept connection. */
function post(body: Uint8Array | string, headers: http.OutgoingHttpHeaders): Promise<HttpReply> {
  return callHttp(collector.http, { path: LOGS, agent, body, headers: { 'content-type': PROTO, ...headers } });
}

/** Fails unless the answer is an error with a Status in the given media type. */
function expectStatus(reply: HttpReply, status: number, mediaType: string, code: number): void {
  expect({ status: reply.status, type: reply.headers['content-type'] }).toEqual({ status, type: mediaType });
  const read = mediaType === PROTO ? decodeStatus(reply.body) : (JSON.parse(reply.body.toString()) as object);
  expect(read).toMatchObject({ code, message: expect.stringMatching(/./) as unknown });
}

for (const signal of SIGNALS) {
  statement(25, `${signal}, HTTP/1.1`, async () => {
    expect(await postRequest(collector.http, signal, named(signal, 'one'))).toMatchObject({ status: 200 });
    expect(sink.names(signal)).toEqual(['one']);
  });

  statement(25, `${signal}, HTTP/2 by ALPN`, async () => {
    const { ca, server } = certificates();
    const secure = await startCollector({
      exporters: { otlp_http: direct(sink) },
      http: { tls: { cert_pem: server.cert, key_pem: server.key } },
    });
    const session = http2.connect(`https://localhost:${secure.http}`, { ca });
    try {
      await once(session, 'connect');
      expect(session.alpnProtocol).toBe('h2');
      const stream = session.request({ ':method': 'POST', ':path': NAMES[signal].path, 'content-type': PROTO });
      stream.end(encodeRequest(signal, named(signal, 'two')));
      const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders & { ':status'?: number }];
      stream.resume();
      await once(stream, 'end');
      expect(headers).toMatchObject({ ':status': 200, 'content-type': PROTO });
      const plain = await callHttp(secure.http, {
        path: NAMES[signal].path,
        body: encodeRequest(signal, named(signal, 'one')),
        tls: { ca, servername: 'localhost' },
      });
      expect(plain.status).toBe(200);
      expect(sink.names(signal)).toEqual(['two', 'one']);
    } finally {
      session.destroy();
      await secure.close();
    }
  });
}

statement(26, '', async () => {
  const forms: readonly [string, string | Buffer][] = [
    ['application/x-protobuf', valid],
    ['application/x-protobuf; charset=utf-8', valid],
    ['APPLICATION/X-Protobuf', valid],
    ['application/json', validJson],
    ['application/json;charset=UTF-8', validJson],
    ['Application/JSON ; a="b;c"', validJson],
  ];
  for (const [type, body] of forms) expect(await post(body, { 'content-type': type })).toMatchObject({ status: 200 });
  expect(sink.names('logs')).toEqual(forms.map(() => 'here'));
});

statement(27, '', async () => {
  for (const type of ['text/plain', 'application/grpc', 'application/json+x', 'application', '']) {
    const reply = await post(valid, { 'content-type': type });
    expect(reply).toMatchObject({ status: 415, headers: { 'content-type': 'text/plain' } });
    expect(reply.body.toString()).toBe(
      '415 unsupported media type, supported: [application/json, application/x-protobuf]',
    );
  }
  expect(await callHttp(collector.http, { path: LOGS, agent, headers: {}, body: valid })).toMatchObject({
    status: 415,
  });
  for (const method of ['GET', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH']) {
    const headers = { 'content-type': PROTO };
    const reply = await callHttp(collector.http, { path: LOGS, agent, method, headers });
    expect(reply).toMatchObject({ status: 405, headers: { 'content-type': 'text/plain' } });
    if (method !== 'HEAD') expect(reply.body.toString()).toBe('405 method not allowed, supported: [POST]');
  }
  for (const path of ['/', '/v1/log', '/v1/logs/', '/V1/logs', '/v1development/profiles']) {
    const reply = await callHttp(collector.http, { path, agent, body: valid });
    expect(reply).toMatchObject({
      status: 404,
      headers: { 'content-type': expect.stringMatching(/^text\/plain/) as unknown },
    });
  }
  expect(sink.received).toHaveLength(0);
  expect(await post(valid, {})).toMatchObject({ status: 200 });
});

statement(28, '', async () => {
  for (const [type, body] of [
    [PROTO, valid],
    [JSON_TYPE, validJson],
  ] as const) {
    for (const sent of [type, `${type}; charset=utf-8`, type.toUpperCase()]) {
      const accepted = await post(body, { 'content-type': sent });
      expect(accepted).toMatchObject({ status: 200, headers: { 'content-type': type } });
      expectStatus(await post('{', { 'content-type': sent }), 400, type, 3);
    }
  }
  sink.answer = () => ({ status: 503 });
  expectStatus(await post(valid, { 'content-type': PROTO }), 503, PROTO, 14);
  expectStatus(await post(validJson, { 'content-type': JSON_TYPE }), 503, JSON_TYPE, 14);
});

statement(29, '', async () => {
  const bad = ['\n', 'not protobuf', valid.subarray(0, -1), Buffer.from('0a8080808080808080808001', 'hex')];
  for (const body of bad) expectStatus(await post(body, {}), 400, PROTO, 3);
  const badJson = [
    '',
    '{',
    'null',
    '[]',
    '"x"',
    '{"resourceLogs":{}}',
    '{"resourceLogs":[{]}',
    `${validJson}x`,
    '{} {}',
  ];
  for (const body of badJson) expectStatus(await post(body, { 'content-type': JSON_TYPE }), 400, JSON_TYPE, 3);
  expect(sink.received).toHaveLength(0);
  expect(await post(valid, {})).toMatchObject({ status: 200 });
});

const COMPRESSIONS: Readonly<Record<string, (plain: Uint8Array) => Buffer>> = {
  gzip: gzipSync,
  zstd: zstdRaw,
  zlib: deflateSync,
  deflate: deflateSync,
  snappy: snappyBlock,
  'x-snappy-framed': snappyFramed,
  lz4: lz4Stored,
};

for (const [coding, compress] of Object.entries(COMPRESSIONS)) {
  statement(30, coding, async () => {
    const headers = { 'content-encoding': coding };
    expect(await post(compress(valid), headers)).toMatchObject({ status: 200 });
    expect(await post(compress(Buffer.from(validJson)), { ...headers, 'content-type': JSON_TYPE })).toMatchObject({
      status: 200,
    });
    expect(sink.names('logs')).toEqual(['here', 'here']);
    const corrupt = [valid, compress(valid).subarray(0, -5)];
    for (const body of corrupt) expectStatus(await post(body, headers), 400, PROTO, 3);
    expect(sink.received).toHaveLength(2);
    expect(await post(valid, {})).toMatchObject({ status: 200 });
  });
}

statement(30, 'snappy in its framed form', async () => {
  expect(await post(snappyFramed(valid), { 'content-encoding': 'snappy' })).toMatchObject({ status: 200 });
  expect(sink.names('logs')).toEqual(['here']);
});

statement(31, '', async () => {
  for (const coding of ['br', 'identity', 'none', 'gzip, gzip', 'x'.repeat(200)]) {
    expectStatus(await post(valid, { 'content-encoding': coding }), 400, PROTO, 3);
    expectStatus(await post(validJson, { 'content-encoding': coding, 'content-type': JSON_TYPE }), 400, JSON_TYPE, 3);
    // The encoding of the answer is not known without a media type.
    expectStatus(await post(valid, { 'content-encoding': coding, 'content-type': 'text/plain' }), 400, JSON_TYPE, 3);
  }
  expect(await post(valid, { 'content-encoding': '' })).toMatchObject({ status: 200 });
  expect(sink.received).toHaveLength(1);
});

const TWENTY_MIB = 20 << 20;

statement(32, 'announced', async () => {
  const before = collector.metric('teleferric_memory_peak_bytes');
  // Only the head is sent: the answer comes without any of the body.
  const reply = await rawAnswer(`content-length: ${TWENTY_MIB + 1}\r\n`);
  expect(reply).toMatch(/^HTTP\/1.1 413 /);
  expect(collector.metric('teleferric_memory_peak_bytes')).toBe(before);
});

statement(32, 'read by a client that writes the whole body first', async () => {
  const socket = connect(collector.http, '127.0.0.1');
  await once(socket, 'connect');
  socket.pause();
  socket.write(head(`content-length: ${TWENTY_MIB + 1}\r\n`));
  const zeros = Buffer.alloc(1 << 20);
  for (let left = TWENTY_MIB + 1; left > 0; left -= zeros.length) {
    const piece = zeros.subarray(0, Math.min(left, zeros.length));
    if (!socket.write(piece)) await once(socket, 'drain');
  }
  expect(await answerOf(socket)).toMatch(/^HTTP\/1.1 413 /);
});

statement(32, 'chunked', async () => {
  const piece = Buffer.alloc(1 << 20);
  const reply = await callHttp(collector.http, { path: LOGS, body: Array.from({ length: 21 }, () => piece) });
  expectStatus(reply, 413, PROTO, 8);
  expect(collector.metric('teleferric_memory_peak_bytes')).toBeLessThan(2 * TWENTY_MIB);
});

statement(32, 'bombs', async () => {
  const zeros = Buffer.alloc(64 << 20);
  const bombs = { gzip: gzipSync(zeros), zlib: deflateSync(zeros), zstd: zstdZeros(1 << 30) };
  for (const [coding, body] of Object.entries(bombs)) {
    expect(body.length).toBeLessThan(1 << 20);
    expectStatus(await post(body, { 'content-encoding': coding }), 413, PROTO, 8);
  }
  expect(collector.metric('teleferric_memory_peak_bytes')).toBeLessThan(3 * TWENTY_MIB);
  expect(await post(valid, {})).toMatchObject({ status: 200 });
});

statement(32, 'max_request_body_size', async () => {
  const small = await startCollector({
    exporters: { otlp_http: direct(sink) },
    http: { max_request_body_size: valid.length },
  });
  try {
    expect(await callHttp(small.http, { path: LOGS, body: valid })).toMatchObject({ status: 200 });
    const over = Buffer.concat([valid, valid]);
    expectStatus(await callHttp(small.http, { path: LOGS, body: over }), 413, PROTO, 8);
    const headers = { 'content-type': PROTO, 'content-encoding': 'gzip' };
    const hidden = gzipSync(encodeRequest('logs', named('logs', 'x'.repeat(5000))));
    expectStatus(await callHttp(small.http, { path: LOGS, headers, body: hidden }), 413, PROTO, 8);
  } finally {
    await small.close();
  }
});

statement(33, 'chunked', async () => {
  const pieces = Array.from(valid, (byte) => Buffer.from([byte]));
  expect(await callHttp(collector.http, { path: LOGS, agent, body: pieces })).toMatchObject({ status: 200 });
  expect(sink.names('logs')).toEqual(['here']);
});

statement(33, 'Expect: 100-continue', async () => {
  const request = http.request({
    host: '127.0.0.1',
    port: collector.http,
    path: LOGS,
    method: 'POST',
    headers: { 'content-type': PROTO, expect: '100-continue', 'content-length': valid.length },
  });
  request.flushHeaders();
  await once(request, 'continue');
  request.end(valid);
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  response.resume();
  expect(response.statusCode).toBe(200);
  expect(sink.names('logs')).toEqual(['here']);
});

statement(33, 'Expect: 100-continue is not answered when the request is refused', async () => {
  const reply = await rawAnswer(`content-length: 10\r\ncontent-encoding: br\r\nexpect: 100-continue\r\n`);
  expect(reply).toMatch(/^HTTP\/1.1 400 /);
});

statement(34, '', async () => {
  const open = await startCollector({
    exporters: { otlp_http: direct(sink) },
    http: {
      cors: { allowed_origins: ['https://*.example.com'], allowed_headers: ['X-Tenant'], max_age: 7200 },
    },
  });
  try {
    const preflight = (origin: string): Promise<HttpReply> =>
      callHttp(open.http, {
        path: LOGS,
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'content-type,x-tenant',
        },
      });
    const granted = await preflight('https://app.example.com');
    expect(granted.status).toBe(204);
    expect(granted.headers).toMatchObject({
      'access-control-allow-origin': 'https://app.example.com',
      'access-control-allow-methods': 'POST',
      'access-control-allow-credentials': 'true',
      'access-control-max-age': '7200',
    });
    expect(granted.headers['access-control-allow-headers']?.toLowerCase()).toContain('x-tenant');
    const stranger = await preflight('https://example.org');
    expect(stranger.headers).not.toHaveProperty('access-control-allow-origin');

    const headers = { 'content-type': PROTO, origin: 'https://app.example.com' };
    const sent = await callHttp(open.http, { path: LOGS, headers, body: valid });
    expect(sent).toMatchObject({ status: 200, headers: { 'access-control-allow-origin': 'https://app.example.com' } });
    const refused = await callHttp(open.http, { path: LOGS, headers, body: 'x' });
    expect(refused).toMatchObject({
      status: 400,
      headers: { 'access-control-allow-origin': 'https://app.example.com' },
    });
    expect(sink.names('logs')).toEqual(['here']);
  } finally {
    await open.close();
  }
});

statement(34, 'not without origins', async () => {
  const reply = await callHttp(collector.http, {
    path: LOGS,
    method: 'OPTIONS',
    headers: { origin: 'https://app.example.com', 'access-control-request-method': 'POST' },
  });
  expect(reply.status).toBe(405);
  expect(reply.headers).not.toHaveProperty('access-control-allow-origin');
});

function head(headers: string): string {
  return `POST ${LOGS} HTTP/1.1\r\nhost: x\r\ncontent-type: ${PROTO}\r\n${headers}\r\n`;
}

/** What comes back when nothing but a request's head is sent. */
async function rawAnswer(headers: string): Promise<string> {
  const socket = connect(collector.http, '127.0.0.1');
  await once(socket, 'connect');
  socket.write(head(headers));
  return answerOf(socket);
}

async function answerOf(socket: Socket): Promise<string> {
  socket.resume();
  const [first] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return first.toString();
}

test('an HTTP/2 connection without TLS is taken as well', async () => {
  const connection = await GrpcConnection.open(collector.http);
  const stream = connection.session.request({ ':method': 'POST', ':path': LOGS, 'content-type': PROTO });
  stream.end(valid);
  expect((await once(stream, 'response'))[0]).toMatchObject({ ':status': 200 });
  await connection.close();
  expect(sink.names('logs')).toEqual(['here']);
});
