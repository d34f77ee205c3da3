/**
 * The `health_check` extension: 200 while the pipelines run, 503 before and after, with the Collector's bodies.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';

import { CollectorError } from '../errors.js';
import { parseEndpoint, type EndpointAddress } from '../servers/listen.js';
import type { EndpointTls } from '../servers/tls.js';
import { HttpEndpoint } from './http-endpoint.js';

/** What the extension is configured with. */
export interface HealthSettings {
  /** `host:port`, or a path with `transport` unix. */
  readonly endpoint: string;
  readonly transport: string;
  readonly tls: EndpointTls | null;
  /** Starts with `/`; one that ends with `/` covers everything below. */
  readonly path: string;
  /** Texts that replace the JSON bodies; an empty one does not. */
  readonly responseBody: { readonly healthy: string; readonly unhealthy: string } | null;
  readonly responseHeaders: readonly (readonly [string, string])[];
}

/** Answers whether the collector is ready. Starts not ready. */
export class HealthCheck {
  readonly #state: State;
  readonly #endpoint: HttpEndpoint;
  /** Where it listens. */
  readonly address: string;

  private constructor(endpoint: HttpEndpoint, state: State) {
    this.#state = state;
    this.#endpoint = endpoint;
    this.address = endpoint.address;
  }

  /**
   * @param now milliseconds since the epoch
   * @throws CollectorError `BIND_FAILED`, `START_FAILED` for unreadable TLS files or an endpoint without port
   */
  static async listen(settings: HealthSettings, now: () => number = Date.now): Promise<HealthCheck> {
    const state: State = { settings, upSinceMs: null, now };
    const endpoint = await HttpEndpoint.listen(addressOf(settings), settings.tls, (request, response) =>
      answer(state, request, response),
    );
    return new HealthCheck(endpoint, state);
  }

  /** The pipelines run. */
  ready(): void {
    this.#state.upSinceMs ??= this.#state.now();
  }

  /** They do not, or not for long. */
  notReady(): void {
    this.#state.upSinceMs = null;
  }

  /** Takes over path and bodies; address and TLS stay. */
  configure(settings: HealthSettings): void {
    this.#state.settings = settings;
  }

  /** Whether the listener keeps the process alive. */
  setRef(ref: boolean): void {
    this.#endpoint.setRef(ref);
  }

  close(): Promise<void> {
    return this.#endpoint.close();
  }
}

interface State {
  settings: HealthSettings;
  /** Null while not ready. */
  upSinceMs: number | null;
  readonly now: () => number;
}

function addressOf({ endpoint, transport }: HealthSettings): EndpointAddress {
  const purpose = 'health_check';
  if (transport === 'unix') return { purpose, host: '', port: 0, socketPath: endpoint };
  const address = parseEndpoint(endpoint);
  if (address === null)
    throw new CollectorError('START_FAILED', `${purpose}: listen tcp: address ${endpoint}: missing port in address`);
  return { purpose, ...address };
}

function answer(state: State, { url }: IncomingMessage, response: ServerResponse): void {
  const { path, responseBody, responseHeaders } = state.settings;
  for (const [name, value] of responseHeaders) response.setHeader(name, value);
  const asked = url?.split('?', 1)[0] ?? '/';
  if (asked !== path && !(path.endsWith('/') && asked.startsWith(path))) {
    return end(response, 404, '404 page not found\n', TEXT);
  }
  const healthy = state.upSinceMs !== null;
  const status = healthy ? 200 : 503;
  const own = healthy ? responseBody?.healthy : responseBody?.unhealthy;
  if (own === undefined || own === '') return end(response, status, jsonBody(state), 'application/json');
  end(response, status, own, TEXT);
}

const TEXT = 'text/plain; charset=utf-8';
/** Go's zero time. */
const NEVER = '0001-01-01T00:00:00Z';

function jsonBody({ upSinceMs, now }: State): string {
  if (upSinceMs === null) return JSON.stringify({ status: 'Server not available', upSince: NEVER, uptime: '' });
  const uptime = goDuration(now() - upSinceMs);
  return JSON.stringify({ status: 'Server available', upSince: new Date(upSinceMs).toISOString(), uptime });
}

/** Milliseconds as Go prints a duration: `1m2.3s`, `250ms`, `0s`. */
export function goDuration(milliseconds: number): string {
  const ms = Math.max(0, Math.round(milliseconds));
  if (ms === 0) return '0s';
  if (ms < 1000) return `${ms}ms`;
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor(ms / 60_000) % 60;
  const seconds = `${(ms % 60_000) / 1000}s`;
  if (hours > 0) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}

function end(response: ServerResponse, status: number, body: string, type: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
