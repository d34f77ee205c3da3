// A gateway on Express that takes its clients' telemetry on the port and behind the keys it has anyway.
//
//   PORT     where it listens (default 8080; 0 picks a free port)
//   BACKEND  where telemetry goes, an OTLP/HTTP endpoint (default http://localhost:4318)
import { once } from 'node:events';
import express from 'express';
import { Collector } from 'teleferric';

const { PORT = '8080', BACKEND = 'http://localhost:4318' } = process.env;

/** Whose key it is. A real gateway asks a database, or reads a signed token. */
const CUSTOMERS = new Map([
  ['key-of-acme', 'acme'],
  ['key-of-bolt', 'bolt'],
]);

const collector = await Collector.start({
  config: {
    // `engine: host` opens no port: requests come from the handler below.
    receivers: { otlp: { protocols: { http: { engine: 'host' } } } },
    processors: { batch: {} },
    exporters: { otlp_http: { endpoint: BACKEND } },
    service: {
      telemetry: { metrics: { level: 'none' }, logs: { level: 'warn' } },
      // What one customer may send, so that none takes the room of another.
      tenants: { quota: { bytes_per_second: 5_000_000, burst: '2s' } },
      pipelines: {
        traces: { receivers: ['otlp'], processors: ['batch'], exporters: ['otlp_http'] },
        metrics: { receivers: ['otlp'], processors: ['batch'], exporters: ['otlp_http'] },
        logs: { receivers: ['otlp'], processors: ['batch'], exporters: ['otlp_http'] },
      },
    },
  },
});

const app = express();

// First the gateway's own check; it counts for telemetry as for everything else.
app.use((request, response, next) => {
  const customer = CUSTOMERS.get(request.get('x-api-key') ?? '');
  if (customer === undefined) return response.status(401).json({ error: 'a valid x-api-key is needed' });
  request.customer = customer;
  return next();
});

// Then the collector, before anything that reads bodies: POST /otlp/v1/traces, /otlp/v1/metrics, /otlp/v1/logs.
const context = (request) => ({ tenant: request.customer });
app.use('/otlp', collector.httpHandler({ basePath: '/otlp', context }));

// Then the gateway's own work.
app.use(express.json());
app.get('/orders/:id', (request, response) => {
  response.json({ id: request.params.id, customer: request.customer });
});
app.post('/orders', (request, response) => {
  response.status(201).json({ items: request.body.items.length, customer: request.customer });
});

const server = app.listen(Number(PORT), '127.0.0.1');
await once(server, 'listening');
process.once('SIGINT', stop).once('SIGTERM', stop);
console.log(`gateway on http://127.0.0.1:${server.address().port}`);

/** No new requests first, then the answers to those that run, then what the collector still holds. */
async function stop() {
  const closed = once(server, 'close');
  server.close();
  await closed;
  await collector.close({ deadlineMs: 10_000 });
}
