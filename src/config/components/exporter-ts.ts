/**
 * Exporter `ts`: a module of the user that sends, in worker threads.
 */
import { circuitBreaker, toNativeBreaker } from '../blocks/circuit-breaker.js';
import { checkPlugin, pluginFields, pluginTimeout } from '../blocks/plugin.js';
import { retryOnFailure, toNativeRetry } from '../blocks/retry.js';
import { acknowledging, queueOn, settleStored, storageOf, toNativeQueue } from '../blocks/sending-queue.js';
import type { NativeTsExporterConfig } from '../native-types.js';
import { object } from '../schema/spec.js';
import type { Infer } from '../schema/spec.js';
import { define, forSignals } from './definition.js';
import type { NativeContext } from './definition.js';

const spec = object(
  {
    ...pluginFields,
    timeout: pluginTimeout(
      '5s',
      'Longest time for one batch; the module is told when it is over, and a worker that does not hear of it is ended',
    ),
    retry_on_failure: retryOnFailure,
    circuit_breaker: circuitBreaker,
    sending_queue: queueOn,
  },
  { settle: settleStored, validate: checkPlugin },
);

function toNative(exporter: Infer<typeof spec>, context: NativeContext, id: string): NativeTsExporterConfig {
  return {
    port: context.pluginPort('exporters', id),
    timeout: exporter.timeout,
    retry_on_failure: toNativeRetry(exporter.retry_on_failure),
    circuit_breaker: toNativeBreaker(exporter.circuit_breaker, exporter),
    sending_queue: toNativeQueue(exporter.sending_queue, context),
  };
}

export const tsExporter = define({
  kind: 'exporter',
  type: 'ts',
  doc: 'Gives each batch to a JavaScript or TypeScript module that runs in worker threads and sends it somewhere. See [plugins](plugins.md).',
  stability: forSignals('alpha'),
  spec,
  toNative,
  acknowledging: (exporter, syncs) => acknowledging(exporter.sending_queue, syncs),
  references: (exporter) => storageOf(exporter.sending_queue),
});
