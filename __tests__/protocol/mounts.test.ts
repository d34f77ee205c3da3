/**
 * Receivers in servers of the host: its verdict counts, its mistakes are its own, and it lives on whatever the collector
 * does.
 */
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';

import { credentials, makeClientConstructor, Server as GrpcServer, ServerCredentials, status } from '@grpc/grpc-js';

import {
  Collector,
  isCollectorError,
  type Configuration,
  type GrpcCall,
  type GrpcService,
  type HttpHandlerOptions,
  type RequestContext,
} from '../../src/index.js';
import { direct, startCollector, type Running } from '../support/collector.js';
import { named } from '../support/fixtures.js';
import { eventually } from '../support/poll.js';
import { decodeRequest, encodeRequest, itemsOf, method } from '../support/proto.js';
import { HttpSink } from '../support/sinks.js';
import { postRequest } from '../support/wire.js';

const OTLP = { protocols: { grpc: { engine: 'host' }, http: { engine: 'host' } } } as const;
const SUBJECT = { actions: [{ key: 'sender', action: 'upsert', from_context: 'auth.subject' }] };

const small = () => ({ tenant: 'small' });
const same = (bytes: Buffer): Buffer => bytes;

let sink: HttpSink;
let running: Running;

beforeAll(async () => {
  sink = await HttpSink.start();
  running = await startCollector({
    receivers: { otlp: OTLP },
    processors: { attributes: SUBJECT },
    exporters: { otlp_http: direct(sink) },
    service: { tenants: { overrides: { small: { items_per_second: 1 } } } },
  });
});
afterAll(async () => {
  await running.close();
  await sink.close();
});
beforeEach(() => sink.reset());

async function serve(listener: RequestListener): Promise<{ port: number; server: Server }> {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, server };
}

/** What a handler with this context answers to one request. */
async function answerWith(context: HttpHandlerOptions['context'], request = named('logs', 'x')) {
  const { port, server } = await serve(running.collector.httpHandler(context === undefined ? {} : { context }));
  try {
    return await postRequest(port, 'logs', request);
  } finally {
    server.close();
  }
}

test('nothing is bound for the engine host', () => {
  expect(running.collector.listening()).toEqual([]);
});

test('the verdict of the host decides whose a request is and who sent it', async () => {
  expect(await answerWith(() => ({ tenant: 'large', principal: 'alice', priority: 0 }))).toMatchObject({ status: 200 });
  const [log] = itemsOf('logs', decodeRequest('logs', sink.received[0]?.body ?? Buffer.alloc(0)));
  expect(log?.['attributes']).toEqual([{ key: 'sender', value: { stringValue: 'alice' } }]);
  const minutesWorth = named('logs', ...Array.from({ length: 600 }, () => 'x'));
  expect(await answerWith(small, minutesWorth)).toMatchObject({ status: 200 });
  expect(await answerWith(small)).toMatchObject({ status: 429 });
  expect(await answerWith(() => null)).toMatchObject({ status: 200 });
});

test.each<readonly [string, unknown]>([
  ['context.tenant must be text of 1 to 256 bytes', { tenant: 'ü'.repeat(129) }],
  ['context.principal must be text of 1 to 256 bytes', { principal: '' }],
  ['context.priority must be 0, 1, 2 or 3', { priority: 4 }],
  ['unknown option "tennant" of context (did you mean "tenant"?)', { tennant: 'a' }],
  ['context must be an object, not a promise of one', Promise.resolve({ tenant: 'a' })],
  ['options of context must be an object', 'a'],
])('a verdict that cannot be is the mistake of the host: %s', async (message, verdict) => {
  expect(await answerWith(() => verdict as RequestContext)).toMatchObject({ status: 500 });
  expect(running.said('A request could not be taken from the host.').at(-1)?.fields).toMatchObject({
    'otelcol.component.id': 'otlp',
    error: message,
  });
  expect(sink.received).toHaveLength(0);
});

test('a verdict is not read from prototypes', async () => {
  const inherited = Object.create({ principal: 'mallory' }) as RequestContext;
  expect(await answerWith(() => inherited)).toMatchObject({ status: 200 });
  expect(sink.received[0]?.body.includes('mallory')).toBe(false);
});

test.each<readonly [string, object]>([
  ['unknown option "basepath" of httpHandler (did you mean "basePath"?)', { basepath: '/otlp' }],
  ['httpHandler.basePath must be a path that begins with a slash and does not end with one', { basePath: 'otlp/' }],
  ['httpHandler.receiver must be the id of an otlp receiver', { receiver: 'nop' }],
  ['httpHandler.context must be a function', { context: { tenant: 'a' } }],
])('options are checked: %s', (message, options) => {
  expect(() => running.collector.httpHandler(options)).toThrow(message);
});

test('a middleware leaves to others what is not for it, and tells them of mistakes', async () => {
  const handler = running.collector.httpHandler({
    basePath: '/otlp',
    context: ({ headers }) => {
      if (headers['x-broken'] !== undefined) throw new Error('the check is broken');
      return null;
    },
  });
  const { port, server } = await serve((request, response) =>
    handler(request, response, (error) => response.end(error === undefined ? 'elsewhere' : String(error))),
  );
  const url = `http://127.0.0.1:${port}`;
  const body = encodeRequest('logs', named('logs', 'x'));
  const post = (path: string, headers = {}) =>
    fetch(url + path, { method: 'POST', body, headers: { 'content-type': 'application/x-protobuf', ...headers } });
  expect(await (await post('/v1/logs')).text()).toBe('elsewhere');
  expect(await (await post('/otlp/v1/other')).text()).toBe('elsewhere');
  expect(await (await post('/otlp/v1/logs', { 'x-broken': '1' })).text()).toBe('Error: the check is broken');
  expect((await post('/otlp/v1/logs?key=1')).status).toBe(200);
  expect(sink.names('logs')).toEqual(['x']);
  server.close();
});

