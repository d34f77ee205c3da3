/**
 * One client for every transport of the matrix, so that the same cases can be sent to all hosts.
 */
import { once } from 'node:events';
import * as http2 from 'node:http2';
import * as https from 'node:https';
import * as http from 'node:http';
import type { SecureContextOptions } from 'node:tls';

import { certificates } from '../support/certificates.js';
import { decodeResponse, decodeStatus, method, NAMES } from '../support/proto.js';
import { callHttp, GrpcConnection, JSON_TYPE, PROTO, type HttpReply } from '../support/wire.js';
import { OWN_PATH, TOKEN, type Host, type HostTransport } from './host.js';

/** One export of logs. */
export interface Export {
  readonly body: Uint8Array | string;
  readonly json?: boolean;
  /** The body is compressed already. */
  readonly gzip?: boolean;
  /** @default the token of acme */
  readonly authorization?: string;
}

/** An answer in words of HTTP: gRPC's codes as the statuses that OTLP/HTTP has for the same. */
export interface Answer {
  readonly status: number;
  /** What the receiver, or the host, says to a refusal. */
  readonly message: string;
  readonly rejected: number;
}

export interface Client {
  export(request: Export): Promise<Answer>;
  /** What the host's own route says. */
  greet(name: string): Promise<string>;
  /** Sends the head and part of a body, waits for `sent`, and is gone. */
  abort(sent: () => Promise<unknown>): Promise<void>;
  close(): Promise<void>;
}

/** Connects to a host. */
export async function connect(transport: HostTransport, host: Host): Promise<Client> {
  const { ca, client } = certificates();
  switch (transport) {
    case 'HTTP/1.1':
      return http1(host, null);
    case 'HTTP/1.1 TLS':
    case 'HTTP/1.1 TLS over h2':
      return http1(host, { ca });
    case 'h2c':
      return overHttp2(host, null);
    case 'h2 TLS':
      return overHttp2(host, { ca });
    case 'gRPC':
      return grpc(host, null);
    case 'gRPC TLS':
      return grpc(host, { ca });
    case 'gRPC mutual TLS':
      return grpc(host, { ca, ...client });
  }
}

const PATH = NAMES.logs.path;
/** A body that never comes whole. */
const DECLARED_BYTES = 40_000;
const PART = Buffer.alloc(DECLARED_BYTES / 2);

function headersOf({
  json = false,
  gzip = false,
  authorization = TOKEN,
}: Omit<Export, 'body'>): http.OutgoingHttpHeaders {
  return {
    'content-type': json ? JSON_TYPE : PROTO,
    authorization,
    ...(gzip && { 'content-encoding': 'gzip' }),
  };
}

function answerOf({
  status,
  headers,
  body,
}: Pick<HttpReply, 'status' | 'body'> & { readonly headers: object }): Answer {
  const type = (headers as Readonly<Record<string, unknown>>)['content-type'];
  if (status === 200) return { status, message: '', rejected: rejectedIn(body, type === JSON_TYPE) };
  return { status, message: type === PROTO ? decodeStatus(body).message : body.toString(), rejected: 0 };
}

function rejectedIn(body: Buffer, json: boolean): number {
  const answer = (json ? JSON.parse(body.toString()) : decodeResponse('logs', body)) as {
    readonly partialSuccess?: { readonly rejectedLogRecords?: string };
  };
  return Number(answer.partialSuccess?.rejectedLogRecords ?? 0);
}

