/**
 * A server that speaks HTTP (`confighttp.ServerConfig`): keys and the native form.
 */
import type { Note } from '../components/definition.js';
import type { NativeHttpServer } from '../native-types.js';
import { ns } from '../schema/duration.js';
import {
  block,
  bool,
  choice,
  duration,
  ignored,
  int,
  key,
  list,
  object,
  optional,
  pairs,
  string,
} from '../schema/spec.js';
import type { ObjectOf, Report } from '../schema/spec.js';
import { middlewares, serverAuth } from './references.js';
import { serverTls, toNativeServerTls } from './tls.js';

/** Transports that can carry a listener here, and those the Collector parses besides. */
const TRANSPORTS = ['tcp', 'tcp4', 'tcp6', 'unix'] as const;
const OTHER_TRANSPORTS = ['udp', 'udp4', 'udp6', 'ip', 'ip4', 'ip6', 'unixgram', 'unixpacket', 'npipe'] as const;

/** `transport` of any server. */
export const transport = key(
  choice([...TRANSPORTS, ...OTHER_TRANSPORTS, ''], (word) => `unsupported transport type ${JSON.stringify(word)}`),
  'tcp',
  'How to listen: `tcp`, `tcp4`, `tcp6` or `unix` (then `endpoint` is a path)',
);

/** `dialer` of any server: nothing dials there. */
export const dialer = ignored(
  block(object({ timeout: key(duration(), 0, 'Longest time to connect') }), 'Dialling, which servers never do'),
  'has no effect on a server',
);

/** Default bound of a request body. */
export const REQUEST_BODY_BYTES_MAX = 20 * 1024 * 1024;
const ALGORITHMS = ['', 'gzip', 'zstd', 'zlib', 'snappy', 'deflate', 'lz4', 'x-snappy-framed'];

const cors = object({
  allowed_origins: key(list(string()), [], 'Origins that browsers may send from; `*` stands for any text'),
  allowed_headers: key(list(string()), [], 'Request headers beside the safe ones that browsers may send'),
  exposed_headers: key(list(string()), [], 'Response headers that scripts may read'),
  max_age: key(int({ min: 0 }), 0, 'How long browsers may remember the answer; 0 leaves it to them', 'seconds'),
});

/** The keys, with the Collector's own defaults; components override some. */
export const httpServerFields = {
  endpoint: key(string(), '', 'Address to listen on, `host:port`'),
  transport,
  dialer,
  tls: block(serverTls, 'TLS; plaintext unless written'),
  cors: block(optional(cors, 'off'), 'Which web pages may send here; none unless written'),
  auth: serverAuth,
  max_request_body_size: key(
    int(),
    REQUEST_BODY_BYTES_MAX,
    'Largest body, both as sent and decompressed; 0 or less takes the default',
    'bytes',
  ),
  include_metadata: key(
    bool(),
    false,
    'Keep request headers with the data, for batching by `metadata_keys` and the like',
  ),
  response_headers: key(pairs({ opaque: true }), [], 'Headers to put on every response'),
  compression_algorithms: key(
    list(string()),
    ALGORITHMS,
    'Content-Encoding values that are understood; an empty list ignores the header',
  ),
  read_timeout: key(duration(), 0, 'Longest time to read a whole request; 0 is without limit'),
  read_header_timeout: key(duration(), ns('1m'), 'Longest time to read the headers; 0 is without limit'),
  write_timeout: key(
    duration(),
    ns('30s'),
    'Longest time from the headers to the end of the response; 0 is without limit',
  ),
  idle_timeout: key(duration(), ns('1m'), 'Longest time a kept connection may idle; 0 is without limit'),
  keep_alives_enabled: key(bool(), true, 'Keep connections open between requests'),
  middlewares,
};

/** A decoded HTTP server. */
export type HttpServer = ObjectOf<typeof httpServerFields>;

/** What this collector cannot listen on, and CORS without origins. */
export function checkHttpServer(server: HttpServer, report: Report): void {
  checkTransport(server.transport, report);
  for (const algorithm of server.compression_algorithms) {
    if (!ALGORITHMS.includes(algorithm))
      report(`unsupported compression type ${JSON.stringify(algorithm)}`, 'compression_algorithms');
  }
}

/** Transports that parse but cannot carry a stream of requests. */
export function checkTransport(value: string, report: Report): void {
  if ((OTHER_TRANSPORTS as readonly string[]).includes(value)) {
    report(
      `transport type ${JSON.stringify(value)} cannot be listened on, use one of [${TRANSPORTS.join(' ')}]`,
      'transport',
    );
  }
}

/** Keys that are written in vain, and doors that stand open. */
export function httpServerNotes(server: HttpServer, path: readonly string[]): Note[] {
  const notes = exposureNotes(server, path);
  const { cors: sharing } = server;
  if (sharing !== null && sharing.allowed_origins.length === 0) {
    const message = 'the CORS configuration specifies allowed headers but no allowed origins, and is therefore ignored';
    notes.push({ message, path: [...path, 'cors'] });
  }
  return notes;
}

/** A server that others than this machine can reach, without TLS and without authentication. */
export function exposureNotes(
  server: { readonly endpoint: string; readonly transport: string; readonly tls: unknown; readonly auth: unknown },
  path: readonly string[],
): Note[] {
  if (server.transport === 'unix' || server.tls !== null || server.auth !== null) return [];
  if (LOOPBACK.test(server.endpoint)) return [];
  const message = `${server.endpoint} is open to the network without TLS and authentication: whoever reaches it can send`;
  return [{ message, path: [...path, 'endpoint'] }];
}

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\]):/i;

export function toNativeHttpServer(server: HttpServer): Omit<NativeHttpServer, 'host'> {
  return {
    endpoint: server.endpoint,
    transport: server.transport === '' ? 'tcp' : server.transport,
    tls: toNativeServerTls(server.tls),
    cors: server.cors === null || server.cors.allowed_origins.length === 0 ? null : server.cors,
    max_request_body_size: server.max_request_body_size > 0 ? server.max_request_body_size : REQUEST_BODY_BYTES_MAX,
    include_metadata: server.include_metadata,
    response_headers: server.response_headers,
    compression_algorithms: server.compression_algorithms,
    read_timeout: server.read_timeout,
    read_header_timeout: server.read_header_timeout,
    write_timeout: server.write_timeout,
    idle_timeout: server.idle_timeout,
    keep_alives_enabled: server.keep_alives_enabled,
  };
}
