// The project's performance goals, as far as a comparison can answer them, and whether the measured intervals reach
// them: yes if the whole interval does, no if none of it does, else open.
import { memoryLimitMib } from './peers/collector-config.mjs';
import { indirectRow } from './published.mjs';
import { latencyRows } from './summary.mjs';

/** Ratios of items per CPU-second, at least. Rotel stands where gzip goes out, since it writes nothing else. */
const ratioGoals = [
  over('G1', 'gRPC pass-through', ['s3-traces-grpc', 's3-logs-grpc', 's3-metrics-grpc'], { otelcol: 8, df_engine: 2 }),
  over('G2', 'HTTP/1.1 pass-through', ['s3-traces-http', 's3-logs-http', 's3-metrics-http'], { otelcol: 8 }),
  over('G3', 'gzip in and out, re-encoded', ['gzip-logs-grpc', 'gzip-traces-grpc', 'gzip-logs-http'], {
    otelcol: 4,
    df_engine: 1.8,
    rotel: 3,
  }),
  over('G4', 'gzip in and out, kept', ['gzip-kept-logs-grpc', 'gzip-kept-logs-http'], {
    otelcol: 12,
    df_engine: 5,
    rotel: 8,
  }),
  over('G5', 'zstd in and out, kept', ['zstd-kept-logs-grpc'], { otelcol: 8, df_engine: 3 }),
  over('G5', 'zstd in and out, re-encoded', ['zstd-logs-grpc', 'zstd-traces-http'], { otelcol: 3, df_engine: 1.2 }),
  over('G6', 'attribute edits', ['insert-logs', 'insert-traces', 'rename-logs', 'delete-logs'], {
    otelcol: 5,
    df_engine: 5,
  }),
  over('G7', '1 span a request, 8 x 32, passed through', ['s1-traces-8x32'], { otelcol: 8 }),
  over('G7', '1 span a request, 8 x 32, batched', ['batch-s1-traces'], { otelcol: 8 }),
  over('G7', '1 span a request, 8 x 32, gzip out', ['gzip-out-s1-traces'], { rotel: 2 }),
  over('G8', '1 span a request, 1,000 x 1', ['s1-traces-1000x1'], { otelcol: 3 }),
].flat();

function over(goal, text, cells, targets) {
  return cells.flatMap((cell) =>
    Object.entries(targets).map(([against, least]) => ({ goal, text, cell, against, least })),
  );
}

const absoluteGoals = [
  { goal: 'G7', text: 'requests/CPU-s, passed through', cell: 's1-traces-8x32', least: 250_000 },
  { goal: 'G7', text: 'requests/CPU-s, batched', cell: 'batch-s1-traces', least: 250_000 },
  { goal: 'G8', text: 'requests/CPU-s', cell: 's1-traces-1000x1', least: 80_000 },
];

const latencyGoals = [
  { cell: 'latency-otelcol-s1', against: 'otelcol', most: 1 / 3 },
  { cell: 'latency-otelcol-s2', against: 'otelcol', most: 1 / 3 },
  { cell: 'latency-otelcol-http', against: 'otelcol', most: 1 / 3 },
  { cell: 'latency-rotel-s2', against: 'rotel', most: 1 / 2 },
];
const latencyShare = 0.5;
const latencyMsMax = { p95: 1, p99: 3 };

const memoryGoals = [
  { text: 'RSS idle', cell: 'connections-1', figure: (row) => row.idle_rss_mib, most: 60 },
  { text: 'RSS at 400,000 logs/s', cell: 'memory-400k-logs', figure: (row) => row.rss_mib.max, most: 75 },
  { text: 'RSS with 10,000 connections', cell: 'connections-10000', figure: (row) => row.rss_mib.max, most: 100 },
];

export const unanswered = [
  ['G2', 'df_engine: no ratio to the Collector is published for plain HTTP'],
  ['G8', 'Rotel: it compresses what it sends, whatever it is told'],
  ['G9', 'df_engine: no latency is published'],
  ['G12, G13, G14', 'not questions of a comparison with peers'],
];

