/**
 * The bridge to prom-client: metric objects whose `get()` reads the core, in a registry of ours or of the host.
 * The rules it follows are those of prom-client 15: all `get()` of a scrape start in one turn, none may throw, values are
 * numbers, and a name is registered once per registry.
 */
import { collectDefaultMetrics, Registry, type Metric, type OpenMetricsContentType } from 'prom-client';

import { markAsCollectors, type HostMetric, type HostMetricSource } from './host-metrics.js';
import { emptyFamily, familiesOf, type Family, type MetricsView, type Row } from './metric-families.js';
import type { MetricKind } from './metric-names.js';
import { ProcessMetrics } from './process-metrics.js';
import { SnapshotReader, type MetricSource, type Sample } from './snapshot.js';

/** The media type of {@link MetricsPage.render}. */
export const PAGE_TYPE: string = Registry.PROMETHEUS_CONTENT_TYPE;

/** The families of one collector, read at most once per turn; a failing core yields the last ones and a count. */
export class MetricsReader {
  readonly #core: SnapshotReader;
  readonly #source: MetricSource;
  readonly #process: ProcessMetrics;
  #failures = 0;
  #last: readonly Sample[] = [];

  constructor(source: MetricSource, processMetrics: ProcessMetrics = new ProcessMetrics()) {
    this.#source = source;
    this.#core = new SnapshotReader(source);
    this.#process = processMetrics;
  }

