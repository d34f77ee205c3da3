// The server behind an exporter that speaks gRPC: notes what arrives, and can leave in good order.
import { createServer } from 'node:http2';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

const FRAME_HEAD_BYTES = 5;
const PATH = 'opentelemetry/proto/collector/trace/v1/trace_service.proto';

const root = new protobuf.Root();
root.resolvePath = (_, name) => fileURLToPath(new URL(`../proto/${name}`, import.meta.url));
const Request = root.loadSync(PATH).lookupType('opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest');
/** A message without fields. */
const THANKS = Buffer.alloc(FRAME_HEAD_BYTES);

export class GrpcTarget {
  #server = null;
  #sessions = new Set();
  port = 0;
  /** Requests that arrived here. */
  delivered = 0;

  constructor(oracle) {
    this.oracle = oracle;
  }

  async open() {
    const server = createServer();
    server.on('session', (session) => {
      this.#sessions.add(session);
      session.once('close', () => this.#sessions.delete(session));
      session.on('error', () => undefined);
    });
    server.on('stream', (stream) => this.#answer(stream));
    await new Promise((resolve, reject) => server.once('error', reject).listen(this.port, '127.0.0.1', resolve));
    this.port = server.address().port;
    this.#server = server;
  }

  get isOpen() {
    return this.#server !== null;
  }

  /** Takes no more connections, and says GOAWAY on those there are: what is under way is answered. */
  leave() {
    this.#server?.close();
    this.#server = null;
    for (const session of this.#sessions) session.close();
  }

  close() {
    this.leave();
    for (const session of this.#sessions) session.destroy();
  }

  /** It knows no other way than to take. */
  set() {}

  #answer(stream) {
    const chunks = [];
    stream.on('error', () => undefined);
    stream.on('data', (chunk) => chunks.push(chunk));
    stream.on('end', () => {
      const request = Request.decode(Buffer.concat(chunks).subarray(FRAME_HEAD_BYTES));
      const spans = request.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans).flatMap(({ spans: some }) => some);
      for (const { name, attributes } of spans)
        this.oracle.noteDelivered(Number(name), attributes[0].value.stringValue);
      this.delivered += 1;
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(THANKS);
    });
  }
}
