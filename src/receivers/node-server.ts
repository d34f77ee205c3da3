/**
 * A server of Node in front of an `otlp` receiver (`engine: node`): HTTP/1.1 and, under TLS, HTTP/2 for OTLP/HTTP; HTTP/2
 * for gRPC. Connections and heads are Node's; bodies go to the core untouched.
 */
import { createServer as createHttpServer, type Server } from 'node:http';
import {
  createSecureServer,
  createServer as createHttp2Server,
  type Http2SecureServer,
  type Http2Server,
  type ServerHttp2Session,
} from 'node:http2';

import { listen, tlsOptions, type EndpointAddress, type EndpointTls } from '../servers/listen.js';
import type { Door } from './door.js';
import { makeHttpHandler } from './http-handler.js';

/** What a server is opened with. */
export interface NodeServerSettings {
  /** Id of the receiver. */
  readonly receiver: string;
  readonly protocol: 'grpc' | 'http';
  readonly at: EndpointAddress;
  readonly tls: EndpointTls | null;
  /** Milliseconds; 0 is without limit. */
  readonly idleTimeoutMs: number;
  /** Requests at once on an HTTP/2 connection; 0 is without limit. */
  readonly concurrentStreams: number;
  readonly connections: number;
}

const HEADER_TIMEOUT_MS = 10_000;
const HEADER_BYTES_MAX = 32 * 1024;
/** HTTP/2's own limit, for a setting of 0. */
const STREAMS_MAX = 2 ** 32 - 1;

type AnyServer = Server | Http2Server | Http2SecureServer;

/** An open server. */
export class NodeServer {
  readonly settings: NodeServerSettings;
  /** `host:port` with the real port, or the socket's path. */
  readonly address: string;
  readonly #server: AnyServer;
  readonly #sessions: Set<ServerHttp2Session>;

  private constructor(
    settings: NodeServerSettings,
    address: string,
    server: AnyServer,
    sessions: Set<ServerHttp2Session>,
  ) {
    this.settings = settings;
    this.address = address;
    this.#server = server;
    this.#sessions = sessions;
  }

  /** @throws CollectorError `BIND_FAILED` when the address cannot be had, `START_FAILED` when TLS files cannot be read */
  static async open(settings: NodeServerSettings, door: Door): Promise<NodeServer> {
    const { receiver } = settings;
    const handler = makeHttpHandler(door, { receiver, basePath: '', contextOf: () => null });
    const server = create(settings).on('request', handler);
    server.maxConnections = settings.connections;
    const sessions = new Set<ServerHttp2Session>();
    server.on('session', (session: ServerHttp2Session) => {
      sessions.add(session);
      session.once('close', () => sessions.delete(session));
    });
    return new NodeServer(settings, await listen(server, settings.at), server, sessions);
  }

  /** Whether the listener keeps the process alive. */
  setRef(ref: boolean): void {
    if (ref) this.#server.ref();
    else this.#server.unref();
  }

  /** Takes no new connections, and ends those without a request; HTTP/2 peers get GOAWAY. */
  stop(): void {
    this.#server.close();
    if ('closeIdleConnections' in this.#server) this.#server.closeIdleConnections();
    for (const session of this.#sessions) session.close();
  }

  /** Breaks off what is left. */
  cut(): void {
    this.stop();
    if ('closeAllConnections' in this.#server) this.#server.closeAllConnections();
    for (const session of this.#sessions) session.destroy();
  }
}

function create({ protocol, at, tls, idleTimeoutMs, concurrentStreams }: NodeServerSettings): AnyServer {
  const http1 = {
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: HEADER_TIMEOUT_MS,
    // The pace of a body is the core's to judge.
    requestTimeout: 0,
    keepAliveTimeout: idleTimeoutMs,
  };
  const http2 = { settings: { maxConcurrentStreams: concurrentStreams === 0 ? STREAMS_MAX : concurrentStreams } };
  if (tls !== null) {
    const server = createSecureServer({ ...http1, ...http2, ...tlsOptions(at, tls), allowHTTP1: protocol === 'http' });
    server.setTimeout(idleTimeoutMs);
    return server;
  }
  if (protocol === 'http') return createHttpServer(http1);
  return createHttp2Server(http2);
}
