// Takes OTLP/HTTP on a server of your own, behind your own checks, and hands the bodies to a collector in this
// process: node examples/http-server.mjs, then
//   npx teleferric send --protocol http/protobuf --endpoint localhost:8080 --header authorization=secret
import { createServer } from 'node:http';
import { Collector } from 'teleferric';

const BODY_BYTES_MAX = 4 * 1024 * 1024;
const SIGNALS = { '/v1/traces': 'traces', '/v1/metrics': 'metrics', '/v1/logs': 'logs' };
const ENCODINGS = { 'application/x-protobuf': 'proto', 'application/json': 'json' };

// `ingest` enters at the otlp receiver, which here also listens on a port that nobody is told of.
const collector = await Collector.start({
  config: `
receivers:
  otlp: { protocols: { http: { endpoint: 127.0.0.1:0 } } }
exporters:
  debug: { use_internal_logger: false }
service:
  telemetry: { metrics: { level: none }, logs: { level: warn } }
  pipelines:
    traces: { receivers: [otlp], exporters: [debug] }
    metrics: { receivers: [otlp], exporters: [debug] }
    logs: { receivers: [otlp], exporters: [debug] }
`,
});

const server = createServer(async (request, response) => {
  const type = request.headers['content-type'] ?? '';
  const [signal, encoding] = [SIGNALS[request.url], ENCODINGS[type]];
  if (request.headers.authorization !== 'secret') return response.writeHead(401).end();
  if (request.method !== 'POST' || signal === undefined) return response.writeHead(404).end();
  if (encoding === undefined || 'content-encoding' in request.headers) return response.writeHead(415).end();
  const body = await read(request).catch(() => null);
  if (body === null) return response.writeHead(413).end();
  const outcome = await collector.ingest(signal, body, { encoding });
  if (outcome.outcome === 'refused') return refuse(response, outcome);
  return response.writeHead(200, { 'content-type': type }).end(encoding === 'json' ? '{}' : '');
});
server.listen(8080, '127.0.0.1', () => console.log('OTLP/HTTP on http://127.0.0.1:8080'));
process.once('SIGINT', stop).once('SIGTERM', stop);

/** The body, or a rejection if it is too large or its sender goes away. */
async function read(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > BODY_BYTES_MAX) throw new Error('too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Senders try again after 503, and give up after 400. */
function refuse(response, { message, retryable, retryAfterMs }) {
  if (retryAfterMs !== null) response.setHeader('retry-after', Math.ceil(retryAfterMs / 1000));
  response.writeHead(retryable ? 503 : 400, { 'content-type': 'text/plain' }).end(message);
}

async function stop() {
  server.close();
  server.closeIdleConnections();
  await collector.close();
}
