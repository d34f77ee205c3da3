/**
 * Bodies that the host hands over are read as the HTTP receiver reads them: the same codings, the same limits, and the
 * same words for what is refused.
 */
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';

import type { IngestOptions } from '../../src/index.js';
import { direct, startCollector, type Running } from '../support/collector.js';
import { lz4Stored, snappyBlock, snappyFramed, zstdRaw, zstdZeros } from '../support/compress.js';
import { named } from '../support/fixtures.js';
import { Cleanup } from '../support/poll.js';
import { decodeStatus, encodeRequest, itemsOf, toOtlpJson } from '../support/proto.js';
import { HttpSink } from '../support/sinks.js';
import { callHttp, JSON_TYPE, PROTO } from '../support/wire.js';

const LIMIT = 64 << 10;
const cleanup = new Cleanup();
let running: Running;
let sink: HttpSink;

beforeAll(async () => {
  sink = cleanup.add(await HttpSink.start(), (it) => it.close());
  const setup = { exporters: { otlp_http: direct(sink) }, http: { max_request_body_size: LIMIT } };
  running = cleanup.add(await startCollector(setup), (it) => it.close());
});
beforeEach(() => sink.reset());
afterEach(() => running.memoryIsFree());
afterAll(() => cleanup.run());

const proto = encodeRequest('traces', named('traces', 'packed'));
const json = Buffer.from(toOtlpJson('traces', named('traces', 'packed')));

const CODINGS = {
  none: (plain: Uint8Array) => plain,
  gzip: (plain: Uint8Array) => gzipSync(plain),
  zlib: (plain: Uint8Array) => deflateSync(plain),
  deflate: (plain: Uint8Array) => deflateSync(plain),
  zstd: zstdRaw,
  snappy: snappyBlock,
  'x-snappy-framed': snappyFramed,
  lz4: lz4Stored,
} as const satisfies Record<NonNullable<IngestOptions['compression']>, unknown>;

test.each(Object.entries(CODINGS))('%s is taken, and the buffer is free at once', async (compression, pack) => {
  for (const [encoding, plain] of [
    ['proto', proto],
    ['json', json],
  ] as const) {
    const body = Buffer.from(pack(plain));
    const outcome = running.collector.ingest('traces', body, { encoding, compression });
    body.fill(0xff);
    await expect(outcome).resolves.toEqual({ outcome: 'accepted' });
  }
  expect(sink.names('traces')).toEqual(['packed', 'packed']);
});

describe('what HTTP refuses is refused in the same words', () => {
  test.each([
    ['a bomb', 'zstd', zstdZeros(100 * LIMIT), 'too_large'],
    ['a gzip bomb', 'gzip', gzipSync(Buffer.alloc(LIMIT + 1)), 'too_large'],
    ['a large body', 'none', Buffer.alloc(LIMIT + 1), 'too_large'],
    ['a large compressed body', 'gzip', Buffer.alloc(LIMIT + 1), 'too_large'],
    ['a damaged body', 'gzip', gzipSync(proto).subarray(0, -3), 'bad_compression'],
    ['another coding than said', 'gzip', deflateRawSync(proto), 'bad_compression'],
    ['an unknown coding', 'br', proto, 'bad_compression'],
    ['a coding of every length', 'x'.repeat(10_000), proto, 'bad_compression'],
    ['compressed nonsense', 'gzip', gzipSync('nonsense'), 'malformed'],
  ])('%s', async (_, compression, body, code) => {
    for (const encoding of ['proto', 'json'] as const) {
      const outcome = await running.collector.ingest('traces', body, { encoding, compression });
      expect(outcome).toMatchObject({ outcome: 'refused', code, retryable: false, retryAfterMs: null });
      const reply = await callHttp(running.http, {
        body,
        headers: {
          'content-type': encoding === 'proto' ? PROTO : JSON_TYPE,
          ...(compression !== 'none' && { 'content-encoding': compression }),
        },
      });
      const status =
        encoding === 'proto'
          ? decodeStatus(reply.body)
          : (JSON.parse(reply.body.toString()) as { readonly message?: string });
      expect(status.message).toMatch(/\w/);
      expect(outcome).toMatchObject({ message: status.message });
    }
    expect(sink.received).toHaveLength(0);
  });
});

test('a receiver that ignores codings ignores them here too', async () => {
  const plain = await startCollector({
    exporters: { otlp_http: direct(sink) },
    http: { compression_algorithms: [] },
  });
  try {
    await expect(plain.collector.ingest('traces', proto, { compression: 'gzip' })).resolves.toEqual({
      outcome: 'accepted',
    });
  } finally {
    await plain.close();
  }
});

test('without HTTP every coding is known, and gRPC has the limit', async () => {
  const grpc = await startCollector({
    receivers: { otlp: { protocols: { grpc: { endpoint: '127.0.0.1:0', max_recv_msg_size_mib: 1 } } } },
    exporters: { otlp_http: direct(sink) },
  });
  try {
    for (const compression of ['gzip', 'lz4'] as const) {
      const body = CODINGS[compression](proto);
      await expect(grpc.collector.ingest('traces', body, { compression })).resolves.toEqual({ outcome: 'accepted' });
    }
    await expect(grpc.collector.ingest('traces', zstdZeros(2 << 20), { compression: 'zstd' })).resolves.toMatchObject({
      outcome: 'refused',
      code: 'too_large',
    });
    await grpc.memoryIsFree();
  } finally {
    await grpc.close();
  }
});

test('what the host says of a request is known to quotas and processors', async () => {
  const knowing = await startCollector({
    processors: { attributes: { actions: [{ key: 'who', from_context: 'auth.subject', action: 'insert' }] } },
    exporters: { otlp_http: direct(sink) },
    service: {
      tenants: {
        header: 'x-scope-orgid',
        trusted_proxies: ['10.0.0.1'],
        overrides: { small: { bytes_per_second: 1 } },
      },
    },
  });
  try {
    const { collector } = knowing;
    const metadata = { 'x-scope-orgid': 'large' };
    const context = { tenant: 'small', principal: 'anna' };
    await expect(collector.ingest('traces', proto, { metadata })).resolves.toEqual({ outcome: 'accepted' });
    await expect(
      collector.ingest('traces', proto, { metadata, context: { principal: 'anna', priority: 0 } }),
    ).resolves.toEqual({ outcome: 'accepted' });
    const [, request] = sink.requests('traces');
    const [span] = itemsOf('traces', request ?? {});
    expect(span?.['attributes']).toContainEqual({ key: 'who', value: { stringValue: 'anna' } });
    const outcomes = [];
    for (let round = 0; round < 3; round += 1)
      outcomes.push(await collector.ingest('traces', proto, { metadata, context }));
    expect(outcomes.at(-1)).toMatchObject({ outcome: 'refused', code: 'over_quota', retryable: true });
    await knowing.memoryIsFree();
  } finally {
    await knowing.close();
  }
});
