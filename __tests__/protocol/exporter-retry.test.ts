/**
 * Statements 47 to 52: what an exporter tries again, and when.
 */
import { Exporting, ACCEPT, RETRY, sendNamed, UNQUEUED, type Answers } from '../support/exporting.js';
import { eventually } from '../support/poll.js';
import { encodeStatus } from '../support/proto.js';
import { GrpcSink, HttpSink, type AnySink } from '../support/sinks.js';
import { TRANSPORTS } from '../support/wire.js';
import { statement } from './statements.js';

let exporting: Exporting;
beforeEach(() => {
  exporting = new Exporting();
});
afterEach(() => exporting.close());

const grpcCode = (code: number, details?: Buffer): Answers => ({
  grpc: { code, message: `code ${code}`, ...(details && { details }) },
  http: {},
});
const httpStatus = (status: number, headers = {}): Answers => ({ grpc: {}, http: { status, headers } });

/** How often the peer was asked until it was over, when it gives the answer once and then accepts. */
async function attempts(kind: 'grpc' | 'http', first: Answers): Promise<{ ok: boolean; attempts: number }> {
  const sink = await exporting.sink(kind, first, ACCEPT);
  const collector = await exporting.collector(sink, { ...UNQUEUED, ...RETRY });
  const { ok } = await sendNamed(collector, 'x');
  expect(collector.metric('otelcol_exporter_send_failed_log_records')).toBe(ok ? 0 : 1);
  expect(collector.metric('otelcol_exporter_sent_log_records')).toBe(ok ? 1 : 0);
  await collector.memoryIsFree();
  return { ok, attempts: sink.received.length };
}

/** Milliseconds between the requests that came. */
function gaps({ received }: AnySink): readonly number[] {
  return received.slice(1).map(({ at }, index) => at - (received[index]?.at ?? 0));
}

const RETRIED = { ok: true, attempts: 2 };
const DROPPED = { ok: false, attempts: 1 };

statement(47, '', async () => {
  const retryable = new Set([1, 4, 10, 11, 14, 15]);
  for (let code = 1; code <= 16; code++) {
    const outcome = await attempts('grpc', grpcCode(code));
    expect({ code, ...outcome }).toEqual({ code, ...(retryable.has(code) ? RETRIED : DROPPED) });
    await exporting.close();
  }
});

statement(47, 'codes from outside the list, HTTP errors without gRPC status', async () => {
  expect(await attempts('grpc', grpcCode(77))).toEqual(DROPPED);
  // gRPC's own table: 503 is UNAVAILABLE, 404 is UNIMPLEMENTED.
  expect(await attempts('grpc', { grpc: { httpStatus: 503 }, http: {} })).toEqual(RETRIED);
  expect(await attempts('grpc', { grpc: { httpStatus: 404 }, http: {} })).toEqual(DROPPED);
});

statement(48, '', async () => {
  expect(await attempts('grpc', grpcCode(8))).toEqual(DROPPED);
  expect(await attempts('grpc', grpcCode(8, encodeStatus(8, 'no hint')))).toEqual(DROPPED);
  expect(await attempts('grpc', grpcCode(8, encodeStatus(8, 'hint', 30)))).toEqual(RETRIED);
  // A delay of zero leaves it to our own backoff.
  expect(await attempts('grpc', grpcCode(8, encodeStatus(8, 'any time', 0)))).toEqual(RETRIED);
  expect(await attempts('grpc', grpcCode(8, Buffer.from('not a status')))).toEqual(DROPPED);
});

statement(49, '', async () => {
  for (const status of [429, 502, 503, 504]) {
    expect({ status, ...(await attempts('http', httpStatus(status))) }).toEqual({ status, ...RETRIED });
  }
  for (const status of [400, 401, 403, 404, 405, 408, 409, 413, 415, 418, 500, 501, 505, 599]) {
    expect({ status, ...(await attempts('http', httpStatus(status))) }).toEqual({ status, ...DROPPED });
  }
});

