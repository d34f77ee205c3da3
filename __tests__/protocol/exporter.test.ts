/**
 * Statements 45, 46, 53 to 58 and 62: what an exporter sends, and how it reads the answer.
 */
import { ACCEPT, Exporting, RETRY, sendNamed, UNQUEUED, type Answers } from '../support/exporting.js';
import { named } from '../support/fixtures.js';
import { encodeResponse, method, NAMES, SIGNALS } from '../support/proto.js';
import { GrpcSink, HttpSink } from '../support/sinks.js';
import { JSON_TYPE, PROTO, sendTo, TRANSPORTS } from '../support/wire.js';
import { statement } from './statements.js';

let exporting: Exporting;
beforeEach(() => {
  exporting = new Exporting();
});
afterEach(() => exporting.close());

statement(45, 'http', async () => {
  const sink = await exporting.sink('http', ACCEPT);
  const cases: readonly [object, string][] = [
    [{ endpoint: sink.endpoint }, '/v1/logs'],
    [{ endpoint: `${sink.endpoint}/` }, '/v1/logs'],
    [{ endpoint: `${sink.endpoint}/base` }, '/base/v1/logs'],
    [{ endpoint: `${sink.endpoint}/base/` }, '/base/v1/logs'],
    [{ logs_endpoint: `${sink.endpoint}/custom/` }, '/custom/'],
    [{ logs_endpoint: `${sink.endpoint}/custom?key=a%20b` }, '/custom?key=a%20b'],
    [{ logs_endpoint: sink.endpoint }, '/'],
  ];
  for (const [index, [settings, path]] of cases.entries()) {
    const collector = await exporting.collector(sink, { ...UNQUEUED, ...settings });
    expect(await sendNamed(collector, 'x')).toMatchObject({ ok: true });
    expect(sink.received.slice(index).map((each) => each.path)).toEqual([path]);
    await collector.close();
  }
});

for (const kind of TRANSPORTS) {
  statement(45, `${kind}, every signal`, async () => {
    const sink = await exporting.sink(kind, ACCEPT);
    const collector = await exporting.collector(sink, UNQUEUED);
    for (const signal of SIGNALS)
      expect(await sendTo(collector, 'grpc', signal, named(signal, 'x'))).toMatchObject({ ok: true });
    const path = kind === 'grpc' ? method : (signal: (typeof SIGNALS)[number]) => NAMES[signal].path;
    expect(sink.received.map((each) => each.path)).toEqual(SIGNALS.map(path));
  });

  statement(46, `${kind}, compressed as by default`, async () => {
    const sink = await exporting.sink(kind, ACCEPT);
    const collector = await exporting.collector(sink, { ...UNQUEUED, compression: undefined });
    expect(await sendNamed(collector, 'x')).toMatchObject({ ok: true });
    const http = { 'content-type': PROTO, 'content-encoding': 'gzip' };
    const grpc = { 'content-type': 'application/grpc', 'grpc-encoding': 'gzip', te: 'trailers' };
    expect(sink.received[0]?.headers).toMatchObject(kind === 'grpc' ? grpc : http);
    expect(sink.received[0]?.headers['user-agent']).toMatch(/^teleferric\/\d+\.\d+\.\d+/);
    expect(sink.names('logs')).toEqual(['x']);
  });

  statement(46, `${kind}, plain`, async () => {
    const sink = await exporting.sink(kind, ACCEPT);
    const collector = await exporting.collector(sink, { ...UNQUEUED, compression: 'none' });
    expect(await sendNamed(collector, 'x')).toMatchObject({ ok: true });
    const [{ headers } = { headers: {} }] = sink.received;
    expect(headers).not.toHaveProperty('content-encoding');
    expect([undefined, 'identity']).toContain((headers as Record<string, unknown>)['grpc-encoding']);
    expect(sink.names('logs')).toEqual(['x']);
  });
}

statement(46, 'http, json and each compression', async () => {
  const sink = await exporting.sink('http', ACCEPT);
  for (const [index, compression] of [
    'gzip',
    'zstd',
    'zlib',
    'deflate',
    'snappy',
    'x-snappy-framed',
    'lz4',
  ].entries()) {
    const collector = await exporting.collector(sink, { ...UNQUEUED, compression, encoding: 'json' });
    expect(await sendNamed(collector, 'x')).toMatchObject({ ok: true });
    expect(sink.received[index]?.headers).toMatchObject({ 'content-type': JSON_TYPE, 'content-encoding': compression });
    await collector.close();
  }
});

/** Sends one item, expects that it counts as sent after one attempt, and gives the warnings about it. */
async function takenOnce(kind: 'grpc' | 'http', answer: Answers): Promise<readonly object[]> {
  const sink = await exporting.sink(kind, answer);
  const collector = await exporting.collector(sink, { ...UNQUEUED, ...RETRY });
  await sendNamed(collector, 'x');
  expect(sink.received).toHaveLength(1);
  expect(collector.metric('otelcol_exporter_sent_log_records')).toBe(1);
  expect(collector.metric('otelcol_exporter_send_failed_log_records')).toBe(0);
  await collector.memoryIsFree();
  return collector.said('Partial success response');
}

