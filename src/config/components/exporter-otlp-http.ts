/**
 * Exporter `otlp_http` (alias `otlphttp`): OTLP over HTTP.
 */
import { circuitBreaker, toNativeBreaker } from '../blocks/circuit-breaker.js';
import { checkEndpoints, endpointFields, toNativeEndpoints } from '../blocks/endpoints.js';
import { checkHttpClient, httpClientFields, toNativeHttpClient } from '../blocks/http-client.js';
import { orNull } from '../blocks/native.js';
import { compressedPassthrough } from '../blocks/passthrough.js';
import { httpPool, toNativePool } from '../blocks/pool.js';
import { referencedExtensions } from '../blocks/references.js';
import { retryOnFailure, toNativeRetry } from '../blocks/retry.js';
import { acknowledging, queueOn, settleStored, storageOf, toNativeQueue } from '../blocks/sending-queue.js';
import type { NativeOtlpHttpConfig } from '../native-types.js';
import { ns } from '../schema/duration.js';
import { choice, key, object, string, withDefaults } from '../schema/spec.js';
import type { ObjectOf, Report } from '../schema/spec.js';
import { define, forSignals } from './definition.js';
import type { NativeContext } from './definition.js';

const ENDPOINTS = ['endpoint', 'traces_endpoint', 'metrics_endpoint', 'logs_endpoint', 'profiles_endpoint'] as const;

const fields = {
  ...withDefaults(httpClientFields, { timeout: ns('30s'), compression: 'gzip', write_buffer_size: 512 * 1024 }),
  ...endpointFields,
  pool: httpPool,
  traces_endpoint: key(string(), '', 'Full URL for traces, used as it is; empty is `endpoint` + `/v1/traces`'),
  metrics_endpoint: key(string(), '', 'Full URL for metrics, used as it is; empty is `endpoint` + `/v1/metrics`'),
  logs_endpoint: key(string(), '', 'Full URL for logs, used as it is; empty is `endpoint` + `/v1/logs`'),
  profiles_endpoint: key(
    string(),
    '',
    'Full URL for profiles, used as it is; empty is `endpoint` + `/v1development/profiles`',
  ),
  encoding: key(
    choice(['proto', 'json'], (word) => `invalid encoding type: ${word}`),
    'proto',
    'How requests are written: `proto` or `json`',
  ),
  compressed_passthrough: compressedPassthrough,
  retry_on_failure: retryOnFailure,
  circuit_breaker: circuitBreaker,
  sending_queue: queueOn,
};

const spec = object(fields, { settle: settleStored, validate: check });

type OtlpHttpExporter = ObjectOf<typeof fields>;

function check(exporter: OtlpHttpExporter, report: Report): void {
  const isListed = exporter.endpoints.length > 0;
  if (ENDPOINTS.every((name) => exporter[name] === '') && !isListed) {
    report('at least one endpoint must be specified', 'endpoint');
  }
  for (const name of ENDPOINTS) {
    if (isListed && name !== 'endpoint' && exporter[name] !== '') {
      report(`'${name}' leaves no use for 'endpoints': give that signal an exporter of its own`, name);
    }
    const reason = urlError(exporter[name]);
    if (reason !== null) report(`${name} must be a valid URL: ${reason}`, name);
  }
  checkHttpClient(exporter, report);
  checkEndpoints(exporter, urlReason, report);
}

function urlReason(url: string): string | null {
  const reason = urlError(url);
  return reason === null ? null : `url must be a valid URL: ${reason}`;
}

/** The Collector finds a bad URL only when it sends. */
function urlError(text: string): string | null {
  if (text === '') return null;
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return 'cannot be parsed';
  }
  return url.protocol === 'http:' || url.protocol === 'https:'
    ? null
    : `unsupported protocol scheme ${JSON.stringify(url.protocol.slice(0, -1))}`;
}

function toNative(exporter: OtlpHttpExporter, context: NativeContext): NativeOtlpHttpConfig {
  return {
    client: toNativeHttpClient(exporter),
    ...toNativeEndpoints(exporter),
    pool: toNativePool(exporter.pool),
    traces_endpoint: orNull(exporter.traces_endpoint),
    metrics_endpoint: orNull(exporter.metrics_endpoint),
    logs_endpoint: orNull(exporter.logs_endpoint),
    profiles_endpoint: orNull(exporter.profiles_endpoint),
    encoding: exporter.encoding,
    compressed_passthrough: exporter.compressed_passthrough,
    retry_on_failure: toNativeRetry(exporter.retry_on_failure),
    circuit_breaker: toNativeBreaker(exporter.circuit_breaker, exporter),
    sending_queue: toNativeQueue(exporter.sending_queue, context),
  };
}

export const otlpHttpExporter = define({
  kind: 'exporter',
  type: 'otlp_http',
  aliases: ['otlphttp'],
  doc: 'Sends OTLP over HTTP, as protobuf or JSON, to `endpoint` + `/v1/<signal>`.',
  stability: { ...forSignals('stable', ['traces', 'metrics', 'logs']), profiles: 'alpha' },
  spec,
  toNative,
  acknowledging: (exporter, syncs) => acknowledging(exporter.sending_queue, syncs),
  references: (exporter) => [...referencedExtensions(exporter), ...storageOf(exporter.sending_queue)],
});
