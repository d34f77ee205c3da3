/**
 * How the receiver says no: status, hint and detail of each kind of refusal, on both transports (reliability design,
 * section 5).
 */
import { direct, exporterTo, startCollector, type Running } from '../support/collector.js';
import { named } from '../support/fixtures.js';
import { Cleanup, eventually } from '../support/poll.js';
import { decodeDetails, decodeStatus, encodeRequest, encodeStatus, method } from '../support/proto.js';
import { GrpcSink, HttpSink } from '../support/sinks.js';
import { callHttp, GrpcConnection, JSON_TYPE, PROTO, sendTo, TRANSPORTS } from '../support/wire.js';

const cleanup = new Cleanup();
let collector: Running;
let sink: HttpSink;

beforeAll(async () => {
  sink = cleanup.add(await HttpSink.start(), (it) => it.close());
  collector = cleanup.add(await startCollector({ exporters: { otlp_http: direct(sink) } }), (it) => it.close());
});
beforeEach(() => sink.reset());
afterEach(async () => collector.memoryIsFree());
afterAll(() => cleanup.run());

/** Bounds of a wait, in milliseconds, when nothing is full. */
const SOON = [1000, 1500] as const;

function expectWait(retryDelayMs: number | null, [least, most]: readonly [number, number]): void {
  expect(retryDelayMs).toBeGreaterThanOrEqual(least);
  expect(retryDelayMs).toBeLessThanOrEqual(most);
}

const BAD_REQUEST = 'google.rpc.BadRequest';

test('bad data names what is wrong in a BadRequest detail', async () => {
  const body = encodeRequest('logs', named('logs', 'x')).subarray(0, -1);
  const overHttp = await callHttp(collector.http, { path: '/v1/logs', body });
  const connection = await GrpcConnection.open(collector.grpc);
  const overGrpc = await connection.call({ path: method('logs'), message: body });
  await connection.close();
  const trailer = overGrpc.trailers['grpc-status-details-bin'] ?? overGrpc.headers['grpc-status-details-bin'];
  for (const bytes of [overHttp.body, Buffer.from(String(trailer), 'base64')]) {
    const { message } = decodeStatus(bytes);
    expect(decodeDetails(bytes)).toEqual([{ type: BAD_REQUEST, fieldViolations: [{ description: message }] }]);
  }
  const json = await callHttp(collector.http, { path: '/v1/logs', headers: { 'content-type': JSON_TYPE }, body: '{' });
  expect(JSON.parse(json.body.toString())).toMatchObject({
    code: 3,
    details: [
      {
        '@type': `type.googleapis.com/${BAD_REQUEST}`,
        fieldViolations: [{ description: expect.stringMatching(/./) as unknown }],
      },
    ],
  });
});

