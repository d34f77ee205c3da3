// A gateway on Fastify with the collector as a plugin: started with the server, closed with it, and asked for its health.
//
//   PORT     where it listens (default 8080; 0 picks a free port)
//   BACKEND  where telemetry goes, an OTLP/HTTP endpoint (default http://localhost:4318)
import fastify from 'fastify';
import { Collector } from 'teleferric';

const { PORT = '8080', BACKEND = 'http://localhost:4318' } = process.env;

/** Whose token it is. A real gateway verifies a signature. */
const TENANTS = new Map([['Bearer token-of-acme', 'acme']]);

const app = fastify({ logger: { level: 'warn' } });

// The gateway's own check, for all routes but the one that a load balancer asks.
app.addHook('onRequest', async ({ url, headers, raw }, reply) => {
  if (url === '/health') return;
  // On the request of Node, which is what the collector is handed.
  raw.tenant = TENANTS.get(headers.authorization);
  if (raw.tenant === undefined) await reply.code(401).send({ error: 'a valid token is needed' });
});

app.register(telemetry);
app.get('/orders/:id', async (request) => ({ id: request.params.id, tenant: request.raw.tenant }));
app.post('/orders', async (request, reply) => reply.code(201).send({ items: request.body.items.length }));

const address = await app.listen({ port: Number(PORT), host: '127.0.0.1' });
const stop = () => app.close();
process.once('SIGINT', stop).once('SIGTERM', stop);
console.log(`gateway on ${address}`);

/** Takes OTLP on /v1/*, in a scope of its own so that other routes keep their parsers. */
async function telemetry(scope) {
  const collector = await Collector.start({ config: configuration(), logger: loggerOf(scope.log) });
  // Runs when the last request is answered: then the collector delivers what it holds.
  scope.addHook('onClose', () => collector.close({ deadlineMs: 10_000 }));

  // Bodies go to the collector unread, whatever they say they are.
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
  const otlp = collector.httpHandler({ context: ({ tenant }) => ({ tenant }) });
  scope.post('/v1/*', (request, reply) => {
    reply.hijack();
    otlp(request.raw, reply.raw);
  });

  scope.get('/health', async (_request, reply) => {
    const { state } = collector;
    return reply.code(state === 'running' ? 200 : 503).send({ collector: state });
  });
}

function configuration() {
  const pipeline = { receivers: ['otlp'], processors: ['batch'], exporters: ['otlp_http'] };
  return {
    // `engine: host` opens no port: requests come from the route above.
    receivers: { otlp: { protocols: { http: { engine: 'host' } } } },
    processors: { batch: {} },
    exporters: { otlp_http: { endpoint: BACKEND } },
    service: {
      telemetry: { metrics: { level: 'none' }, logs: { level: 'warn' } },
      pipelines: { traces: pipeline, metrics: pipeline, logs: pipeline },
    },
  };
}

/** Lines of the collector in the gateway's own log. */
function loggerOf(log) {
  const write = (level) => (message, fields) => log[level](fields, message);
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}
