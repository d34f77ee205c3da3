/**
 * Statements 1 to 16: what the OTLP receiver does on both transports.
 */
import { once } from 'node:events';
import * as http from 'node:http';

import { withDefaultPorts } from '../cli/ports.js';
import { direct, exporterTo, startCollector, type Running } from '../support/collector.js';
import { everything, hex, nameOf, named, EVERY_KIND } from '../support/fixtures.js';
import { Cleanup, eventually, Gate } from '../support/poll.js';
import {
  decodeRequest,
  encodeRequest,
  encodeStatus,
  itemsOf,
  listOf,
  method,
  NAMES,
  plainOf,
  plainRequest,
  SIGNALS,
  type Plain,
  type Signal,
} from '../support/proto.js';
import { GrpcSink, HttpSink, type Received } from '../support/sinks.js';
import {
  callHttp,
  frame,
  GrpcConnection,
  JSON_TYPE,
  postRequest,
  readGrpc,
  sendTo,
  TRANSPORTS,
} from '../support/wire.js';
import { statement } from './statements.js';

const cleanup = new Cleanup();
/** Answers its senders with the sink's answer. */
let collector: Running;
let sink: HttpSink;

beforeAll(async () => {
  sink = cleanup.add(await HttpSink.start(), (it) => it.close());
  collector = cleanup.add(await startCollector({ exporters: { otlp_http: direct(sink) } }), (it) => it.close());
});
beforeEach(() => sink.reset());
afterEach(async () => collector.memoryIsFree());
afterAll(() => cleanup.run());

/** A request as the sink has it after it went through the collector, sent in each way there is. */
async function throughEveryWay(signal: Signal, request: object): Promise<readonly Plain[]> {
  sink.reset();
  for (const transport of TRANSPORTS) {
    expect(await sendTo(collector, transport, signal, request)).toMatchObject({ ok: true });
  }
  expect(await postRequest(collector.http, signal, request, { json: true })).toMatchObject({ status: 200 });
  expect(sink.requests(signal)).toHaveLength(3);
  return sink.requests(signal);
}

statement(1, '', () => withDefaultPorts(listensByDefault), 60_000);

async function listensByDefault(): Promise<void> {
  const own = await HttpSink.start();
  const listening = await startCollector({
    receivers: { otlp: { protocols: { grpc: null, http: null } } },
    exporters: { otlp_http: direct(own) },
  });
  try {
    expect(listening.collector.listening()).toEqual([
      { component: 'otlp', protocol: 'grpc', address: '127.0.0.1:4317' },
      { component: 'otlp', protocol: 'http', address: '127.0.0.1:4318' },
    ]);
    for (const signal of SIGNALS) {
      for (const transport of TRANSPORTS) {
        const outcome = await sendTo({ grpc: 4317, http: 4318 }, transport, signal, named(signal, transport));
        expect(outcome).toMatchObject({ ok: true });
      }
      expect(own.names(signal)).toEqual(['grpc', 'http']);
    }
  } finally {
    await listening.close();
    await own.close();
  }
}