describe.each(TRANSPORTS)('over %s', (transport) => {
  const code = (grpc: number, http: number): number => (transport === 'grpc' ? grpc : http);

  test('every refusal that may be tried again says when', async () => {
    const cases = [
      { answer: { status: 503 }, expected: code(14, 503), wait: SOON },
      { answer: { status: 429 }, expected: code(8, 429), wait: SOON },
      { answer: { status: 504 }, expected: code(14, 503), wait: SOON },
      { answer: { status: 503, headers: { 'retry-after': '20' } }, expected: code(14, 503), wait: [20_000, 20_000] },
      { answer: 'reset' as const, expected: code(14, 503), wait: SOON },
    ] as const;
    for (const { answer, expected, wait } of cases) {
      sink.answer = () => answer;
      const outcome = await sendTo(collector, transport, 'logs', named('logs', 'x'));
      expect(outcome).toMatchObject({ ok: false, code: expected });
      expectWait(outcome.retryDelayMs, wait);
    }
  });

  test('a refusal for good has no hint', async () => {
    for (const [status, expected] of [
      [400, code(3, 400)],
      [401, code(16, 401)],
      [403, code(7, 403)],
      [404, code(12, 404)],
      [500, code(2, 500)],
    ] as const) {
      sink.answer = () => ({ status });
      const outcome = await sendTo(collector, transport, 'logs', named('logs', 'x'));
      expect({ status, ...outcome }).toMatchObject({ status, ok: false, code: expected, retryDelayMs: null });
    }
  });

  test('statuses of a gRPC peer are passed on', async () => {
    const peer = await GrpcSink.start();
    const chained = await startCollector({ exporters: { otlp_grpc: direct(peer) } });
    const statuses = [503, 500, 400, 503, 500, 500, 403, 429, 500, 503, 503, 404, 500, 503, 503, 401];
    try {
      for (const [index, status] of statuses.entries()) {
        const grpc = index + 1;
        peer.answer = () => ({ code: grpc, message: 'because, of:  50 %' });
        const outcome = await sendTo(chained, transport, 'logs', named('logs', 'x'));
        expect({ grpc, code: outcome.code }).toEqual({ grpc, code: code(grpc, status) });
        expect(outcome.message).toContain('because');
        expect({ grpc, hinted: outcome.retryDelayMs !== null }).toEqual({
          grpc,
          hinted: [1, 4, 10, 11, 14, 15].includes(grpc),
        });
      }
      peer.answer = () => ({ code: 8, details: encodeStatus(8, '', 0) });
      // No wait in particular, but the status alone would forbid another attempt.
      expectWait((await sendTo(chained, transport, 'logs', named('logs', 'x'))).retryDelayMs, SOON);
    } finally {
      await chained.close();
      await peer.close();
    }
  });

  test('a full queue and a limit of memory say when to try again', async () => {
    const stuck = await HttpSink.start({ answer: () => 'hang' });
    const full = await startCollector({
      exporters: { otlp_http: exporterTo(stuck, { sending_queue: { queue_size: 1, num_consumers: 1 } }) },
    });
    const limiter = { check_interval: '1s', limit_mib: 2, spike_limit_mib: 1 };
    const limited = await startCollector({
      processors: { memory_limiter: limiter },
      exporters: { otlp_http: exporterTo(stuck) },
    });
    try {
      expect(await sendTo(full, transport, 'logs', named('logs', 'held'))).toMatchObject({ ok: true });
      await eventually(() => stuck.received.length === 1);
      const refused = await sendTo(full, transport, 'logs', named('logs', 'x'));
      expect(refused).toMatchObject({ ok: false, code: code(14, 503), message: 'sending queue is full' });
      expect(refused.retryDelayMs).toBeGreaterThan(0);
      expect(full.metric('otelcol_exporter_enqueue_failed_log_records')).toBe(1);
      expect(full.metric('otelcol_receiver_refused_log_records')).toBe(1);

      const large = named('logs', 'x'.repeat(1_200_000));
      const over = await sendTo(limited, transport, 'logs', large);
      expect(over).toMatchObject({ ok: false, code: code(14, 503), message: 'data refused due to high memory usage' });
      expect(over.retryDelayMs).toBeGreaterThan(0);
      expect(await sendTo(limited, transport, 'logs', named('logs', 'x'))).toMatchObject({ ok: true });
    } finally {
      await full.close(0);
      await limited.close(0);
      await stuck.close();
    }
  });
});

test('a call whose deadline passes gets DEADLINE_EXCEEDED while the peer is slow', async () => {
  sink.answer = () => 'hang';
  const connection = await GrpcConnection.open(collector.grpc);
  const started = performance.now();
  const reply = await connection.export('logs', named('logs', 'x'), { metadata: { 'grpc-timeout': '150m' } });
  expect(reply).toMatchObject({ code: 4 });
  expect(performance.now() - started).toBeLessThan(5000);
  await connection.close();
});

test('words of a peer reach the sender whole', async () => {
  sink.answer = () => ({
    status: 400,
    headers: { 'content-type': PROTO },
    body: encodeStatus(3, 'line one\nzwei: grüße %41'),
  });
  for (const transport of TRANSPORTS) {
    const outcome = await sendTo(collector, transport, 'logs', named('logs', 'x'));
    expect(outcome.message).toContain('line one\nzwei: grüße %41');
  }
});
