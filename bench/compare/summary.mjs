// From raw runs to the numbers of the report: medians, ratios to teleferric, what was lost, what was left out.
import { stealShareMax } from './machine.mjs';
import { median, medianWithInterval, pairRatios } from './statistics.mjs';

/** Where acknowledgement comes before delivery, a window says nothing of what arrived; the whole run does. */
const rates = {
  window: {
    items: (run) => run.items / run.cpu_s,
    requests: (run) => run.requests / run.cpu_s,
  },
  whole: {
    items: (run) => run.whole.items / run.whole.cpu_s,
    requests: (run) => run.whole.requests / run.whole.cpu_s,
  },
};

const basisOf = (...records) => (records.some(({ ack }) => ack === 'acceptance') ? 'whole' : 'window');

/** Runs that count: not those with stolen time, and not those whose generator fell behind its schedule. */
export const usable = (run) => !(run.steal_share > stealShareMax) && run.void !== true;

/** As they stand in tables and charts. */
const order = ['teleferric', 'control', 'otelcol', 'rotel', 'baseline-js'];

/** `{ cell, failure, rows }` of one cell; a row is a contender, present or not. */
export function summarizeCell({ cell, contenders, runs, failure }) {
  const rows = Object.entries(contenders)
    .toSorted(([a], [b]) => order.indexOf(a) - order.indexOf(b))
    .map(([id, record]) => {
      const all = runs.filter(({ contender }) => contender === id);
      return { id, ...record, runs: all.filter(usable), dropped: all.filter((run) => !usable(run)) };
    });
  const first = rowOf({ rows }, 'teleferric');
  return { cell, failure, rows: rows.map((row) => ({ ...row, ...figuresOf(cell, row, first) })) };
}

/** The ratio of teleferric to its control over the pairs of all cells; undefined where no cell has one. */
export function pooledControl(summaries) {
  const ratios = summaries
    .filter(({ cell }) => cell.kind === 'throughput')
    .flatMap((summary) => {
      const [first, second] = ['teleferric', 'control'].map((id) => rowOf(summary, id) ?? { runs: [] });
      return pairRatios(first.runs, second.runs, rates[basisOf(first, second)].items);
    });
  return medianWithInterval(ratios);
}

function figuresOf(cell, row, first) {
  if (row.runs.length === 0) return {};
  if (cell.kind === 'throughput') return { ...machineFigures(row), ...throughputFigures(row, first) };
  if (cell.kind === 'rate') return { ...machineFigures(row), ...rateFigures(row) };
  return machineFigures(row);
}

function throughputFigures(row, first) {
  const rate = rates[basisOf(row)];
  const shared = rates[basisOf(row, first)];
  const ratio = row === first ? undefined : medianWithInterval(pairRatios(first.runs, row.runs, shared.items));
  return {
    items_per_cpu_s: median(row.runs.map(rate.items)),
    requests_per_cpu_s: median(row.runs.map(rate.requests)),
    ratio,
    busy_share: median(row.runs.map((run) => run.cpu_s / run.seconds)),
    wire_bytes_per_item: median(row.runs.map((run) => run.sink.wire_bytes / run.sink.items)),
    lost_items: row.runs.some((run) => run.lost_items === undefined)
      ? undefined
      : sum(row.runs.map((run) => run.lost_items)),
    accepted_items: sum(row.runs.map((run) => run.total.accepted_items)),
    refused_requests: sum(row.runs.map(refusedOf)),
  };
}

function rateFigures(row) {
  return {
    cpu_us_per_request: median(row.runs.map((run) => (run.cpu_s / run.requests) * 1e6)),
    rss_mib: memoryOf(row.runs),
    requests_per_s: median(row.runs.map((run) => run.requests / run.seconds)),
    latency_p99_ms: median(row.runs.map((run) => run.latency_us.p99 / 1000)),
    lost_items: sum(row.runs.map((run) => run.lost_items)),
  };
}

/** Overload and soak do not read these. */
const machineFigures = ({ runs, dropped }) => ({
  foreign_share_max: Math.max(...[...runs, ...dropped].map((run) => run.foreign_share ?? 0)),
  idle_share_max: Math.max(...[...runs, ...dropped].map((run) => run.idle_share ?? 0)),
});

/** A slope over less time is noise. */
const slopeSecondsMin = 5;

function memoryOf(runs) {
  return {
    avg: median(runs.map((run) => run.rss_mib.avg)),
    max: Math.max(...runs.map((run) => run.rss_mib.max)),
    slope_per_minute: median(
      runs.filter(({ seconds }) => seconds >= slopeSecondsMin).map((run) => run.rss_mib.slope_per_minute),
    ),
  };
}

/** Requests that were not accepted: refused, failed or never answered. */
export function refusedOf({ total }) {
  return sum(Object.values(total.refused ?? {})) + total.failed + total.unanswered;
}

const latencyMs = (name) => (run) => run.latency_us[name] / 1000;

const percentiles = ['p50', 'p95', 'p99', 'p999'];

/** Rows of a latency cell: one for each share and contender, with the ratio of teleferric's p99 to the contender's. */
export function latencyRows({ rows }) {
  const first = rowOf({ rows }, 'teleferric');
  const shares = [...new Set(rows.flatMap((row) => [...row.runs, ...row.dropped]).map(({ share }) => share))];
  return shares
    .filter((share) => share !== undefined)
    .flatMap((share) => rows.flatMap((row) => latencyRow(row, first, share)));
}

function latencyRow(row, first, share) {
  const at = (runs) => runs.filter((run) => run.phase === 'open' && run.share === share);
  const [runs, dropped] = [at(row.runs), at(row.dropped)];
  if (runs.length + dropped.length === 0) return [];
  const figures = Object.fromEntries(percentiles.map((name) => [name, median(runs.map(latencyMs(name)))]));
  return {
    id: row.id,
    share,
    rate: [...runs, ...dropped][0].rate,
    busy_share: median(runs.map((run) => run.cpu_s / run.seconds)),
    ...figures,
    ratio_p99: row === first ? undefined : medianWithInterval(pairRatios(at(first.runs), runs, latencyMs('p99'))),
    dropped_runs: dropped.length,
  };
}

const rowOf = ({ rows }, wanted) => rows.find(({ id }) => id === wanted);

export function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}
