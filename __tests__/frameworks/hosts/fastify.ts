/**
 * Fastify 5, whose parsers and replies stay in charge of all routes but the receiver's.
 */
import fastify from 'fastify';

import { greeting, listening, OWN_PATH, serverFor, verdictOf, type Open } from '../host.js';

export const openFastify: Open = async (collector, transport) => {
  const app = fastify({ serverFactory: (listener) => serverFor(transport, listener) });
  app.addHook('onRequest', async (request, reply) => {
    if (verdictOf(request.headers.authorization) === null) await reply.code(401).send('who are you?');
  });
  const otlp = collector.httpHandler({ context: (request) => verdictOf(request.headers.authorization) });
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
    scope.post('/v1/*', (request, reply) => {
      reply.hijack();
      otlp(request.raw, reply.raw);
    });
  });
  app.post(OWN_PATH, async (request) => greeting((request.body as { readonly name: string }).name));
  await app.ready();
  return listening(app.server);
};
