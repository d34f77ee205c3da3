/**
 * `sending_queue` of exporters, with its batcher (`exporterhelper.QueueBatchConfig`): keys, rules and the native form.
 */
import { DIRECT } from '../components/acknowledging.js';
import type { Acknowledging } from '../components/acknowledging.js';
import type { ExtensionReference, NativeContext } from '../components/definition.js';
import type { NativeSendingQueue, NativeQueueBatch, NativeQueueStorage } from '../native-types.js';
import { ns } from '../schema/duration.js';
import { block, bool, choice, duration, float, id, int, key, list, object, optional, string } from '../schema/spec.js';
import type { Infer, IsSet, ObjectOf, Report } from '../schema/spec.js';

/** How long a stored request is kept. */
const MAX_AGE = ns('24h');
const MIB = 1024 * 1024;
/** Two files, the least that a log has. */
const DEAD_LETTER_BYTES_MIN = 128 * 1024;
/** The part of a storage that dead letters take at most. */
const DEAD_LETTER_SHARE = 4;

const sizer = choice(['requests', 'items', 'bytes'], (word) => `invalid sizer: ${JSON.stringify(word)}`);

const lagPolicy = choice(['block', 'drop_oldest', 'detach'], (word) => `invalid lag_policy: ${JSON.stringify(word)}`);

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

const deadLetter = object({
  enabled: key(
    optional(bool(), 'off'),
    null,
    'Keep what the destination refuses for good rather than drop it; true with `storage` unless written',
  ),
  max_bytes: key(
    int({ min: DEAD_LETTER_BYTES_MIN }),
    256 * MIB,
    'How much of the storage’s `max_bytes` they may take, at most a quarter, and none below 128 KiB; of several queues in a storage the largest counts. When it is used up the oldest are dropped',
    'bytes',
  ),
});

