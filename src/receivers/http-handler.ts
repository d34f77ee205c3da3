/**
 * A request listener for servers of Node (`node:http`, `node:https`, `node:http2`, and whatever is built on them): hands
 * requests to an `otlp` receiver and answers as that does on a socket of its own.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';

import type { HostAnswer } from '../binding/index.js';
import { CollectorError } from '../errors.js';
import { NOT_TAKEN, peerOf, relay, type ContextOf, type Door } from './door.js';

/** A request as Node's servers give it. */
export type NodeRequest = IncomingMessage | Http2ServerRequest;
/** The response to it. */
export type NodeResponse = ServerResponse | Http2ServerResponse;

/** A request listener that is also a middleware: `next` gets what the receiver has no path for, and what failed. */
export type HttpHandler = (request: NodeRequest, response: NodeResponse, next?: (error?: unknown) => void) => void;

/** How a handler finds and passes on requests. */
export interface HttpHandlerSettings {
  /** Id of the receiver. */
  readonly receiver: string;
  /** What stands in front of the receiver's paths; empty is nothing. */
  readonly basePath: string;
  readonly contextOf: ContextOf<NodeRequest>;
  /** For `checkContinue` of a server: the client waits to be asked for the body. @default false */
  readonly asksForBody?: boolean;
}

/** Makes a handler. It never throws. */
export function makeHttpHandler(door: Door, settings: HttpHandlerSettings): HttpHandler {
  return (request, response, next) => {
    const target = targetOf(request, settings.basePath);
    if (next !== undefined && (target === null || !door.serves(settings.receiver, pathOf(target)))) {
      next();
      return;
    }
    const fail = (error: unknown): void => {
      door.failed(settings.receiver, NOT_TAKEN, error);
      if (next !== undefined && !response.headersSent) next(error);
      else refuse(response, 500, 'internal error');
    };
    try {
      handOver(door, settings, target ?? '/', request, response).catch(fail);
    } catch (error) {
      fail(error);
    }
  };
}

/** Resolves once the answer is on its way. */
async function handOver(
  door: Door,
  { receiver, contextOf, asksForBody = false }: HttpHandlerSettings,
  target: string,
  request: NodeRequest,
  response: NodeResponse,
): Promise<void> {
  if (request.httpVersionMajor < 1) {
    refuse(response, 400, 'HTTP/1.1 or newer is required');
    return;
  }
  if (request.readableDidRead) throw bodyIsGone();
  const exchange = door.begin({
    receiver,
    protocol: door.protocol,
    method: request.method ?? '',
    target,
    headers: headersOf(request),
    peer: peerOf(request.socket),
    declared: declaredOf(request),
    context: contextOf(request),
  });
  if (exchange === null) {
    unavailable(response);
    return;
  }
  response.once('close', () => exchange.abort());
  if (asksForBody && (await exchange.wanted()) && !response.destroyed) response.writeContinue();
  relay(request, exchange);
  const answer = await exchange.answer;
  if (answer === null) unavailable(response);
  else await respond(request, response, answer);
}

function pathOf(target: string): string {
  return target.split('?', 1)[0] ?? '';
}

/** Path and query as the client sent them, less the base path; null if they do not begin with that. */
function targetOf(request: NodeRequest, basePath: string): string | null {
  // Express and Connect shorten `url` by what they have matched.
  const { originalUrl } = request as { readonly originalUrl?: unknown };
  const target = typeof originalUrl === 'string' ? originalUrl : (request.url ?? '/');
  if (basePath === '') return target;
  return target.startsWith(`${basePath}/`) ? target.slice(basePath.length) : null;
}

/** Names and values by turns, HTTP/2's authority as `host`. */
function headersOf(request: NodeRequest): string[] {
  const { rawHeaders } = request;
  if (request.httpVersionMajor < 2) return rawHeaders;
  const headers: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const [name = '', value = ''] = [rawHeaders[index], rawHeaders[index + 1]];
    if (name === ':authority') headers.push('host', value);
    else if (!name.startsWith(':')) headers.push(name, value);
  }
  return headers;
}

function declaredOf({ headers }: NodeRequest): number | null {
  const length = headers['content-length'];
  return length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : null;
}

async function respond(request: NodeRequest, response: NodeResponse, answer: HostAnswer): Promise<void> {
  if (response.destroyed || response.writableEnded) return;
  response.statusCode = answer.status;
  for (const [name, values] of grouped(answer.headers)) response.setHeader(name, values);
  if (answer.trailers !== null)
    response.addTrailers(Object.fromEntries(grouped(answer.trailers)) as Record<string, string>);
  // As a text, since Node sends that in one piece with the head.
  const { body } = answer;
  if (request.complete) {
    response.end(body, 'latin1');
  } else if ('stream' in response) {
    response.end(body, 'latin1');
    await discardRest(request);
    response.stream.close();
  } else {
    // The client has its answer, and the connection ends when it has sent what it was sending: cut off before, it might
    // never read it.
    response.setHeader('connection', 'close').setHeader('content-length', body.length).flushHeaders();
    response.write(body, 'latin1');
    await discardRest(request);
    response.end();
  }
}

/** Resolves when nothing more comes of a body that nobody wants, or it was enough. */
async function discardRest(request: NodeRequest): Promise<void> {
  await new Promise<void>((resolve) => {
    let left = DISCARD_BYTES_MAX;
    const timer = setTimeout(resolve, DISCARD_MS_MAX);
    const done = (): void => {
      clearTimeout(timer);
      resolve();
    };
    request.once('end', done).once('close', done);
    request.on('data', (chunk: Uint8Array) => {
      left -= chunk.length;
      if (left < 0) done();
    });
  });
}

/** How much of a refused body is thrown away, and for how long, so that its sender can read the answer. */
const DISCARD_BYTES_MAX = 32 << 20;
const DISCARD_MS_MAX = 1000;

/** Values by name: those that come more than once as a list. */
function grouped(pairs: readonly string[]): Map<string, string | string[]> {
  const found = new Map<string, string | string[]>();
  for (let index = 0; index < pairs.length; index += 2) {
    const [name = '', value = ''] = [pairs[index], pairs[index + 1]];
    const before = found.get(name);
    found.set(name, before === undefined ? value : [before, value].flat());
  }
  return found;
}

/** There is no such receiver, or it takes nothing now: the client is told to come again. */
function unavailable(response: NodeResponse): void {
  if (!response.headersSent && !response.destroyed) response.setHeader('retry-after', '1');
  refuse(response, 503, 'the collector is not running');
}

function refuse(response: NodeResponse, status: number, text: string): void {
  if (response.destroyed || response.writableEnded) return;
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.statusCode = status;
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  response.end(text);
}

function bodyIsGone(): CollectorError {
  const text = 'the body of the request has been read already: put the handler before what parses bodies';
  return new CollectorError('INVALID_STATE', text);
}