describe.each(TRANSPORTS)('over %s', (transport) => {
  for (const signal of SIGNALS) {
    statement(2, `${transport}, ${signal}`, async () => {
      const names = Array.from({ length: 500 }, (_, index) => `item ${index}`);
      for (let first = 0; first < names.length; first += 100) {
        const part = named(signal, ...names.slice(first, first + 100));
        expect(await sendTo(collector, transport, signal, part)).toMatchObject({ ok: true });
      }
      expect(sink.names(signal)).toEqual(names);
    });

    statement(3, `${transport}, ${signal}, zero bytes`, async () => {
      const outcome = await sendTo(collector, transport, signal, Buffer.alloc(0));
      expect(outcome).toMatchObject({ ok: true, rejected: 0, warning: '' });
      expect(sink.received).toHaveLength(0);
    });

    statement(4, `${transport}, ${signal}`, async () => {
      const [resources, scopes, items] = NAMES[signal].levels;
      const resource = { attributes: EVERY_KIND };
      for (const envelopes of [
        { [resources]: [{ resource }] },
        { [resources]: [{ resource, [scopes]: [{ scope: { name: 'x' } }, {}] }, {}] },
        { [resources]: [{ resource, [scopes]: [{ [items]: signal === 'metrics' ? [{ name: 'no data' }] : [] }] }] },
      ]) {
        expect(await sendTo(collector, transport, signal, envelopes)).toMatchObject({ ok: true, rejected: 0 });
      }
      expect(sink.received).toHaveLength(0);
    });

    statement(5, `${transport}, ${signal}`, async () => {
      const bytes = withUnknownFields(encodeRequest(signal, named(signal, 'known')), 3);
      expect(await sendTo(collector, transport, signal, bytes)).toMatchObject({ ok: true });
      expect(sink.requests(signal)).toEqual([plainRequest(signal, named(signal, 'known'))]);
    });

    statement(10, `${transport}, ${signal}`, async () => {
      const outcome = await sendTo(collector, transport, signal, named(signal, 'fine'));
      expect(outcome).toEqual({
        ok: true,
        code: transport === 'grpc' ? 0 : 200,
        message: '',
        retryDelayMs: null,
        rejected: 0,
        warning: '',
      });
    });

    statement(11, `${transport}, ${signal}`, async () => {
      sink.answer = () => ({ status: 503 });
      const outcome = await sendTo(collector, transport, signal, named(signal, 'refused'));
      expect(outcome).toMatchObject({ ok: false, code: transport === 'grpc' ? 14 : 503 });
    });

    statement(12, `${transport}, ${signal}`, async () => {
      sink.answer = () => ({ status: 501 });
      const outcome = await sendTo(collector, transport, signal, named(signal, 'refused'));
      // 501 stands for no particular status, so the error carries UNKNOWN, which is HTTP 500.
      expect(outcome).toMatchObject({ ok: false, code: transport === 'grpc' ? 2 : 500 });
      sink.answer = () => ({ status: 403 });
      const carried = await sendTo(collector, transport, signal, named(signal, 'refused'));
      expect(carried).toMatchObject({ ok: false, code: transport === 'grpc' ? 7 : 403 });
    });
  }

  statement(13, `${transport}, full queue`, async () => {
    const slow = await HttpSink.start({ answer: () => 'hang' });
    const queued = await startCollector({
      exporters: { otlp_http: exporterTo(slow, { sending_queue: { queue_size: 2, num_consumers: 1 } }) },
    });
    try {
      const outcomes = [];
      for (const name of ['sent', 'waiting', 'refused']) {
        outcomes.push(await sendTo(queued, transport, 'logs', named('logs', name)));
        if (name === 'sent') await eventually(() => slow.received.length === 1);
      }
      expect(outcomes.map(({ ok }) => ok)).toEqual([true, true, false]);
      expect(outcomes[2]).toMatchObject({ code: transport === 'grpc' ? 14 : 503, message: 'sending queue is full' });
    } finally {
      await queued.close(0);
      await slow.close();
    }
  });

  statement(13, `${transport}, memory`, async () => {
    const tight = await startCollector({
      exporters: { otlp_http: direct(sink) },
      service: { limits: { memory_mib: 1 } },
    });
    try {
      const large = named('logs', 'x'.repeat(3 << 20));
      const outcome = await sendTo(tight, transport, 'logs', large);
      expect(outcome).toMatchObject({ ok: false, code: transport === 'grpc' ? 14 : 503 });
      expect(outcome.retryDelayMs).toBeGreaterThan(0);
      await tight.memoryIsFree();
      expect(await sendTo(tight, transport, 'logs', named('logs', 'small'))).toMatchObject({ ok: true });
      expect(sink.names('logs')).toEqual(['small']);
    } finally {
      await tight.close();
    }
  });
});

