/**
 * Bytes that no honest sender sends: each is refused with a clear error and the right status, nothing of it goes on, the
 * connection and other senders are unharmed, and the memory comes back.
 */
/* eslint-disable jest/expect-expect -- expectBad and expectBadJson do it */
import { once } from 'node:events';
import * as http from 'node:http';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';

import { direct, startCollector, type Running, type Setup } from '../support/collector.js';
import { lz4Stored, zstdZeros } from '../support/compress.js';
import { hex, named } from '../support/fixtures.js';
import { Cleanup, eventually } from '../support/poll.js';
import { decodeStatus, encodeRequest, method, NAMES, SIGNALS, toOtlpJson, type Signal } from '../support/proto.js';
import { HttpSink } from '../support/sinks.js';
import {
  callHttp,
  frame,
  GrpcConnection,
  JSON_TYPE,
  PROTO,
  sendTo,
  TRANSPORTS,
  type HttpReply,
} from '../support/wire.js';

const cleanup = new Cleanup();
let collector: Running;
let sink: HttpSink;
let connection: GrpcConnection;
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

beforeAll(async () => {
  sink = cleanup.add(await HttpSink.start(), (it) => it.close());
  collector = cleanup.add(await startCollector({ exporters: { otlp_http: direct(sink) } }), (it) => it.close());
  connection = cleanup.add(await GrpcConnection.open(collector.grpc), (it) => it.close());
  cleanup.add(agent, (it) => it.destroy());
});
beforeEach(() => sink.reset());
afterEach(async () => {
  // Whatever a test did: both connections serve, nothing but the valid request arrives, and no byte is held.
  const before = sink.received.length;
  expect(await connection.export('logs', named('logs', 'after'))).toMatchObject({ code: 0 });
  expect(await overHttp('logs', encodeRequest('logs', named('logs', 'after')))).toMatchObject({ status: 200 });
  expect(sink.names('logs').slice(before)).toEqual(['after', 'after']);
  expect(collector.metric('teleferric_panics_total')).toBe(0);
  await collector.memoryIsFree();
});
afterAll(() => cleanup.run());

function overHttp(
  signal: Signal,
  body: Uint8Array | string,
  headers: http.OutgoingHttpHeaders = {},
): Promise<HttpReply> {
  return callHttp(collector.http, {
    path: NAMES[signal].path,
    agent,
    body,
    headers: { 'content-type': PROTO, ...headers },
  });
}

/** Refused on both transports as bad data, in words, without a retry. */
async function expectBad(signal: Signal, bytes: Uint8Array): Promise<void> {
  const shown = Buffer.from(bytes.subarray(0, 40)).toString('hex');
  const reply = await overHttp(signal, bytes);
  expect({ shown, status: reply.status }).toEqual({ shown, status: 400 });
  expect(decodeStatus(reply.body)).toMatchObject({
    code: 3,
    message: expect.stringMatching(/\w/) as unknown,
    retryDelayMs: null,
  });
  const call = await connection.call({ path: method(signal), message: bytes });
  expect({ shown, code: call.code }).toEqual({ shown, code: 3 });
  expect(call.message).toMatch(/\w/);
  expect(call.retryDelayMs).toBeNull();
  expect(sink.received).toHaveLength(0);
}

async function expectBadJson(signal: Signal, text: string | Buffer): Promise<void> {
  const reply = await overHttp(signal, text, { 'content-type': JSON_TYPE });
  const shown = text.toString().slice(0, 60);
  expect({ shown, status: reply.status }).toEqual({ shown, status: 400 });
  expect(JSON.parse(reply.body.toString())).toMatchObject({ code: 3, message: expect.stringMatching(/\w/) as unknown });
  expect(sink.received).toHaveLength(0);
}

