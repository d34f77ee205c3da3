// The server behind the exporter: notes what arrives, and can be away, refuse, hang, reset or be deaf.
import { createServer } from 'node:http';
import { createServer as createSocketServer } from 'node:net';

export class Target {
  #server = null;
  #hangUp = () => undefined;
  #held = [];
  /** `take`, `refuse` (503 for everything), `hang` or `reset` (the connection of each request). */
  mode = 'take';
  /** How long it takes to answer. */
  takesMs = 0;
  /** Requests that arrived here. */
  delivered = 0;

  constructor(oracle) {
    this.oracle = oracle;
    this.port = 0;
  }

  async open() {
    const server = createServer((incoming, outgoing) => this.#answer(incoming, outgoing));
    await this.#listen(server);
    this.#hangUp = () => server.closeAllConnections();
  }

  /** Connections are taken, and nothing that comes on them is ever read. */
  async deafen() {
    await this.close();
    const sockets = [];
    const server = createSocketServer({ pauseOnConnect: true }, (socket) => {
      sockets.push(socket.on('error', () => undefined));
    });
    await this.#listen(server);
    this.#hangUp = () => sockets.forEach((socket) => socket.destroy());
  }

  async #listen(server) {
    await new Promise((resolve, reject) => server.once('error', reject).listen(this.port, '127.0.0.1', resolve));
    this.port = server.address().port;
    this.#server = server;
  }

  /** Connections are reset and none is taken. */
  async close() {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    this.#hangUp();
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
      if (this.mode === 'reset') {
        incoming.socket.resetAndDestroy();
        return;
      }
      if (this.mode === 'refuse') {
        outgoing.writeHead(503).end();
        return;
      }
      // What is noted has arrived, even if the answer to it does not.
      for (const { name, payload } of spansOf(Buffer.concat(chunks))) this.oracle.noteDelivered(Number(name), payload);
      this.delivered += 1;
      if (this.takesMs === 0) thank(outgoing);
      else setTimeout(thank, this.takesMs, outgoing);
    });
  }
}

function thank(outgoing) {
  outgoing.writeHead(200, { 'content-type': 'application/json' }).end('{}');
}

function spansOf(body) {
  const { resourceSpans } = JSON.parse(body.toString('utf8'));
  return resourceSpans
    .flatMap(({ scopeSpans }) => scopeSpans)
    .flatMap(({ spans }) => spans)
    .map(({ name, attributes }) => ({ name, payload: attributes[0].value.stringValue }));
}
