/**
 * Processor `memory_limiter`: refuses data while memory is short.
 */
import type { NativeMemoryLimiterConfig } from '../native-types.js';
import { ns } from '../schema/duration.js';
import { bool, duration, ignored, int, key, object } from '../schema/spec.js';
import type { ObjectOf, Report } from '../schema/spec.js';
import { define, forSignals } from './definition.js';
import type { NativeContext } from './definition.js';

const MIB = 1024 * 1024;
const UINT32_MAX = 2 ** 32 - 1;
/** Without a written spike limit, a fifth of the limit. */
const SPIKE_PERCENT_OF_LIMIT = 20;
const NO_GC = 'has no effect: this collector counts its bytes and collects no garbage';
const PERCENT_TEXT =
  "'limit_percentage' and 'spike_limit_percentage' must be greater than zero and less than or equal to hundred";

const anyDuration = duration({ min: Number.NEGATIVE_INFINITY });
const bytes = int({ min: 0, max: UINT32_MAX });

const fields = {
  check_interval: key(
    anyDuration,
    0,
    'How often the Collector looks at its memory; required, though this collector counts bytes as they come',
  ),
  min_gc_interval_when_soft_limited: ignored(key(anyDuration, ns('10s'), 'Pace of garbage collections'), NO_GC),
  min_gc_interval_when_hard_limited: ignored(key(anyDuration, 0, 'Pace of garbage collections'), NO_GC),
  max_gc_interval_when_soft_limited: ignored(key(anyDuration, ns('30s'), 'Pace of garbage collections'), NO_GC),
  max_gc_interval_when_hard_limited: ignored(key(anyDuration, ns('30s'), 'Pace of garbage collections'), NO_GC),
  limit_mib: key(bytes, 0, 'Memory the data may take', 'MiB'),
  spike_limit_mib: key(bytes, 0, 'How far below the limit refusing starts; 0 is a fifth of the limit', 'MiB'),
  limit_percentage: key(
    int({ min: 0, max: UINT32_MAX }),
    0,
    'The same, of the total memory (the cgroup’s if there is one); used while `limit_mib` is 0',
    '%',
  ),
  spike_limit_percentage: key(
    int({ min: 0, max: UINT32_MAX }),
    0,
    'The same, of the total memory; 0 is a fifth of the limit',
    '%',
  ),
  shed: key(
    bool(),
    false,
    'Whether less important requests are refused before all are, by `service.priorities`; the memory that counts as all there is ends where this limiter starts refusing',
  ),
};

const spec = object(fields, { validate: check });

/** The processor, decoded. */
export type MemoryLimiter = ObjectOf<typeof fields>;

function check(limiter: MemoryLimiter, report: Report): void {
  if (limiter.check_interval <= 0) report("'check_interval' must be greater than zero", 'check_interval');
  checkGarbageCollection(limiter, report);
  if (limiter.limit_mib === 0 && limiter.limit_percentage === 0) {
    report("'limit_mib' or 'limit_percentage' must be greater than zero");
  }
  if (limiter.limit_percentage > 100 || limiter.spike_limit_percentage > 100) report(PERCENT_TEXT, 'limit_percentage');
  if (limiter.limit_mib > 0 && limiter.limit_mib <= limiter.spike_limit_mib) {
    report("'spike_limit_mib' must be smaller than 'limit_mib'", 'spike_limit_mib');
  }
  if (limiter.limit_percentage > 0 && limiter.limit_percentage <= limiter.spike_limit_percentage) {
    report("'spike_limit_percentage' must be smaller than 'limit_percentage'", 'spike_limit_percentage');
  }
}

/** Without effect here, but a file that the Collector refuses is refused. */
function checkGarbageCollection(limiter: MemoryLimiter, report: Report): void {
  const minSoft = limiter.min_gc_interval_when_soft_limited;
  const minHard = limiter.min_gc_interval_when_hard_limited;
  const maxSoft = limiter.max_gc_interval_when_soft_limited;
  const maxHard = limiter.max_gc_interval_when_hard_limited;
  if (minSoft < minHard) {
    report(
      "'min_gc_interval_when_soft_limited' should be larger than 'min_gc_interval_when_hard_limited'",
      'min_gc_interval_when_soft_limited',
    );
  }
  checkMaxInterval('soft', minSoft, maxSoft, report);
  checkMaxInterval('hard', minHard, maxHard, report);
  if (maxSoft > 0 && maxHard > 0 && maxSoft < maxHard) {
    const text =
      "'max_gc_interval_when_soft_limited' should be larger than or equal to 'max_gc_interval_when_hard_limited' (when both are set)";
    report(text, 'max_gc_interval_when_soft_limited');
  }
}

function checkMaxInterval(mode: 'soft' | 'hard', min: number, max: number, report: Report): void {
  const name = `max_gc_interval_when_${mode}_limited`;
  if (max < 0) report(`'${name}' must be non-negative`, name);
  else if (max > 0 && max < min) {
    report(`'${name}' must be greater than or equal to 'min_gc_interval_when_${mode}_limited' (or 0 to disable)`, name);
  }
}

/** `limit_mib` wins over the percentage; the spike limit follows whichever is used. */
function toNative(limiter: MemoryLimiter, { memory }: NativeContext): NativeMemoryLimiterConfig {
  const fixed = limiter.limit_mib > 0;
  const limit = fixed ? limiter.limit_mib * MIB : percentOf(memory.bytes, limiter.limit_percentage);
  const written = fixed ? limiter.spike_limit_mib * MIB : percentOf(memory.bytes, limiter.spike_limit_percentage);
  return {
    limit_bytes: limit,
    spike_limit_bytes: written > 0 ? written : percentOf(limit, SPIKE_PERCENT_OF_LIMIT),
  };
}

function percentOf(total: number, percent: number): number {
  return Math.floor((total * percent) / 100);
}

export const memoryLimiterProcessor = define({
  kind: 'processor',
  type: 'memory_limiter',
  doc: 'Refuses data with a retryable error while the data held takes more than the limit less the spike limit. All pipelines that name one id share one limiter.',
  stability: { ...forSignals('beta', ['traces', 'metrics', 'logs']), profiles: 'alpha' },
  spec,
  toNative,
});
