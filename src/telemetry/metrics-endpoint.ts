/**
 * The page `/metrics` over HTTP: GET and HEAD, nothing else.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';

import { HttpEndpoint } from './http-endpoint.js';
import { PAGE_TYPE, type MetricsPage } from './prometheus.js';

/** Serves one page; the page may be replaced while the listener stays. */
export class MetricsEndpoint {
  readonly #shown: { page: MetricsPage };
  readonly #endpoint: HttpEndpoint;
  /** `host:port` with the real port. */
  readonly address: string;

  private constructor(endpoint: HttpEndpoint, shown: { page: MetricsPage }) {
    this.#shown = shown;
    this.#endpoint = endpoint;
    this.address = endpoint.address;
  }

  /** @throws CollectorError `BIND_FAILED` */
  static async listen(host: string, port: number, page: MetricsPage): Promise<MetricsEndpoint> {
    const shown = { page };
    const endpoint = await HttpEndpoint.listen({ purpose: 'metrics', host, port }, null, (request, response) => {
      void answer(shown.page, request, response);
    });
    return new MetricsEndpoint(endpoint, shown);
  }

  /** Shows another page from now on. */
  show(page: MetricsPage): void {
    this.#shown.page = page;
  }

  /** Whether the listener keeps the process alive. */
  setRef(ref: boolean): void {
    this.#endpoint.setRef(ref);
  }

  close(): Promise<void> {
    return this.#endpoint.close();
  }
}

async function answer(page: MetricsPage, { method, url }: IncomingMessage, response: ServerResponse): Promise<void> {
  if (url?.split('?', 1)[0] !== '/metrics') return end(response, 404, '404 page not found\n');
  if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return end(response, 405, 'method not allowed\n');
  }
  try {
    const text = await page.render();
    end(response, 200, text, PAGE_TYPE);
  } catch {
    end(response, 500, 'the metrics cannot be read\n');
  }
}

/** Node leaves the body out of an answer to HEAD by itself. */
function end(response: ServerResponse, status: number, body: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
