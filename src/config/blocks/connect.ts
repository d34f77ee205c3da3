/**
 * How long opening a connection may take: keys of every client, beside the Collector's.
 */
import { ns } from '../schema/duration.js';
import { duration, key } from '../schema/spec.js';

/** The keys; both limits are inside the `timeout` of an attempt. */
export const connectFields = {
  connect_timeout: key(
    duration({ min: 0 }),
    ns('3s'),
    'Longest time to resolve the name and connect, over all its addresses; 0 is without limit',
  ),
  tls_timeout: key(
    duration({ min: 0 }),
    ns('5s'),
    'Longest time for the TLS handshake, and for each of a proxy’s tunnel and the HTTP/2 preface; 0 is without limit',
  ),
};
