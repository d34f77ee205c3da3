/**
 * From what prom-client collects to an OTLP request for metrics, as JSON. Pure. All sums are cumulative, since the start
 * of the process.
 */
import type { Collected } from './host-metrics.js';
import type { Row } from './metric-families.js';

/** What stands around the points. */
export interface MetricsEnvelope {
  /** Attributes of the resource. */
  readonly resource: Readonly<Record<string, string>>;
  readonly scope: { readonly name: string; readonly version: string };
  /** When counting began, and now; milliseconds since 1970. */
  readonly startMs: number;
  readonly nowMs: number;
}

/** The request, or null when there is no series. */
export function otlpMetricsRequest(collected: readonly Collected[], envelope: MetricsEnvelope): string | null {
  const metrics = collected.filter(({ values }) => values.length > 0).flatMap((metric) => metricOf(metric, envelope));
  if (metrics.length === 0) return null;
  const resource = { attributes: attributesOf(envelope.resource) };
  return JSON.stringify({ resourceMetrics: [{ resource, scopeMetrics: [{ scope: envelope.scope, metrics }] }] });
}

function metricOf({ name, help, type, values }: Collected, envelope: MetricsEnvelope): readonly object[] {
  const head = { name, description: help };
  const points = (point: (rows: Group) => object, without: string): readonly object[] =>
    groupsOf(values, without).map((group) => ({ ...pointHead(group.labels, envelope), ...point(group) }));
  switch (type) {
    case 'counter':
      return [
        { ...head, sum: { aggregationTemporality: 2, isMonotonic: true, dataPoints: numbers(values, envelope) } },
      ];
    case 'gauge':
      return [{ ...head, gauge: { dataPoints: numbers(values, envelope) } }];
    case 'histogram': {
      const dataPoints = points((group) => histogramOf(name, group), 'le');
      return [{ ...head, histogram: { aggregationTemporality: 2, dataPoints } }];
    }
    case 'summary':
      return [{ ...head, summary: { dataPoints: points((group) => summaryOf(name, group), 'quantile') } }];
    default:
      return [];
  }
}

function numbers(rows: readonly Row[], envelope: MetricsEnvelope): readonly object[] {
  return rows.map(({ labels, value }) => ({ ...pointHead(labels, envelope), asDouble: double(value) }));
}

function pointHead(labels: Readonly<Record<string, unknown>>, { startMs, nowMs }: MetricsEnvelope): object {
  return { attributes: attributesOf(labels), startTimeUnixNano: nanos(startMs), timeUnixNano: nanos(nowMs) };
}

/** The series that differ in one label only. */
interface Group {
  readonly labels: Readonly<Record<string, unknown>>;
  readonly rows: Row[];
}

function groupsOf(rows: readonly Row[], without: string): readonly Group[] {
  const groups = new Map<string, Group>();
  for (const row of rows) {
    const labels = Object.fromEntries(Object.entries(row.labels).filter(([label]) => label !== without));
    const key = JSON.stringify(Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1)));
    const group = groups.get(key) ?? { labels, rows: [] };
    group.rows.push(row);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** Buckets of a page count what is in the smaller ones too; those of OTLP do not. */
function histogramOf(name: string, { rows }: Group): object {
  const buckets = rows
    .filter(({ metricName }) => metricName === `${name}_bucket`)
    .map(({ labels, value }) => ({ bound: labels['le'] === '+Inf' ? Infinity : Number(labels['le']), value }))
    .toSorted((a, b) => a.bound - b.bound);
  return {
    ...countAndSum(name, rows),
    bucketCounts: buckets.map(({ value }, index) => String(value - (buckets[index - 1]?.value ?? 0))),
    explicitBounds: buckets.map(({ bound }) => bound).filter(Number.isFinite),
  };
}

function summaryOf(name: string, { rows }: Group): object {
  const quantiles = rows.filter(({ labels }) => labels['quantile'] !== undefined);
  return {
    ...countAndSum(name, rows),
    quantileValues: quantiles.map(({ labels, value }) => ({
      quantile: Number(labels['quantile']),
      value: double(value),
    })),
  };
}

function countAndSum(name: string, rows: readonly Row[]): object {
  const valueOf = (suffix: string): number => rows.find(({ metricName }) => metricName === name + suffix)?.value ?? 0;
  return { count: String(valueOf('_count')), sum: double(valueOf('_sum')) };
}

/** Labels are text, whatever the host has put in. */
function attributesOf(labels: Readonly<Record<string, unknown>>): readonly object[] {
  return Object.entries(labels).map(([key, value]) => ({ key, value: { stringValue: String(value) } }));
}

/** JSON has no word for what is no number; OTLP takes the name of it. */
function double(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}

function nanos(ms: number): string {
  return `${Math.round(ms)}000000`;
}
