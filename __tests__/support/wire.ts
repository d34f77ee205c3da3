/**
 * Clients that speak OTLP byte by byte over node:http and node:http2, so that a test decides everything on the wire.
 * What they read is not interpreted beyond gRPC framing.
 */
import * as http from 'node:http';
import * as http2 from 'node:http2';
import * as https from 'node:https';
import { once } from 'node:events';

import { decodeResponse, decodeStatus, method, NAMES, toOtlpJson, encodeRequest, type Signal } from './proto.js';

export interface HttpReply {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface HttpCall {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: http.OutgoingHttpHeaders;
  /** Several pieces go out chunked. */
  readonly body?: Uint8Array | string | readonly Uint8Array[];
  readonly agent?: http.Agent;
  /** TLS options; without them the connection is plain. */
  readonly tls?: https.RequestOptions;
}

export const PROTO = 'application/x-protobuf';
export const JSON_TYPE = 'application/json';

/** One HTTP/1.1 request to 127.0.0.1. */
export async function callHttp(port: number, call: HttpCall): Promise<HttpReply> {
  const options = {
    host: '127.0.0.1',
    port,
    path: call.path ?? '/v1/traces',
    method: call.method ?? 'POST',
    headers: call.headers ?? { 'content-type': PROTO },
    ...(call.agent && { agent: call.agent }),
  };
  const request = call.tls === undefined ? http.request(options) : https.request({ ...options, ...call.tls });
  // An answer before the end of the body may close the connection while the rest is being written.
  request.on('error', () => {});
  if (Array.isArray(call.body)) {
    for (const piece of call.body as readonly Uint8Array[]) request.write(piece);
    request.end();
  } else {
    request.end(call.body as Uint8Array | string | undefined);
  }
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) };
}

/** One export request over HTTP/1.1. */
export function postRequest(
  port: number,
  signal: Signal,
  request: object,
  { json = false, headers = {} }: { readonly json?: boolean; readonly headers?: http.OutgoingHttpHeaders } = {},
): Promise<HttpReply> {
  return callHttp(port, {
    path: NAMES[signal].path,
    headers: { 'content-type': json ? JSON_TYPE : PROTO, ...headers },
    body: json ? toOtlpJson(signal, request) : encodeRequest(signal, request),
  });
}

export interface GrpcReply {
  readonly httpStatus: number;
  readonly headers: http2.IncomingHttpHeaders;
  readonly trailers: http2.IncomingHttpHeaders;
  /** `grpc-status`. */
  readonly code: number;
  /** `grpc-message`, percent-decoded. */
  readonly message: string;
  /** The only message of the answer; null when there is none. */
  readonly body: Buffer | null;
  /** Delay of the RetryInfo in `grpc-status-details-bin`; null without. */
  readonly retryDelayMs: number | null;
}

export interface GrpcCall {
  readonly path: string;
  /** Bytes of one message, framed here. */
  readonly message?: Uint8Array;
  /** Everything after the headers instead of one framed message. */
  readonly raw?: Uint8Array;
  readonly metadata?: http2.OutgoingHttpHeaders;
  /** Sets `grpc-encoding` and the compressed flag; the message is compressed already. */
  readonly encoding?: string;
}

/** An HTTP/2 connection to one gRPC server. */
export class GrpcConnection {
  readonly session: http2.ClientHttp2Session;

  private constructor(session: http2.ClientHttp2Session) {
    this.session = session;
    // A call on the connection reports the error; here it only must not be uncaught.
    session.on('error', () => {});
  }

  static async open(port: number, tls?: http2.SecureClientSessionOptions): Promise<GrpcConnection> {
    const session = http2.connect(`${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`, tls ?? {});
    const connection = new GrpcConnection(session);
    await once(session, 'connect');
    return connection;
  }