const answered = (body: Buffer | string, contentType = PROTO): Answers => ({
  grpc: { body: Buffer.from(body) },
  http: { body, headers: { 'content-type': contentType } },
});

for (const kind of TRANSPORTS) {
  statement(53, kind, async () => {
    const partialSuccess = { rejectedLogRecords: '3', errorMessage: 'too old' };
    const reported = await takenOnce(kind, answered(encodeResponse('logs', { partialSuccess })));
    expect(reported).toMatchObject([{ level: 'warn', fields: { message: 'too old', dropped_items: 3 } }]);
    const warning = encodeResponse('logs', { partialSuccess: { errorMessage: 'mind the clock' } });
    expect(await takenOnce(kind, answered(warning))).toMatchObject([
      { level: 'warn', fields: { message: 'mind the clock', dropped_items: 0 } },
    ]);
  });

  statement(53, `${kind}, told to a sender that waits`, async () => {
    const partialSuccess = { rejectedLogRecords: '1', errorMessage: 'too old' };
    const sink = await exporting.sink(kind, answered(encodeResponse('logs', { partialSuccess })));
    const collector = await exporting.collector(sink, { ...UNQUEUED, ...RETRY });
    for (const transport of TRANSPORTS) {
      const outcome = await sendTo(collector, transport, 'logs', named('logs', 'x', 'y'));
      expect(outcome).toMatchObject({ ok: true, rejected: 1, warning: 'too old' });
    }
  });

  statement(54, kind, async () => {
    expect(await takenOnce(kind, answered(encodeResponse('logs', { partialSuccess: {} })))).toEqual([]);
    expect(await takenOnce(kind, answered(''))).toEqual([]);
    expect(
      await takenOnce(kind, answered(encodeResponse('logs', { partialSuccess: { rejectedLogRecords: '0' } }))),
    ).toEqual([]);
  });

  statement(55, kind, async () => {
    for (const body of ['\n\u007f', 'not protobuf', '\n']) {
      expect(await takenOnce(kind, answered(body))).toEqual([]);
    }
  });

  statement(58, kind, async () => {
    const large = Buffer.alloc((4 << 20) + 1);
    const sink = await exporting.sink(kind, answered(large));
    const collector = await exporting.collector(sink, { ...UNQUEUED, ...RETRY });
    expect(await sendNamed(collector, 'x')).toMatchObject({ ok: false, code: 13 });
    expect(sink.received).toHaveLength(1);
    expect(collector.metric('otelcol_exporter_send_failed_log_records')).toBe(1);
    await collector.memoryIsFree();
  });

  statement(62, kind, async () => {
    const sink = await exporting.sink(kind, ACCEPT);
    const headers = { 'X-Tenant': 'a b', authorization: 'Bearer secret', 'x-EMPTY': '' };
    const collector = await exporting.collector(sink, { ...UNQUEUED, headers });
    expect(await sendNamed(collector, 'x')).toMatchObject({ ok: true });
    expect(sink.received[0]?.headers).toMatchObject({
      'x-tenant': 'a b',
      authorization: 'Bearer secret',
      'x-empty': '',
    });
    expect(JSON.stringify(collector.logs)).not.toContain('secret');
  });
}

statement(54, 'http, other bodies and statuses', async () => {
  expect(await takenOnce('http', answered('<html>', 'text/html'))).toEqual([]);
  expect(await takenOnce('http', { grpc: {}, http: { body: 'x', headers: {} } })).toEqual([]);
  expect(await takenOnce('http', { grpc: {}, http: { status: 204, headers: {} } })).toEqual([]);
  expect(await takenOnce('http', { grpc: {}, http: { status: 202, headers: {} } })).toEqual([]);
  expect(await takenOnce('http', answered('{}', JSON_TYPE))).toEqual([]);
  expect(await takenOnce('http', answered('{"partialSuccess":{}}', JSON_TYPE))).toEqual([]);
});

statement(53, 'http, answered in JSON', async () => {
  const text = '{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"too old"}}';
  expect(await takenOnce('http', answered(text, JSON_TYPE))).toMatchObject([
    { fields: { message: 'too old', dropped_items: 2 } },
  ]);
});

statement(55, 'http, JSON', async () => {
  for (const text of ['{', '[]', '{"partialSuccess":7}']) {
    expect(await takenOnce('http', answered(text, JSON_TYPE))).toEqual([]);
  }
});

statement(56, 'nothing goes out for what has no items', async () => {
  const sinks = [exporting.keep(await GrpcSink.start()), exporting.keep(await HttpSink.start())];
  for (const sink of sinks) {
    const collector = await exporting.collector(sink, UNQUEUED);
    for (const signal of SIGNALS) {
      const [resources, scopes] = NAMES[signal].levels;
      for (const empty of [{}, { [resources]: [{}] }, { [resources]: [{ schemaUrl: 'u', [scopes]: [{}] }] }]) {
        expect(await sendTo(collector, 'http', signal, empty)).toMatchObject({ ok: true });
      }
      expect(await sendTo(collector, 'http', signal, named(signal, 'x'))).toMatchObject({ ok: true });
    }
    expect(sink.received).toHaveLength(SIGNALS.length);
  }
});
