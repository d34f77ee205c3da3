/**
 * `service.telemetry.logs`: keys, rules, and what the rest of the program reads.
 */
import { ns } from '../schema/duration.js';
import { any, block, bool, choice, duration, int, key, list, map, object, optional, string } from '../schema/spec.js';
import type { Infer } from '../schema/spec.js';
import type { LogsTelemetry } from '../telemetry.js';

const LEVELS = ['debug', 'info', 'warn', 'error', 'dpanic', 'panic', 'fatal'] as const;

const sampling = object({
  tick: key(duration(), ns('10s'), 'Length of one sampling period'),
  initial: key(int({ min: 0 }), 10, 'Messages of one text and level let through at first in each period', 'messages'),
  thereafter: key(int({ min: 0 }), 100, 'After those, every n-th is let through; 0 lets none', 'messages'),
});

/** The block. */
export const logsSpec = object({
  level: key(
    choice(LEVELS, (word) => `unrecognized level: ${JSON.stringify(word)}`, { fold: true }),
    'info',
    `Least severe level that is written: ${LEVELS.join(', ')}`,
  ),
  encoding: key(
    choice(['console', 'json'], (word) => `no encoder registered for name ${JSON.stringify(word)}`),
    'console',
    '`console` for people, `json` for programs, one object per line',
  ),
  development: key(bool(), false, 'Stack traces from warnings on instead of errors'),
  disable_caller: key(bool(), false, 'Leave out where in the program a message comes from'),
  disable_stacktrace: key(bool(), false, 'Leave out stack traces'),
  disable_zap_resource: key(bool(), false, 'Leave out the resource attributes'),
  sampling: block(
    optional(sampling, 'on'),
    'Bounds on how often one message repeats; `enabled: false` writes them all',
  ),
  output_paths: key(list(string()), ['stderr'], 'Files, `file://` URLs, `stdout` or `stderr`'),
  error_output_paths: key(list(string()), ['stderr'], 'Where failures of logging itself go'),
  initial_fields: key(map(any()), {}, 'Fields to put on every line'),
  processors: key(list(any()), [], 'Export of the collector’s own logs; accepted, without effect in this version'),
});

export function resolveLogs(logs: Infer<typeof logsSpec>): LogsTelemetry {
  return {
    level: logs.level,
    encoding: logs.encoding,
    development: logs.development,
    disable_caller: logs.disable_caller,
    disable_stacktrace: logs.disable_stacktrace,
    disable_zap_resource: logs.disable_zap_resource,
    sampling: logs.sampling,
    output_paths: logs.output_paths,
    error_output_paths: logs.error_output_paths,
    initial_fields: logs.initial_fields,
  };
}
