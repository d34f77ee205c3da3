/**
 * The servers of Node itself: `node:http`, `node:https`, and `node:http2` with its compatible requests.
 */
import type { IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';

import { greeting, listening, OWN_PATH, serverFor, verdictOf, type Open } from '../host.js';

export const openNode: Open = async (collector, transport) => {
  const otlp = collector.httpHandler({ context: (request) => verdictOf(request.headers.authorization) });
  const server = serverFor(transport, (request, response) => {
    if (verdictOf(request.headers.authorization) === null) {
      response.writeHead(401).end('who are you?');
    } else if (request.url === OWN_PATH) {
      nameIn(request).then(
        (name) => response.end(greeting(name)),
        () => response.writeHead(400).end(),
      );
    } else {
      otlp(request, response);
    }
  });
  return listening(server);
};

async function nameIn(request: IncomingMessage): Promise<string> {
  return ((await json(request)) as { readonly name: string }).name;
}
