/**
 * A client that speaks gRPC (`configgrpc.ClientConfig`): keys, rules and the native form.
 */
import type { NativeGrpcClient } from '../native-types.js';
import { ns } from '../schema/duration.js';
import { block, bool, duration, int, key, object, optional, pairs, string } from '../schema/spec.js';
import type { ObjectOf, Report } from '../schema/spec.js';
import { connectFields } from './connect.js';
import { compression, toNativeCompression } from './http-client.js';
import { orNull } from './native.js';
import { clientAuth, middlewares } from './references.js';
import { clientTls, toNativeClientTls } from './tls.js';

const BALANCER_DEFAULT = 'round_robin';
const BALANCERS = new Set([BALANCER_DEFAULT, 'pick_first']);

const keepalive = object({
  time: key(duration(), ns('10s'), 'Silence after which the connection is pinged'),
  timeout: key(duration(), ns('10s'), 'Longest wait for the answer to a ping'),
  permit_without_stream: key(bool(), false, 'Ping also while no request runs'),
});

/** The keys, with the Collector's own defaults; components override some. */
export const grpcClientFields = {
  endpoint: key(
    string(),
    '',
    'Where to send, `host:port`; `https://` forces TLS, `http://` changes nothing; `dns:///`, `passthrough:///` and `unix://` work',
  ),
  compression: key(compression, '', 'How messages are compressed: gzip, snappy, zstd; empty or `none` is not at all'),
  tls: block(clientTls, 'TLS towards the server; on unless `insecure: true`'),
  keepalive: block(optional(keepalive, 'default'), 'Pings on quiet connections; none unless written'),
  read_buffer_size: key(int({ min: 0 }), 0, 'Bytes read at once; 0 is the library’s choice', 'bytes'),
  write_buffer_size: key(int({ min: 0 }), 0, 'Bytes gathered before a write; 0 is the library’s choice', 'bytes'),
  wait_for_ready: key(bool(), false, 'Wait for a connection instead of failing at once when there is none'),
  headers: key(pairs({ opaque: true }), [], 'Metadata to put on every request'),
  user_agent: key(string(), '', 'What the client calls itself; empty is the collector’s name, version and platform'),
  balancer_name: key(
    string(),
    BALANCER_DEFAULT,
    'How requests spread over the addresses of the host: `round_robin` or `pick_first`',
  ),
  authority: key(string(), '', 'The `:authority` to send instead of the host'),
  ...connectFields,
  auth: clientAuth,
  middlewares,
};

/** A decoded gRPC client. */
export type GrpcClient = ObjectOf<typeof grpcClientFields>;

export function checkGrpcClient(client: GrpcClient, report: Report): void {
  const reason = endpointError(client.endpoint);
  if (reason !== null) report(reason, 'endpoint');
  const { balancer_name: balancer } = client;
  if (balancer !== '' && !BALANCERS.has(balancer)) report(`invalid balancer_name: ${balancer}`, 'balancer_name');
}

/** What is wrong with an endpoint, in Go's words; an empty one is judged by the component. */
export function endpointError(endpoint: string): string | null {
  if (endpoint.startsWith('unix://')) return endpoint === 'unix://' ? 'unix socket path cannot be empty' : null;
  const address = addressOf(endpoint);
  if (address === '') return null;
  const match = /^(?:\[[^\]]*\]|[^:[\]]*):([^:]*)$/.exec(address);
  if (match === null) {
    const isMissing = !address.includes(':') || /^\[[^\]]*\]$/.test(address);
    return `address ${address}: ${isMissing ? 'missing port in address' : 'too many colons in address'}`;
  }
  const port = match[1] ?? '';
  return /^[-+]?\d+$/.test(port) ? null : `invalid port ${JSON.stringify(port)}`;
}

/** The `host:port` in an endpoint: without `http://`, or without the scheme and authority of a gRPC name. */
export function addressOf(endpoint: string): string {
  const http = /^https?:\/\//.exec(endpoint);
  if (http !== null) return endpoint.slice(http[0].length);
  const uri = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/]*\/?(.*)$/.exec(endpoint);
  return uri === null ? endpoint : (uri[1] ?? '');
}

/** @returns the native form; an `https://` endpoint forces TLS, so `insecure` is settled here too */
export function toNativeGrpcClient(client: GrpcClient): NativeGrpcClient {
  const tls = toNativeClientTls(client.tls);
  return {
    endpoint: client.endpoint,
    compression: toNativeCompression(client.compression),
    tls: client.endpoint.startsWith('https://') ? { ...tls, insecure: false } : tls,
    keepalive: client.keepalive,
    read_buffer_size: client.read_buffer_size,
    write_buffer_size: client.write_buffer_size,
    wait_for_ready: client.wait_for_ready,
    headers: client.headers,
    user_agent: orNull(client.user_agent),
    balancer_name: client.balancer_name === '' ? BALANCER_DEFAULT : client.balancer_name,
    authority: orNull(client.authority),
    connect_timeout: client.connect_timeout,
    tls_timeout: client.tls_timeout,
  };
}