/** Rows `{ goal, text, cell, target, measured, reached }` for what `summaries` can answer. */
export function goalRows(summaries) {
  const find = (id) => summaries.find(({ cell }) => cell.id === id);
  const rows = [
    ...ratioGoals.map((goal) => ratioRow(goal, find(goal.cell))),
    ...absoluteGoals.map((goal) => absoluteRow(goal, find(goal.cell))),
    ...latencyGoals.flatMap((goal) => latencyGoalRows(goal, find(goal.cell))),
    ...memoryGoals.map((goal) => memoryRow(goal, find(goal.cell))),
    ...summaries.filter(({ cell }) => cell.kind === 'overload').map(overloadRow),
  ];
  return rows.filter((row) => row !== null).toSorted((a, b) => Number(a.goal.slice(1)) - Number(b.goal.slice(1)));
}

function ratioRow({ goal, text, cell, against, least }, summary) {
  if (summary === undefined) return null;
  const row = against === 'df_engine' ? indirectRow(summary) : summary.rows.find(({ id }) => id === against);
  if (!row?.ratio) return null;
  const name = against === 'df_engine' ? 'df_engine (indirect)' : against;
  return {
    goal,
    text,
    cell,
    target: `>= ${least}x ${name}`,
    measured: row.ratio,
    unit: 'x',
    reached: reaches(row.ratio, least),
  };
}

function absoluteRow({ goal, text, cell, least }, summary) {
  const value = teleferricOf(summary)?.requests_per_cpu_s;
  if (value === undefined) return null;
  return {
    goal,
    text,
    cell,
    target: `>= ${least / 1000} k`,
    measured: single(value / 1000),
    unit: ' k',
    reached: value >= least ? 'yes' : 'no',
  };
}

function latencyGoalRows({ cell, against, most }, summary) {
  if (summary === undefined) return [];
  const rows = latencyRows(summary).filter(({ share }) => share === latencyShare);
  const mine = rows.find(({ id }) => id === 'teleferric');
  const ratio = rows.find(({ id }) => id === against)?.ratio_p99;
  if (mine === undefined || ratio === undefined) return [];
  const reached = ratio.high <= most ? 'yes' : ratio.low > most ? 'no' : 'open';
  const text = 'p99 at half of the peak';
  return [
    { goal: 'G9', text, cell, target: `<= ${most.toFixed(2)}x ${against}`, measured: ratio, unit: 'x', reached },
    ...Object.entries(latencyMsMax).map(([name, limit]) => ({
      goal: 'G9',
      text: `${name} at half of the peak`,
      cell,
      target: `<= ${limit} ms`,
      measured: single(mine[name]),
      unit: ' ms',
      reached: mine[name] <= limit ? 'yes' : 'no',
    })),
  ];
}

function memoryRow({ text, cell, figure, most }, summary) {
  const row = teleferricOf(summary);
  if (row === undefined) return null;
  const value = figure(row);
  return {
    goal: 'G10',
    text,
    cell,
    target: `<= ${most} MiB`,
    measured: single(value),
    unit: ' MiB',
    reached: value <= most ? 'yes' : 'no',
  };
}

function overloadRow(summary) {
  const [run] = teleferricOf(summary)?.runs ?? [];
  if (run?.rss_mib === undefined) return null;
  const most = Math.round(memoryLimitMib * 1.1);
  const good = run.alive && run.rss_mib.max <= most && run.lost_items <= 0;
  return {
    goal: 'G11',
    text: 'highest RSS, nothing acknowledged is lost',
    cell: summary.cell.id,
    target: `<= ${most} MiB, 0 lost`,
    measured: single(run.rss_mib.max),
    unit: ` MiB, ${Math.max(0, run.lost_items)} lost`,
    reached: good ? 'yes' : 'no',
  };
}

const teleferricOf = (summary) => summary?.rows.find(({ id, runs }) => id === 'teleferric' && runs.length > 0);
const single = (value) => ({ median: value });

function reaches({ low, high }, least) {
  if (low >= least) return 'yes';
  return high < least ? 'no' : 'open';
}
