/**
 * From the configuration of a `health_check` extension to what its page needs.
 */
import type { HealthCheckConfig } from '../config/components/extension-health-check.js';
import type { HealthSettings } from '../telemetry/health.js';
import type { EndpointTls } from '../telemetry/http-endpoint.js';

export function toHealthSettings(config: HealthCheckConfig): HealthSettings {
  return {
    endpoint: config.endpoint,
    transport: config.transport === '' ? 'tcp' : config.transport,
    tls: config.tls === null ? null : toEndpointTls(config.tls),
    path: config.path,
    responseBody: config.response_body,
    responseHeaders: config.response_headers,
  };
}

function toEndpointTls(tls: NonNullable<HealthCheckConfig['tls']>): EndpointTls {
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
