/**
 * `sending_queue` of exporters, with its batcher (`exporterhelper.QueueBatchConfig`): keys, rules and the native form.
 */
import type { NativeSendingQueue, NativeQueueBatch } from '../native-types.js';
import { ns } from '../schema/duration.js';
import { block, bool, choice, duration, id, int, key, list, object, optional, string } from '../schema/spec.js';
import type { Infer, IsSet, ObjectOf, Report } from '../schema/spec.js';

const sizer = choice(['requests', 'items', 'bytes'], (word) => `invalid sizer: ${JSON.stringify(word)}`);

const partition = object(
  { metadata_keys: key(list(string()), [], 'Request metadata that keeps batches apart; case does not matter') },
  { validate: ({ metadata_keys: keys }, report) => checkMetadataKeys(keys, report) },
);

const batchFields = {
  flush_timeout: key(duration({ min: Number.NEGATIVE_INFINITY }), ns('200ms'), 'Longest time a batch waits to fill'),
  sizer: key(
    sizer,
    'items' as const,
    'What sizes count: `items` or `bytes`; follows the queue’s `sizer` when only that is written',
  ),
  min_size: key(int(), 8192, 'Size at which a batch is sent at once, in units of `sizer`'),
  max_size: key(int(), 0, 'Size above which a batch is split, in units of `sizer`; 0 is never'),
  partition: block(partition, 'Keeping batches apart'),
};

const queueFields = {
  num_consumers: key(int(), 10, 'Requests sent at once', 'requests'),
  queue_size: key(int(), 1000, 'How much the queue holds, in units of `sizer`'),
  sizer: key(sizer, 'requests' as const, 'What `queue_size` counts: `requests`, `items` or `bytes`'),
  block_on_overflow: key(bool(), false, 'When full, make callers wait instead of refusing them'),
  wait_for_result: key(bool(), false, 'Make callers wait for the export, and tell them its result'),
  storage: key(
    optional(id(), 'off'),
    null,
    'Id of a storage extension that keeps the queue over restarts; none is in memory',
  ),
  batch: block(
    optional(object(batchFields, { validate: checkBatch }), 'default'),
    'Joining requests into larger ones; off unless written',
  ),
};

type QueueValue = ObjectOf<typeof queueFields>;
const queue = object(queueFields, { settle: settleSizer, validate: checkQueue });

/** For exporters whose queue is on unless turned off. */
export const queueOn = block(
  optional(queue, 'on'),
  'Queue between the pipeline and the network; `enabled: false` turns it off',
);
/** For exporters whose queue is off unless written. */
export const queueOff = block(
  optional(queue, 'default'),
  'Queue between the pipeline and the exporter; off unless written',
);

/** A decoded queue; null is off. */
export type Queue = Infer<typeof queueOn.spec>;

/** A written queue sizer is the batch's too, unless that has its own. */
function settleSizer(value: QueueValue, isSet: IsSet): QueueValue {
  if (value.batch === null || !isSet('sizer') || !isSet('batch') || isSet('batch', 'sizer')) return value;
  return { ...value, batch: { ...value.batch, sizer: value.sizer } };
}

function checkQueue(value: QueueValue, report: Report): void {
  if (value.num_consumers <= 0) report('`num_consumers` must be positive', 'num_consumers');
  if (value.queue_size <= 0) report('`queue_size` must be positive', 'queue_size');
  if (value.storage !== null && value.wait_for_result) {
    report('`wait_for_result` is not supported with a persistent queue configured with `storage`', 'wait_for_result');
  }
  if (value.batch !== null && value.batch.sizer === value.sizer && value.batch.min_size > value.queue_size) {
    report('`min_size` must be less than or equal to `queue_size`', 'batch', 'min_size');
  }
}

function checkBatch(value: ObjectOf<typeof batchFields>, report: Report): void {
  if (value.sizer === 'requests') {
    report(`\`batch\` supports only \`items\` or \`bytes\` sizer, found ${JSON.stringify(value.sizer)}`, 'sizer');
  }
  if (value.flush_timeout <= 0)
    report(`\`flush_timeout\` must be positive, found ${value.flush_timeout}`, 'flush_timeout');
  if (value.min_size < 0) report(`\`min_size\` must be non-negative, found ${value.min_size}`, 'min_size');
  if (value.max_size < 0) report(`\`max_size\` must be non-negative, found ${value.max_size}`, 'max_size');
  if (value.max_size > 0 && value.max_size < value.min_size) {
    report(`\`max_size\` (${value.max_size}) must be greater or equal to \`min_size\` (${value.min_size})`, 'max_size');
  }
}

/** Names of metadata are the same in any case, so two that differ only there are a mistake. */
export function checkMetadataKeys(keys: readonly string[], report: Report): void {
  const seen = new Set<string>();
  for (const name of keys) {
    const lower = name.toLowerCase();
    if (seen.has(lower))
      report(`duplicate entry in metadata_keys: ${JSON.stringify(lower)} (case-insensitive)`, 'metadata_keys');
    seen.add(lower);
  }
}

export function toNativeQueue(value: Queue): NativeSendingQueue | null {
  if (value === null) return null;
  return {
    num_consumers: value.num_consumers,
    queue_size: value.queue_size,
    sizer: value.sizer,
    block_on_overflow: value.block_on_overflow,
    wait_for_result: value.wait_for_result,
    batch: value.batch === null ? null : toNativeBatch(value.batch),
  };
}

function toNativeBatch(batch: ObjectOf<typeof batchFields>): NativeQueueBatch {
  return {
    flush_timeout: batch.flush_timeout,
    sizer: batch.sizer === 'bytes' ? 'bytes' : 'items',
    min_size: batch.min_size,
    max_size: batch.max_size,
    partition: { metadata_keys: batch.partition.metadata_keys },
  };
}
