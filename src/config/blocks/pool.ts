/**
 * `pool` of exporters: the connections to each endpoint. Keys of teleferric's own; the Collector's keys about
 * connections stay, as ceilings.
 */
import type { NativePool } from '../native-types.js';
import { ns } from '../schema/duration.js';
import { block, duration, int, key, object } from '../schema/spec.js';
import type { ObjectOf } from '../schema/spec.js';

/** More would only spread the requests thinner. */
const CONNECTIONS_MAX = 64;

const fields = {
  connections: key(
    int({ min: 1, max: CONNECTIONS_MAX }),
    2,
    'HTTP/2 connections that a data-plane thread opens to one address',
    'connections',
  ),
  streams: key(
    int({ min: 1 }),
    100,
    'Requests at the same time on one HTTP/2 connection before another is opened',
    'requests',
  ),
  max_age: key(duration(), ns('10m'), 'How long a connection is used, give or take a fifth; 0 is without limit'),
  tcp_user_timeout: key(
    duration(),
    ns('20s'),
    'How long the peer may leave bytes unacknowledged before the connection is given up (Linux); 0 is the system’s choice',
  ),
};

/** Of an exporter that asks for a name whenever it opens a connection. */
export const httpPool = block(object(fields), 'Connections to each endpoint');

/** Of an exporter that keeps connections to all addresses of a name. */
export const grpcPool = block(
  object({
    ...fields,
    dns_refresh: key(
      duration(),
      ns('30s'),
      'How often a name is resolved again though all its addresses are connected; 0 is never',
    ),
  }),
  'Connections to each endpoint',
);

export function toNativePool(pool: ObjectOf<typeof fields> & { readonly dns_refresh?: number }): NativePool {
  return { ...pool, dns_refresh: pool.dns_refresh ?? 0 };
}