describe.each(TRANSPORTS)('to a %s peer', (kind) => {
  const startSink = (port: number): Promise<AnySink> =>
    kind === 'grpc' ? GrpcSink.start({ port }) : HttpSink.start({ port });

  statement(50, `${kind}, refused`, async () => {
    const gone = await startSink(0);
    const { port } = gone;
    const collector = await exporting.collector(gone, { ...UNQUEUED, ...RETRY });
    await gone.close();
    const outcome = sendNamed(collector, 'x');
    await eventually(() => collector.said('Exporting failed. Will retry the request after interval.').length > 0);
    const back = exporting.keep(await startSink(port));
    expect(await outcome).toMatchObject({ ok: true });
    expect(back.names('logs')).toEqual(['x']);
  });

  statement(50, `${kind}, reset`, async () => {
    expect(await attempts(kind, { grpc: 'reset', http: 'reset' })).toEqual(RETRIED);
  });

  statement(50, `${kind}, attempt timed out`, async () => {
    const sink = await exporting.sink(kind, { grpc: 'hang', http: 'hang' }, ACCEPT);
    const collector = await exporting.collector(sink, { ...UNQUEUED, ...RETRY, timeout: '150ms' });
    expect(await sendNamed(collector, 'x')).toMatchObject({ ok: true });
    expect(sink.received).toHaveLength(2);
    expect(gaps(sink)[0]).toBeGreaterThanOrEqual(140);
  });

  statement(52, `${kind}, growth and cap`, async () => {
    const sink = await exporting.sink(kind, { grpc: { code: 14 }, http: { status: 503 } });
    const collector = await exporting.collector(sink, {
      retry_on_failure: {
        initial_interval: '20ms',
        multiplier: 2,
        max_interval: '80ms',
        randomization_factor: 0,
        max_elapsed_time: '700ms',
      },
    });
    expect(await sendNamed(collector, 'x')).toMatchObject({ ok: true });
    await eventually(() => collector.said('Exporting failed. Dropping data.').length === 1);
    expect(collector.metric('otelcol_exporter_send_failed_log_records')).toBe(1);
    const waits = collector
      .said('Exporting failed. Will retry the request after interval.')
      .map(({ fields }) => fields['interval']);
    expect(waits.slice(0, 5)).toEqual(['20ms', '40ms', '80ms', '80ms', '80ms']);
    for (const [index, gap] of gaps(sink).entries())
      expect(gap).toBeGreaterThanOrEqual(Math.min(20 * 2 ** index, 80) - 2);
    const [first, last] = [sink.received[0]?.at ?? 0, sink.received.at(-1)?.at ?? 0];
    // The last attempt starts within the time allowed; sending it takes a moment.
    expect(last - first).toBeLessThan(700 + 100);
    const [dropped] = collector.said('Exporting failed. Dropping data.');
    expect(dropped).toMatchObject({ level: 'error', fields: { dropped_items: 1 } });
    expect(String(dropped?.fields['error'])).toContain('no more retries left');
    await eventually(() => collector.metric('teleferric_dropped_items_total') === 1);
    await collector.memoryIsFree();
  });

  statement(52, `${kind}, jitter`, async () => {
    const sink = await exporting.sink(
      kind,
      ...Array.from({ length: 12 }, () => ({ grpc: { code: 14 }, http: { status: 503 } })),
      ACCEPT,
    );
    const spread = {
      ...RETRY.retry_on_failure,
      initial_interval: '40ms',
      max_interval: '40ms',
      randomization_factor: 0.5,
    };
    const collector = await exporting.collector(sink, { ...UNQUEUED, retry_on_failure: spread });
    expect(await sendNamed(collector, 'x')).toMatchObject({ ok: true });
    const waits = collector
      .said('Exporting failed. Will retry the request after interval.')
      .map(({ fields }) => Number.parseFloat(String(fields['interval'])));
    expect(waits).toHaveLength(12);
    for (const wait of waits) {
      expect(wait).toBeGreaterThanOrEqual(20);
      expect(wait).toBeLessThanOrEqual(60);
    }
    expect(new Set(waits).size).toBeGreaterThan(6);
  });

  statement(52, `${kind}, retries off`, async () => {
    const sink = await exporting.sink(kind, { grpc: { code: 14 }, http: { status: 503 } });
    const collector = await exporting.collector(sink, { ...UNQUEUED, retry_on_failure: { enabled: false } });
    expect(await sendNamed(collector, 'x')).toMatchObject({ ok: false, code: 14 });
    expect(sink.received).toHaveLength(1);
  });
});

