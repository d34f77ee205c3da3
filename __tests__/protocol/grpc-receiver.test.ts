/**
 * Statements 17 to 24: OTLP/gRPC as a server.
 */
import { once } from 'node:events';
import { gzipSync } from 'node:zlib';

import { direct, startCollector, type Running } from '../support/collector.js';
import { named } from '../support/fixtures.js';
import { Cleanup, eventually, Gate } from '../support/poll.js';
import { encodeRequest, method, SIGNALS } from '../support/proto.js';
import { HttpSink } from '../support/sinks.js';
import { snappyFramed, zstdRaw } from '../support/compress.js';
import { frame, GrpcConnection, sendTo } from '../support/wire.js';
import { statement } from './statements.js';

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

/** The connection of all tests here still takes data. */
async function connectionServes(): Promise<void> {
  expect(await connection.export('logs', named('logs', 'after'))).toMatchObject({ code: 0 });
}

const FOUR_MIB = 4 << 20;

/** A logs request of exactly that many bytes. */
function sized(bytes: number): Buffer {
  const shorter = encodeRequest('logs', named('logs', 'x'.repeat(bytes - 60)));
  const exact = encodeRequest('logs', named('logs', 'x'.repeat(2 * bytes - 60 - shorter.length)));
  expect(exact).toHaveLength(bytes);
  return exact;
}

for (const signal of SIGNALS) {
  statement(17, signal, async () => {
    expect(await connection.export(signal, named(signal, 'here'))).toMatchObject({ httpStatus: 200, code: 0 });
    expect(sink.names(signal)).toEqual(['here']);
  });
}

statement(17, 'unknown paths', async () => {
  const paths = [
    method('traces').replace('Export', 'export'),
    method('traces').replace('Export', 'Import'),
    method('traces').replace('v1', 'v2'),
    `${method('traces')}/`,
    '/TraceService/Export',
    '/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export',
    '/',
  ];
  for (const path of paths) {
    const reply = await connection.call({ path, message: encodeRequest('traces', named('traces', 'nowhere')) });
    expect(reply).toMatchObject({ httpStatus: 200, code: 12 });
  }
  expect(sink.received).toHaveLength(0);
  await connectionServes();
});

statement(17, 'a signal without pipeline', async () => {
  const logsOnly = await startCollector({
    exporters: { otlp_http: direct(sink) },
    pipelines: { logs: { receivers: ['otlp'], exporters: ['otlp_http'] } },
  });
  expect(await sendTo(logsOnly, 'grpc', 'traces', named('traces', 'x'))).toMatchObject({ code: 12 });
  expect(await sendTo(logsOnly, 'grpc', 'logs', named('logs', 'x'))).toMatchObject({ ok: true });
  await logsOnly.close();
});

const COMPRESSIONS = { gzip: gzipSync, snappy: snappyFramed, zstd: zstdRaw } as const;

for (const [encoding, compress] of Object.entries(COMPRESSIONS)) {
  statement(18, encoding, async () => {
    for (const signal of SIGNALS) {
      const message = compress(encodeRequest(signal, named(signal, `as ${encoding}`)));
      expect(await connection.call({ path: method(signal), message, encoding })).toMatchObject({ code: 0 });
      expect(sink.names(signal)).toEqual([`as ${encoding}`]);
    }
  });
}

statement(18, 'encoding announced, message not compressed', async () => {
  const raw = frame(encodeRequest('logs', named('logs', 'plain')));
  expect(await connection.call({ path: method('logs'), raw, encoding: 'gzip' })).toMatchObject({ code: 0 });
  expect(await connection.export('logs', named('logs', 'identity'), { encoding: 'identity' })).toMatchObject({
    code: 0,
  });
  expect(sink.names('logs')).toEqual(['plain', 'identity']);
});

statement(19, '', async () => {
  const reply = await connection.export('logs', named('logs', 'x'), { encoding: 'br' });
  expect(reply).toMatchObject({ code: 12 });
  expect(String(reply.headers['grpc-accept-encoding'] ?? reply.trailers['grpc-accept-encoding']).split(',')).toEqual(
    expect.arrayContaining(['gzip', 'snappy', 'zstd']),
  );
  expect(sink.received).toHaveLength(0);
  await connectionServes();
});

statement(20, 'on the wire', async () => {
  expect(await connection.call({ path: method('logs'), message: sized(FOUR_MIB) })).toMatchObject({ code: 0 });
  const over = await connection.call({ path: method('logs'), message: sized(FOUR_MIB + 1) });
  expect(over).toMatchObject({ code: 8, retryDelayMs: null });
  expect(over.message).toContain('larger than max');
  expect({ ...over.headers, ...over.trailers }).toMatchObject({ 'grpc-retry-pushback-ms': '-1' });
  expect(over.trailers['grpc-status-details-bin'] ?? over.headers['grpc-status-details-bin']).toBeUndefined();
  expect(sink.requests('logs')).toHaveLength(1);
  await connectionServes();
});

