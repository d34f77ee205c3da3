/**
 * `collector.metrics`: the host's own metrics beside the collector's, in a registry that lives as long as the collector.
 * What they are is prom-client's; here is who may have which name, and where they show.
 */
import {
  Counter,
  Gauge,
  Histogram,
  Registry,
  Summary,
  type CounterConfiguration,
  type GaugeConfiguration,
  type HistogramConfiguration,
  type Metric,
  type SummaryConfiguration,
} from 'prom-client';

import { ownOptions, wrongOption } from '../config/index.js';
import { CollectorError, messageOf } from '../errors.js';
import {
  HostMetric,
  hostMetricsOf,
  markAsCollectors,
  type HostMetricSource,
  type OnLeftOut,
} from '../telemetry/host-metrics.js';
import type { HostMetrics } from './options.js';

/** Registries are the collector's to choose, and its pages have no exemplars. */
type Chosen = 'registers' | 'enableExemplars' | 'exemplarLabels';

/** Options of a counter, as prom-client has them. */
export type CounterOptions<L extends string> = Omit<CounterConfiguration<L>, Chosen>;
/** Options of a gauge, as prom-client has them. */
export type GaugeOptions<L extends string> = Omit<GaugeConfiguration<L>, Chosen>;
/** Options of a histogram, as prom-client has them; `buckets` are upper bounds. */
export type HistogramOptions<L extends string> = Omit<HistogramConfiguration<L>, Chosen>;
/** Options of a summary, as prom-client has them; `percentiles` are from 0 to 1. */
export type SummaryOptions<L extends string> = Omit<SummaryConfiguration<L>, Chosen>;

/**
 * Makes metrics of the host's own. They are served on the collector's metrics page, go where `CollectorOptions.metrics`
 * and `CollectorOptions.metricsFeed` say, outlive reloads, and are gone with the collector. A `collect` function that
 * throws or takes longer than two seconds leaves its metric out, and is told of in the log.
 *
 * Every method throws a `CollectorError`: `INVALID_ARGUMENT` for options that cannot be, and for a name that is taken, is
 * the collector's (`otelcol_…`, `teleferric_…`, `nodejs_…`, `target_info`), or is in the host's registry already;
 * `CLOSED` after the end.
 */
export interface CollectorMetrics {
  /** A number that only grows. */
  counter<L extends string = never>(options: CounterOptions<L>): Counter<L>;
  /** A number that goes up and down. */
  gauge<L extends string = never>(options: GaugeOptions<L>): Gauge<L>;
  /** Values counted by size. */
  histogram<L extends string = never>(options: HistogramOptions<L>): Histogram<L>;
  /** Values of which quantiles are told. */
  summary<L extends string = never>(options: SummaryOptions<L>): Summary<L>;
  /** Takes a metric away again; whether there was one of that name. */
  remove(name: string): boolean;
}

const COMMON = { name: true, help: true, labelNames: true, aggregator: true, collect: true } as const;
const HISTOGRAM = { ...COMMON, buckets: true } as const;
const SUMMARY = {
  ...COMMON,
  percentiles: true,
  maxAgeSeconds: true,
  ageBuckets: true,
  pruneAgedBuckets: true,
  compressCount: true,
} as const;

const RESERVED = /^(otelcol_|teleferric_|nodejs_|target_info$)/;

/** What `collector.metrics` is inside. */
export class OwnMetrics implements CollectorMetrics, HostMetricSource {
  readonly #registry = new Registry();
  readonly #host: HostMetrics | null;
  readonly #onLeftOut: OnLeftOut;
  readonly #toldOf = new Map<string, string>();
  /** What stands for metrics of ours in the host's registry. */
  readonly #inHost = new Map<string, HostMetric>();
  #closed = false;

  constructor(host: HostMetrics | null, onLeftOut: OnLeftOut) {
    this.#host = host;
    this.#onLeftOut = onLeftOut;
  }

  /** The host's registry, if the collector's own metrics go there. */
  get bridge(): HostMetrics | null {
    return this.#host?.mergeInto === 'endpoint' ? null : this.#host;
  }

  /** What is shown beside the collector's own numbers. */
  hostMetrics(): readonly HostMetric[] {
    const own = hostMetricsOf(this.#registry, this.leftOut);
    const { registry, mergeInto = 'host' } = this.#host ?? {};
    if (registry === undefined || mergeInto === 'host') return own;
    return [...own, ...hostMetricsOf(registry, this.leftOut)];
  }

  /** The same of one metric is told once. */
  readonly leftOut = (name: string, reason: string): void => {
    if (this.#toldOf.get(name) === reason) return;
    this.#toldOf.set(name, reason);
    this.#onLeftOut(name, reason);
  };

  counter<L extends string = never>(options: CounterOptions<L>): Counter<L> {
    return this.#make('counter', options, COMMON, (checked) => new Counter(checked));
  }

  gauge<L extends string = never>(options: GaugeOptions<L>): Gauge<L> {
    return this.#make('gauge', options, COMMON, (checked) => new Gauge(checked));
  }

  histogram<L extends string = never>(options: HistogramOptions<L>): Histogram<L> {
    return this.#make('histogram', options, HISTOGRAM, (checked) => {
      checkBuckets(checked.buckets);
      return new Histogram(checked);
    });
  }

