/**
 * The section `service`: pipelines, extensions, telemetry, and the keys this collector adds (`threads`, `limits`,
 * `priorities`, `tenants`, `drain`, `reload`).
 */
import { ns } from '../schema/duration.js';
import {
  any,
  block,
  bool,
  choice,
  duration,
  id,
  int,
  key,
  list,
  map,
  object,
  optional,
  string,
} from '../schema/spec.js';
import type { Infer } from '../schema/spec.js';
import { prioritySpec } from './priorities.js';
import { logsSpec } from './telemetry-logs.js';
import { checkMetrics, level, metricsSpec } from './telemetry-metrics.js';
import { tenantsSpec } from './tenants.js';

/** Items of one request, unless `limits.max_items` says otherwise. */
export const ITEMS_MAX = 1_000_000;
/** AnyValue levels, unless `limits.max_depth` says otherwise. */
export const VALUE_DEPTH_MAX = 128;
/** Connections over all listeners, unless `limits.max_connections` says otherwise. */
export const CONNECTIONS_MAX = 12_000;
/** How long a drain may take, unless `drain.timeout` says otherwise. */
export const DRAIN_TIMEOUT = ns('25s');
/** How long a reloaded configuration is watched, unless `reload.probation` says otherwise. */
export const PROBATION = ns('60s');
const THREADS_MAX = 1024;
const VERSIONS_MAX = 10_000;
const UINT32_MAX = 2 ** 32 - 1;
const MEMORY_MIB_MAX = 64 * 1024 * 1024;

const tracesSpec = object({
  level: key(level, 'none', '`none` is off; tracing of the collector itself is not implemented in this version'),
  propagators: key(list(string()), [], 'How trace context travels: `tracecontext`, `b3`'),
  processors: key(list(any()), [], 'Export of the collector’s own spans; accepted, without effect in this version'),
  sampler: key(any(), null, 'Which spans are kept'),
  limits: key(any(), null, 'Bounds on spans'),
});

const telemetrySpec = object(
  {
    logs: block(logsSpec, 'The collector’s own log'),
    metrics: block(metricsSpec, 'The collector’s own metrics'),
    traces: block(tracesSpec, 'The collector’s own traces'),
    resource: key(
      any(),
      null,
      'Attributes that name this collector: `attributes: [{name, value}]`, or a plain map as of old',
    ),
  },
  { validate: ({ metrics }, report) => checkMetrics(metrics, report) },
);

/** One pipeline. */
export const pipelineSpec = object({
  receivers: key(
    list(id('receivers', 'connectors')),
    [],
    'Where data comes from: receivers and connectors; at least one',
  ),
  processors: key(list(id('processors')), [], 'What is done to it, in order'),
  exporters: key(list(id('exporters', 'connectors')), [], 'Where it goes: exporters and connectors; at least one'),
});

const limitsSpec = object({
  memory_mib: key(
    int({ min: 0, max: MEMORY_MIB_MAX }),
    0,
    'Memory for data in flight, unless a `memory_limiter` is used; 0 is 60 % of the cgroup’s limit, or 25 % of the host between 256 MiB and 4 GiB (256 MiB inside another process)',
    'MiB',
  ),
  max_items: key(int({ min: 1 }), ITEMS_MAX, 'Largest request', 'items'),
  max_depth: key(
    int({ min: 1, max: 10_000 }),
    VALUE_DEPTH_MAX,
    'Deepest nesting of attribute values and log bodies',
    'levels',
  ),
  max_attributes: key(
    int({ min: 0, max: UINT32_MAX }),
    0,
    'Attributes of one record; 0 is without limit',
    'attributes',
  ),
  max_connections: key(
    int({ min: 1, max: UINT32_MAX }),
    CONNECTIONS_MAX,
    'Connections over all listeners',
    'connections',
  ),
});

const reloadSpec = object({
  on_failure: key(
    choice(['keep', 'exit'], (word) => `invalid on_failure: ${JSON.stringify(word)}`),
    'keep',
    'When a new configuration cannot be had: `keep` goes on with the running one, `exit` drains it and ends with code 1, as the Collector does',
  ),
  watch: key(
    bool(),
    false,
    'Whether to reload when a file of the configuration, or one that it refers to, has changed',
  ),
  probation: key(
    duration({ min: 0 }),
    PROBATION,
    'For how long after a reload the configuration before it is taken back when a component fails for good or, with `history.directory`, when the process dies; 0 is off, as is `on_failure: exit`',
  ),
  history: block(
    object({
      directory: key(string(), '', 'Folder for the configurations that ran, as files in `config`; empty keeps none'),
      keep: key(int({ min: 1, max: VERSIONS_MAX }), 20, 'Versions kept; older ones are removed', 'versions'),
    }),
    'Versions of the configuration',
  ),
});

/** The section. */
export const serviceSpec = object({
  telemetry: block(telemetrySpec, 'What the collector tells about itself'),
  extensions: key(list(id('extensions')), [], 'Extensions to run'),
  pipelines: key(map(pipelineSpec, true), {}, 'Pipelines by id, `<signal>` or `<signal>/<name>`'),
  threads: key(
    int({ min: 0, max: THREADS_MAX }),
    0,
    'Data-plane threads; 0 is the machine’s available parallelism',
    'threads',
  ),
  limits: block(limitsSpec, 'Bounds on what senders may send'),
  priorities: key(
    list(prioritySpec),
    [],
    'Which requests matter more than others while the collector is overloaded, and in queues with `priority`; the first rule that fits decides. Else metrics, spans with an error and logs from `error` on are of class 1, logs below `info` of class 3, all others of class 2',
  ),
  tenants: block(
    optional(tenantsSpec, 'off'),
    'Who requests belong to, and what each tenant may send; nobody is told apart unless written',
  ),
  drain: block(
    object({
      timeout: key(duration(), DRAIN_TIMEOUT, 'Longest time for data to leave when stopping; 0 is without limit'),
      pre_stop: key(
        duration({ min: 0 }),
        0,
        'How long to go on taking data after the health page says no and before `timeout` begins, so that senders are led elsewhere meanwhile',
      ),
    }),
    'Stopping',
  ),
  reload: block(
    reloadSpec,
    'Another configuration in the place of the running one; for the command, but for `probation`',
  ),
});

/** The section, decoded: every key with its value or default. */
export type ServiceOptions = Infer<typeof serviceSpec>;
