/**
 * What `teleferric top` shows: text from two readings of a metrics page. Draws nothing itself.
 */
import type { PageSample } from './metrics-page.js';
import { table } from './table.js';

/** A page at a moment. */
export interface Reading {
  readonly samples: readonly PageSample[];
  /** Milliseconds of any clock that goes forward. */
  readonly atMs: number;
}

const MIB = 1024 * 1024;
/** The item words of the Collector's metrics, by signal. */
const ITEMS = { spans: 'traces', metric_points: 'metrics', log_records: 'logs', profile_samples: 'profiles' } as const;
const BREAKER_STATES = ['closed', 'half-open', 'open'];

/** The text, one line after the other, none longer than `columns`. `before` is an earlier reading, for the rates. */
export function topView(now: Reading, before: Reading | null, columns: number): readonly string[] {
  const page = new Page(now, before);
  const parts = [head, receivers, processors, exporters, queues, breakers, drops];
  const sections = parts.map((part) => part(page));
  const lines = sections.flatMap((part) => (part.length > 0 ? ['', ...part] : []));
  return lines.slice(1).map((line) => (line.length > columns ? `${line.slice(0, columns - 1)}…` : line));
}

/** A reading with the one before it. */
class Page {
  readonly #now: readonly PageSample[];
  readonly #before: ReadonlyMap<string, number> | null;
  readonly #seconds: number;

  constructor(now: Reading, before: Reading | null) {
    this.#now = now.samples;
    this.#before = before && new Map(before.samples.map((sample) => [keyOf(sample), sample.value]));
    this.#seconds = before === null ? 0 : (now.atMs - before.atMs) / 1000;
  }

  all(name: string): readonly PageSample[] {
    return this.#now.filter((sample) => sample.name === name);
  }

  /** Everything of that name with these labels. */
  some(name: string, labels: Readonly<Record<string, string | undefined>> = {}): readonly PageSample[] {
    const wanted = Object.entries(labels).filter(([, value]) => value !== undefined);
    return this.all(name).filter((sample) => wanted.every(([key, value]) => sample.labels[key] === value));
  }

  sum(name: string, labels: Readonly<Record<string, string | undefined>> = {}): number {
    return total(this.some(name, labels));
  }

  /** Growth in a second, as text. A counter that fell belongs to a new process and counts from 0. */
  rate(name: string, labels: Readonly<Record<string, string | undefined>> = {}): string {
    if (this.#before === null || this.#seconds <= 0) return '-';
    const grown = this.some(name, labels).reduce((sum, sample) => {
      const earlier = this.#before?.get(keyOf(sample)) ?? 0;
      return sum + (sample.value >= earlier ? sample.value - earlier : sample.value);
    }, 0);
    return count(grown / this.#seconds);
  }
}

function keyOf({ name, labels }: PageSample): string {
  return JSON.stringify([name, Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1))]);
}

function total(samples: readonly PageSample[]): number {
  return samples.reduce((sum, { value }) => sum + value, 0);
}

function head(page: Page): readonly string[] {
  const mebibytes = (name: string): string => (page.sum(name) / MIB).toFixed(1);
  const { service_name: name = 'collector', service_version: version = '' } = page.all('target_info')[0]?.labels ?? {};
  const uptime = page.sum('otelcol_process_uptime') || page.sum('otelcol_process_uptime_seconds');
  const rss = page.sum('otelcol_process_memory_rss') || page.sum('otelcol_process_memory_rss_bytes');
  const panics = page.sum('teleferric_panics');
  return [
    `${name} ${version}, up ${duration(uptime)}${panics > 0 ? `, ${panics} panics: a bug` : ''}`,
    `telemetry held ${mebibytes('teleferric_memory_used_bytes')} of ${mebibytes('teleferric_memory_limit_bytes')} MiB, ` +
      `at most ${mebibytes('teleferric_memory_peak_bytes')}; process ${(rss / MIB).toFixed(1)} MiB, ` +
      `${page.rate('otelcol_process_cpu_seconds')} CPUs`,
  ];
}

function receivers(page: Page): readonly string[] {
  const rows = Object.entries(ITEMS).flatMap(([items, signal]) => {
    const accepted = `otelcol_receiver_accepted_${items}`;
    const refused = `otelcol_receiver_refused_${items}`;
    return distinct([...page.all(accepted), ...page.all(refused)], ['receiver', 'transport']).map((labels) => [
      `${labels['receiver']} ${labels['transport']}`,
      signal,
      page.rate(accepted, labels),
      page.rate(refused, labels),
      count(page.sum(accepted, labels)),
      count(page.sum(refused, labels)),
    ]);
  });
  return section(['RECEIVER', 'SIGNAL', 'ACCEPTED/S', 'REFUSED/S', 'ACCEPTED', 'REFUSED'], rows);
}

