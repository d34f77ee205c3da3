// Takes OTLP/HTTP on a server of your own, behind your own check, with a collector in this process:
// node examples/http-server.mjs, then
//   npx teleferric send --protocol http/protobuf --endpoint localhost:8080 --header authorization=secret
import { createServer } from 'node:http';
import { Collector } from 'teleferric';

const { PORT = '8080' } = process.env;

// `engine: host` opens no port: requests come from the handler below.
const collector = await Collector.start({
  config: `
receivers:
  otlp: { protocols: { http: { engine: host } } }
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

const otlp = collector.httpHandler();
const server = createServer((request, response) => {
  if (request.headers.authorization === 'secret') otlp(request, response);
  else response.writeHead(401).end();
});
server.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`OTLP/HTTP on http://127.0.0.1:${server.address().port}`);
});

/** No new requests first, then the answers to those that run, then what the collector still holds. */
const stop = () => server.close(() => collector.close());
process.once('SIGINT', stop).once('SIGTERM', stop);
