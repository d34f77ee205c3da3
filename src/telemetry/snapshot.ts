/**
 * Reads the core's metrics: the catalogue once per version, the values once per turn of the event loop, so that a page
 * is one consistent moment. Not for naming or filtering.
 */
import type { NativeCatalogue, NativeSeries } from '../binding/index.js';
import { CollectorError } from '../errors.js';

/** Where numbers come from; the native handle is one. */
export interface MetricSource {
  metricsCatalogue(): NativeCatalogue;
  metricsSnapshot(into: Float64Array): number;
}

/** One series and its value. */
export type Sample = ScalarSample | HistogramSample;

interface SampleHead {
  readonly name: string;
  readonly help: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** A counter or gauge. */
export interface ScalarSample extends SampleHead {
  readonly kind: 'counter' | 'gauge';
  readonly value: number;
}

/** A histogram; `counts` are per bucket, not cumulative, one more than `bounds`. */
export interface HistogramSample extends SampleHead {
  readonly kind: 'histogram';
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  readonly sum: number;
}

/** How often a reload may change the catalogue between two reads before we give up. */
const CATALOGUE_READS_MAX = 4;

/** Reads one source. */
export class SnapshotReader {
  readonly #source: MetricSource;
  #catalogue: NativeCatalogue | null = null;
  #values = new Float64Array(0);
  #thisTurn: readonly Sample[] | null = null;

  constructor(source: MetricSource) {
    this.#source = source;
  }

  /**
   * All series that have a value. Calls within one turn share one read.
   * @throws CollectorError `INTERNAL` when the core fails
   */
  read(): readonly Sample[] {
    if (this.#thisTurn !== null) return this.#thisTurn;
    const samples = this.#readSeries().flatMap((series) => sampleOf(series, this.#values));
    this.#thisTurn = samples;
    queueMicrotask(() => {
      this.#thisTurn = null;
    });
    return samples;
  }

  /** Fills the values and gives the series they belong to. */
  #readSeries(): readonly NativeSeries[] {
    for (let reads = 0; reads < CATALOGUE_READS_MAX; reads += 1) {
      const catalogue = (this.#catalogue ??= this.#source.metricsCatalogue());
      const size = slotsOf(catalogue);
      if (this.#values.length < size) this.#values = new Float64Array(size);
      if (this.#source.metricsSnapshot(this.#values) === catalogue.version) return catalogue.series;
      this.#catalogue = null;
    }
    throw new CollectorError('INTERNAL', 'the catalogue of metrics does not settle');
  }
}

/** Counters and gauges take one slot, histograms one per bucket and one for the sum. */
function slotsOf({ series }: NativeCatalogue): number {
  return series.reduce((slots, { offset, kind, bounds }) => {
    return Math.max(slots, offset + (kind === 'histogram' ? bounds.length + 2 : 1));
  }, 0);
}

/** Nothing while the first slot is NaN: the series exists but has never been touched. */
function sampleOf({ name, help, kind, labels, offset, bounds }: NativeSeries, values: Float64Array): Sample[] {
  const first = values[offset] ?? Number.NaN;
  if (Number.isNaN(first)) return [];
  if (kind !== 'histogram') return [{ name, help, kind, labels, value: first }];
  const sumAt = offset + bounds.length + 1;
  return [{ name, help, kind, labels, bounds, counts: [...values.subarray(offset, sumAt)], sum: values[sumAt] ?? 0 }];
}