statement(51, 'RetryInfo', async () => {
  const sink = await exporting.sink('grpc', grpcCode(14, encodeStatus(14, 'later', 400)), ACCEPT);
  const collector = await exporting.collector(sink, { ...UNQUEUED, ...RETRY });
  expect(await sendNamed(collector, 'x')).toMatchObject({ ok: true });
  expect(gaps(sink)[0]).toBeGreaterThanOrEqual(398);
});

for (const status of [429, 502, 503, 504]) {
  statement(51, `Retry-After in seconds on ${status}`, async () => {
    const sink = await exporting.sink('http', httpStatus(status, { 'retry-after': '1' }), ACCEPT);
    const collector = await exporting.collector(sink, { ...UNQUEUED, ...RETRY });
    expect(await sendNamed(collector, 'x')).toMatchObject({ ok: true });
    expect(gaps(sink)[0]).toBeGreaterThanOrEqual(998);
  });
}

statement(51, 'Retry-After as a date', async () => {
  // The date has whole seconds, so two ahead are at least one.
  const sink = exporting.keep(
    await HttpSink.start({
      answer: (_, index) =>
        index === 0 ? { status: 503, headers: { 'retry-after': new Date(Date.now() + 2000).toUTCString() } } : {},
    }),
  );
  const collector = await exporting.collector(sink, { ...UNQUEUED, ...RETRY });
  expect(await sendNamed(collector, 'x')).toMatchObject({ ok: true });
  expect(gaps(sink)[0]).toBeGreaterThanOrEqual(998);
});

statement(
  51,
  'a hint that cannot be read changes nothing, and one makes no refusal for good a passing one',
  async () => {
    expect(await attempts('http', httpStatus(503, { 'retry-after': 'soon' }))).toEqual(RETRIED);
    expect(await attempts('http', httpStatus(500, { 'retry-after': '1' }))).toEqual(DROPPED);
  },
);

statement(51, 'grpc-retry-pushback-ms', async () => {
  const sink = await exporting.sink(
    'grpc',
    { grpc: { code: 8, trailers: { 'grpc-retry-pushback-ms': '400' } }, http: {} },
    ACCEPT,
  );
  const collector = await exporting.collector(sink, { ...UNQUEUED, ...RETRY });
  expect(await sendNamed(collector, 'x')).toMatchObject({ ok: true });
  expect(gaps(sink)[0]).toBeGreaterThanOrEqual(398);
  expect(
    await attempts('grpc', { grpc: { code: 14, trailers: { 'grpc-retry-pushback-ms': '-1' } }, http: {} }),
  ).toEqual(DROPPED);
});

const queued = {
  retry_on_failure: { ...RETRY.retry_on_failure, max_elapsed_time: '0s' },
  sending_queue: { num_consumers: 1 },
};

statement(48, 'in a queue, whose senders would not send it again, it is tried again all the same', async () => {
  const sink = await exporting.sink('grpc', grpcCode(8), grpcCode(8), ACCEPT);
  const collector = await exporting.collector(sink, queued);
  expect(await sendNamed(collector, 'x')).toMatchObject({ ok: true });
  await eventually(() => sink.received.length === 3);
  expect(collector.metric('teleferric_dropped_items_total')).toBe(0);
});

for (const [kind, answer] of [
  ['grpc', grpcCode(16)],
  ['grpc', grpcCode(7)],
  ['http', httpStatus(401)],
  ['http', httpStatus(403)],
] as const) {
  statement(49, `in a queue refused credentials are waited for: ${JSON.stringify(answer[kind])}`, async () => {
    const sink = await exporting.sink(kind, answer);
    const collector = await exporting.collector(sink, queued);
    expect(await sendNamed(collector, 'x')).toMatchObject({ ok: true });
    await eventually(() => collector.said('Exporting failed. Will retry the request after interval.').length === 1);
    const [said] = collector.said('Exporting failed. Will retry the request after interval.');
    expect(Number.parseFloat(String(said?.fields['interval']))).toBeGreaterThanOrEqual(30);
    expect(collector.metric('otelcol_exporter_queue_size')).toBe(1);
    expect(collector.metric('teleferric_dropped_items_total')).toBe(0);
  });
}