for (const signal of SIGNALS) {
  statement(3, `http, ${signal}, JSON {}`, async () => {
    const headers = { 'content-type': JSON_TYPE };
    const reply = await callHttp(collector.http, { path: NAMES[signal].path, headers, body: '{}' });
    expect(reply).toMatchObject({ status: 200, headers: { 'content-type': JSON_TYPE } });
    expect(JSON.parse(reply.body.toString())).toEqual({ partialSuccess: {} });
    expect(sink.received).toHaveLength(0);
  });

  statement(6, signal, async () => {
    const request = everything(signal);
    const sent = plainRequest(signal, request);
    // What the statement names is there to be lost.
    const [first] = listOf(sent[NAMES[signal].levels[0]]);
    expect(first).toMatchObject({
      schemaUrl: 'https://resource.example/1.0',
      resource: { droppedAttributesCount: 4294967295 },
    });
    expect(listOf(plainOf(first?.['resource'])['entityRefs'])).toHaveLength(1);
    for (const received of await throughEveryWay(signal, request)) expect(received).toEqual(sent);
  });

  statement(7, signal, async () => {
    const [resources, scopes] = NAMES[signal].levels;
    const envelope = (named(signal, 'attributed') as Record<string, object[]>)[resources]?.[0];
    const request = { [resources]: [{ ...envelope, resource: { attributes: EVERY_KIND } }] };
    for (const received of await throughEveryWay(signal, request)) {
      const [resource] = listOf(received[resources]);
      const attributes = listOf(plainOf(resource?.['resource'])['attributes']);
      expect(attributes.map(({ key }) => key)).toEqual(EVERY_KIND.map((each) => (each as { key: string }).key));
      expect(attributes).toContainEqual({ key: 'bytes', value: { bytesValue: '00ff10fb' } });
      expect(attributes).toContainEqual({ key: 'empty', value: {} });
      expect(attributes).toContainEqual({ key: 'missing' });
      expect(attributes).toContainEqual({ key: 'int', value: { intValue: '-9223372036854775808' } });
      expect(received).toEqual(plainRequest(signal, request));
      expect(listOf(resource?.[scopes])).toHaveLength(1);
    }
  });
}

statement(8, '', async () => {
  const points = [
    { count: '1' },
    { count: '2', sum: 0, min: 0, max: 0 },
    { count: '3', sum: 1 },
    { count: '4', min: -0 },
  ];
  for (const kind of ['histogram', 'exponentialHistogram']) {
    const metrics = [{ name: 'h', [kind]: { dataPoints: points } }];
    const request = { resourceMetrics: [{ scopeMetrics: [{ metrics }] }] };
    for (const received of await throughEveryWay('metrics', request)) {
      const [metric] = itemsOf('metrics', received);
      const { dataPoints } = plainOf(metric?.[kind]);
      expect(listOf(dataPoints).map(({ sum, min, max }) => ({ sum, min, max }))).toEqual([
        { sum: undefined, min: undefined, max: undefined },
        { sum: 0, min: 0, max: 0 },
        { sum: 1, min: undefined, max: undefined },
        { sum: undefined, min: -0, max: undefined },
      ]);
    }
  }
});

statement(9, '', async () => {
  const values = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const dataPoints = values.map((asDouble) => ({ asDouble }));
  const request = { resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'odd', gauge: { dataPoints } }] }] }] };
  for (const received of await throughEveryWay('metrics', request)) {
    const [metric] = itemsOf('metrics', received);
    expect(listOf(plainOf(metric?.['gauge'])['dataPoints']).map(({ asDouble }) => asDouble)).toEqual(values);
  }
});

