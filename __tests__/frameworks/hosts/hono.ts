/**
 * Hono on Node, by way of the requests of Node that its adapter hands on.
 */
import { createAdaptorServer, type Http2Bindings, type HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { Hono } from 'hono';
import type { RequestListener } from 'node:http';

import { greeting, listening, OWN_PATH, serverFor, verdictOf, type Open } from '../host.js';

export const openHono: Open = async (collector, transport) => {
  const app = new Hono<{ Bindings: HttpBindings | Http2Bindings }>();
  app.use(async (context, next) => {
    if (verdictOf(context.req.header('authorization')) === null) return context.text('who are you?', 401);
    return next();
  });
  const otlp = collector.httpHandler({ context: (request) => verdictOf(request.headers.authorization) });
  app.post('/v1/*', async ({ env }) => {
    otlp(env.incoming, env.outgoing);
    await new Promise((resolve) => env.outgoing.once('close', resolve));
    return RESPONSE_ALREADY_SENT;
  });
  app.post(OWN_PATH, async (context) => context.text(greeting((await context.req.json<{ name: string }>()).name)));
  const createServer = (_options: object, listener: RequestListener) => serverFor(transport, listener);
  return listening(createAdaptorServer({ fetch: app.fetch, createServer: createServer as never }) as never);
};
