// OTLP over HTTP by hand: request bodies, a client that opens a connection for each request, and a server that
// collects what it is sent and answers as the test says.
import { createServer, request, type IncomingHttpHeaders, type OutgoingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';

import { until } from './until.js';

/** One answer. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** POST unless `method` says otherwise. */
export function http(
  url: string,
  {
    method = 'POST',
    body = '',
    headers = {},
  }: { method?: string; body?: string | Uint8Array; headers?: OutgoingHttpHeaders } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request(url, { method, agent: false, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (more: string) => (text += more));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
    });
    call.on('error', reject);
    call.end(body);
  });
}

/** GET of an address and path. */
export function get(address: string, path = '/'): Promise<Answer> {
  return http(`http://${address}${path}`, { method: 'GET' });
}

/** Posts spans as JSON. */
export function postSpans(
  address: string,
  body: object = spans(1),
  headers: OutgoingHttpHeaders = {},
): Promise<Answer> {
  return http(`http://${address}/v1/traces`, {
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers },
  });
}

/** A request with `count` spans named `name`; `filler` goes into an attribute of each. */
export function spans(count: number, name = 'work', filler = ''): TracesRequest {
  const attributes = filler === '' ? [] : [{ key: 'filler', value: { stringValue: filler } }];
  return {
    resourceSpans: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] },
        scopeSpans: [
          {
            scope: { name: 'test' },
            spans: Array.from({ length: count }, (_, index) => ({
              traceId: '5b8aa5a2d2c872e8321cf37308d69df2',
              spanId: (index + 1).toString(16).padStart(16, '0'),
              name,
              kind: 2,
              startTimeUnixNano: '1700000000000000000',
              endTimeUnixNano: '1700000000500000000',
              attributes,
            })),
          },
        ],
      },
    ],
  };
}

/** A request with one gauge of `count` data points. */
export function points(count: number): object {
  const dataPoints = Array.from({ length: count }, () => ({ timeUnixNano: '1700000000000000000', asDouble: 1.5 }));
  return { resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'load', gauge: { dataPoints } }] }] }] };
}

/** A request with `count` log records. */
export function records(count: number): object {
  const logRecords = Array.from({ length: count }, () => ({ body: { stringValue: 'a line' } }));
  return { resourceLogs: [{ scopeLogs: [{ logRecords }] }] };
}

/** A traces request as JSON has it, so far as tests look. */
export interface TracesRequest {
  readonly resourceSpans: readonly {
    readonly resource: object;
    readonly scopeSpans: readonly { readonly scope: object; readonly spans: readonly { readonly name: string }[] }[];
  }[];
}

/** Names of all spans of a request. */
export function spanNames({ resourceSpans }: TracesRequest): readonly string[] {
  return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans.map(({ name }) => name)));
}

/** A request that reached the backend. */
export interface Arrival {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Bytes after decompression. */
  readonly size: number;
  readonly json: TracesRequest;
  /** `performance.now()` when it was whole. */
  readonly at: number;
}

/** How the backend answers: at once, or once the promise resolves. */
export type Respond = (arrival: Arrival, index: number) => Reaction | Promise<Reaction>;

/** Status and headers of an answer. */
export interface Reaction {
  readonly status: number;
  readonly headers?: OutgoingHttpHeaders;
}

const open = new Set<Backend>();

/** Closes what is left over. */
export async function closeBackends(): Promise<void> {
  await Promise.all([...open].map((backend) => backend.close()));
}

/** An OTLP/HTTP server that takes JSON, for `otlp_http` exporters with `encoding: json`. */
export class Backend {
  readonly #server: Server;
  readonly arrivals: Arrival[] = [];
  respond: Respond;

  private constructor(respond: Respond) {
    this.respond = respond;
    this.#server = createServer((incoming, outgoing) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => {
        const raw = Buffer.concat(chunks);
        const body = incoming.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw;
        const arrival: Arrival = {
          path: incoming.url ?? '',
          headers: incoming.headers,
          size: body.length,
          json: JSON.parse(body.toString('utf8')) as TracesRequest,
          at: performance.now(),
        };
        this.arrivals.push(arrival);
        void Promise.resolve(this.respond(arrival, this.arrivals.length - 1)).then(({ status, headers = {} }) => {
          outgoing.writeHead(status, { 'content-type': 'application/json', ...headers }).end('{}');
        });
      });
    });
  }

  static async listen(respond: Respond = () => ({ status: 200 }), port = 0): Promise<Backend> {
    const backend = new Backend(respond);
    await new Promise<void>((resolve, reject) => {
      backend.#server.once('error', reject).listen(port, '127.0.0.1', resolve);
    });
    open.add(backend);
    return backend;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Waits for as many requests. */
  async received(count: number): Promise<readonly Arrival[]> {
    await until(
      () => this.arrivals.length >= count,
      `${count} requests at the backend`,
      () => `${this.arrivals.length}`,
    );
    return this.arrivals;
  }

  async close(): Promise<void> {
    open.delete(this);
    this.#server.closeAllConnections();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }
}

/** A promise that the test opens. */
export class Gate {
  open: () => void = () => {};
  readonly passed = new Promise<void>((resolve) => {
    this.open = resolve;
  });
}