statement(12, 'no pipeline error status: INTERNAL / 500', async () => {
  // An answer that is too large is a failure of ours without any status from the peer.
  sink.answer = () => ({ status: 200, body: Buffer.alloc((4 << 20) + 1) });
  expect(await sendTo(collector, 'grpc', 'logs', named('logs', 'a'))).toMatchObject({ ok: false, code: 13 });
  expect(await sendTo(collector, 'http', 'logs', named('logs', 'b'))).toMatchObject({ ok: false, code: 500 });
});

describe('14', () => {
  statement(14, 'from Retry-After', async () => {
    sink.answer = () => ({ status: 503, headers: { 'retry-after': '7' } });
    expect(await sendTo(collector, 'grpc', 'traces', named('traces', 'a'))).toMatchObject({
      code: 14,
      retryDelayMs: 7000,
    });
    const reply = await postRequest(collector.http, 'traces', named('traces', 'b'));
    expect(reply).toMatchObject({ status: 503, headers: { 'retry-after': '7' } });
  });

  statement(14, 'from RetryInfo', async () => {
    const peer = await GrpcSink.start({
      answer: () => ({ code: 8, message: 'slow down', details: encodeStatus(8, 'slow down', 2500) }),
    });
    const chained = await startCollector({ exporters: { otlp_grpc: direct(peer) } });
    try {
      expect(await sendTo(chained, 'grpc', 'traces', named('traces', 'a'))).toMatchObject({
        code: 8,
        retryDelayMs: 2500,
      });
      const reply = await postRequest(chained.http, 'traces', named('traces', 'b'));
      // Whole seconds, never less than what was asked for.
      expect(reply).toMatchObject({ status: 429, headers: { 'retry-after': '3' } });
    } finally {
      await chained.close();
      await peer.close();
    }
  });
});

/** Holds the answers to requests whose item is named `slow` until released. */
function holdSlowOnes(): () => void {
  const gate = new Gate();
  sink.answer = async (received: Received) => {
    if (isSlow(received)) await gate.opened;
    return {};
  };
  return () => gate.open();
}

function isSlow({ body }: Received): boolean {
  return itemsOf('logs', decodeRequest('logs', body)).some((item) => nameOf('logs', item) === 'slow');
}

statement(15, 'grpc', async () => {
  const release = holdSlowOnes();
  const connection = await GrpcConnection.open(collector.grpc);
  const slow = connection.export('logs', named('logs', 'slow'));
  await eventually(() => sink.received.length === 1);
  expect(await connection.export('logs', named('logs', 'quick'))).toMatchObject({ code: 0 });
  release();
  expect(await slow).toMatchObject({ code: 0 });
  await connection.close();
});

statement(15, 'http', async () => {
  // One HTTP/2 connection without TLS; HTTP/1.1 has one request at a time by definition.
  const release = holdSlowOnes();
  const connection = await GrpcConnection.open(collector.http);
  const post = (name: string): Promise<number> => postOver(connection, encodeRequest('logs', named('logs', name)));
  const slow = post('slow');
  await eventually(() => sink.received.length === 1);
  expect(await post('quick')).toBe(200);
  release();
  expect(await slow).toBe(200);
  await connection.close();
});

async function postOver({ session }: GrpcConnection, body: Buffer): Promise<number> {
  const stream = session.request({ ':method': 'POST', ':path': '/v1/logs', 'content-type': 'application/x-protobuf' });
  stream.end(body);
  const [headers] = (await once(stream, 'response')) as [{ ':status'?: number }];
  stream.resume();
  return headers[':status'] ?? 0;
}