statement(20, 'after decompression', async () => {
  const path = method('logs');
  expect(await connection.call({ path, message: gzipSync(sized(FOUR_MIB)), encoding: 'gzip' })).toMatchObject({
    code: 0,
  });
  for (const bytes of [FOUR_MIB + 1, 32 << 20]) {
    const over = await connection.call({ path, message: gzipSync(sized(bytes)), encoding: 'gzip' });
    expect(over).toMatchObject({ code: 8, retryDelayMs: null });
  }
  expect(sink.requests('logs')).toHaveLength(1);
  await connectionServes();
});

statement(20, 'a length that is only announced', async () => {
  const raw = Buffer.concat([Buffer.from([0, 0xff, 0xff, 0xff, 0xff]), Buffer.alloc(10)]);
  expect(await connection.call({ path: method('logs'), raw })).toMatchObject({ code: 8, retryDelayMs: null });
  await connectionServes();
});

statement(21, '', async () => {
  const valid = encodeRequest('logs', named('logs', 'x'));
  for (const message of [Buffer.from([0x0a]), Buffer.from('not protobuf'), valid.subarray(0, -1)]) {
    const reply = await connection.call({ path: method('logs'), message });
    // INVALID_ARGUMENT, as the OTLP specification asks for bad data; grpc-go says INTERNAL. Neither is retried.
    expect(reply).toMatchObject({ code: 3, retryDelayMs: null });
    expect(reply.message).not.toBe('');
  }
  expect(sink.received).toHaveLength(0);
  await connectionServes();
});

statement(21, 'broken framing and compression', async () => {
  const valid = encodeRequest('logs', named('logs', 'x'));
  const path = method('logs');
  const broken = [
    { raw: Buffer.alloc(0) },
    { raw: frame(valid).subarray(0, 4) },
    { raw: frame(valid).subarray(0, -1) },
    { raw: Buffer.concat([frame(valid), frame(valid)]) },
    { raw: Buffer.concat([Buffer.from([7]), frame(valid).subarray(1)]) },
    { raw: frame(gzipSync(valid), true) },
    { message: valid, encoding: 'gzip' },
    { message: gzipSync(valid).subarray(0, -9), encoding: 'gzip' },
  ];
  for (const call of broken) {
    const reply = await connection.call({ path, ...call });
    expect([3, 12, 13]).toContain(reply.code);
    expect(reply.retryDelayMs).toBeNull();
  }
  expect(sink.received).toHaveLength(0);
  await connectionServes();
});

statement(22, '', async () => {
  const larger = await startCollector({
    exporters: { otlp_http: direct(sink) },
    grpc: { max_recv_msg_size_mib: 6 },
  });
  try {
    expect(await sendTo(larger, 'grpc', 'logs', sized(6 << 20))).toMatchObject({ ok: true });
    expect(await sendTo(larger, 'grpc', 'logs', sized((6 << 20) + 1))).toMatchObject({ ok: false, code: 8 });
    expect(sink.requests('logs')).toHaveLength(1);
  } finally {
    await larger.close();
  }
});

statement(23, '', async () => {
  const ageing = await startCollector({
    exporters: { otlp_http: direct(sink) },
    grpc: { keepalive: { server_parameters: { max_connection_age: '300ms', max_connection_age_grace: '10s' } } },
  });
  const gate = new Gate();
  sink.answer = async (_received, index) => {
    if (index === 1) await gate.opened;
    return {};
  };
  const aged = await GrpcConnection.open(ageing.grpc);
  const goaway = once(aged.session, 'goaway') as Promise<[number]>;
  expect(await aged.export('logs', named('logs', 'first'))).toMatchObject({ code: 0 });
  const running = aged.export('logs', named('logs', 'running'));
  await eventually(() => sink.received.length === 2);
  const [errorCode] = await goaway;
  expect(errorCode).toBe(0);
  gate.open();
  expect(await running).toMatchObject({ code: 0 });
  expect(await sendTo(ageing, 'grpc', 'logs', named('logs', 'next'))).toMatchObject({ ok: true });
  expect(sink.names('logs')).toEqual(['first', 'running', 'next']);
  await aged.close();
  await ageing.close();
});

statement(24, '', async () => {
  const peer = await HttpSink.start();
  const keyed = await startCollector({
    processors: { batch: { timeout: '10ms', metadata_keys: ['Tenant', 'token-bin'] } },
    exporters: { otlp_http: direct(peer) },
    grpc: { include_metadata: true },
    service: { threads: 1 },
  });
  const own = await GrpcConnection.open(keyed.grpc);
  try {
    // HTTP/2 has lower-case names only; the key in the configuration finds them whatever its case. Binary values are
    // equal if their bytes are, with base64 padding or without.
    for (const [tenant, token] of [
      ['a', 'AA=='],
      ['a', 'AA'],
      ['b', 'AA'],
      ['b', 'AQ'],
    ] as const) {
      const metadata = { tenant, 'token-bin': token };
      expect(await own.export('logs', named('logs', tenant + token), { metadata })).toMatchObject({ code: 0 });
    }
    await eventually(() => peer.items === 4);
    expect(keyed.metric('otelcol_processor_batch_metadata_cardinality')).toBe(3);
  } finally {
    await own.close();
    await keyed.close();
    await peer.close();
  }
});
