/**
 * A small HTTP listener for pages of the collector itself (metrics, health): bounded, quick to close.
 * Not for telemetry; that is received by the core.
 */
import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer, type Server as SecureServer } from 'node:https';

import { listen, type EndpointAddress } from '../servers/listen.js';
import { Certificates, tlsOptions, type EndpointTls } from '../servers/tls.js';

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
    const server = tls === null ? createServer(options, handler) : createSecured(options, at.purpose, tls, handler);
    server.maxConnections = CONNECTIONS_MAX;
    return new HttpEndpoint(server, await listen(server, at));
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

function createSecured(
  options: ServerOptions,
  purpose: string,
  tls: EndpointTls,
  handler: RequestListener,
): SecureServer {
  const server = createTlsServer({ ...options, ...tlsOptions(purpose, tls) }, handler);
  // New files that cannot be used show by the certificate that stays.
  Certificates.watch(server, purpose, tls, () => {});
  return server;
}
