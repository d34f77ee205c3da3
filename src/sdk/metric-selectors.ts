/**
 * What an exporter of metrics tells the SDK about instruments, by the options and the environment variable of the OTLP
 * exporters. Written out in the SDK's numbers and words, so that `@opentelemetry/sdk-metrics` need not be there.
 */
import { ownOptions, wrongOption } from '../config/index.js';
import { OPTIONS, type ExporterOptions } from './hand-over.js';

/** The SDK's `AggregationOption`, its `AggregationType` as numbers: 0 is the default of the instrument. */
export type AggregationOption =
  | { type: 0 | 1 | 2 | 3 }
  | { type: 4; options?: { recordMinMax?: boolean; boundaries: number[] } }
  | { type: 5; options?: { recordMinMax?: boolean; maxSize?: number } };

/** The SDK's `AggregationTemporality`: 0 is delta, 1 is cumulative. */
export type Temporality = 0 | 1;

/** Options of the exporter for metrics. */
export interface MetricExporterOptions extends ExporterOptions {
  /**
   * The SDK's `AggregationTemporalityPreference`, or its word in the environment: 0 `delta`, 1 `cumulative`,
   * 2 `lowmemory`. @default `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`, or else cumulative
   */
  readonly temporalityPreference?: 0 | 1 | 2 | 'delta' | 'cumulative' | 'lowmemory';
  /** How instruments are aggregated, by kind. @default the SDK's own choice */
  readonly aggregationPreference?: (instrument: never) => AggregationOption;
}

const DELTA = 0;
const CUMULATIVE = 1;

const PREFERENCES = ['delta', 'cumulative', 'lowmemory'] as const;
type Preference = (typeof PREFERENCES)[number];

/** Instruments that are delta all the same; the others are cumulative. */
const DELTA_INSTRUMENTS: Readonly<Record<Preference, ReadonlySet<string>>> = {
  cumulative: new Set(),
  delta: new Set(['COUNTER', 'OBSERVABLE_COUNTER', 'GAUGE', 'OBSERVABLE_GAUGE', 'HISTOGRAM']),
  lowmemory: new Set(['COUNTER', 'HISTOGRAM']),
};

/** The options' own. @throws CollectorError `INVALID_ARGUMENT` when there are others than known */
export function metricOptions(options: MetricExporterOptions): MetricExporterOptions {
  const known = { ...OPTIONS, temporalityPreference: true, aggregationPreference: true } as const;
  return ownOptions<MetricExporterOptions>('exporter', options, known);
}

/** @throws CollectorError `INVALID_ARGUMENT` */
export function temporalitySelector(
  preference: MetricExporterOptions['temporalityPreference'],
): (instrument: string) => Temporality {
  const delta = DELTA_INSTRUMENTS[preference === undefined ? fromEnvironment() : word(preference)];
  return (instrument) => (delta.has(instrument) ? DELTA : CUMULATIVE);
}

/** @throws CollectorError `INVALID_ARGUMENT` */
export function aggregationSelector(
  preference: MetricExporterOptions['aggregationPreference'],
): (instrument: string) => AggregationOption {
  // The SDK's `AggregationType.DEFAULT`.
  if (preference === undefined) return () => ({ type: 0 });
  if (typeof preference !== 'function') throw wrongOption('aggregationPreference', 'a function');
  return preference as (instrument: string) => AggregationOption;
}

function word(preference: number | string): Preference {
  const found = PREFERENCES.find((name, number) => name === preference || number === preference);
  if (found === undefined) throw wrongOption('temporalityPreference', `one of ${PREFERENCES.join(', ')}`);
  return found;
}

/** What cannot be read there is passed over, as the OTLP exporters do. */
function fromEnvironment(): Preference {
  const wanted = process.env['OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE']?.trim().toLowerCase();
  return PREFERENCES.find((name) => name === wanted) ?? 'cumulative';
}
