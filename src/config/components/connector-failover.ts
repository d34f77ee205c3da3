/**
 * Connector `failover`: pipelines that stand in for each other.
 */
import type { NativeFailoverConfig } from '../native-types.js';
import type { ResolvedPipeline } from '../resolved.js';
import { ns } from '../schema/duration.js';
import { SIGNALS } from '../schema/ids.js';
import { duration, id, ignored, int, key, list, object } from '../schema/spec.js';
import type { ObjectOf, Report } from '../schema/spec.js';
import { define } from './definition.js';
import type { Stability } from './definition.js';

const OLD = 'has no effect: every better level is tried, as often as it takes';

const fields = {
  priority_levels: key(
    list(list(id('pipelines'))),
    [],
    'Pipelines of each level, the best level first; the pipelines of a level all get a request, and it fails if one of them does',
  ),
  retry_interval: key(duration(), ns('10m'), 'Time from one try of the better levels to the next'),
  retry_gap: ignored(key(duration(), 0, 'Time between tries of two levels'), OLD),
  max_retries: ignored(key(int(), 0, 'How often a level is tried again'), OLD),
};

type Failover = ObjectOf<typeof fields>;

const spec = object(fields, { validate: check });

function check({ priority_levels: levels, retry_interval: interval }: Failover, report: Report): void {
  if (levels.length === 0) report('No pipelines are defined in the priority list', 'priority_levels');
  if (interval <= 0) report('Retry interval must be positive', 'retry_interval');
  const seen = new Set<string>();
  for (const [index, level] of levels.entries()) {
    if (level.length === 0) report('a priority level needs a pipeline', 'priority_levels', String(index));
    for (const pipeline of level) {
      if (seen.has(pipeline)) {
        report(`references pipeline ${JSON.stringify(pipeline)} multiple times`, 'priority_levels', String(index));
      }
      seen.add(pipeline);
    }
  }
}

/** What keeps the levels from being what stands behind the connector. */
function checkPipelines(
  { priority_levels: levels }: Failover,
  sources: readonly ResolvedPipeline[],
  targets: readonly ResolvedPipeline[],
): readonly string[] {
  const faults: string[] = [];
  const signals = new Set(sources.map(({ signal }) => signal));
  if (signals.size > 1) faults.push(`is for one signal, but gets ${[...signals].join(' and ')}`);
  const named = new Set(levels.flat());
  for (const name of named) {
    const target = targets.find((pipeline) => pipeline.id === name);
    if (target === undefined) faults.push(`priority_levels: pipeline ${JSON.stringify(name)} does not receive from it`);
    else if (signals.size === 1 && !signals.has(target.signal)) {
      faults.push(`priority_levels: pipeline ${JSON.stringify(name)} is for ${target.signal}, which it does not get`);
    }
  }
  for (const { id: name } of targets) {
    const fault = `pipeline ${JSON.stringify(name)} receives from it, but is in none of its priority_levels`;
    if (!named.has(name)) faults.push(fault);
  }
  return faults;
}

export const failoverConnector = define({
  kind: 'connector',
  type: 'failover',
  doc: 'Hands each request to the best level of pipelines that takes it, and tries the better levels from time to time.',
  stability: Object.fromEntries(SIGNALS.map((signal): [string, Stability] => [`${signal} ${signal}`, 'alpha'])),
  spec,
  toNative: ({ priority_levels: levels, retry_interval: interval }: Failover): NativeFailoverConfig => ({
    priority_levels: levels.map((level) => [...level]),
    retry_interval: interval,
  }),
  checkPipelines,
});
