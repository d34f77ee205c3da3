/**
 * From a `tls` block of a server to what Node's servers are given.
 */
import type { ServerTls } from '../config/blocks/tls.js';
import type { EndpointTls } from '../servers/tls.js';

export function toEndpointTls(tls: ServerTls): EndpointTls {
  return {
    certFile: orNull(tls.cert_file),
    certPem: orNull(tls.cert_pem),
    keyFile: orNull(tls.key_file),
    keyPem: orNull(tls.key_pem),
    minVersion: orNull(tls.min_version),
    maxVersion: orNull(tls.max_version),
    cipherSuites: tls.cipher_suites,
    curves: tls.curve_preferences,
    clientCaFile: orNull(tls.client_ca_file),
    reloadMs: reloadMs(tls),
  };
}

/** All files are looked at together, as often as any of them asks for. */
function reloadMs({ reload_interval: interval, client_ca_file_reload: withClientCa }: ServerTls): number {
  const wanted = [interval / 1e6, withClientCa ? CLIENT_CA_RELOAD_MS : 0].filter((ms) => ms > 0);
  return wanted.length === 0 ? 0 : Math.max(Math.min(...wanted), RELOAD_MS_MIN);
}

const CLIENT_CA_RELOAD_MS = 1000;
const RELOAD_MS_MIN = 10;

/** The Collector's empty text is an absent value. */
function orNull(text: string): string | null {
  return text === '' ? null : text;
}