  async call({ path, message, raw, metadata = {}, encoding }: GrpcCall): Promise<GrpcReply> {
    const stream = this.session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...(encoding !== undefined && { 'grpc-encoding': encoding }),
      ...metadata,
    });
    stream.end(raw ?? frame(message ?? Buffer.alloc(0), encoding !== undefined && encoding !== 'identity'));
    return readGrpc(stream);
  }

  /** One export request. */
  export(signal: Signal, request: object, options: Omit<GrpcCall, 'path' | 'message'> = {}): Promise<GrpcReply> {
    return this.call({ path: method(signal), message: encodeRequest(signal, request), ...options });
  }

  async close(): Promise<void> {
    if (this.session.destroyed) return;
    this.session.destroy();
    await once(this.session, 'close');
  }
}

/** Reads the answer of a call that is under way. */
export async function readGrpc(stream: http2.ClientHttp2Stream): Promise<GrpcReply> {
  let headers: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader = {};
  let trailers: http2.IncomingHttpHeaders = {};
  stream.on('response', (got) => (headers = got));
  stream.on('trailers', (got) => (trailers = got));
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(stream, 'end');
  if (headers[':status'] === undefined) throw new Error('the stream ended without an answer');
  const last = 'grpc-status' in trailers ? trailers : headers;
  const details = last['grpc-status-details-bin'];
  const all = Buffer.concat(chunks);
  return {
    httpStatus: headers[':status'],
    headers,
    trailers,
    code: Number(last['grpc-status'] ?? Number.NaN),
    message: decodeURIComponent(String(last['grpc-message'] ?? '')),
    body: all.length < 5 ? null : all.subarray(5, 5 + all.readUInt32BE(1)),
    retryDelayMs: details === undefined ? null : decodeStatus(Buffer.from(String(details), 'base64')).retryDelayMs,
  };
}

/** The five bytes of gRPC framing and the message. */
export function frame(message: Uint8Array, compressed = false): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(compressed ? 1 : 0, 0);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** How an exporter of another make would read an answer. */
export interface Outcome {
  readonly ok: boolean;
  /** gRPC code or HTTP status. */
  readonly code: number;
  readonly message: string;
  readonly retryDelayMs: number | null;
  /** Rejected items in a success; 0 when there are none. */
  readonly rejected: number;
  readonly warning: string;
}

export type Transport = 'grpc' | 'http';
export const TRANSPORTS: readonly Transport[] = ['grpc', 'http'];

/** One export request over either transport. */
export async function sendTo(
  ports: { readonly [transport in Transport]: number },
  transport: Transport,
  signal: Signal,
  request: object | Uint8Array,
): Promise<Outcome> {
  const bytes = request instanceof Uint8Array ? request : encodeRequest(signal, request);
  if (transport === 'http') {
    const reply = await callHttp(ports.http, { path: NAMES[signal].path, body: bytes });
    return outcomeOfHttp(signal, reply);
  }
  const connection = await GrpcConnection.open(ports.grpc);
  try {
    return outcomeOfGrpc(signal, await connection.call({ path: method(signal), message: bytes }));
  } finally {
    await connection.close();
  }
}

/** Reads a protobuf answer. */
export function outcomeOfHttp(signal: Signal, reply: HttpReply): Outcome {
  if (reply.status === 200)
    return { ok: true, code: 200, message: '', retryDelayMs: null, ...success(signal, reply.body) };
  const status = reply.headers['content-type'] === PROTO ? decodeStatus(reply.body) : null;
  return {
    ok: false,
    code: reply.status,
    message: status?.message ?? reply.body.toString(),
    retryDelayMs: status?.retryDelayMs ?? null,
    rejected: 0,
    warning: '',
  };
}

function outcomeOfGrpc(signal: Signal, { code, message, retryDelayMs, body }: GrpcReply): Outcome {
  const ok = code === 0;
  return { ok, code, message, retryDelayMs, ...(ok && body ? success(signal, body) : { rejected: 0, warning: '' }) };
}

function success(signal: Signal, body: Buffer): Pick<Outcome, 'rejected' | 'warning'> {
  const partial = (decodeResponse(signal, body)['partialSuccess'] ?? {}) as Record<string, unknown>;
  return {
    rejected: Number(partial[NAMES[signal].rejected] ?? 0),
    warning: String(partial['errorMessage'] ?? ''),
  };
}
