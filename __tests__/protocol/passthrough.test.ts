/**
 * `compressed_passthrough`: a request that came compressed and was not changed leaves with the bytes it came with.
 */
import { gunzipSync, gzipSync } from 'node:zlib';

import type { Running } from '../support/collector.js';
import { zstdRaw } from '../support/compress.js';
import { ACCEPT, Exporting, UNQUEUED } from '../support/exporting.js';
import { hex, named } from '../support/fixtures.js';
import { encodeRequest, method, NAMES } from '../support/proto.js';
import type { Received } from '../support/sinks.js';
import { callHttp, GrpcConnection, PROTO, TRANSPORTS, type Transport } from '../support/wire.js';

const plain = encodeRequest('logs', named('logs', ...Array.from({ length: 200 }, (_, index) => `item ${index}`)));

/** As no exporter here would write it: at level 9 by zlib, and as a zstd frame of raw blocks. */
const PACKED = { gzip: gzipSync(plain, { level: 9 }), zstd: zstdRaw(plain) } as const;
const CODECS = ['gzip', 'zstd'] as const;

/** A gzip member with a file name in its header. */
const NAMED_GZIP = Buffer.concat([hex('1f8b0808000000000003'), Buffer.from('name\0'), PACKED.gzip.subarray(10)]);

let exporting: Exporting;
beforeEach(() => {
  exporting = new Exporting();
});
afterEach(() => exporting.close());

/** Sends one compressed request over `by`; whether it was taken. */
async function send(to: Running, by: Transport, encoding: string, body: Uint8Array): Promise<boolean> {
  if (by === 'http') {
    const headers = { 'content-type': PROTO, 'content-encoding': encoding };
    return (await callHttp(to.http, { path: NAMES.logs.path, headers, body })).status === 200;
  }
  const connection = await GrpcConnection.open(to.grpc);
  try {
    return (await connection.call({ path: method('logs'), message: body, encoding })).code === 0;
  } finally {
    await connection.close();
  }
}

/** What leaves over `by`, in order, after each of `bodies` came in `encoding`. */
async function forwarded(
  by: Transport,
  exporter: object,
  encoding: string,
  bodies: readonly Uint8Array[],
  processors: { readonly [id: string]: object } = {},
): Promise<readonly Received[]> {
  const sink = await exporting.sink(by, ACCEPT);
  // One thread, as each has batches of its own.
  const setup = { processors, service: { threads: 1 } };
  const collector = await exporting.collector(sink, { ...UNQUEUED, ...exporter }, setup);
  for (const body of bodies) expect(await send(collector, by, encoding, body)).toBe(true);
  await collector.memoryIsFree();
  await collector.close();
  return sink.received;
}

const encodingOf = ({ headers }: Received): unknown => headers['content-encoding'] ?? headers['grpc-encoding'];
const sameBytes = (one: Uint8Array | undefined, other: Uint8Array): boolean =>
  Buffer.compare(one ?? hex(''), other) === 0;

describe.each(TRANSPORTS)('over %s', (by) => {
  test.each(CODECS)('%s leaves as it came', async (codec) => {
    const received = await forwarded(by, { compression: codec }, codec, [PACKED[codec]]);
    expect(received.map(encodingOf)).toEqual([codec]);
    expect(sameBytes(received[0]?.raw, PACKED[codec])).toBe(true);
  });

  test.each(CODECS)('%s leaves as it came through an edit that changes nothing', async (codec) => {
    const processors = { attributes: { actions: [{ key: 'absent', action: 'delete' }] } };
    const received = await forwarded(by, { compression: codec }, codec, [PACKED[codec]], processors);
    expect(sameBytes(received[0]?.raw, PACKED[codec])).toBe(true);
  });

  test('it is compressed again when told so, and after an edit', async () => {
    const off = { compression: 'gzip', compressed_passthrough: 'off' };
    const edit = { attributes: { actions: [{ key: 'added', value: 'x', action: 'insert' }] } };
    const [told] = await forwarded(by, off, 'gzip', [PACKED.gzip]);
    const [edited] = await forwarded(by, { compression: 'gzip' }, 'gzip', [PACKED.gzip], edit);
    expect(sameBytes(told?.raw, PACKED.gzip)).toBe(false);
    expect(sameBytes(told?.body, plain)).toBe(true);
    expect(edited?.body.length).toBeGreaterThan(plain.length);
  });

  test('it is compressed again for another codec, and sent plain without one', async () => {
    const [gzip] = await forwarded(by, { compression: 'gzip' }, 'zstd', [PACKED.zstd]);
    const [none] = await forwarded(by, { compression: 'none' }, 'gzip', [PACKED.gzip]);
    expect(sameBytes(gzip?.body, plain)).toBe(true);
    expect(sameBytes(none?.raw, plain)).toBe(true);
  });

  test('joined members and optional header fields are not passed on', async () => {
    const joined = Buffer.concat([PACKED.gzip, PACKED.gzip]);
    const received = await forwarded(by, { compression: 'gzip' }, 'gzip', [joined, NAMED_GZIP]);
    expect([joined, NAMED_GZIP].map((sent, index) => sameBytes(received[index]?.raw, sent))).toEqual([false, false]);
    expect(received.map(({ raw }) => gunzipSync(raw).length)).toEqual([2 * plain.length, plain.length]);
  });
});

test('a level of its own is used for every request', async () => {
  const level = { compression: 'gzip', compression_params: { level: 1 } };
  const [received] = await forwarded('http', level, 'gzip', [PACKED.gzip]);
  expect(sameBytes(received?.raw, PACKED.gzip)).toBe(false);
  expect(sameBytes(received?.body, plain)).toBe(true);
});

test('requests that a batch joined are compressed anew', async () => {
  const processors = { batch: { send_batch_size: 400, timeout: '1h' } };
  const received = await forwarded('grpc', { compression: 'gzip' }, 'gzip', [PACKED.gzip, PACKED.gzip], processors);
  expect(received.map(({ body }) => sameBytes(body, Buffer.concat([plain, plain])))).toEqual([true]);
});
