/**
 * A client that speaks HTTP (`confighttp.ClientConfig`): keys, rules and the native form.
 */
import type { NativeHttpClient } from '../native-types.js';
import { ns } from '../schema/duration.js';
import { block, bool, choice, duration, ignored, int, key, object, optional, pairs, string } from '../schema/spec.js';
import type { ObjectOf, Report } from '../schema/spec.js';
import { connectFields } from './connect.js';
import { orNull } from './native.js';
import { clientAuth, middlewares } from './references.js';
import { clientTls, toNativeClientTls } from './tls.js';

const COMPRESSIONS = ['gzip', 'zlib', 'deflate', 'snappy', 'x-snappy-framed', 'zstd', 'lz4', 'none', ''] as const;
const LEVELLED = new Set<string>(['gzip', 'zlib', 'deflate']);
/** Huffman only, library default, store, then 1 to 9. */
const LEVEL_MIN = -2;
const LEVEL_MAX = 9;

/** `compression` of any client. */
export const compression = choice(COMPRESSIONS, (word) => `unsupported compression type ${JSON.stringify(word)}`);

const compressionParams = object({
  level: key(int(), 0, 'Effort: for gzip, zlib and deflate -2 to 9, for zstd any; 0 is the library’s default'),
});

const cookies = optional(object({}), 'off');

/** The keys, with the Collector's own defaults; components override some. */
export const httpClientFields = {
  endpoint: key(string(), '', 'URL to send to'),
  proxy_url: key(string(), '', 'Proxy to send through; empty follows the environment (`HTTPS_PROXY` and the like)'),
  tls: block(clientTls, 'TLS towards the server'),
  read_buffer_size: key(int({ min: 0 }), 0, 'Bytes read at once; 0 is the library’s choice', 'bytes'),
  write_buffer_size: key(int({ min: 0 }), 0, 'Bytes gathered before a write; 0 is the library’s choice', 'bytes'),
  timeout: key(
    duration({ message: "'timeout' must be non-negative" }),
    0,
    'Longest time for one attempt, whole; 0 is without limit',
  ),
  headers: key(
    pairs({ opaque: true }),
    [],
    'Headers to put on every request, over the collector’s own; `Host` sets the host',
  ),
  ...connectFields,
  auth: clientAuth,
  compression: key(compression, '', 'How bodies are compressed; empty or `none` is not at all'),
  compression_params: block(compressionParams, 'Fine tuning of the compression'),
  max_idle_conns: key(int({ min: 0 }), 100, 'Idle connections kept, over all hosts; 0 is without limit', 'connections'),
  max_idle_conns_per_host: key(int({ min: 0 }), 0, 'Idle connections kept for one host; 0 is 2', 'connections'),
  max_conns_per_host: key(int({ min: 0 }), 0, 'Connections to one host; 0 is without limit', 'connections'),
  idle_conn_timeout: key(duration(), ns('90s'), 'How long an idle connection is kept; 0 is for ever'),
  disable_keep_alives: key(bool(), false, 'Use each connection for one request only'),
  http2_read_idle_timeout: key(duration(), 0, 'Silence on an HTTP/2 connection after which it is pinged; 0 is never'),
  http2_ping_timeout: key(duration(), 0, 'Longest wait for the answer to a ping; 0 is 15s'),
  force_attempt_http2: key(bool(), true, 'Speak HTTP/2 where TLS negotiates it'),
  cookies: ignored(block(cookies, 'Keep cookies'), 'has no effect: OTLP servers set no cookies'),
  middlewares,
};

/** A decoded HTTP client. */
export type HttpClient = ObjectOf<typeof httpClientFields>;

export function checkHttpClient(client: HttpClient, report: Report): void {
  const { compression: type } = client;
  const { level } = client.compression_params;
  if (type === '' || type === 'none' || type === 'zstd') return;
  const fits = LEVELLED.has(type) ? level >= LEVEL_MIN && level <= LEVEL_MAX : level === 0;
  if (!fits) {
    const text = `unsupported parameters {Level:${level}} for compression type ${JSON.stringify(type)}`;
    report(text, 'compression_params', 'level');
  }
}

export function toNativeHttpClient(client: HttpClient): NativeHttpClient {
  return {
    endpoint: orNull(client.endpoint),
    proxy_url: orNull(client.proxy_url),
    tls: toNativeClientTls(client.tls),
    read_buffer_size: client.read_buffer_size,
    write_buffer_size: client.write_buffer_size,
    timeout: client.timeout,
    headers: client.headers,
    compression: toNativeCompression(client.compression),
    compression_params: { level: client.compression_params.level },
    max_idle_conns: client.max_idle_conns,
    max_idle_conns_per_host: client.max_idle_conns_per_host,
    max_conns_per_host: client.max_conns_per_host,
    idle_conn_timeout: client.idle_conn_timeout,
    disable_keep_alives: client.disable_keep_alives,
    http2_read_idle_timeout: client.http2_read_idle_timeout,
    http2_ping_timeout: client.http2_ping_timeout,
    force_attempt_http2: client.force_attempt_http2,
    connect_timeout: client.connect_timeout,
    tls_timeout: client.tls_timeout,
  };
}

/** Empty and `none` are one thing. */
export function toNativeCompression(type: string): string {
  return type === '' ? 'none' : type;
}