function http1({ port, basePath }: Host, tls: SecureContextOptions | null): Client {
  const path = basePath + PATH;
  const greetHeaders = { 'content-type': JSON_TYPE, authorization: TOKEN };
  return {
    export: async ({ body, ...rest }) =>
      answerOf(await callHttp(port, { path, headers: headersOf(rest), body, ...(tls && { tls }) })),
    greet: async (name) => {
      const body = JSON.stringify({ name });
      const reply = await callHttp(port, { path: OWN_PATH, headers: greetHeaders, body, ...(tls && { tls }) });
      return reply.body.toString();
    },
    abort: async (sent) => {
      const headers = { ...headersOf({}), 'content-length': DECLARED_BYTES };
      const options = { host: '127.0.0.1', port, path, method: 'POST', headers };
      const request = tls === null ? http.request(options) : https.request({ ...options, ...tls });
      const end = closed(request);
      request.write(PART);
      await sent();
      request.destroy();
      await end;
    },
    close: async () => {},
  };
}

async function overHttp2({ port, basePath }: Host, tls: SecureContextOptions | null): Promise<Client> {
  const session = http2.connect(`${tls === null ? 'http' : 'https'}://127.0.0.1:${port}`, tls ?? {});
  await once(session, 'connect');
  const begin = (path: string, headers: http.OutgoingHttpHeaders): http2.ClientHttp2Stream =>
    session.request({ ':method': 'POST', ':path': path, ...headers });
  return {
    export: async ({ body, ...rest }) => {
      const stream = begin(basePath + PATH, headersOf(rest));
      stream.end(body);
      return answerOf(await replyOn(stream));
    },
    greet: async (name) => {
      const stream = begin(OWN_PATH, { 'content-type': JSON_TYPE, authorization: TOKEN });
      stream.end(JSON.stringify({ name }));
      return (await replyOn(stream)).body.toString();
    },
    abort: async (sent) => {
      const stream = begin(basePath + PATH, { ...headersOf({}), 'content-length': DECLARED_BYTES });
      const end = closed(stream);
      stream.write(PART);
      await sent();
      stream.close(http2.constants.NGHTTP2_CANCEL);
      await end;
    },
    close: async () => {
      session.destroy();
    },
  };
}

async function replyOn(stream: http2.ClientHttp2Stream): Promise<HttpReply> {
  // A refusal may come before the end of the body, and the rest is then not wanted.
  stream.on('error', () => {});
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders & { ':status'?: number }];
  await once(stream, 'end');
  return { status: headers[':status'] ?? 0, headers, body: Buffer.concat(chunks) };
}

/** Resolves at the end of something that ends with an error or without. */
function closed(ending: http.ClientRequest | http2.ClientHttp2Stream): Promise<void> {
  ending.on('error', () => {});
  return new Promise((resolve) => ending.once('close', resolve));
}

/** Statuses of OTLP/HTTP by code of gRPC. */
const STATUSES: Readonly<Record<number, number>> = { 0: 200, 3: 400, 8: 413, 16: 401 };

async function grpc({ port }: Host, tls: SecureContextOptions | null): Promise<Client> {
  const connection = await GrpcConnection.open(port, tls ?? undefined);
  const path = method('logs');
  return {
    export: async ({ body, gzip = false, authorization = TOKEN }) => {
      const reply = await connection.call({
        path,
        message: Buffer.from(body),
        metadata: { authorization },
        ...(gzip && { encoding: 'gzip' }),
      });
      const status = STATUSES[reply.code] ?? reply.code;
      // Some servers say so to a success.
      const message = reply.message === 'OK' ? '' : reply.message;
      return { status, message, rejected: reply.body === null ? 0 : rejectedIn(reply.body, false) };
    },
    greet: async (name) => {
      const message = Buffer.from(JSON.stringify({ name }));
      const reply = await connection.call({ path: OWN_PATH, message, metadata: { authorization: TOKEN } });
      return String(reply.body);
    },
    abort: async () => {
      const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
      const stream = connection.session.request({ ...headers, authorization: TOKEN });
      const prefix = Buffer.alloc(5);
      prefix.writeUInt32BE(DECLARED_BYTES, 1);
      stream.write(Buffer.concat([prefix, PART]));
      stream.close(http2.constants.NGHTTP2_CANCEL);
      await closed(stream);
    },
    close: () => connection.close(),
  };
}