  /** Every series that has a value. Never throws. */
  samples(): readonly Sample[] {
    try {
      this.#last = this.#core.read();
    } catch {
      this.#failures += 1;
    }
    return [...this.#last, ...this.#process.read(), ...this.#ownSamples()];
  }

  /** The same under a view. */
  families(view: MetricsView): ReadonlyMap<string, Family> {
    return familiesOf(this.samples(), view);
  }

  /** Families that may get a value later, without rows. Never throws. */
  knownFamilies(view: MetricsView): readonly Family[] {
    try {
      return this.#source.metricsCatalogue().series.flatMap((series) => emptyFamily(series, view) ?? []);
    } catch {
      this.#failures += 1;
      return [];
    }
  }

  #ownSamples(): readonly Sample[] {
    if (this.#failures === 0) return [];
    const help = 'Reads of the core that failed; the page then shows the last values';
    return [
      { kind: 'counter', name: 'teleferric_metrics_read_failures_total', help, labels: {}, value: this.#failures },
    ];
  }
}

/**
 * A page of our own: only families that have rows, sorted by name, with Node's runtime metrics and those of the host,
 * which has no name that is taken.
 */
export class MetricsPage {
  readonly #reader: MetricsReader;
  readonly #view: MetricsView;
  readonly #host: HostMetricSource | null;

  constructor(reader: MetricsReader, view: MetricsView, host: HostMetricSource | null = null) {
    this.#reader = reader;
    this.#view = view;
    this.#host = host;
  }

  /** The text of the page. Never throws for want of the core. */
  async render(): Promise<string> {
    // A registry per page: the set of families changes as series come to life, and prom-client prints empty ones too.
    const registry = new Registry();
    const families = this.#reader.families(this.#view);
    const own = Array.from(families.values(), (family) => new PageMetric(family, () => family.rows));
    const runtime = this.#view.level === 'basic' ? [] : nodeMetrics();
    const shown = new Map<string, NamedMetric>([...own, ...runtime].map((metric) => [metric.name, metric]));
    for (const metric of this.#host?.hostMetrics() ?? []) {
      if (!shown.has(metric.name)) shown.set(metric.name, metric);
      // A host that collects Node's metrics collects the same ones.
      else if (!metric.name.startsWith('nodejs_')) this.#host?.leftOut(metric.name, 'the name is taken on this page');
    }
    for (const metric of [...shown.values()].toSorted(byName)) register(registry, metric);
    return registry.metrics();
  }
}

/**
 * Puts the families of a collector into the host's registry, where they stay until `close`.
 * Several collectors may share a registry: they share one object per name and differ by their constant labels.
 */
export class RegistryBridge {
  readonly #registry: Registry;
  readonly #reader: MetricsReader;
  readonly #shared: Map<string, SharedMetric>;
  #view: MetricsView;
  #thisTurn: ReadonlyMap<string, Family> | null = null;

  constructor(registry: Registry | Registry<OpenMetricsContentType>, reader: MetricsReader, view: MetricsView) {
    // The two differ in the type of their content type only.
    this.#registry = registry as Registry;
    this.#reader = reader;
    this.#view = view;
    this.#shared = sharedMetrics(this.#registry);
    this.refresh(view);
  }

  /** Takes over a view and registers what a start or reload has added. */
  refresh(view: MetricsView): void {
    this.#view = view;
    this.#thisTurn = null;
    const families = [...this.#reader.families(view).values(), ...this.#reader.knownFamilies(view)];
    for (const family of families) this.#join(family);
  }

  /** The rows of one family now. */
  rows(name: string): readonly Row[] {
    if (this.#thisTurn === null) {
      this.#thisTurn = this.#reader.families(this.#view);
      queueMicrotask(() => {
        this.#thisTurn = null;
      });
    }
    return this.#thisTurn.get(name)?.rows ?? [];
  }

  /** Takes the rows away, and the names when nobody else has them. */
  close(): void {
    for (const [name, metric] of this.#shared) {
      metric.contributors.delete(this);
      if (metric.contributors.size > 0) continue;
      this.#shared.delete(name);
      this.#registry.removeSingleMetric(metric.name);
    }
  }

  #join(family: Family): void {
    let metric = this.#shared.get(family.name);
    if (metric === undefined) {
      // A name that the host has given to a metric of its own stays the host's.
      if (this.#registry.getSingleMetric(family.name) !== undefined) return;
      metric = markAsCollectors(new SharedMetric(family));
      this.#shared.set(family.name, metric);
      register(this.#registry, metric);
    }
    metric.contributors.add(this);
  }
}

/** What prom-client asks of a metric object. Not frozen: in OpenMetrics mode it renames counters in place. */
class PageMetric {
  name: string;
  readonly help: string;
  readonly type: MetricKind;
  readonly #rows: () => readonly Row[];

  constructor({ name, help, type }: Family, rows: () => readonly Row[]) {
    this.name = name;
    this.help = help;
    this.type = type;
    this.#rows = rows;
  }

  get(): Promise<{ name: string; help: string; type: MetricKind; values: readonly Row[] }> {
    return Promise.resolve({ name: this.name, help: this.help, type: this.type, values: this.#rows() });
  }

  /** The numbers are the core's; a test helper of the host cannot put them back to zero. */
  reset(): void {}
}

class SharedMetric extends PageMetric {
  readonly contributors: Set<RegistryBridge>;

  constructor(family: Family) {
    const contributors = new Set<RegistryBridge>();
    super(family, () => Array.from(contributors, (bridge) => bridge.rows(family.name)).flat());
    this.contributors = contributors;
  }
}

const sharedByRegistry = new WeakMap<Registry, Map<string, SharedMetric>>();

function sharedMetrics(registry: Registry): Map<string, SharedMetric> {
  const known = sharedByRegistry.get(registry) ?? new Map<string, SharedMetric>();
  sharedByRegistry.set(registry, known);
  return known;
}

type NamedMetric = PageMetric | RuntimeMetric | HostMetric;

/** prom-client's types know its own classes only; it asks for no more than `PageMetric` has. */
function register(registry: Registry, metric: NamedMetric): void {
  registry.registerMetric(metric as unknown as Metric);
}

function byName({ name: a }: NamedMetric, { name: b }: NamedMetric): number {
  return a < b ? -1 : Number(a > b);
}

let runtimeMetrics: readonly RuntimeMetric[] | null = null;

/** Node's own metrics: one set per process, because their observers cannot be taken down again. */
function nodeMetrics(): readonly RuntimeMetric[] {
  if (runtimeMetrics === null) {
    const registry = new Registry();
    collectDefaultMetrics({ register: registry });
    runtimeMetrics = registry
      .getMetricsAsArray()
      .filter(({ name }) => name.startsWith('nodejs_'))
      .map((metric) => new RuntimeMetric(metric as unknown as RuntimeSource));
  }
  return runtimeMetrics;
}

/** What prom-client's own metrics answer. */
interface RuntimeSource {
  readonly name: string;
  get(): Promise<{ name: string; help: string; type: string; values: readonly Row[] }>;
}

/** One of prom-client's defaults without its NaN values, which it prints in a form of its own. */
class RuntimeMetric {
  readonly name: string;
  readonly #source: RuntimeSource;

  constructor(source: RuntimeSource) {
    this.name = source.name;
    this.#source = source;
  }

  async get(): ReturnType<RuntimeSource['get']> {
    const metric = await this.#source.get();
    return { ...metric, values: metric.values.filter(({ value }) => !Number.isNaN(value)) };
  }

  reset(): void {}
}
