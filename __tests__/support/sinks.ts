/**
 * OTLP servers whose every answer a test writes: one over node:http, one over raw HTTP/2 for gRPC, so that odd statuses,
 * trailers and broken connections can be had.
 */
import { once } from 'node:events';
import * as http from 'node:http';
import * as http2 from 'node:http2';
import * as https from 'node:https';
import type { AddressInfo, Server as NetServer, Socket } from 'node:net';
import { gunzipSync } from 'node:zlib';

import { decodeRequest, encodeResponse, itemsOf, method, NAMES, SIGNALS, type Plain, type Signal } from './proto.js';
import { nameOf } from './fixtures.js';
import { frame, PROTO, type Transport } from './wire.js';

/** One request that arrived. */
export interface Received {
  readonly path: string;
  readonly headers: http2.IncomingHttpHeaders;
  /** As on the wire, without gRPC framing. */
  readonly raw: Buffer;
  /** Uncompressed, if it was gzip or nothing. */
  readonly body: Buffer;
  /** Milliseconds of a monotonic clock. */
  readonly at: number;
  /** Number of the connection it came on. */
  readonly connection: number;
}

/** `hang` never answers, `reset` cuts the connection. */
export type Fate = 'hang' | 'reset';

export interface HttpAnswer {
  readonly status?: number;
  readonly headers?: http.OutgoingHttpHeaders;
  readonly body?: Uint8Array | string;
}

export interface GrpcAnswer {
  readonly code?: number;
  readonly message?: string;
  /** A serialized google.rpc.Status. */
  readonly details?: Uint8Array;
  /** More trailers. */
  readonly trailers?: http2.OutgoingHttpHeaders;
  /** The response message; by default an empty response. */
  readonly body?: Uint8Array;
  /** HTTP status instead of a gRPC answer. */
  readonly httpStatus?: number;
}

type Script<A> = (received: Received, index: number) => A | Fate | Promise<A | Fate>;

interface SinkOptions<A> {
  /** The answer to each request. @default success */
  readonly answer?: Script<A>;
  readonly tls?: https.ServerOptions;
  /** Several servers can share a port over time. @default any free port */
  readonly port?: number;
}

/** What both kinds have. */
abstract class Sink<A> {
  abstract readonly kind: Transport;
  readonly received: Received[] = [];
  answer: Script<A>;
  readonly #sockets = new Set<Socket>();
  readonly #connections = new Map<object, number>();
  readonly #secure: boolean;
  #server: NetServer | null = null;

  protected constructor({ answer, tls }: SinkOptions<A>) {
    this.answer = answer ?? (() => ({}) as A);
    this.#secure = tls !== undefined;
  }

  get port(): number {
    const address = this.#server?.address() as AddressInfo | null | undefined;
    if (!address) throw new Error('the sink is closed');
    return address.port;
  }

  /** What an exporter of this kind takes as `endpoint`. */
  get endpoint(): string {
    const scheme = this.#secure ? 'https://' : 'http://';
    return `${this.kind === 'http' || this.#secure ? scheme : ''}127.0.0.1:${this.port}`;
  }

  /** Requests of one signal, decoded. */
  requests(signal: Signal): readonly Plain[] {
    const paths = new Set([NAMES[signal].path, method(signal)]);
    return this.received.filter(({ path }) => paths.has(path)).map(({ body }) => decodeRequest(signal, body));
  }

  /** Names of all items of one signal in the order they came. */
  names(signal: Signal): readonly unknown[] {
    return this.requests(signal).flatMap((request) => itemsOf(signal, request).map((item) => nameOf(signal, item)));
  }

  /** Items of all signals. */
  get items(): number {
    return SIGNALS.reduce((sum, signal) => sum + this.names(signal).length, 0);
  }

  /** Forgets what came and answers success again. */
  reset(): void {
    this.received.length = 0;
    this.answer = () => ({}) as A;
  }

