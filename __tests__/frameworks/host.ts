/**
 * What all hosts of the matrix have in common: their transports, who may come in, and a route of their own.
 */
import { once } from 'node:events';
import * as http from 'node:http';
import * as http2 from 'node:http2';
import * as https from 'node:https';
import type { AddressInfo } from 'node:net';

import type { Collector, RequestContext } from '../../src/index.js';
import { certificates } from '../support/certificates.js';

/** How clients reach a host; `over h2` is HTTP/1.1 on a server that also has HTTP/2. */
export type HostTransport =
  | 'HTTP/1.1'
  | 'HTTP/1.1 TLS'
  | 'h2c'
  | 'h2 TLS'
  | 'HTTP/1.1 TLS over h2'
  | 'gRPC'
  | 'gRPC TLS'
  | 'gRPC mutual TLS';

/** A running server with a collector mounted in it. */
export interface Host {
  readonly port: number;
  /** What stands in front of the receiver's paths. */
  readonly basePath: string;
  close(): Promise<void>;
}

/** Starts a host. */
export type Open = (collector: Collector, transport: HostTransport) => Promise<Host>;

/** The host's own route, behind the same check, and what it says to a body of `{"name":"..."}`. */
export const OWN_PATH = '/greet';
export const greeting = (name: string): string => `hello ${name}`;

/** Whose token it is; null for strangers. */
export function verdictOf(authorization: unknown): RequestContext | null {
  return authorization === TOKEN ? { tenant: 'acme', principal: 'ann' } : null;
}

/** What `ann` of tenant `acme` proves herself with. */
export const TOKEN = 'Bearer acme-token';

/** A server for a request listener. */
export function serverFor(transport: HostTransport, listener: http.RequestListener): http.Server {
  const { server } = certificates();
  // The listeners of frameworks, and ours, take the compatible requests of HTTP/2 as well.
  const either = listener as unknown as (
    request: http2.Http2ServerRequest,
    response: http2.Http2ServerResponse,
  ) => void;
  switch (transport) {
    case 'HTTP/1.1':
      return http.createServer(listener);
    case 'HTTP/1.1 TLS':
      return https.createServer(server, listener);
    case 'h2c':
      return http2.createServer(either) as unknown as http.Server;
    case 'h2 TLS':
      return http2.createSecureServer(server, either) as unknown as http.Server;
    case 'HTTP/1.1 TLS over h2':
      return http2.createSecureServer({ ...server, allowHTTP1: true }, either) as unknown as http.Server;
    default:
      throw new Error(`${transport} is not for request listeners`);
  }
}

/** Listens, and gives a host that breaks off its connections when it is closed. */
export async function listening(server: http.Server, basePath = ''): Promise<Host> {
  const open = new Set<{ destroy(): void }>();
  for (const event of ['connection', 'secureConnection', 'session']) {
    server.on(event, (connection: { destroy(): void; once(name: 'close', done: () => void): void }) => {
      open.add(connection);
      connection.once('close', () => open.delete(connection));
    });
  }
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    basePath,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const connection of open) connection.destroy();
      await closed;
    },
  };
}
