/**
 * A server of `@grpc/grpc-js` with a service of its own and a check in an interceptor.
 */
import { Server, ServerCredentials, ServerInterceptingCall, status, type ServerInterceptor } from '@grpc/grpc-js';
import { promisify } from 'node:util';

import { certificates } from '../../support/certificates.js';
import { greeting, OWN_PATH, verdictOf, type HostTransport, type Open } from '../host.js';

export const openGrpc: Open = async (collector, transport) => {
  const server = new Server({ interceptors: [authenticate] });
  const services = collector.grpcServices({ context: ({ metadata }) => verdictOf(metadata.get('authorization')[0]) });
  for (const service of services) server.addService(...service);
  server.addService(
    { Greet: GREET },
    {
      Greet: (call: { readonly request: Buffer }, callback: (error: null, value: Buffer) => void) => {
        const { name } = JSON.parse(call.request.toString()) as { readonly name: string };
        callback(null, Buffer.from(greeting(name)));
      },
    },
  );
  const bind = promisify(server.bindAsync.bind(server));
  const port = await bind('127.0.0.1:0', credentials(transport));
  return { port, basePath: '', close: async () => server.forceShutdown() };
};

const same = (bytes: Buffer): Buffer => bytes;
const GREET = {
  path: OWN_PATH,
  requestStream: false as const,
  responseStream: false as const,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
};

const authenticate: ServerInterceptor = (_method, call) =>
  new ServerInterceptingCall(call, {
    start: (next) =>
      next({
        onReceiveMetadata: (metadata, forward) => {
          if (verdictOf(metadata.get('authorization')[0]) !== null) forward(metadata);
          else call.sendStatus({ code: status.UNAUTHENTICATED, details: 'who are you?' });
        },
      }),
  });

function credentials(transport: HostTransport): ServerCredentials {
  if (transport === 'gRPC') return ServerCredentials.createInsecure();
  const { ca, server } = certificates();
  const pairs = [{ cert_chain: Buffer.from(server.cert), private_key: Buffer.from(server.key) }];
  return ServerCredentials.createSsl(Buffer.from(ca), pairs, transport === 'gRPC mutual TLS');
}