  async close(): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    this.#server = null;
    const closed = once(server, 'close');
    server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  protected async listen(server: NetServer, port = 0): Promise<this> {
    for (const event of ['connection', 'secureConnection']) {
      server.on(event, (socket: Socket) => {
        this.#sockets.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => this.#sockets.delete(socket));
      });
    }
    this.#server = server;
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return this;
  }

  protected record(got: Omit<Received, 'at' | 'body' | 'connection'>, connection: object): Received {
    const gzipped = (got.headers['content-encoding'] ?? got.headers['grpc-encoding']) === 'gzip';
    if (!this.#connections.has(connection)) this.#connections.set(connection, this.#connections.size + 1);
    const received = {
      ...got,
      at: performance.now(),
      body: gzipped ? gunzipSync(got.raw) : got.raw,
      connection: this.#connections.get(connection) ?? 0,
    };
    this.received.push(received);
    return received;
  }
}

/** OTLP/HTTP over HTTP/1.1; over TLS also HTTP/2, as the client picks. */
export class HttpSink extends Sink<HttpAnswer> {
  readonly kind = 'http';

  static start(options: SinkOptions<HttpAnswer> = {}): Promise<HttpSink> {
    const sink = new HttpSink(options);
    const serve = (request: http.IncomingMessage, response: http.ServerResponse): void => {
      sink.#serve(request, response).catch(() => response.destroy());
    };
    const server = options.tls === undefined ? http.createServer(serve) : https.createServer({ ...options.tls }, serve);
    return sink.listen(server, options.port);
  }

  async #serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const raw = await bytesOf(request);
    const index = this.received.length;
    const received = this.record({ path: request.url ?? '', headers: request.headers, raw }, request.socket);
    const answer = await this.answer(received, index);
    if (answer === 'hang') return;
    if (answer === 'reset') {
      request.socket.destroy();
      return;
    }
    const { status = 200, headers = { 'content-type': PROTO }, body = '' } = answer;
    response.writeHead(status, headers).end(body);
  }
}

/** OTLP/gRPC. */
export class GrpcSink extends Sink<GrpcAnswer> {
  readonly kind = 'grpc';

  static start(options: SinkOptions<GrpcAnswer> = {}): Promise<GrpcSink> {
    const sink = new GrpcSink(options);
    const server = options.tls === undefined ? http2.createServer() : http2.createSecureServer({ ...options.tls });
    server.on('stream', (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => {
      stream.on('error', () => {});
      sink.#serve(stream, headers).catch(() => stream.destroy());
    });
    return sink.listen(server, options.port);
  }

  async #serve(stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders): Promise<void> {
    const framed = await bytesOf(stream);
    const session = stream.session ?? {};
    const index = this.received.length;
    const raw = framed.subarray(5);
    const received = this.record({ path: headers[':path'] ?? '', headers, raw }, session);
    const answer = await this.answer(received, index);
    if (answer === 'hang' || stream.destroyed) return;
    if (answer === 'reset') {
      stream.session?.destroy();
      return;
    }
    respondGrpc(stream, answer);
  }
}

export type AnySink = HttpSink | GrpcSink;

function respondGrpc(stream: http2.ServerHttp2Stream, answer: GrpcAnswer): void {
  const { code = 0, message = '', details, trailers = {}, body = encodeResponse('traces', {}), httpStatus } = answer;
  if (httpStatus !== undefined) {
    stream.respond({ ':status': httpStatus, 'content-type': 'text/plain' });
    stream.end('no gRPC here');
    return;
  }
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => {
    stream.sendTrailers({
      'grpc-status': String(code),
      ...(message !== '' && { 'grpc-message': message }),
      ...(details && { 'grpc-status-details-bin': Buffer.from(details).toString('base64') }),
      ...trailers,
    });
  });
  stream.end(code === 0 ? frame(body) : undefined);
}

async function bytesOf(readable: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of readable) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
