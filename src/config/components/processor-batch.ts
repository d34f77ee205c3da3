/**
 * Processor `batch`: joins small requests into large ones.
 */
import { checkMetadataKeys } from '../blocks/sending-queue.js';
import type { NativeBatchConfig } from '../native-types.js';
import { ns } from '../schema/duration.js';
import { duration, int, key, list, object, string } from '../schema/spec.js';
import type { Infer } from '../schema/spec.js';
import { define, forSignals } from './definition.js';

const UINT32_MAX = 2 ** 32 - 1;

const spec = object(
  {
    timeout: key(
      duration({ message: 'timeout must be greater or equal to 0' }),
      ns('200ms'),
      'Longest time a batch waits to fill; 0 sends at once, subject to `send_batch_max_size` only',
    ),
    send_batch_size: key(
      int({ min: 0, max: UINT32_MAX }),
      8192,
      'Size at which a batch is sent at once; 0 sends everything as it comes',
      'items',
    ),
    send_batch_max_size: key(
      int({ min: 0, max: UINT32_MAX }),
      0,
      'Size above which a batch is split; 0 is never',
      'items',
    ),
    metadata_keys: key(list(string()), [], 'Request metadata that keeps batches apart; case does not matter'),
    metadata_cardinality_limit: key(
      int({ min: 0, max: UINT32_MAX }),
      1000,
      'How many combinations of metadata values may be batched at once; further ones are refused',
      'combinations',
    ),
  },
  {
    validate: (batch, report) => {
      if (batch.send_batch_max_size > 0 && batch.send_batch_max_size < batch.send_batch_size) {
        report('send_batch_max_size must be greater or equal to send_batch_size', 'send_batch_max_size');
      }
      checkMetadataKeys(batch.metadata_keys, report);
    },
  },
);

function toNative(batch: Infer<typeof spec>): NativeBatchConfig {
  return {
    timeout: batch.timeout,
    send_batch_size: batch.send_batch_size,
    send_batch_max_size: batch.send_batch_max_size,
    metadata_keys: batch.metadata_keys,
    metadata_cardinality_limit: batch.metadata_cardinality_limit,
  };
}

export const batchProcessor = define({
  kind: 'processor',
  type: 'batch',
  doc: 'Joins small requests into large ones. Senders are told "accepted" before the export, so its failures drop data; `sending_queue.batch` of an exporter does not have that flaw.',
  stability: { ...forSignals('stable', ['traces', 'metrics', 'logs']), profiles: 'alpha' },
  spec,
  toNative,
  answersEarly: true,
});