test('a middleware serves the path for questions where it is configured', async () => {
  const asked = await startCollector({
    receivers: { otlp: { ...OTLP, dedup: { status: true } } },
    exporters: { otlp_http: direct(sink) },
  });
  for (const [{ collector }, expected] of [
    [asked, 404],
    [running, 418],
  ] as const) {
    const handler = collector.httpHandler();
    const { port, server } = await serve((request, response) =>
      handler(request, response, () => response.writeHead(418).end()),
    );
    const answer = await fetch(`http://127.0.0.1:${port}/queue/status?batch_id=unknown`);
    expect(answer.status).toBe(expected);
    server.close();
  }
  await asked.close();
});

test('a buffer that the host uses again does no harm', async () => {
  const [[, implementation]] = running.collector.grpcServices().slice(2) as [GrpcService];
  const request = encodeRequest('logs', named('logs', 'first'));
  const call: GrpcCall = {
    request,
    metadata: { get: () => [], toHttp2Headers: () => ({}), add: () => {} },
    getPeer: () => 'unknown',
    getDeadline: () => Number.POSITIVE_INFINITY,
    once: () => {},
  };
  const answered = new Promise((resolve) => {
    implementation['Export']?.(call, (error) => resolve(error));
  });
  request.fill(0xff);
  expect(await answered).toBe(null);
  expect(sink.names('logs')).toEqual(['first']);
});

test('a body that was read before is refused and said so', async () => {
  const handler = running.collector.httpHandler();
  const { port, server } = await serve((request, response) => {
    request.resume().once('end', () => handler(request, response));
  });
  expect(await postRequest(port, 'logs', named('logs', 'x'))).toMatchObject({ status: 500 });
  expect(running.said('A request could not be taken from the host.').at(-1)?.fields['error']).toContain('read already');
  server.close();
});

test('a client that goes away amid its body leaves nothing behind', async () => {
  const { port, server } = await serve(running.collector.httpHandler());
  const body = encodeRequest('logs', named('logs', 'x'.repeat(1 << 20)));
  for (let round = 0; round < 10; round++) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    socket.write('POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n');
    socket.write(`content-length: ${body.length}\r\n\r\n`);
    socket.write(body.subarray(0, 400_000));
    await eventually(() => running.metric('teleferric_memory_used_bytes') > 0);
    socket.destroy();
    await running.memoryIsFree();
  }
  const connections = () => new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count)));
  await eventually(async () => (await connections()) === 0);
  expect(sink.received).toHaveLength(0);
  server.close();
});

describe('a collector that is not there', () => {
  const config: Configuration = {
    receivers: { otlp: OTLP, 'otlp/extra': OTLP },
    exporters: { nop: null },
    service: {
      telemetry: { metrics: { level: 'none' }, logs: { level: 'error' } },
      pipelines: { logs: { receivers: ['otlp', 'otlp/extra'], exporters: ['nop'] } },
    },
  };

  test('is told as unavailable over HTTP before the start, without the receiver, and after the end', async () => {
    const collector = new Collector({ config });
    const { port, server } = await serve(collector.httpHandler({ receiver: 'otlp/extra' }));
    const post = () => postRequest(port, 'logs', named('logs', 'x'));
    const unavailable = { status: 503, headers: { 'retry-after': '1' } };
    expect(await post()).toMatchObject(unavailable);
    await collector.start();
    expect(await post()).toMatchObject({ status: 200 });
    await collector.reload({
      config: {
        ...config,
        receivers: { otlp: OTLP },
        service: { ...config.service, pipelines: { logs: { receivers: ['otlp'], exporters: ['nop'] } } },
      },
    });
    expect(await post()).toMatchObject(unavailable);
    await collector.reload({ config });
    expect(await post()).toMatchObject({ status: 200 });
    await collector.close();
    expect(await post()).toMatchObject(unavailable);
    server.close();
  });

  test('is told as unavailable over gRPC, and a refusal keeps its details', async () => {
    const collector = new Collector({ config });
    const server = new GrpcServer();
    for (const service of collector.grpcServices({ context: small })) server.addService(...service);
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    const Client = makeClientConstructor({}, 'any');
    const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
    const call = (body: Buffer) =>
      new Promise<number>((resolve) => {
        client.makeUnaryRequest(method('logs'), same, same, body, (error) => resolve(error?.code ?? status.OK));
      });
    const body = encodeRequest('logs', named('logs', 'x'));
    expect(await call(body)).toBe(status.UNAVAILABLE);
    await collector.start();
    expect(await call(body)).toBe(status.OK);
    expect(await call(Buffer.from('nonsense'))).toBe(status.INVALID_ARGUMENT);
    await collector.close();
    expect(await call(body)).toBe(status.UNAVAILABLE);
    client.close();
    server.forceShutdown();
  });

  test('refuses options of its services', () => {
    const collector = new Collector({ config });
    const wrong = () => collector.grpcServices({ reciever: 'otlp' } as object);
    expect(wrong).toThrow('unknown option "reciever" of grpcServices (did you mean "receiver"?)');
    try {
      wrong();
    } catch (error) {
      expect(isCollectorError(error, 'INVALID_ARGUMENT')).toBe(true);
    }
  });
});
