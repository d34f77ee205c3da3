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

import { listen, type EndpointAddress } from '../servers/listen.js';
import { Certificates, tlsOptions, type EndpointTls } from '../servers/tls.js';
import type { Door } from './door.js';
import { Greetings } from './greeting.js';
import { limitLifetime, type Http2Lifetime } from './http2-lifetime.js';
import { makeHttpHandler } from './http-handler.js';

/** What a server is opened with. */
export interface NodeServerSettings {
  /** Id of the receiver. */
  readonly receiver: string;
  readonly protocol: 'grpc' | 'http';
  readonly at: EndpointAddress;
  readonly tls: EndpointTls | null;
  /** How long a connection may take for the head of a request, in milliseconds; 0 is without limit. */
  readonly headTimeoutMs: number;
  /** Whether an HTTP/1.1 connection serves more than one request. */
  readonly keepAlive: boolean;
  /** Of HTTP/2 connections; those of HTTP/1.1 take its idle time too. */
  readonly lifetime: Http2Lifetime;
  /** Requests at once on an HTTP/2 connection; 0 is without limit. */
  readonly concurrentStreams: number;
  readonly connections: number;
}

/** How often Node looks for connections that are late with a head. */
const LOOK_MS_MAX = 1000;
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
  readonly #greetings: Greetings | null;
  readonly #sessions: Set<ServerHttp2Session>;
  #certificates: Certificates | null = null;

  private constructor(
    settings: NodeServerSettings,
    address: string,
    server: AnyServer,
    greetings: Greetings | null,
    sessions: Set<ServerHttp2Session>,
  ) {
    this.settings = settings;
    this.address = address;
    this.#server = server;
    this.#greetings = greetings;
    this.#sessions = sessions;
  }

  /** @throws CollectorError `BIND_FAILED` when the address cannot be had, `START_FAILED` when TLS files cannot be read */
  static async open(settings: NodeServerSettings, door: Door): Promise<NodeServer> {
    const sessions = new Set<ServerHttp2Session>();
    const handlers = { receiver: settings.receiver, basePath: '', contextOf: () => null };
    const furnish = <S extends AnyServer>(server: S): S => {
      server.on('request', makeHttpHandler(door, handlers));
      server.on('checkContinue', makeHttpHandler(door, { ...handlers, asksForBody: true }));
      server.on('session', (session: ServerHttp2Session) => {
        sessions.add(session);
        session.once('close', () => sessions.delete(session));
        limitLifetime(session, settings.lifetime);
      });
      return server;
    };
    const server = furnish(create(settings));
    server.maxConnections = settings.connections;
    let greetings: Greetings | null = null;
    if (settings.protocol === 'http' && settings.tls === null) {
      const http2 = furnish(createHttp2Server(http2Options(settings)));
      greetings = new Greetings(server as Server, http2, settings.headTimeoutMs);
    }
    const opened = new NodeServer(settings, await listen(server, settings.at), server, greetings, sessions);
    opened.#certificates = certificatesOf(server as Http2SecureServer, settings, door);
    return opened;
  }

  /** Uses its TLS files as they are now. */
  renew(): void {
    this.#certificates?.renew();
  }

  /** Whether the listener keeps the process alive. */
  setRef(ref: boolean): void {
    if (ref) this.#server.ref();
    else this.#server.unref();
  }

  /** Takes no new connections, and ends those without a request; HTTP/2 peers get GOAWAY. */
  stop(): void {
    this.#server.close();
    this.#greetings?.end();
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

function create(settings: NodeServerSettings): AnyServer {
  const { protocol, at, tls, headTimeoutMs, keepAlive, lifetime } = settings;
  if (protocol === 'grpc' && tls === null) return createHttp2Server(http2Options(settings));
  const looks = { connectionsCheckingInterval: Math.min(Math.max(headTimeoutMs / 4, 1), LOOK_MS_MAX) };
  const http1 = { ...looks, maxHeaderSize: HEADER_BYTES_MAX, requestTimeout: 0 };
  const server =
    tls === null
      ? createHttpServer(http1)
      : createSecureServer({
          ...http1,
          ...http2Options(settings),
          ...tlsOptions(at.purpose, tls),
          allowHTTP1: protocol === 'http',
        });
  // The pace of a body is the core's to judge. A server of HTTP/2 takes these for HTTP/1.1, but not as options.
  const limits = { headersTimeout: headTimeoutMs, requestTimeout: 0, keepAliveTimeout: lifetime.idleMs };
  return Object.assign(server, limits, !keepAlive && { maxRequestsPerSocket: 1 });
}

function certificatesOf(
  server: Http2SecureServer,
  { receiver, at, tls }: NodeServerSettings,
  door: Door,
): Certificates | null {
  if (tls === null) return null;
  return Certificates.watch(server, at.purpose, tls, (error) => {
    door.failed(receiver, 'TLS files cannot be used, those before stay in use.', error);
  });
}

function http2Options({ concurrentStreams }: NodeServerSettings) {
  return { settings: { maxConcurrentStreams: concurrentStreams === 0 ? STREAMS_MAX : concurrentStreams } };
}
