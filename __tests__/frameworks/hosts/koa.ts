/**
 * Koa, which keeps its hands off responses that it is told to.
 */
import Koa from 'koa';
import { json } from 'node:stream/consumers';

import { greeting, listening, OWN_PATH, serverFor, verdictOf, type Open } from '../host.js';

export const openKoa: Open = async (collector, transport) => {
  const app = new Koa();
  // It tells of clients that are gone.
  app.silent = true;
  app.use(async (context, next) => {
    if (verdictOf(context.get('authorization')) === null) context.throw(401, 'who are you?');
    await next();
  });
  const otlp = collector.httpHandler({ context: (request) => verdictOf(request.headers.authorization) });
  app.use(async (context, next) => {
    if (!context.path.startsWith('/v1/')) return next();
    context.respond = false;
    otlp(context.req, context.res);
  });
  app.use(async (context) => {
    if (context.path !== OWN_PATH) return;
    context.body = greeting(((await json(context.req)) as { readonly name: string }).name);
  });
  return listening(serverFor(transport, app.callback()));
};
