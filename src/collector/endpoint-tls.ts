/**
 * From a `tls` block of a server to what Node's servers are given.
 */
import type { ServerTls } from '../config/blocks/tls.js';
import type { EndpointTls } from '../servers/listen.js';

export function toEndpointTls(tls: ServerTls): EndpointTls {
  return {
    certFile: orNull(tls.cert_file),
    certPem: orNull(tls.cert_pem),
    keyFile: orNull(tls.key_file),
    keyPem: orNull(tls.key_pem),
    minVersion: orNull(tls.min_version),
    maxVersion: orNull(tls.max_version),
    clientCaFile: orNull(tls.client_ca_file),
  };
}

/** The Collector's empty text is an absent value. */
function orNull(text: string): string | null {
  return text === '' ? null : text;
}
