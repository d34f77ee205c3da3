/**
 * `retry_on_failure` and `timeout` of exporters (`configretry`, `exporterhelper.TimeoutConfig`).
 */
import type { NativeRetryOnFailure } from '../native-types.js';
import { ns } from '../schema/duration.js';
import { block, bool, choice, duration, float, int, key, object, withDefaults } from '../schema/spec.js';
import type { ObjectOf, Report } from '../schema/spec.js';

const nonNegative = (name: string): { min: number; message: string } => ({
  min: 0,
  message: `${name} value must be greater than or equal to 0`,
});

const budget = object({
  ratio: key(float({ min: 0 }), 0.2, 'Retries for each first attempt, over the last ten seconds'),
  min_concurrent: key(int({ min: 1 }), 3, 'Requests that may be tried again at the same time in any case', 'requests'),
});

const retryFields = {
  enabled: key(bool(), true, 'Try again after a failure that may pass'),
  initial_interval: key(duration(nonNegative('initial_interval')), ns('5s'), 'Wait before the first retry'),
  randomization_factor: key(
    float(nonNegative('randomization_factor')),
    0.5,
    'How far each wait is spread around its length, 0 to 1',
  ),
  multiplier: key(float(nonNegative('multiplier')), 1.5, 'By how much the wait grows each time'),
  max_interval: key(duration(nonNegative('max_interval')), ns('30s'), 'Longest wait between retries'),
  max_elapsed_time: key(
    duration(nonNegative('max_elapsed_time')),
    ns('5m'),
    'Longest time spent on one request, after which it is dropped; 0 never gives up',
  ),
  jitter: key(
    choice(['collector', 'full'], (word) => `invalid jitter: ${JSON.stringify(word)}`),
    'collector' as const,
    'How waits are spread: `collector` by `randomization_factor` around the interval, `full` evenly from nothing to the interval',
  ),
  max_hint: key(
    duration(nonNegative('max_hint')),
    ns('5m'),
    'Longest wait that a destination can ask for; what it asks for is stretched by up to a fifth',
  ),
  budget: block(budget, 'Bounds the retries of all requests of a signal together; what is over it waits'),
};

type RetryValue = ObjectOf<typeof retryFields>;

/** `retry_on_failure`. */
export const retryOnFailure = block(
  object(retryFields, { validate: checkRetry }),
  'Trying again after failures that may pass',
);

/** `retry_on_failure` of exporters that do not try again unless told to. */
export const retryOff = block(
  object(withDefaults(retryFields, { enabled: false }), { validate: checkRetry }),
  'Trying again after failures that may pass; off unless written',
);

/** `timeout` of an exporter: one attempt. */
export const exporterTimeout = key(
  duration({ message: "'timeout' must be non-negative" }),
  ns('5s'),
  'Longest time for one attempt; 0 is without limit',
);

/** Checked also while retries are off, as the Collector does. */
function checkRetry(retry: RetryValue, report: Report): void {
  if (retry.randomization_factor > 1) {
    report('randomization_factor value must be less than or equal to 1', 'randomization_factor');
  }
  const { max_elapsed_time: elapsed } = retry;
  if (elapsed <= 0) return;
  if (elapsed < retry.initial_interval)
    report("'max_elapsed_time' must not be less than 'initial_interval'", 'max_elapsed_time');
  if (elapsed < retry.max_interval)
    report("'max_elapsed_time' must not be less than 'max_interval'", 'max_elapsed_time');
}

export function toNativeRetry(retry: RetryValue): NativeRetryOnFailure {
  return {
    enabled: retry.enabled,
    initial_interval: retry.initial_interval,
    randomization_factor: retry.randomization_factor,
    multiplier: retry.multiplier,
    max_interval: retry.max_interval,
    max_elapsed_time: retry.max_elapsed_time,
    jitter: retry.jitter,
    max_hint: retry.max_hint,
    budget: { ratio: retry.budget.ratio, min_concurrent: retry.budget.min_concurrent },
  };
}