describe.each(SIGNALS)('malformed %s', (signal) => {
  const valid = encodeRequest(signal, named(signal, 'name'));

  test('every truncation is refused', async () => {
    for (let length = 1; length < valid.length; length++) await expectBad(signal, valid.subarray(0, length));
  });

  test('every truncation of the JSON is refused', async () => {
    const text = toOtlpJson(signal, named(signal, 'name'));
    for (let length = 0; length < text.length; length++) await expectBadJson(signal, text.slice(0, length));
  });

  test('lying lengths, long varints, groups, field zero and wrong wire types are refused', async () => {
    for (const bytes of [
      '0affffffff0f', // a length of 4 GiB
      '0affffffffffffffffff01', // of 2^64 - 1
      '0affffffffffffffffffff01', // a varint of eleven bytes
      '0b0c', // a group
      '0c', // the end of a group that never began
      '0f', // wire type 7
      '00', // field zero
      '0800', // a varint where a message is due
      '0900000000000000', // a fixed64 that ends early
      '0a0512030a0108', // the innermost field has a tag and no value
      '0a020801', // a varint as resource
    ]) {
      await expectBad(signal, hex(bytes));
    }
  });

  test('JSON of the wrong shape is refused', async () => {
    const [resources, scopes, items] = NAMES[signal].levels;
    for (const text of [
      '[]',
      '0',
      `{"${resources}":7}`,
      `{"${resources}":"x"}`,
      `{"${resources}":[7]}`,
      `{"${resources}":[{"${scopes}":{"${items}":[]}}]}`,
      `{"${resources}":[{"resource":[]}]}`,
      `{"${resources}":[{"resource":{"attributes":[{"key":7}]}}]}`,
      `{"${resources}":[{"resource":{"droppedAttributesCount":-1}}]}`,
      `{"${resources}":[{"resource":{"droppedAttributesCount":4294967296}}]}`,
      `{"${resources}":[]} trailing`,
      `{"${resources}":[],}`,
      `{${resources}:[]}`,
      `{'${resources}':[]}`,
      '\ufeff{',
      '{"a":"\\ud800x\\q"}',
      '{"a":"\n"}',
      '{"a":tru}',
    ]) {
      await expectBadJson(signal, text);
    }
  });
});

test('ids of the wrong length are refused', async () => {
  for (const length of [1, 15, 17, 32]) {
    await expectBad('traces', encodeRequest('traces', spans({ traceId: Buffer.alloc(length, 1) })));
    await expectBad('traces', encodeRequest('traces', spans({ links: [{ traceId: Buffer.alloc(length, 1) }] })));
  }
  for (const length of [1, 7, 9, 16]) {
    await expectBad('traces', encodeRequest('traces', spans({ parentSpanId: Buffer.alloc(length, 1) })));
  }
});

function spans(span: object): object {
  return { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] };
}

test('text that is not UTF-8 goes on as it came, as the Collector does', async () => {
  const marked = encodeRequest('traces', spans({ name: 'XX' }));
  const at = marked.indexOf('XX');
  const bytes = Buffer.concat([marked.subarray(0, at), hex('ff80'), marked.subarray(at + 2)]);
  expect(await overHttp('traces', bytes)).toMatchObject({ status: 200 });
  expect(sink.received[0]?.body.includes(hex('ff80'))).toBe(true);
  sink.reset();
});

/** A log body nested so many AnyValue levels deep, as protobuf. */
function nested(levels: number): Buffer {
  let value = hex('1001');
  for (let level = 1; level < levels; level++) value = field(5, field(1, value));
  return field(1, field(2, field(2, field(5, value))));
}

function field(number: number, content: Uint8Array): Buffer {
  const length: number[] = [];
  let left = content.length;
  for (; left >= 128; left >>= 7) length.push((left & 127) | 128);
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length, left]), content]);
}

const nestedJson = (levels: number): string => {
  const [open, close] = ['{"arrayValue":{"values":[', ']}}'].map((text) => text.repeat(levels - 1));
  return `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":${open}{"boolValue":true}${close}}]}]}]}`;
};

test('values nested 128 deep pass, deeper ones are refused, without end as well', async () => {
  expect(await overHttp('logs', nested(128))).toMatchObject({ status: 200 });
  expect(await overHttp('logs', nestedJson(128), { 'content-type': JSON_TYPE })).toMatchObject({ status: 200 });
  // Too deep for the decoder of the tests.
  expect(sink.received.map(({ raw }) => raw.equals(nested(128)))).toEqual([true, true]);
  sink.reset();
  for (const levels of [129, 1000, 20_000]) await expectBad('logs', nested(levels));
  for (const levels of [129, 1000, 200_000]) await expectBadJson('logs', nestedJson(levels));
  // Unknown fields have no meaning that could end the nesting.
  await expectBadJson('logs', '{"x":'.repeat(500_000));
  await expectBadJson('logs', '['.repeat(1_000_000));
});

test('millions of empty items are refused', async () => {
  const items = Buffer.alloc(2 * 1_000_001, Buffer.from([0x12, 0x00]));
  await expectBad('logs', field(1, field(2, items)));
});

