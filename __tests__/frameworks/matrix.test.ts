/**
 * A collector mounted in servers that exist already, over every transport they have: the host's routes, checks and body
 * parsers stay in charge, and its clients are answered as by a receiver on a socket of its own.
 */
import express, { type ErrorRequestHandler } from 'express';
import { gzipSync } from 'node:zlib';

import { direct, startCollector, type Running } from '../support/collector.js';
import { named, nameOf } from '../support/fixtures.js';
import { Cleanup, eventually } from '../support/poll.js';
import { decodeRequest, encodeRequest, encodeResponse, itemsOf, toOtlpJson, type Plain } from '../support/proto.js';
import { HttpSink } from '../support/sinks.js';
import { PROTO } from '../support/wire.js';
import { connect, type Client } from './clients.js';
import { greeting, listening, serverFor, type HostTransport, type Open } from './host.js';
import { openExpress } from './hosts/express.js';
import { openFastify } from './hosts/fastify.js';
import { openGrpc } from './hosts/grpc.js';
import { openHono } from './hosts/hono.js';
import { openKoa } from './hosts/koa.js';
import { openNode } from './hosts/node.js';

const HTTP1: readonly HostTransport[] = ['HTTP/1.1', 'HTTP/1.1 TLS'];
const ALL: readonly HostTransport[] = [...HTTP1, 'h2c', 'h2 TLS', 'HTTP/1.1 TLS over h2'];

/** Express gives requests prototypes of its own, which those of HTTP/2 do not bear. */
const MATRIX: readonly (readonly [framework: string, open: Open, transports: readonly HostTransport[]])[] = [
  ['Node', openNode, ALL],
  ['Express', openExpress, HTTP1],
  ['Fastify', openFastify, ALL],
  ['Koa', openKoa, ALL],
  ['Hono', openHono, ['HTTP/1.1', 'HTTP/1.1 TLS', 'h2c', 'h2 TLS']],
  ['@grpc/grpc-js', openGrpc, ['gRPC', 'gRPC TLS', 'gRPC mutual TLS']],
];

const LIMIT_BYTES = 1024 * 1024;
/** Many times what sockets and streams hold. */
const LARGE = 'l'.repeat(LIMIT_BYTES - 1000);

const cleanup = new Cleanup();
let sink: HttpSink;
let collector: Running;

beforeAll(async () => {
  sink = cleanup.add(await HttpSink.start({ answer: ({ body }) => answerTo(body) }), (it) => it.close());
  collector = await startCollector({
    processors: { attributes: { actions: [{ key: 'sent.by', action: 'upsert', from_context: 'auth.subject' }] } },
    exporters: { otlp_http: direct(sink) },
    grpc: { engine: 'host', max_recv_msg_size_mib: 1 },
    http: { engine: 'host', max_request_body_size: LIMIT_BYTES },
    service: { tenants: { overrides: { acme: { bytes_per_second: 1e12 } } } },
  });
  cleanup.add(collector, (it) => it.close());
});
afterAll(() => cleanup.run());

/** The next hop rejects what is named so. */
const REJECTED = 'rejected';

function answerTo(body: Buffer): { headers: { 'content-type': string }; body: Buffer } {
  const rejected = itemsOf('logs', decodeRequest('logs', body)).filter((item) => nameOf('logs', item) === REJECTED);
  const partialSuccess = { rejectedLogRecords: String(rejected.length), errorMessage: 'not today' };
  return {
    headers: { 'content-type': PROTO },
    body: encodeResponse('logs', rejected.length === 0 ? {} : { partialSuccess }),
  };
}

const proto = (...names: readonly string[]): Buffer => encodeRequest('logs', named('logs', ...names));
const json = (...names: readonly string[]): string => toOtlpJson('logs', named('logs', ...names));
const ok = { status: 200, message: '', rejected: 0 };

for (const [framework, open, transports] of MATRIX) {
  for (const transport of transports) {
    test(`${framework} over ${transport}`, async () => {
      sink.received.length = 0;
      const before = collector.metric('teleferric_tenant_items_total', { tenant: 'acme' });
      const host = await open(collector.collector, transport);
      const client = await connect(transport, host);
      try {
        await takesTelemetry(client, transport);
        await refuses(client);
        await clientIsGone(client, transport);
        expect(await client.greet('after')).toBe(greeting('after'));
      } finally {
        await client.close();
        await host.close();
      }
      // What was accepted, once each, for whom the host said it came.
      const names = transport.startsWith('gRPC') ? ['plain', 'packed'] : ['plain', 'packed', 'json', 'json packed'];
      expect(sink.names('logs')).toEqual([...names, LARGE, 'a', REJECTED]);
      const counted = collector.metric('teleferric_tenant_items_total', { tenant: 'acme' }) - before;
      expect(counted).toBe(names.length + 3);
      const sentBy = [{ key: 'sent.by', value: { stringValue: 'ann' } }];
      for (const item of items()) expect(item).toMatchObject({ attributes: sentBy });
      await collector.memoryIsFree();
    });
  }
}

/** All that has arrived. */
const items = (): readonly Plain[] => sink.requests('logs').flatMap((request) => itemsOf('logs', request));

async function takesTelemetry(client: Client, transport: HostTransport): Promise<void> {
  expect(await client.export({ body: proto('plain') })).toEqual(ok);
  expect(await client.export({ body: gzipSync(proto('packed')), gzip: true })).toEqual(ok);
  if (!transport.startsWith('gRPC')) {
    expect(await client.export({ body: json('json'), json: true })).toEqual(ok);
    expect(await client.export({ body: gzipSync(json('json packed')), json: true, gzip: true })).toEqual(ok);
  }
  expect(await client.export({ body: proto(LARGE) })).toEqual(ok);
  expect(await client.export({ body: proto('a', REJECTED) })).toEqual({ ...ok, rejected: 1 });
}

async function refuses(client: Client): Promise<void> {
  const stranger = await client.export({ body: proto('stranger'), authorization: 'Bearer guess' });
  expect(stranger).toMatchObject({ status: 401, message: expect.stringContaining('who are you?') });
  expect(await client.greet('between')).toBe(greeting('between'));
  const malformed = await client.export({ body: proto('cut off').subarray(0, -3) });
  expect(malformed).toMatchObject({ status: 400, message: expect.stringMatching(/ends inside a field at offset \d/) });
  const excessive = proto('x'.repeat(LIMIT_BYTES));
  expect(await client.export({ body: excessive })).toMatchObject({ status: 413 });
  expect(await client.export({ body: gzipSync(excessive), gzip: true })).toMatchObject({ status: 413 });
}

async function clientIsGone(client: Client, transport: HostTransport): Promise<void> {
  await client.abort(() => eventually(() => collector.metric('teleferric_memory_used_bytes') > 0));
  if (!transport.startsWith('gRPC')) await collector.memoryIsFree();
}

test('says so where a parser has read the body before it', async () => {
  const app = express();
  app.use(express.json());
  app.use(collector.collector.httpHandler());
  app.use(tellError);
  const host = await listening(serverFor('HTTP/1.1', app));
  const client = await connect('HTTP/1.1', host);
  expect(await client.export({ body: json('read already'), json: true })).toMatchObject({
    status: 500,
    message: expect.stringContaining('put the handler before what parses bodies'),
  });
  await host.close();
});

const tellError: ErrorRequestHandler = (error: Error, _request, response, _next) => {
  response.status(500).send(error.message);
};