describe('16', () => {
  statement(16, 'grpc', async () => {
    const release = holdSlowOnes();
    const stopping = await startCollector({ exporters: { otlp_http: direct(sink) } });
    const connection = await GrpcConnection.open(stopping.grpc);
    const running = connection.export('logs', named('logs', 'slow'));
    await eventually(() => sink.received.length === 1);
    // Its headers are there, so the stream is older than the GOAWAY; its message comes later.
    const late = connection.session.request({
      ':method': 'POST',
      ':path': method('logs'),
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    late.write(frame(encodeRequest('logs', named('logs', 'late'))).subarray(0, 3));
    const goaway = once(connection.session, 'goaway');
    await connection.export('logs', {});
    const closed = stopping.close();
    await goaway;
    // A connection that is refused is retryable for every exporter.
    await expect(sendTo(stopping, 'grpc', 'logs', named('logs', 'new'))).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    });
    late.end(frame(encodeRequest('logs', named('logs', 'late'))).subarray(3));
    const lateReply = await readGrpc(late);
    release();
    expect(await running).toMatchObject({ code: 0 });
    expect([0, 14]).toContain(lateReply.code);
    await closed;
    expect(sink.names('logs')).toEqual(lateReply.code === 0 ? ['slow', 'late'] : ['slow']);
  });

  statement(16, 'http', async () => {
    const release = holdSlowOnes();
    const stopping = await startCollector({ exporters: { otlp_http: direct(sink) } });
    const { http: port } = stopping;
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const running = callHttp(port, { path: '/v1/logs', agent, body: encodeRequest('logs', named('logs', 'slow')) });
    await eventually(() => sink.received.length === 1);
    const closed = stopping.close();
    // A connection that is refused or cut is retryable for every exporter.
    await eventually(() =>
      callHttp(port, { path: '/v1/logs', body: hex('') }).then(
        ({ status }) => status === 503,
        () => true,
      ),
    );
    release();
    expect(await running).toMatchObject({ status: 200 });
    await closed;
    agent.destroy();
    expect(sink.names('logs')).toEqual(['slow']);
  });
});

statement(16, 'a configuration swap loses nothing', async () => {
  const swapping = await startCollector({ exporters: { otlp_http: direct(sink) } });
  const accepted: string[] = [];
  const stop = new AbortController();
  const sender = (async () => {
    for (let index = 0; !stop.signal.aborted; index++) {
      const outcome = await sendTo(swapping, TRANSPORTS[index % 2] ?? 'grpc', 'logs', named('logs', `n${index}`));
      expect(outcome).toMatchObject({ ok: true });
      accepted.push(`n${index}`);
    }
  })();
  for (let round = 1; round <= 3; round++) {
    await eventually(() => accepted.length > round * 10);
    await swapping.collector.reload();
  }
  await eventually(() => accepted.length > 40);
  stop.abort();
  await sender;
  await swapping.close();
  expect(sink.names('logs')).toEqual(accepted);
});

/** The bytes with fields nobody knows in front of and behind each message of the first `levels` levels. */
function withUnknownFields(bytes: Buffer, levels: number): Buffer {
  // Numbers 900 to 903: varint, fixed64, bytes, fixed32.
  const unknown = hex('a03801a1380001020304050607a23803616263ad3801020304');
  const inner = levels === 0 ? bytes : Buffer.concat(fieldsOf(bytes).map((field) => deepen(field, levels)));
  return Buffer.concat([unknown, inner, unknown]);
}

interface RawField {
  readonly key: number;
  readonly content: Buffer;
}

// Envelope levels have only small length-delimited fields, which keeps this reader short.
function fieldsOf(bytes: Buffer): readonly RawField[] {
  const fields: RawField[] = [];
  for (let at = 0; at < bytes.length;) {
    const key = bytes.readUInt8(at);
    const length = bytes.readUInt8(at + 1);
    fields.push({ key, content: bytes.subarray(at + 2, at + 2 + length) });
    at += 2 + length;
  }
  return fields;
}

function deepen({ key, content }: RawField, levels: number): Buffer {
  const inner = withUnknownFields(content, levels === 1 ? 0 : levels - 1);
  const length = inner.length < 128 ? [inner.length] : [(inner.length & 127) | 128, inner.length >> 7];
  return Buffer.concat([Buffer.from([key, ...length]), inner]);
}
