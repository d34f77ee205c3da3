// A gateway on @grpc/grpc-js that has the OTLP services beside its own, behind one interceptor.
//
//   PORT     where it listens (default 8080; 0 picks a free port)
//   BACKEND  where telemetry goes, an OTLP/gRPC endpoint (default localhost:4317)
import { promisify } from 'node:util';
import { Server, ServerCredentials, ServerInterceptingCall, status } from '@grpc/grpc-js';
import { Collector } from 'teleferric';

const { PORT = '8080', BACKEND = 'localhost:4317' } = process.env;

/** Whose token it is. A real gateway verifies a signature. */
const TENANTS = new Map([['Bearer token-of-acme', 'acme']]);
const tenantOf = (metadata) => TENANTS.get(metadata.get('authorization')[0]);

const pipeline = { receivers: ['otlp'], processors: ['batch'], exporters: ['otlp_grpc'] };
const collector = await Collector.start({
  config: {
    // `engine: host` opens no port: calls come from the services below.
    receivers: { otlp: { protocols: { grpc: { engine: 'host' } } } },
    processors: { batch: {} },
    exporters: { otlp_grpc: { endpoint: BACKEND, tls: { insecure: true } } },
    service: {
      telemetry: { metrics: { level: 'none' }, logs: { level: 'warn' } },
      pipelines: { traces: pipeline, metrics: pipeline, logs: pipeline },
    },
  },
});

/** Refuses calls without a token before their message is read, of every service. */
const authenticate = (_method, call) =>
  new ServerInterceptingCall(call, {
    start: (next) =>
      next({
        onReceiveMetadata: (metadata, forward) => {
          if (tenantOf(metadata) !== undefined) forward(metadata);
          else call.sendStatus({ code: status.UNAUTHENTICATED, details: 'a valid token is needed' });
        },
      }),
  });

// The server undoes compression and gathers a message before the collector sees it, so its limit is the one that counts.
const server = new Server({ interceptors: [authenticate], 'grpc.max_receive_message_length': 16 * 1024 * 1024 });

const context = (call) => ({ tenant: tenantOf(call.metadata) });
for (const service of collector.grpcServices({ context })) server.addService(...service);

// A service of the gateway's own; as a rule its definition comes from a .proto file.
const toText = (bytes) => bytes.toString();
const order = {
  path: '/example.Orders/Count',
  requestStream: false,
  responseStream: false,
  requestSerialize: Buffer.from,
  requestDeserialize: toText,
  responseSerialize: Buffer.from,
  responseDeserialize: toText,
};
server.addService({ Count: order }, { Count: (call, callback) => callback(null, `${call.request.length}`) });

const port = await promisify(server.bindAsync.bind(server))(`127.0.0.1:${PORT}`, ServerCredentials.createInsecure());
process.once('SIGINT', stop).once('SIGTERM', stop);
console.log(`gateway on 127.0.0.1:${port}`);

/** No new calls first, then the answers to those that run, then what the collector still holds. */
async function stop() {
  await promisify(server.tryShutdown.bind(server))();
  await collector.close({ deadlineMs: 10_000 });
}