function processors(page: Page): readonly string[] {
  const incoming = 'otelcol_processor_incoming_items';
  const outgoing = 'otelcol_processor_outgoing_items';
  const rows = distinct(page.all(incoming), ['processor', 'otel_signal']).map((labels) => [
    labels['processor'] ?? '',
    labels['otel_signal'] ?? '',
    page.rate(incoming, labels),
    page.rate(outgoing, labels),
    count(page.sum(incoming, labels)),
    count(page.sum(outgoing, labels)),
  ]);
  return section(['PROCESSOR', 'SIGNAL', 'IN/S', 'OUT/S', 'IN', 'OUT'], rows);
}

function exporters(page: Page): readonly string[] {
  const inFlight = 'otelcol_exporter_in_flight_requests';
  const rows = distinct(page.all(inFlight), ['exporter', 'data_type']).map((labels) => {
    const { exporter, data_type: signal = '' } = labels;
    const items = Object.entries(ITEMS).find(([, name]) => name === signal)?.[0] ?? 'spans';
    const capacity = page.sum('otelcol_exporter_queue_capacity', labels);
    const size = page.sum('otelcol_exporter_queue_size', labels);
    return [
      exporter ?? '',
      signal,
      page.rate(`otelcol_exporter_sent_${items}`, { exporter }),
      page.rate(`otelcol_exporter_send_failed_${items}`, { exporter }),
      page.rate(`otelcol_exporter_enqueue_failed_${items}`, { exporter }),
      capacity === 0 ? '-' : `${count(size)}/${count(capacity)}`,
      capacity === 0 ? '' : `${Math.round((size / capacity) * 100)} %`,
      count(page.sum(inFlight, labels)),
    ];
  });
  return section(['EXPORTER', 'SIGNAL', 'SENT/S', 'FAILED/S', 'NO ROOM/S', 'QUEUE', 'FULL', 'IN FLIGHT'], rows);
}

/** What was ever in each queue, and what became of it. */
function queues(page: Page): readonly string[] {
  const [held, left] = ['teleferric_queue_held_items', 'teleferric_queue_left_items'];
  const rows = distinct(page.all(held), ['exporter', 'data_type']).map((labels) => {
    const outcomes = page.some(left, labels).filter(({ value }) => value > 0);
    return [
      labels['exporter'] ?? '',
      labels['data_type'] ?? '',
      count(page.sum('teleferric_queue_enqueued_items', labels)),
      count(page.sum(held, labels)),
      outcomes.map(({ labels: { outcome = '' }, value }) => `${outcome} ${count(value)}`).join(', ') || '-',
    ];
  });
  return section(['QUEUE', 'SIGNAL', 'ENQUEUED', 'HELD', 'LEFT'], rows);
}

function breakers(page: Page): readonly string[] {
  const rows = page
    .all('teleferric_breaker_state')
    .map(({ labels: { exporter, endpoint }, value }) => [
      exporter ?? '',
      endpoint ?? '',
      BREAKER_STATES[value] ?? String(value),
      count(page.sum('teleferric_breaker_transitions', { exporter, endpoint, to: 'open' })),
      page.rate('teleferric_breaker_rejected', { exporter, endpoint }),
    ]);
  return section(['BREAKER', 'ENDPOINT', 'STATE', 'OPENED', 'REJECTED/S'], rows);
}

function drops(page: Page): readonly string[] {
  const name = 'teleferric_dropped_items';
  const rows = distinct(page.all(name), ['reason'])
    .filter((labels) => page.sum(name, labels) > 0)
    .map((labels) => [labels['reason'] ?? '', page.rate(name, labels), count(page.sum(name, labels))]);
  return rows.length === 0 ? ['no items dropped'] : section(['DROPPED', 'ITEMS/S', 'ITEMS'], rows);
}

function section(names: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  if (rows.length === 0) return [];
  return table([names, ...rows.toSorted(byText)])
    .trimEnd()
    .split('\n');
}

function byText(one: readonly string[], other: readonly string[]): number {
  return one.join(' ') < other.join(' ') ? -1 : 1;
}

/** The different values of some labels. */
function distinct(samples: readonly PageSample[], keys: readonly string[]): readonly Record<string, string>[] {
  const found = new Map<string, Record<string, string>>();
  for (const { labels } of samples) {
    const chosen = Object.fromEntries(keys.map((key) => [key, labels[key] ?? '']));
    found.set(JSON.stringify(chosen), chosen);
  }
  return [...found.values()];
}

/** A number in at most six signs. */
function count(value: number): string {
  if (value < 10) return String(Math.round(value * 10) / 10);
  for (const [factor, sign] of [
    [1e12, 'T'],
    [1e9, 'G'],
    [1e6, 'M'],
  ] as const) {
    if (value >= factor) return `${(value / factor).toFixed(2)}${sign}`;
  }
  return String(Math.round(value));
}

function duration(seconds: number): string {
  const [days, hours, minutes] = [seconds / 86_400, (seconds / 3600) % 24, (seconds / 60) % 60].map(Math.floor);
  if (days) return `${days}d ${hours}h`;
  if (hours) return `${hours}h ${minutes}m`;
  return minutes ? `${minutes}m ${Math.floor(seconds % 60)}s` : `${Math.floor(seconds)}s`;
}
