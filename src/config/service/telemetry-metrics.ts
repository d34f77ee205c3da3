/**
 * `service.telemetry.metrics`: keys, rules, and what the rest of the program reads.
 */
import { any, block, bool, choice, int, key, list, object, optional, pairs, string } from '../schema/spec.js';
import type { Infer, ObjectOf, Report } from '../schema/spec.js';
import type { MetricReader, MetricsTelemetry } from '../telemetry.js';

const LEVELS = ['none', 'basic', 'normal', 'detailed'] as const;
const PORT_MAX = 65_535;

/** `level` of metrics and traces. */
export const level = choice(LEVELS, (word) => `unknown metrics level ${JSON.stringify(word.toLowerCase())}`, {
  fold: true,
});

const constantLabels = object({
  included: key(list(string()), [], 'Attributes to copy, by name; `*` and `?` stand for any text'),
  excluded: key(list(string()), [], 'Attributes not to copy'),
});

const prometheus = object(
  {
    host: key(optional(string(), 'off'), null, 'Host to listen on; required'),
    port: key(optional(int({ min: 0, max: PORT_MAX }), 'off'), null, 'Port to listen on; required'),
    without_scope_info: key(bool(), true, 'Leave out labels that name the instrumentation scope'),
    without_units: key(bool(), true, 'Leave out units at the end of names'),
    without_type_suffix: key(bool(), true, 'Leave out `_total` at the end of counters'),
    with_resource_constant_labels: block(optional(constantLabels, 'off'), 'Resource attributes to put on every series'),
  },
  {
    validate: ({ host, port }, report) => {
      if (host === null) report('host must be specified', 'host');
      if (port === null) report('port must be specified', 'port');
    },
  },
);

const otlp = object({
  protocol: key(string(), 'http/protobuf', '`grpc` or `http/protobuf`'),
  endpoint: key(string(), '', 'Where to send'),
  compression: key(string(), '', '`gzip` or `none`'),
  timeout: key(int({ min: 0 }), 10_000, 'Longest time for one attempt', 'ms'),
  headers: key(pairs({ opaque: true }), [], 'Headers to put on every request'),
  headers_list: key(string({ opaque: true }), '', 'The same as text'),
  insecure: key(bool(), false, 'Speak plaintext'),
  certificate: key(string(), '', 'File with certificates to trust'),
  client_certificate: key(string(), '', 'File with the certificate to show'),
  client_key: key(string(), '', 'File with its key'),
  temporality_preference: key(string(), '', '`cumulative`, `delta` or `lowmemory`'),
  default_histogram_aggregation: key(string(), '', 'How histograms are gathered'),
});

const pullReader = object({
  exporter: block(
    object({ prometheus: block(optional(prometheus, 'default'), 'Page for Prometheus to scrape') }),
    'Where metrics go',
  ),
  producers: key(any(), null, 'Further sources of metrics'),
  cardinality_limits: key(any(), null, 'Bounds on series'),
});

const periodicReader = object({
  interval: key(int({ min: 0 }), 60_000, 'Time between exports', 'ms'),
  timeout: key(int({ min: 0 }), 30_000, 'Longest time for one export', 'ms'),
  exporter: block(
    object({
      otlp: block(optional(otlp, 'default'), 'Export by OTLP'),
      console: block(optional(object({}), 'default'), 'Export to the terminal'),
    }),
    'Where metrics go',
  ),
  producers: key(any(), null, 'Further sources of metrics'),
  cardinality_limits: key(any(), null, 'Bounds on series'),
});

const reader = object(
  {
    pull: block(optional(pullReader, 'default'), 'A page that is fetched'),
    periodic: block(optional(periodicReader, 'default'), 'Regular export; accepted, without effect in this version'),
  },
  {
    validate: ({ pull, periodic }, report) => {
      if (pull === null && periodic === null) report('no valid metric reader');
      if (pull !== null && periodic !== null) report('must not specify multiple metric reader type');
      if (pull !== null && pull.exporter.prometheus === null) report('no valid metric exporter', 'pull');
      if (periodic !== null && periodic.exporter.otlp === null && periodic.exporter.console === null) {
        report('no valid metric exporter', 'periodic');
      }
    },
  },
);

const metricsFields = {
  level: key(level, 'normal', `How much is told: ${LEVELS.join(', ')}`),
  readers: key(list(reader), defaultReaders(), 'Where the metrics go'),
  views: key(
    optional(list(any()), 'off'),
    null,
    'Changes to metrics; only with `level: detailed`, and without effect in this version',
  ),
};

/** The block. */
export const metricsSpec = object(metricsFields);

/** Rules on the block, reported one level up as the Collector does. */
export function checkMetrics(metrics: ObjectOf<typeof metricsFields>, report: Report): void {
  if (metrics.level !== 'none' && metrics.readers.length === 0) {
    report('collector telemetry metrics reader should exist when metric level is not none', 'metrics', 'readers');
  }
  if (metrics.views !== null && metrics.level !== 'detailed') {
    const text =
      'service::telemetry::metrics::views can only be set when service::telemetry::metrics::level is detailed';
    report(text, 'metrics', 'views');
  }
}

/** Without a word from the user: one page on localhost:8888. */
function defaultReaders(): readonly Infer<typeof reader>[] {
  const page = {
    host: 'localhost',
    port: 8888,
    without_scope_info: true,
    without_units: true,
    without_type_suffix: true,
    with_resource_constant_labels: { included: [], excluded: [] },
  };
  return [{ pull: { exporter: { prometheus: page }, producers: null, cardinality_limits: null }, periodic: null }];
}

export function resolveMetrics(metrics: ObjectOf<typeof metricsFields>): MetricsTelemetry {
  const readers: MetricReader[] = [];
  for (const { pull } of metrics.readers) {
    const page = pull?.exporter.prometheus ?? null;
    if (page === null || page.host === null || page.port === null) continue;
    readers.push({ prometheus: { ...page, host: page.host, port: page.port } });
  }
  return { level: metrics.level, readers: metrics.level === 'none' ? [] : readers };
}