const queueFields = {
  num_consumers: key(int(), 10, 'Most requests sent at once; fewer while the destination throttles', 'requests'),
  queue_size: key(int(), 1000, 'How much the queue holds, in units of `sizer`'),
  sizer: key(sizer, 'requests' as const, 'What `queue_size` counts: `requests`, `items` or `bytes`'),
  block_on_overflow: key(bool(), false, 'When full, make callers wait instead of refusing them'),
  wait_for_result: key(
    bool(),
    false,
    'Make callers wait for the export, and tell them its result; with `storage` the request is on disk meanwhile, and stays if they go away',
  ),
  order: key(
    choice(['fifo', 'newest_first'], (word) => `invalid order: ${JSON.stringify(word)}`),
    'fifo' as const,
    'Which request of a sender leaves a queue in memory next: with `fifo` the oldest, with `newest_first` the newest, while the backlog is filled in',
  ),
  priority: key(
    bool(),
    false,
    'Whether a queue in memory sends what matters more first, by the classes of overload and `service.priorities`',
  ),
  queue_share: key(
    float({ min: 0, max: 1 }),
    0.5,
    'Part of a queue in memory that one tenant may hold while others want room too; what is above is refused',
  ),
  storage: key(
    optional(id('extensions'), 'off'),
    null,
    'Id of a storage extension that keeps the queue over restarts; none is in memory',
  ),
  max_age: key(
    optional(duration({ min: 0 }), 'off'),
    null,
    'How long `storage` keeps a request that cannot be delivered; 0 is for ever. 24h unless written, and without end if `max_elapsed_time: 0` is written',
  ),
  lag_policy: key(
    optional(lagPolicy, 'off'),
    null,
    'What goes when a queue in `storage` is full, or the storage because of it: `block`, the default, refuses new requests; `drop_oldest` drops its oldest, `detach` all that wait in it, and counts them as `queue_full`',
  ),
  dead_letter: block(
    deadLetter,
    'Requests that the destination refuses for good, kept in `storage` to be looked at and sent again',
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
  if (value.storage === null && value.max_age !== null) {
    report('`max_age` is supported only with `storage`', 'max_age');
  }
  if (value.storage === null && value.lag_policy !== null) {
    report('`lag_policy` is supported only with `storage`', 'lag_policy');
  }
  if (value.storage === null && value.dead_letter.enabled === true) {
    report('`dead_letter` is supported only with `storage`', 'dead_letter', 'enabled');
  }
  if (value.storage !== null) checkStored(value, report);
  if (value.batch !== null && value.batch.sizer === value.sizer && value.batch.min_size > value.queue_size) {
    report('`min_size` must be less than or equal to `queue_size`', 'batch', 'min_size');
  }
}

/** A log is read in the order it was written. */
function checkStored({ order, priority }: QueueValue, report: Report): void {
  if (order !== 'fifo') {
    report(
      '`order: newest_first` is supported only without `storage`, which is read in the order it was written',
      'order',
    );
  }
  if (priority) {
    report('`priority` is supported only without `storage`, which is read in the order it was written', 'priority');
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

/** Keys of an exporter whose queue may be stored. */
interface Delivering {
  readonly retry_on_failure: { readonly max_elapsed_time: number };
  readonly sending_queue: Queue;
}

/**
 * With storage, a request is given up by age and not by the time spent on it, which an outage of the target would use
 * up; a `max_elapsed_time` that is written is obeyed.
 */
export function settleStored<T extends Delivering>(exporter: T, isSet: IsSet): T {
  if (exporter.sending_queue === null || exporter.sending_queue.storage === null) return exporter;
  const stored: QueueValue = exporter.sending_queue;
  const retry = exporter.retry_on_failure;
  const written = isSet('retry_on_failure', 'max_elapsed_time');
  const forEver = written && retry.max_elapsed_time === 0;
  return {
    ...exporter,
    retry_on_failure: written ? retry : { ...retry, max_elapsed_time: 0 },
    sending_queue: { ...stored, max_age: stored.max_age ?? (forEver ? 0 : MAX_AGE) },
  };
}

/** When an exporter with this queue answers. */
export function acknowledging(value: Queue, syncs: (storage: string) => boolean): Acknowledging {
  if (value === null) return DIRECT;
  const waits = value.wait_for_result;
  if (value.storage === null) {
    const given = { received: 'received', persisted: waits ? 'delivered' : null, delivered: 'delivered' } as const;
    return { own: waits ? 'delivered' : 'received', given, lacks: 'has a sending_queue without storage' };
  }
  const lasts = syncs(value.storage) ? 'persisted' : null;
  return {
    own: waits ? 'delivered' : (lasts ?? 'received'),
    given: { received: 'received', persisted: lasts, delivered: 'delivered' },
    lacks: `has a sending_queue whose storage ${JSON.stringify(value.storage)} answers before the disk has a request (sync: never)`,
  };
}

/** The storage that a queue refers to. */
export function storageOf(value: Queue): readonly ExtensionReference[] {
  return value === null || value.storage === null ? [] : [{ id: value.storage, as: 'storage' }];
}

export function toNativeQueue(value: Queue, context: NativeContext): NativeSendingQueue | null {
  if (value === null) return null;
  return {
    num_consumers: value.num_consumers,
    queue_size: value.queue_size,
    sizer: value.sizer,
    block_on_overflow: value.block_on_overflow,
    wait_for_result: value.wait_for_result,
    order: value.order,
    queue_share: value.queue_share,
    priorities: value.priority ? context.priorities : null,
    batch: value.batch === null ? null : toNativeBatch(value.batch),
    storage: toNativeQueueStorage(value, context),
  };
}

function toNativeQueueStorage(value: QueueValue, context: NativeContext): NativeQueueStorage | null {
  const folder = value.storage === null ? null : context.storage(value.storage);
  if (folder === null) return null;
  const { enabled, max_bytes: bytes } = value.dead_letter;
  const room = Math.min(bytes, Math.floor(folder.max_bytes / DEAD_LETTER_SHARE));
  const kept = enabled !== false && room >= DEAD_LETTER_BYTES_MIN;
  return {
    ...folder,
    max_age: value.max_age ?? MAX_AGE,
    lag_policy: value.lag_policy ?? 'block',
    dead_letter_bytes: kept ? room : null,
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