describe('limits of the configuration', () => {
  test('items of one request', async () => {
    const small = await limited({ max_items: 3 });
    try {
      for (const transport of TRANSPORTS) {
        sink.reset();
        expect(await sendTo(small, transport, 'logs', named('logs', 'a', 'b', 'c'))).toMatchObject({ ok: true });
        const over = await sendTo(small, transport, 'logs', named('logs', 'a', 'b', 'c', 'd'));
        expect(over).toMatchObject({ ok: false, code: transport === 'grpc' ? 3 : 400 });
        expect(sink.names('logs')).toEqual(['a', 'b', 'c']);
      }
    } finally {
      await small.close();
      sink.reset();
    }
  });

  test('depth of values', async () => {
    const shallow = await limited({ max_depth: 2 });
    try {
      expect(await sendTo(shallow, 'grpc', 'logs', nested(2))).toMatchObject({ ok: true });
      expect(await sendTo(shallow, 'grpc', 'logs', nested(3))).toMatchObject({ ok: false, code: 3 });
    } finally {
      await shallow.close();
      sink.reset();
    }
  });

  test('connections', async () => {
    const two = await limited({ max_connections: 2 });
    const held = [await GrpcConnection.open(two.grpc), await GrpcConnection.open(two.http)];
    try {
      // Idle connections make room for new ones.
      expect(await sendTo(two, 'grpc', 'logs', named('logs', 'new'))).toMatchObject({ ok: true });
    } finally {
      for (const each of held) await each.close();
      await two.close();
      sink.reset();
    }
  });
});

test('bombs are cut off, in every compression of either transport', async () => {
  const zeros = Buffer.alloc(64 << 20);
  const bombs = { gzip: gzipSync(zeros), zstd: zstdZeros(1 << 30) };
  for (const [encoding, body] of Object.entries(bombs)) {
    const reply = await overHttp('logs', body, { 'content-encoding': encoding });
    expect({ encoding, status: reply.status }).toEqual({ encoding, status: 413 });
    expect(decodeStatus(reply.body)).toMatchObject({ code: 8, retryDelayMs: null });
    const call = await connection.call({ path: method('logs'), message: body, encoding });
    expect({ encoding, code: call.code, retry: call.retryDelayMs }).toEqual({ encoding, code: 8, retry: null });
  }
  const large = encodeRequest('logs', named('logs', 'x'.repeat(21 << 20)));
  expect(await overHttp('logs', lz4Stored(large), { 'content-encoding': 'lz4' })).toMatchObject({ status: 413 });
  // A bomb inside a bomb is only unpacked once, and is no request.
  await expectBad('logs', gzipSync(gzipSync(zeros)));
});

function limited(limits: object): Promise<Running> {
  return startCollector({ exporters: { otlp_http: direct(sink) }, service: { limits } } satisfies Setup);
}

test('a zstd window above 8 MiB is refused before it is allocated', async () => {
  // Descriptor without size; windowLog 31.
  const frameHead = Buffer.concat([hex('28b52ffd00'), Buffer.from([(31 - 10) << 3])]);
  const block = hex('0300000a');
  const peak = collector.metric('teleferric_memory_peak_bytes');
  const reply = await overHttp('logs', Buffer.concat([frameHead, block]), { 'content-encoding': 'zstd' });
  expect([400, 413]).toContain(reply.status);
  expect(collector.metric('teleferric_memory_peak_bytes')).toBe(peak);
});

test('too many and too large headers are refused', async () => {
  const many = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`x-${index}`, 'v']));
  for (const headers of [many, { 'x-large': 'v'.repeat(40_000) }]) {
    const reply = await callHttp(collector.http, {
      path: '/v1/logs',
      headers: { 'content-type': PROTO, ...headers },
      body: encodeRequest('logs', named('logs', 'x')),
    });
    expect(reply.status).toBe(431);
  }
  expect(sink.received).toHaveLength(0);
});

