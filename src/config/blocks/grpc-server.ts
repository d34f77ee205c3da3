/**
 * A server that speaks gRPC (`configgrpc.ServerConfig`): keys, rules and the native form.
 */
import type { NativeGrpcServer } from '../native-types.js';
import { block, bool, duration, int, key, object, optional, string } from '../schema/spec.js';
import type { ObjectOf, Report } from '../schema/spec.js';
import { checkTransport, dialer, transport } from './http-server.js';
import { clientAuth, middlewares } from './references.js';
import { serverTls, toNativeServerTls } from './tls.js';

const MESSAGE_MIB_DEFAULT = 4;
/** Beyond this the size in bytes leaves 63 bits. */
const MESSAGE_MIB_MAX = 8_796_093_022_207;
/** Requests at once on one connection, unless written: honest clients stay below, floods do not. */
const CONCURRENT_STREAMS = 100;
const UINT32_MAX = 2 ** 32 - 1;

const serverParameters = object({
  max_connection_idle: key(duration(), 0, 'Longest time a connection may idle; 0 is for ever'),
  max_connection_age: key(duration(), 0, 'Longest time a connection may live; 0 is for ever'),
  max_connection_age_grace: key(duration(), 0, 'Time for running requests after `max_connection_age`; 0 is for ever'),
  time: key(duration(), 0, 'Idle time after which the server pings; 0 is 2h'),
  timeout: key(duration(), 0, 'Longest wait for the answer to a ping; 0 is 20s'),
});

const enforcementPolicy = object({
  min_time: key(duration(), 0, 'Shortest time between a client’s pings; 0 is 5m'),
  permit_without_stream: key(bool(), false, 'Allow pings while no request runs'),
});

const keepalive = object({
  server_parameters: block(optional(serverParameters, 'default'), 'Pings and connection lifetimes'),
  enforcement_policy: block(optional(enforcementPolicy, 'default'), 'What clients may do'),
});

/** The keys, with the Collector's own defaults; components override some. */
export const grpcServerFields = {
  endpoint: key(string(), '', 'Address to listen on, `host:port`'),
  transport,
  dialer,
  tls: block(serverTls, 'TLS; plaintext unless written'),
  max_recv_msg_size_mib: key(int(), 0, 'Largest message, both as sent and decompressed; 0 is 4', 'MiB'),
  max_concurrent_streams: key(
    int({ min: 0, max: UINT32_MAX }),
    CONCURRENT_STREAMS,
    'Requests at once on one connection; 0 is without limit, which is the Collector’s default',
    'requests',
  ),
  read_buffer_size: key(int(), 0, 'Bytes read at once', 'bytes'),
  write_buffer_size: key(int(), 0, 'Bytes gathered before a write', 'bytes'),
  keepalive: block(optional(keepalive, 'default'), 'Pings and connection lifetimes'),
  auth: clientAuth,
  include_metadata: key(
    bool(),
    false,
    'Keep request metadata with the data, for batching by `metadata_keys` and the like',
  ),
  middlewares,
};

/** A decoded gRPC server. */
export type GrpcServer = ObjectOf<typeof grpcServerFields>;

export function checkGrpcServer(server: GrpcServer, report: Report): void {
  const size = server.max_recv_msg_size_mib;
  if (size < 0 || size > MESSAGE_MIB_MAX) {
    const text = `invalid max_recv_msg_size_mib value, must be between 1 and ${MESSAGE_MIB_MAX}: ${size}`;
    report(text, 'max_recv_msg_size_mib');
  }
  if (server.read_buffer_size < 0)
    report(`invalid read_buffer_size value: ${server.read_buffer_size}`, 'read_buffer_size');
  if (server.write_buffer_size < 0)
    report(`invalid write_buffer_size value: ${server.write_buffer_size}`, 'write_buffer_size');
  checkTransport(server.transport, report);
}

export function toNativeGrpcServer(server: GrpcServer): Omit<NativeGrpcServer, 'host'> {
  const parameters = server.keepalive?.server_parameters ?? null;
  const policy = server.keepalive?.enforcement_policy ?? null;
  return {
    endpoint: server.endpoint,
    transport: server.transport === '' ? 'tcp' : server.transport,
    tls: toNativeServerTls(server.tls),
    max_recv_msg_size_mib: server.max_recv_msg_size_mib === 0 ? MESSAGE_MIB_DEFAULT : server.max_recv_msg_size_mib,
    max_concurrent_streams: server.max_concurrent_streams,
    read_buffer_size: server.read_buffer_size,
    write_buffer_size: server.write_buffer_size,
    keepalive: {
      server_parameters: {
        max_connection_idle: parameters?.max_connection_idle ?? 0,
        max_connection_age: parameters?.max_connection_age ?? 0,
        max_connection_age_grace: parameters?.max_connection_age_grace ?? 0,
        time: parameters?.time ?? 0,
        timeout: parameters?.timeout ?? 0,
      },
      enforcement_policy: {
        min_time: policy?.min_time ?? 0,
        permit_without_stream: policy?.permit_without_stream ?? false,
      },
    },
    include_metadata: server.include_metadata,
  };
}
