/**
 * Exporter `otlp_grpc` (alias `otlp`): OTLP over gRPC.
 */
import { circuitBreaker, toNativeBreaker } from '../blocks/circuit-breaker.js';
import { checkEndpoints, endpointFields, toNativeEndpoints } from '../blocks/endpoints.js';
import {
  addressOf,
  checkGrpcClient,
  endpointError,
  grpcClientFields,
  toNativeGrpcClient,
} from '../blocks/grpc-client.js';
import { compressedPassthrough } from '../blocks/passthrough.js';
import { grpcPool, toNativePool } from '../blocks/pool.js';
import { referencedExtensions } from '../blocks/references.js';
import { exporterTimeout, retryOnFailure, toNativeRetry } from '../blocks/retry.js';
import { acknowledging, queueOn, settleStored, storageOf, toNativeQueue } from '../blocks/sending-queue.js';
import type { NativeOtlpGrpcConfig } from '../native-types.js';
import { object, withDefaults } from '../schema/spec.js';
import type { Infer, Report } from '../schema/spec.js';
import { define, forSignals } from './definition.js';
import type { NativeContext } from './definition.js';

/** How to reach an endpoint. */
export const clientFields = withDefaults(grpcClientFields, { compression: 'gzip', write_buffer_size: 512 * 1024 });

/** How requests are sent there. */
export const deliveryFields = {
  pool: grpcPool,
  compressed_passthrough: compressedPassthrough,
  timeout: exporterTimeout,
  retry_on_failure: retryOnFailure,
  circuit_breaker: circuitBreaker,
  sending_queue: queueOn,
};

const spec = object(
  { ...clientFields, ...endpointFields, ...deliveryFields },
  {
    settle: settleStored,
    validate: (exporter, report) => {
      const isListed = exporter.endpoint === '' && exporter.endpoints.length > 0;
      if (addressOf(exporter.endpoint) === '' && !isListed) report('requires a non-empty "endpoint"', 'endpoint');
      checkGrpcClient(exporter, report);
      checkEndpoints(
        exporter,
        (url) => (addressOf(url) === '' ? 'requires a non-empty "url"' : endpointError(url)),
        report,
      );
      checkCompression(exporter, report);
    },
  },
);

/** The Collector finds this out when it starts. */
export function checkCompression({ compression }: { readonly compression: string }, report: Report): void {
  if (!COMPRESSIONS.has(compression)) {
    report(`unsupported compression type ${JSON.stringify(compression)}`, 'compression');
  }
}

const COMPRESSIONS: ReadonlySet<string> = new Set(['gzip', 'snappy', 'zstd', 'none', '']);

export function toNative(exporter: Infer<typeof spec>, context: NativeContext): NativeOtlpGrpcConfig {
  return {
    client: toNativeGrpcClient(exporter),
    ...toNativeEndpoints(exporter),
    pool: toNativePool(exporter.pool),
    timeout: exporter.timeout,
    compressed_passthrough: exporter.compressed_passthrough,
    retry_on_failure: toNativeRetry(exporter.retry_on_failure),
    circuit_breaker: toNativeBreaker(exporter.circuit_breaker, exporter),
    sending_queue: toNativeQueue(exporter.sending_queue, context),
  };
}

export const otlpGrpcExporter = define({
  kind: 'exporter',
  type: 'otlp_grpc',
  aliases: ['otlp'],
  doc: 'Sends OTLP over gRPC. TLS is on unless `tls: {insecure: true}`.',
  stability: { ...forSignals('stable', ['traces', 'metrics', 'logs']), profiles: 'alpha' },
  spec,
  toNative,
  acknowledging: (exporter, syncs) => acknowledging(exporter.sending_queue, syncs),
  references: (exporter) => [...referencedExtensions(exporter), ...storageOf(exporter.sending_queue)],
});
