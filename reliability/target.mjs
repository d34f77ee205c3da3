// The server behind the exporter: notes what arrives, and can be away, refuse or hang.
import { createServer } from 'node:http';

export class Target {
  #server = null;
  #held = [];
  /** `take`, `refuse` (503 for everything) or `hang`. */
  mode = 'take';

  constructor(oracle) {
    this.oracle = oracle;
    this.port = 0;
  }

  async open() {
    const server = createServer((incoming, outgoing) => this.#answer(incoming, outgoing));
    await new Promise((resolve, reject) => server.once('error', reject).listen(this.port, '127.0.0.1', resolve));
    this.port = server.address().port;
    this.#server = server;
  }

  /** Connections are reset and none is taken. */
  async close() {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  get isOpen() {
    return this.#server !== null;
  }

  /** Answers from now on by `mode`; what hung is let go. */
  set(mode) {
    this.mode = mode;
    if (mode !== 'hang') for (const outgoing of this.#held.splice(0)) outgoing.destroy();
  }

  #answer(incoming, outgoing) {
    const chunks = [];
    incoming.on('data', (chunk) => chunks.push(chunk));
    incoming.on('error', () => undefined);
    incoming.on('end', () => {
      if (this.mode === 'hang') {
        this.#held.push(outgoing);
        return;
      }
      if (this.mode === 'refuse') {
        outgoing.writeHead(503).end();
        return;
      }
      // What is noted has arrived, even if the answer to it does not.
      for (const { name, payload } of spansOf(Buffer.concat(chunks))) this.oracle.noteDelivered(Number(name), payload);
      outgoing.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  }
}

function spansOf(body) {
  const { resourceSpans } = JSON.parse(body.toString('utf8'));
  return resourceSpans
    .flatMap(({ scopeSpans }) => scopeSpans)
    .flatMap(({ spans }) => spans)
    .map(({ name, attributes }) => ({ name, payload: attributes[0].value.stringValue }));
}
