/**
 * A small HTTP listener for pages of the collector itself (metrics, health): bounded, quick to close.
 * Not for telemetry; that is received by the core.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, type ServerOptions as TlsServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { SecureVersion } from 'node:tls';

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

/** TLS of a listener: files or PEM text. */
export interface EndpointTls {
  readonly certFile: string | null;
  readonly certPem: string | null;
  readonly keyFile: string | null;
  readonly keyPem: string | null;
  /** "1.0" to "1.3"; null is Node's. */
  readonly minVersion: string | null;
  readonly maxVersion: string | null;
  /** Asks clients for a certificate signed by it. */
  readonly clientCaFile: string | null;
}

const HEADER_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
const HEADER_BYTES_MAX = 16 * 1024;
const CONNECTIONS_MAX = 256;
/** How long running answers may take at close. */
const CLOSE_GRACE_MS = 500;

/** An open listener. */
export class HttpEndpoint {
  readonly #server: Server;
  /** `host:port` with the real port, or the socket's path. */
  readonly address: string;
  #closing: Promise<void> | null = null;

  private constructor(server: Server, address: string) {
    this.#server = server;
    this.address = address;
  }

  /** @throws CollectorError `BIND_FAILED` when the address cannot be had, `START_FAILED` when TLS files cannot be read */
  static async listen(at: EndpointAddress, tls: EndpointTls | null, handler: RequestListener): Promise<HttpEndpoint> {
    const options = {
      headersTimeout: HEADER_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      maxHeaderSize: HEADER_BYTES_MAX,
    };
    const server: Server =
      tls === null ? createServer(options, handler) : createTlsServer({ ...options, ...tlsOptions(at, tls) }, handler);
    server.maxConnections = CONNECTIONS_MAX;
    await bind(server, at);
    return new HttpEndpoint(server, at.socketPath ?? printAddress(at, server));
  }

  /** Whether the listener keeps the process alive. */
  setRef(ref: boolean): void {
    if (ref) this.#server.ref();
    else this.#server.unref();
  }

  /** Stops listening; running answers get a moment. Never rejects. */
  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      const cut = setTimeout(() => this.#server.closeAllConnections(), CLOSE_GRACE_MS);
      this.#server.close(() => {
        clearTimeout(cut);
        resolve();
      });
      this.#server.closeIdleConnections();
    });
    return this.#closing;
  }
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

async function bind(server: Server, at: EndpointAddress): Promise<void> {
  const { socketPath, host, port } = at;
  server.listen(socketPath === undefined ? { host: listenHost(host), port } : { path: socketPath });
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw bindError(at, cause as NodeJS.ErrnoException);
  }
  // A connection that cannot be accepted must not end the process.
  server.on('error', () => {});
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

function tlsOptions({ purpose }: EndpointAddress, tls: EndpointTls): TlsServerOptions {
  const read = (file: string | null, pem: string | null): string | undefined => {
    if (file === null) return pem ?? undefined;
    try {
      return readFileSync(file, 'utf8');
    } catch (cause) {
      throw new CollectorError('START_FAILED', `${purpose}: cannot read TLS file ${file}: ${messageOf(cause)}`, {
        cause,
      });
    }
  };
  const clientCa = read(tls.clientCaFile, null);
  return {
    cert: read(tls.certFile, tls.certPem),
    key: read(tls.keyFile, tls.keyPem),
    ...(clientCa !== undefined && { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
    ...(tls.minVersion !== null && { minVersion: secureVersion(tls.minVersion) }),
    ...(tls.maxVersion !== null && { maxVersion: secureVersion(tls.maxVersion) }),
  };
}

function secureVersion(version: string): SecureVersion {
  return version === '1.0' ? 'TLSv1' : (`TLSv${version}` as SecureVersion);
}
