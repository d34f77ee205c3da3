/**
 * Addresses of the servers that Node runs for the collector: its own pages, and receivers with `engine: node`.
 */
import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';

import { CollectorError, messageOf } from '../errors.js';

/** Where to listen. */
export interface EndpointAddress {
  /** What the listener is for, in messages: `metrics`. */
  readonly purpose: string;
  /** Name or address; empty is every interface. Ignored for a Unix socket. */
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** A Unix socket instead. */
  readonly socketPath?: string;
}

/** Splits `host:port`, `:port` and `[v6]:port`. @returns null when there is no port */
export function parseEndpoint(endpoint: string): { readonly host: string; readonly port: number } | null {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(endpoint) ?? [];
  const port = Number(digits ?? Number.NaN);
  return port <= 65_535 ? { host: bracketed ?? plain ?? '', port } : null;
}

/** Go resolves `localhost` to IPv4 first; Node leaves the order to the system. */
function listenHost(host: string): string | undefined {
  if (host === 'localhost') return '127.0.0.1';
  return host === '' ? undefined : host;
}

/**
 * Binds a server.
 * @returns `host:port` with the real port, or the socket's path
 * @throws CollectorError `BIND_FAILED`
 */
export async function listen(server: Server, at: EndpointAddress): Promise<string> {
  const { socketPath, host, port } = at;
  server.listen(socketPath === undefined ? { host: listenHost(host), port } : { path: socketPath });
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw bindError(at, cause as NodeJS.ErrnoException);
  }
  // A connection that cannot be accepted must not end the process.
  server.on('error', () => {});
  return socketPath ?? printAddress(at, server);
}

function bindError({ purpose, host, port, socketPath }: EndpointAddress, cause: NodeJS.ErrnoException): CollectorError {
  const address = socketPath ?? `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const network = socketPath === undefined ? 'tcp' : 'unix';
  const reason = BIND_REASONS[cause.code ?? ''] ?? messageOf(cause);
  return new CollectorError('BIND_FAILED', `${purpose}: listen ${network} ${address}: bind: ${reason}`, {
    cause,
    details: { purpose, address },
  });
}

const BIND_REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'address already in use',
  EACCES: 'permission denied',
  EADDRNOTAVAIL: 'cannot assign requested address',
  ENOTFOUND: 'no such host',
};

function printAddress({ host, port }: EndpointAddress, server: Server): string {
  const bound = server.address() as AddressInfo | null;
  const shown = host === '' ? '0.0.0.0' : host;
  return `${shown.includes(':') ? `[${shown}]` : shown}:${bound?.port ?? port}`;
}
