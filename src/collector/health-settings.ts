/**
 * From the configuration of a `health_check` extension to what its page needs.
 */
import type { HealthCheckConfig } from '../config/components/extension-health-check.js';
import type { HealthSettings } from '../telemetry/health.js';
import { toEndpointTls } from './endpoint-tls.js';

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
