/**
 * From samples to the families of a Prometheus page: level, names and labels applied, histograms made cumulative,
 * series that became equal summed. Pure; prometheus.ts hands the result to prom-client.
 */
import {
  DEFAULT_NAMING,
  isLabelShown,
  isShown,
  labelName,
  pageHelp,
  pageName,
  scopeOf,
  type MetricKind,
  type MetricLevel,
  type NamingOptions,
} from './metric-names.js';
import type { HistogramSample, Sample } from './snapshot.js';

/** What of the metrics is shown, and how. */
export interface MetricsView {
  readonly level: MetricLevel;
  readonly naming: NamingOptions;
  /** Resource attributes, shown as labels of `target_info`. */
  readonly resource: Readonly<Record<string, string>>;
  /** Labels written on every series. */
  readonly constantLabels: Readonly<Record<string, string>>;
  /** Version shown as `otel_scope_version` if scopes are shown. */
  readonly scopeVersion: string;
}

/** A view as the Collector has it when nothing is written. */
export const DEFAULT_VIEW: MetricsView = {
  level: 'normal',
  naming: DEFAULT_NAMING,
  resource: {},
  constantLabels: {},
  scopeVersion: '',
};

/** One line of a page; `metricName` when it is not the family's. */
export interface Row {
  readonly metricName?: string;
  readonly labels: Record<string, string>;
  readonly value: number;
}

/** All lines of one name. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: MetricKind;
  readonly rows: readonly Row[];
}

interface OpenFamily extends Family {
  readonly rows: Row[];
}

/** What a family needs before it has a value. */
export type FamilyHead = Pick<Sample, 'name' | 'help' | 'kind'>;

/** The family a series belongs to, without rows, or null when the level hides it. */
export function emptyFamily({ name, help, kind }: FamilyHead, view: MetricsView): Family | null {
  if (!isShown(name, view.level)) return null;
  return { name: pageName(name, kind, view.naming), help: pageHelp(name, help), type: kind, rows: [] };
}

/** The families of one moment by name, `target_info` among them. */
export function familiesOf(samples: readonly Sample[], view: MetricsView): ReadonlyMap<string, Family> {
  const families = new Map<string, OpenFamily>();
  for (const sample of mergeEqual(samples, view)) {
    const empty = emptyFamily(sample, view);
    if (empty === null) continue;
    const family: OpenFamily = families.get(empty.name) ?? { ...empty, rows: [] };
    // Two metrics that only a suffix told apart must not share a family.
    if (family.type === empty.type) family.rows.push(...rowsOf(family.name, sample));
    families.set(family.name, family);
  }
  return new Map<string, Family>([...families, ['target_info', targetInfo(view)]]);
}

/** Samples with their page labels; those equal in name and labels are summed. */
function mergeEqual(samples: readonly Sample[], view: MetricsView): Iterable<Sample> {
  const merged = new Map<string, Sample>();
  for (const sample of samples) {
    const labels = pageLabels(sample, view);
    const key = JSON.stringify([sample.name, Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1))]);
    const before = merged.get(key);
    const here = { ...sample, labels };
    merged.set(key, before === undefined ? here : sum(before, here));
  }
  return merged.values();
}

function pageLabels({ name, labels }: Sample, view: MetricsView): Record<string, string> {
  const shown = Object.entries(labels)
    .filter(([label]) => isLabelShown(name, label, view.level))
    .map(([label, value]) => [labelName(label), value] as const);
  const scope = view.naming.withoutScopeInfo
    ? []
    : [['otel_scope_name', scopeOf(name)] as const, ['otel_scope_version', view.scopeVersion] as const];
  return Object.fromEntries([...Object.entries(view.constantLabels), ...scope, ...shown]);
}

function sum(one: Sample, other: Sample): Sample {
  if (one.kind === 'histogram' && other.kind === 'histogram') {
    const counts = one.counts.map((count, index) => count + (other.counts[index] ?? 0));
    return { ...one, counts, sum: one.sum + other.sum };
  }
  if (one.kind === 'histogram' || other.kind === 'histogram') return one;
  return { ...one, value: one.value + other.value };
}

function rowsOf(name: string, sample: Sample): readonly Row[] {
  if (sample.kind === 'histogram') return histogramRows(name, sample);
  return [{ labels: { ...sample.labels }, value: Number(sample.value) }];
}

function histogramRows(name: string, { labels, bounds, counts, sum: total }: HistogramSample): readonly Row[] {
  let seen = 0;
  const buckets = counts.map((count, index) => {
    seen += count;
    const bound = bounds[index];
    const le = bound === undefined ? '+Inf' : String(bound);
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: seen };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels: { ...labels }, value: total },
    { metricName: `${name}_count`, labels: { ...labels }, value: seen },
  ];
}

function targetInfo({ resource }: MetricsView): Family {
  const labels = Object.fromEntries(Object.entries(resource).map(([name, value]) => [labelName(name), value]));
  return { name: 'target_info', help: 'Target metadata', type: 'gauge', rows: [{ labels, value: 1 }] };
}
