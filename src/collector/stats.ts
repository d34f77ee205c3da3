/**
 * The collector's numbers for a host that has no metrics system: totals per signal and every series.
 */
import type { Signal } from '../binding/index.js';
import type { Sample } from '../telemetry/snapshot.js';

/** Items of one signal, since the start. */
export interface SignalTotals {
  /** Taken by receivers. */
  readonly accepted: number;
  /** Refused by receivers. */
  readonly refused: number;
  /** Delivered by exporters. */
  readonly sent: number;
  /** Given up by exporters. */
  readonly failed: number;
  /** Refused by full exporter queues. */
  readonly notQueued: number;
}

/** The totals and what they come from. */
export interface CollectorStats {
  readonly signals: Readonly<Record<Signal, SignalTotals>>;
  /** In units of each queue's sizer. */
  readonly queued: number;
  /** The byte ledger. */
  readonly memory: { readonly usedBytes: number; readonly limitBytes: number };
  /** Every series, unfiltered. */
  readonly series: readonly Sample[];
}

const UNITS: Readonly<Record<Signal, string>> = {
  traces: 'spans',
  metrics: 'metric_points',
  logs: 'log_records',
  profiles: 'profile_samples',
};

/** Panics caught in the core. */
export function panicsOf(series: readonly Sample[]): number {
  return totalOf(series, 'teleferric_panics_total');
}

export function statsOf(series: readonly Sample[], status: Readonly<Record<string, unknown>>): CollectorStats {
  const total = (name: string): number => totalOf(series, name);
  const signal = (unit: string): SignalTotals => ({
    accepted: total(`otelcol_receiver_accepted_${unit}`),
    refused: total(`otelcol_receiver_refused_${unit}`),
    sent: total(`otelcol_exporter_sent_${unit}`),
    failed: total(`otelcol_exporter_send_failed_${unit}`),
    notQueued: total(`otelcol_exporter_enqueue_failed_${unit}`),
  });
  return {
    signals: {
      traces: signal(UNITS.traces),
      metrics: signal(UNITS.metrics),
      logs: signal(UNITS.logs),
      profiles: signal(UNITS.profiles),
    },
    queued: total('otelcol_exporter_queue_size'),
    memory: {
      usedBytes: numberOf(status['memory_used_bytes']),
      limitBytes: numberOf(status['memory_limit_bytes']),
    },
    series,
  };
}

function totalOf(series: readonly Sample[], name: string): number {
  return series.reduce(
    (sum, sample) => (sample.kind !== 'histogram' && sample.name === name ? sum + sample.value : sum),
    0,
  );
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}
