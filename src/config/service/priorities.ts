/**
 * `service.priorities`: which requests matter more than others while the collector is overloaded.
 */
import type { NativePriority } from '../native-types.js';
import { choice, int, key, list, object, pairs } from '../schema/spec.js';
import type { Infer } from '../schema/spec.js';

const SIGNALS = ['traces', 'metrics', 'logs', 'profiles'] as const;

/** The least severity number of each word; the word for any is empty. */
const SEVERITIES = { '': 1, trace: 1, debug: 5, info: 9, warn: 13, error: 17, fatal: 21 } as const;

type Severity = keyof typeof SEVERITIES;

/** One rule. */
export const prioritySpec = object({
  class: key(
    int({ min: 0, max: 3 }),
    2,
    'What is given: 0 is refused last, 3 first; a request has the class of its most important record',
  ),
  signals: key(list(choice(SIGNALS, (word) => `unknown signal "${word}"`)), [], 'Signals it is for; none is all'),
  severity: key(
    choice(Object.keys(SEVERITIES) as Severity[], (word) => `unknown severity "${word}"`),
    '',
    'Least severity of a record; a span with an error counts as `error`, and what states none as `info`; empty is any',
  ),
  resource_attributes: key(pairs(), [], 'Attributes that the resource must have'),
});

/** One rule, decoded. */
export type Priority = Infer<typeof prioritySpec>;

/** The rule as Rust takes it. */
export function nativePriority({ class: number, signals, severity, resource_attributes }: Priority): NativePriority {
  return {
    class: number,
    signals,
    severity: SEVERITIES[severity],
    resource_attributes: resource_attributes.map(([name, value]) => [name, value]),
  };
}
