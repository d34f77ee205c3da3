/**
 * How the Prometheus page names things: units, counter suffix, stability tags, scopes, and which series a level shows.
 * The names themselves come with the series; the rules are section 3.2 and 4 of the Collector's documented behaviour.
 */

/** `service.telemetry.metrics.level` where there are metrics at all. */
export type MetricLevel = 'basic' | 'normal' | 'detailed';

/** A kind of metric, as Prometheus types it. */
export type MetricKind = 'counter' | 'gauge' | 'histogram';

/** How names are written; the Collector's defaults are all true. */
export interface NamingOptions {
  /** Leaves out `otel_scope_name` and `otel_scope_version`. */
  readonly withoutScopeInfo: boolean;
  /** Leaves out unit words, such as `_seconds`. */
  readonly withoutUnits: boolean;
  /** Leaves out `_total` of counters. */
  readonly withoutTypeSuffix: boolean;
}

/** The Collector's defaults. */
export const DEFAULT_NAMING: NamingOptions = { withoutScopeInfo: true, withoutUnits: true, withoutTypeSuffix: true };

/** The name on the page. Metrics of our own carry unit and suffix in their names already. */
export function pageName(name: string, kind: MetricKind, { withoutUnits, withoutTypeSuffix }: NamingOptions): string {
  const plain = name.replaceAll(/[^a-zA-Z0-9_:]/g, '_');
  if (plain.startsWith('teleferric_')) return plain;
  const unit = withoutUnits ? null : unitWord(plain);
  const withUnit = unit === null || plain.endsWith(`_${unit}`) ? plain : `${plain}_${unit}`;
  return kind === 'counter' && !withoutTypeSuffix && !withUnit.endsWith('_total') ? `${withUnit}_total` : withUnit;
}

/** A label name on the page: dots and other signs become underscores. */
export function labelName(name: string): string {
  const plain = name.replaceAll(/[^a-zA-Z0-9_]/g, '_');
  return /^\d/.test(plain) ? `_${plain}` : plain;
}

/** Units by name; curly-brace units (`{span}`) add no word and are not listed. */
const UNITS: readonly (readonly [RegExp, string])[] = [
  [/^otelcol_process_(uptime|cpu_seconds)$/, 'seconds'],
  [/^otelcol_process_(memory_rss|runtime_\w+_bytes)$/, 'bytes'],
  [/^otelcol_processor_internal_duration$/, 'seconds'],
  [/^otelcol_\w+_size_bytes$/, 'bytes'],
  [/^(http|rpc)_\w+_duration$/, 'seconds'],
  [/^http_\w+_body_size$/, 'bytes'],
];

function unitWord(name: string): string | null {
  return UNITS.find(([pattern]) => pattern.test(name))?.[1] ?? null;
}

/** HELP text that ends with a stability tag. */
export function pageHelp(name: string, help: string): string {
  if (/\[\w+\]$/.test(help)) return help;
  return `${help.replace(/\.$/, '')} [${DEVELOPMENT.test(name) ? 'Development' : 'Alpha'}]`;
}

const DEVELOPMENT = /^(otelcol_processor_batch_|otelcol_exporter_in_flight|http_|rpc_|teleferric_)/;

/** The instrumentation scope that the Collector books a metric under. */
export function scopeOf(name: string): string {
  return SCOPES.find(([prefix]) => name.startsWith(prefix))?.[1] ?? 'teleferric';
}

const CORE = 'go.opentelemetry.io/collector';
const SCOPES: readonly (readonly [string, string])[] = [
  ['otelcol_receiver_', `${CORE}/receiver/receiverhelper`],
  ['otelcol_scraper_', `${CORE}/scraper/scraperhelper`],
  ['otelcol_exporter_', `${CORE}/exporter/exporterhelper`],
  ['otelcol_processor_batch_', `${CORE}/processor/batchprocessor`],
  ['otelcol_processor_memory_limiter_', `${CORE}/processor/memorylimiterprocessor`],
  ['otelcol_processor_', `${CORE}/processor/processorhelper`],
  ['otelcol_process_', `${CORE}/service`],
];

/** Whether a level shows a metric. */
export function isShown(name: string, level: MetricLevel): boolean {
  if (level === 'detailed') return true;
  if (DETAILED_ONLY.test(name)) return false;
  return level === 'normal' || !name.startsWith('otelcol_processor_batch_');
}

const DETAILED_ONLY = new RegExp(
  '^(' +
    [
      'http[._]',
      'rpc[._]',
      'otelcol_processor_internal_duration$',
      'otelcol_processor_batch_batch_send_size_bytes$',
      'otelcol_exporter_queue_batch_send_size',
      'otelcol_exporter_enqueue_size',
    ].join('|') +
    ')',
);

/** Whether a level shows a label of a metric; series that differ by hidden labels only are summed. */
export function isLabelShown(metric: string, label: string, level: MetricLevel): boolean {
  if (level === 'detailed' || !metric.startsWith('otelcol_exporter_send_failed_')) return true;
  return !/^error[._](type|permanent)$/.test(label);
}
