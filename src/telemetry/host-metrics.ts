/**
 * Metrics of the host in prom-client's registries, as the collector's pages and its feed read them: each by itself and
 * behind a guard, so that one that fails or hangs costs its own numbers and nothing else.
 */
import type { Metric, OpenMetricsContentType, Registry } from 'prom-client';

import { messageOf } from '../errors.js';
import type { Row } from './metric-families.js';

/** A registry of either content type; the two differ in that only. */
export type AnyRegistry = Registry | Registry<OpenMetricsContentType>;

/** What prom-client's metrics answer. */
export interface Collected {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly values: readonly Row[];
}

/** What is asked of prom-client's metrics. */
interface Source extends Omit<Collected, 'values'> {
  get(): Promise<Collected>;
}

/** Is told of a metric that is left out, and why. */
export type OnLeftOut = (name: string, reason: string) => void;

/** Where a page finds the host's metrics. */
export interface HostMetricSource {
  hostMetrics(): readonly HostMetric[];
  readonly leftOut: OnLeftOut;
}

/** How long a `collect` may take. */
const COLLECT_MS_MAX = 2000;

/** One metric of the host. Not frozen: for OpenMetrics prom-client renames counters in place. */
export class HostMetric {
  name: string;
  readonly help: string;
  readonly type: string;
  readonly #source: Source;
  readonly #labels: Readonly<Record<string, string>>;
  readonly #leftOut: OnLeftOut;

  /** @param labels put on every series that has none of that name */
  constructor(metric: Metric, labels: Readonly<Record<string, string>>, leftOut: OnLeftOut) {
    this.#source = metric as unknown as Source;
    this.name = this.#source.name;
    this.help = this.#source.help;
    this.type = this.#source.type;
    this.#labels = labels;
    this.#leftOut = leftOut;
  }

  /** Never rejects: a metric that fails has no series. */
  async get(): Promise<Collected> {
    const { name, help, type } = this;
    try {
      const { values } = await inTime(this.#source.get());
      return {
        name,
        help,
        type,
        values: values.map((row) => ({ ...row, labels: { ...this.#labels, ...row.labels } })),
      };
    } catch (error) {
      this.#leftOut(name, messageOf(error));
      return { name, help, type, values: [] };
    }
  }

  /** The numbers are the host's to reset. */
  reset(): void {}
}

/** The host's metrics of a registry, without those that collectors have put there. */
export function hostMetricsOf(registry: AnyRegistry, leftOut: OnLeftOut): readonly HostMetric[] {
  // prom-client has no other way to ask for them.
  const { _defaultLabels: labels = {} } = registry as { readonly _defaultLabels?: Readonly<Record<string, string>> };
  const metrics = (registry as Registry).getMetricsAsArray() as unknown as readonly Metric[];
  return metrics.filter(isHosts).map((metric) => {
    const host = new HostMetric(metric, labels, leftOut);
    // In a registry for OpenMetrics counters lose their suffix once they have been served.
    const stripped = host.type === 'counter' && registry.contentType.includes('openmetrics');
    if (stripped && !host.name.endsWith('_total')) host.name = `${host.name}_total`;
    return host;
  });
}

/** Metrics that stand for numbers of the collector, in whatever registry. */
const notHosts = new WeakSet<object>();

/** Keeps what a collector registers from coming back to it as the host's. */
export function markAsCollectors<T extends object>(metric: T): T {
  notHosts.add(metric);
  return metric;
}

function isHosts(metric: Metric): boolean {
  return !notHosts.has(metric);
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no values after ${COLLECT_MS_MAX} ms`)), COLLECT_MS_MAX);
    timer.unref();
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