  summary<L extends string = never>(options: SummaryOptions<L>): Summary<L> {
    return this.#make('summary', options, SUMMARY, (checked) => {
      checkPercentiles(checked.percentiles);
      return new Summary(checked);
    });
  }

  remove(name: string): boolean {
    const known = this.#registry.getSingleMetric(name) !== undefined;
    this.#registry.removeSingleMetric(name);
    this.#toldOf.delete(name);
    this.#leaveHost(name);
    return known;
  }

  /** Takes everything away; metrics that the host still holds count on for nobody. */
  close(): void {
    this.#closed = true;
    for (const name of this.#inHost.keys()) this.#leaveHost(name);
    this.#registry.clear();
  }

  #make<O extends { readonly name: string; readonly help: string }, M>(
    kind: string,
    options: O,
    known: Readonly<Record<string, true>>,
    create: (options: O) => M,
  ): M {
    if (this.#closed) throw new CollectorError('CLOSED');
    const checked = ownOptions(kind, options, known as Readonly<Record<keyof O, true>>) as O;
    const { name, help } = checked;
    if (typeof name !== 'string' || name === '') throw wrongOption(`${kind}.name`, 'text');
    if (typeof help !== 'string' || help === '') throw wrongOption(`${kind}.help`, 'text');
    this.#checkName(name);
    checkLabelNames(kind, (checked as { readonly labelNames?: unknown }).labelNames ?? []);
    let metric: M;
    try {
      // A copy, as prom-client takes what inherits from nothing for no object.
      metric = create({ ...checked, registers: [] });
    } catch (error) {
      if (error instanceof CollectorError) throw error;
      const message = `${kind} ${JSON.stringify(name)}: ${lowerFirst(messageOf(error))}`;
      throw new CollectorError('INVALID_ARGUMENT', message, { cause: error, details: { argument: name } });
    }
    this.#registry.registerMetric(metric as Metric);
    this.#enterHost(metric as Metric);
    return metric;
  }

  #checkName(name: string): void {
    const refuse = (why: string): never => {
      throw new CollectorError('INVALID_ARGUMENT', `metric ${JSON.stringify(name)}: ${why}`, {
        details: { argument: name },
      });
    };
    if (RESERVED.test(name)) refuse('the name is reserved for metrics of the collector');
    if (this.#registry.getSingleMetric(name) !== undefined) refuse('there is one of that name already');
    if (this.#host !== null && (this.#host.registry as Registry).getSingleMetric(name) !== undefined) {
      refuse('the registry of the host has one of that name already');
    }
  }

  #enterHost(metric: Metric): void {
    const registry = this.bridge?.registry as Registry | undefined;
    if (registry === undefined) return;
    const shown = new HostMetric(metric, { ...this.bridge?.labels }, this.leftOut);
    this.#inHost.set(shown.name, shown);
    registry.registerMetric(markAsCollectors(shown) as unknown as Metric);
  }

  #leaveHost(name: string): void {
    const shown = this.#inHost.get(name);
    if (shown === undefined) return;
    this.#inHost.delete(name);
    const registry = this.#host?.registry as Registry;
    for (const known of [name, shown.name]) {
      if ((registry.getSingleMetric(known) as unknown) === shown) registry.removeSingleMetric(known);
    }
  }
}

/** Names with two underscores in front are Prometheus's own, and one of them JavaScript's. */
function checkLabelNames(kind: string, labels: unknown): void {
  if (!Array.isArray(labels) || !labels.every(isLabelName) || new Set(labels).size < labels.length) {
    throw wrongOption(`${kind}.labelNames`, 'a list of different texts that do not begin with __');
  }
}

function isLabelName(label: unknown): boolean {
  return typeof label === 'string' && !label.startsWith('__');
}

/** prom-client takes any list, and then counts in the wrong bucket. */
function checkBuckets(buckets: readonly number[] | undefined): void {
  if (buckets === undefined) return;
  const ascends = (bound: unknown, index: number): boolean =>
    Number.isFinite(bound) && (index === 0 || (bound as number) > (buckets[index - 1] as number));
  if (!Array.isArray(buckets) || buckets.length === 0 || !buckets.every(ascends)) {
    throw wrongOption('histogram.buckets', 'a list of finite numbers that ascends');
  }
}

function checkPercentiles(percentiles: readonly number[] | undefined): void {
  if (percentiles === undefined) return;
  if (!Array.isArray(percentiles) || !percentiles.every(isQuantile)) {
    throw wrongOption('summary.percentiles', 'a list of numbers from 0 to 1');
  }
}

function isQuantile(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value <= 1;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