test('requests that are no HTTP are answered with 400 or cut off', async () => {
  for (const bytes of [
    '\0\0\0\0\r\n\r\n',
    'POST /v1/logs\r\n\r\n',
    'POST /v1/logs HTTP/9.9\r\n\r\n',
    'GARBAGE\r\n\r\n',
  ]) {
    const socket = connect(collector.http, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(bytes);
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    await once(socket, 'close');
    expect(Buffer.concat(chunks).toString()).toMatch(/^(HTTP\/1\.[01] 400 |$)/);
  }
});

test('request smuggling forms are refused', async () => {
  const body = encodeRequest('logs', named('logs', 'x'));
  for (const headers of [
    `content-length: ${body.length}\r\ncontent-length: ${body.length + 1}\r\n`,
    'content-length: -1\r\n',
    'content-length: 5x\r\n',
    'transfer-encoding: gzip\r\n',
  ]) {
    const socket = connect(collector.http, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(`POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: ${PROTO}\r\n${headers}\r\n`);
    const [first] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    expect({ headers, answer: first.toString().slice(0, 12) }).toEqual({ headers, answer: 'HTTP/1.1 400' });
  }
  expect(sink.received).toHaveLength(0);
});

describe('slow senders', () => {
  let impatient: Running;
  beforeAll(async () => {
    impatient = await startCollector({
      exporters: { otlp_http: direct(sink) },
      http: { read_header_timeout: '200ms', read_timeout: '300ms', idle_timeout: '200ms' },
    });
  });
  afterAll(() => impatient.close());

  /** Milliseconds until the server ends a connection that said only this, and its last words. */
  async function endOf(said: string): Promise<{ ms: number; answer: string }> {
    const socket = connect(impatient.http, '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    const started = performance.now();
    socket.write(said);
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    await once(socket, 'close');
    return { ms: performance.now() - started, answer: Buffer.concat(chunks).toString() };
  }

  test('who does not finish the headers is cut off', async () => {
    const { ms, answer } = await endOf('POST /v1/logs HTTP/1.1\r\nhost: x\r\n');
    expect(ms).toBeGreaterThanOrEqual(190);
    expect(answer).toMatch(/^(HTTP\/1\.1 408 |$)/);
  });

  test('who does not finish the body is answered 408 and cut off', async () => {
    const { ms, answer } = await endOf(
      `POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: ${PROTO}\r\ncontent-length: 100\r\n\r\n\n`,
    );
    expect(ms).toBeGreaterThanOrEqual(290);
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(sink.received).toHaveLength(0);
  });

  test('who says nothing at all is cut off, and others are served meanwhile', async () => {
    const silent = Array.from({ length: 50 }, () => connect(impatient.http, '127.0.0.1'));
    const ends = silent.map((socket) => once(socket.on('error', () => {}).resume(), 'close'));
    for (const transport of TRANSPORTS) {
      expect(await sendTo(impatient, transport, 'logs', named('logs', 'served'))).toMatchObject({ ok: true });
    }
    await Promise.all(ends);
    expect(sink.names('logs')).toEqual(['served', 'served']);
    sink.reset();
  });
});

test('senders that abort in the middle leave nothing behind', async () => {
  const message = encodeRequest('logs', named('logs', 'x'.repeat(1 << 20)));
  for (let round = 0; round < 20; round++) {
    const stream = connection.session.request({
      ':method': 'POST',
      ':path': method('logs'),
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.on('error', () => {});
    stream.write(frame(message).subarray(0, 500_000));
    await new Promise((resolve) => setImmediate(resolve));
    stream.close();
    const socket = connect(collector.http, '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    socket.write(`POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: ${PROTO}\r\ncontent-length: 1000000\r\n\r\n`);
    socket.write(message.subarray(0, 500_000));
    socket.destroy();
  }
  await collector.memoryIsFree();
  expect(sink.received).toHaveLength(0);
});

test('a client that gives up frees its waiting request, and other senders are served', async () => {
  sink.answer = () => 'hang';
  const waiting = connection.session.request({
    ':method': 'POST',
    ':path': method('logs'),
    'content-type': 'application/grpc',
    te: 'trailers',
    'grpc-timeout': '100m',
  });
  waiting.on('error', () => {});
  waiting.end(frame(encodeRequest('logs', named('logs', 'late'))));
  const [headers] = (await once(waiting, 'response')) as [Record<string, unknown>];
  expect(headers['grpc-status'] ?? '4').toBe('4');
  await eventually(() => sink.received.length === 1);
  sink.reset();
});

test('honest senders are served while others send rubbish', async () => {
  await Promise.all([rubbish(), honest(), rubbish()]);
  expect(sink.names('traces')).toHaveLength(60);
  expect(sink.names('logs')).toEqual([]);
  sink.reset();
});

async function rubbish(): Promise<void> {
  for (let round = 0; round < 30; round++) {
    await callHttp(collector.http, { path: '/v1/logs', body: Buffer.from('rubbish') });
    await sendTo(collector, 'grpc', 'logs', Buffer.from('rubbish'));
  }
}

async function honest(): Promise<void> {
  for (let round = 0; round < 30; round++) {
    for (const transport of TRANSPORTS) {
      expect(await sendTo(collector, transport, 'traces', named('traces', 'fine'))).toMatchObject({ ok: true });
    }
  }
}
