/**
 * Extension `health_check`: an HTTP page that says whether pipelines run. Lives in TypeScript.
 */
import { checkHttpServer, httpServerFields, httpServerNotes } from '../blocks/http-server.js';
import { referencedExtensions } from '../blocks/references.js';
import { parseDuration } from '../schema/duration.js';
import { block, bool, ignored, int, key, object, optional, string, withDefaults } from '../schema/spec.js';
import type { ObjectOf, Report } from '../schema/spec.js';
import { define } from './definition.js';

const responseBody = object({
  healthy: key(string(), '', 'Body while healthy; empty is the usual JSON'),
  unhealthy: key(string(), '', 'Body while not; empty is the usual JSON'),
});

const checkCollectorPipeline = object({
  enabled: key(bool(), false, 'Watch the exporters’ failures'),
  interval: key(string(), '5m', 'Over how long'),
  exporter_failure_threshold: key(int(), 5, 'How many failures are too many'),
});

const fields = {
  ...withDefaults(httpServerFields, { endpoint: 'localhost:13133' }),
  path: key(string(), '/', 'Path of the page'),
  response_body: block(optional(responseBody, 'off'), 'Own bodies instead of the usual JSON'),
  check_collector_pipeline: ignored(
    block(checkCollectorPipeline, 'Old way to watch exporters'),
    'has no effect, as in the Collector',
  ),
};

const spec = object(fields, { validate: check });

/** `health_check`, decoded. */
export type HealthCheckConfig = ObjectOf<typeof fields>;

function check(config: HealthCheckConfig, report: Report): void {
  const { interval, exporter_failure_threshold: threshold } = config.check_collector_pipeline;
  const parsed = parseDuration(interval);
  if (!parsed.ok) report(`${parsed.reason} ${JSON.stringify(interval)}`, 'check_collector_pipeline', 'interval');
  if (config.endpoint === '') report('bad config: endpoint must be specified', 'endpoint');
  if (threshold <= 0) {
    const text = 'bad config: exporter_failure_threshold expects a positive number';
    report(text, 'check_collector_pipeline', 'exporter_failure_threshold');
  }
  if (!config.path.startsWith('/')) report('bad config: path must start with /', 'path');
  checkHttpServer(config, report);
}

export const healthCheckExtension = define({
  kind: 'extension',
  type: 'health_check',
  doc: 'Answers 200 with a short JSON while pipelines run, 503 before and after.',
  stability: { extension: 'beta' },
  spec,
  notes: (config) => httpServerNotes(config, []).filter(({ path }) => path.includes('cors')),
  references: referencedExtensions,
});
