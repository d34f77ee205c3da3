/**
 * Express 5, with a body parser on either side of the receiver and the receiver under a path of its own.
 */
import express from 'express';

import { greeting, listening, OWN_PATH, serverFor, verdictOf, type Open } from '../host.js';

export const openExpress: Open = async (collector, transport) => {
  const app = express();
  app.use((request, response, next) => {
    if (verdictOf(request.headers.authorization) === null) response.status(401).send('who are you?');
    else next();
  });
  app.use('/internal', express.json());
  const otlp = collector.httpHandler({
    basePath: '/otlp',
    context: (request) => verdictOf(request.headers.authorization),
  });
  app.use('/otlp', otlp);
  app.use(express.json());
  app.post(OWN_PATH, (request, response) => {
    response.send(greeting((request.body as { readonly name: string }).name));
  });
  return listening(serverFor(transport, app), '/otlp');
};
