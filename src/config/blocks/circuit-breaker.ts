/**
 * `circuit_breaker` of exporters: keys, rules and the native form. A block of teleferric's own; Collectors have none.
 */
import type { NativeCircuitBreaker } from '../native-types.js';
import { ns } from '../schema/duration.js';
import { block, choice, duration, float, int, key, object, optional } from '../schema/spec.js';
import type { Infer, ObjectOf, Report } from '../schema/spec.js';

/** The most that the breaker's one word of state counts to. */
const PROBES_MAX = 65_535;
/** Of `slow_after`, where only the timeout is known. */
const SLOW_SHARE = 0.8;

const halfOpen = object({
  permits: key(int({ min: 1, max: PROBES_MAX }), 3, 'Probes sent at the same time', 'requests'),
  successes: key(int({ min: 1, max: PROBES_MAX }), 3, 'Probes that must succeed before the breaker closes', 'requests'),
  max_wait: key(
    optional(duration()),
    null,
    'How long a probe may take before the breaker opens again; `timeout` unless written, 0 is without limit',
  ),
});

const fields = {
  mode: key(
    choice(['time', 'count'], (word) => `invalid mode: ${JSON.stringify(word)}`),
    'time' as const,
    'What the rates are taken over: `time` is the last `window`, `count` the last 100 attempts',
  ),
  window: key(duration({ min: ns('1ms') }), ns('30s'), 'How far back `mode: time` looks'),
  buckets: key(
    int({ min: 1, max: 100 }),
    10,
    'Parts of the window; the rates are looked at when one of them ends',
    'buckets',
  ),
  min_calls: key(int({ min: 1 }), 20, 'Attempts in the window before the rates say anything', 'requests'),
  failure_rate: key(float({ min: 0, max: 1 }), 0.5, 'Share of failed attempts that opens the breaker; 0 is never'),
  slow_rate: key(float({ min: 0, max: 1 }), 0.8, 'Share of slow attempts that opens the breaker; 0 is never'),
  slow_after: key(
    optional(duration()),
    null,
    'From when on an attempt is slow; four fifths of `timeout` unless written, 0 is never',
  ),
  consecutive: key(
    int({ min: 0, max: 1_000_000 }),
    5,
    'Failures in a row that open the breaker at once; 0 is never',
    'requests',
  ),
  open: key(duration({ min: ns('1ms') }), ns('5s'), 'How long the breaker stays open; each time in a row doubles it'),
  max_open: key(
    optional(duration({ min: ns('1ms') })),
    null,
    'Longest time the breaker stays open; `max_interval` of `retry_on_failure` unless written, also if `open` is longer',
  ),
  jitter: key(float({ min: 0, max: 1 }), 0.2, 'How far the time open is spread around its length, 0 to 1'),
  half_open: block(halfOpen, 'Finding out whether the destination is back'),
  override: key(
    choice(['none', 'forced_open', 'disabled', 'observe'], (word) => `invalid override: ${JSON.stringify(word)}`),
    'none' as const,
    'Decided by hand: `forced_open` sends nothing, `disabled` counts nothing, `observe` counts but holds nothing back',
  ),
};

type BreakerValue = ObjectOf<typeof fields>;

/** `circuit_breaker`, on unless turned off. */
export const circuitBreaker = block(
  optional(object(fields, { validate: checkBreaker }), 'on'),
  'Holding requests back while the destination fails; `enabled: false` turns it off',
);

/** A decoded breaker; null is off. */
export type CircuitBreaker = Infer<typeof circuitBreaker.spec>;

function checkBreaker(breaker: BreakerValue, report: Report): void {
  if (breaker.max_open !== null && breaker.max_open < breaker.open) {
    report("'max_open' must not be less than 'open'", 'max_open');
  }
  if (breaker.mode === 'count' && breaker.min_calls > 100) {
    report("'min_calls' must not be more than the 100 attempts that 'mode: count' looks at", 'min_calls');
  }
}

/** What the exporter's other keys say about times that are not written. */
interface ExporterTimes {
  /** Nanoseconds; 0 is without limit. */
  readonly timeout: number;
  readonly retry_on_failure: { readonly max_interval: number };
}

export function toNativeBreaker(breaker: CircuitBreaker, exporter: ExporterTimes): NativeCircuitBreaker | null {
  if (breaker === null) return null;
  const { half_open: probing } = breaker;
  const maxOpen = breaker.max_open ?? Math.max(exporter.retry_on_failure.max_interval, ns('1ms'));
  return {
    mode: breaker.mode,
    window: breaker.window,
    buckets: breaker.buckets,
    min_calls: breaker.min_calls,
    failure_rate: rate(breaker.failure_rate),
    slow_rate: rate(breaker.slow_rate),
    slow_after: breaker.slow_after ?? Math.floor(exporter.timeout * SLOW_SHARE),
    consecutive: breaker.consecutive,
    open: breaker.open,
    max_open: maxOpen,
    jitter: breaker.jitter,
    half_open: {
      permits: probing.permits,
      successes: probing.successes,
      max_wait: probing.max_wait ?? exporter.timeout,
    },
    override: breaker.override,
  };
}

/** The core has no word for never; no share is above 1. */
function rate(share: number): number {
  return share === 0 ? 2 : share;
}
