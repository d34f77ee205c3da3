// The report's tables, one section for each tag that has cells.
import { joined, number, percent, ratio, table } from './markdown.mjs';
import { indirectRow } from './published.mjs';
import { latencyRows, refusedOf } from './summary.mjs';

const titles = {
  headline: 'Headline: throughput per CPU-second',
  signal: 'Signals, transports and shapes',
  step: 'Batching and edits',
  codec: 'Compression',
  connections: 'Connections and memory',
  overload: 'Overload',
  soak: 'Soak',
  latency: 'Latency',
};

const renderers = {
  connections: rateSection,
  overload: pressureSection,
  soak: pressureSection,
  latency: latencySection,
};

export function sections(summaries) {
  return Object.entries(titles).flatMap(([tag, title]) => {
    const group = summaries.filter(({ cell }) => cell.tag === tag);
    if (group.length === 0) return [];
    return [`## ${title}`, (renderers[tag] ?? throughputSection)(group)];
  });
}

function throughputSection(group) {
  const columns = [
    ['cell'],
    ['contender'],
    ['k items/CPU-s', 'right'],
    ['k req/CPU-s', 'right'],
    ['teleferric / it', 'right'],
    ['busy', 'right'],
    ['wire B/item', 'right'],
    ['lost', 'right'],
    ['notes'],
  ];
  const rows = group.flatMap((summary) => {
    const indirect = indirectRow(summary);
    return [...summary.rows, ...(indirect === null ? [] : [indirect])].map((row, index) => [
      index === 0 ? cellName(summary.cell) : '',
      ...throughputCells(row),
    ]);
  });
  return table(columns, rows);
}

function throughputCells(row) {
  if (row.status === 'indirect') {
    const [low, high] = row.published;
    const note = `indirect: ${low === high ? low : `${low}-${high}`} x otelcol, published`;
    return [
      'df_engine',
      `~${number(row.items_per_cpu_s / 1000)}`,
      `~${number(row.requests_per_cpu_s / 1000)}`,
      ratio(row.ratio),
      '',
      '',
      '',
      note,
    ];
  }
  if (row.items_per_cpu_s === undefined) return [row.id, '-', '-', '-', '-', '-', '-', missing(row)];
  return [
    row.id,
    number(row.items_per_cpu_s / 1000),
    number(row.requests_per_cpu_s / 1000),
    row.ratio === undefined ? '' : ratio(row.ratio),
    percent(row.busy_share),
    number(row.wire_bytes_per_item),
    lossOf(row.lost_items, row.accepted_items),
    joined([
      broken(row),
      ...row.notes,
      row.refused_requests > 0 ? `${number(row.refused_requests)} requests not accepted` : '',
    ]),
  ];
}

function rateSection(group) {
  const columns = [
    ['cell'],
    ['contender'],
    ['req/s', 'right'],
    ['CPU us/req', 'right'],
    ['p99 ms', 'right'],
    ['RSS idle MiB', 'right'],
    ['RSS avg MiB', 'right'],
    ['RSS max MiB', 'right'],
    ['MiB/min', 'right'],
    ['lost', 'right'],
    ['notes'],
  ];
  const rows = group.flatMap(({ cell, rows: contenders }) =>
    contenders.map((row, index) => {
      const name = index === 0 ? cellName(cell) : '';
      if (row.rss_mib === undefined) return [name, row.id, '-', '-', '-', '-', '-', '-', '-', '-', missing(row)];
      const behind = row.requests_per_s < 0.97 * cell.requestsPerSecond ? 'rate not reached' : '';
      return [
        name,
        row.id,
        number(row.requests_per_s),
        number(row.cpu_us_per_request),
        number(row.latency_p99_ms),
        number(row.idle_rss_mib),
        number(row.rss_mib.avg),
        number(row.rss_mib.max),
        number(row.rss_mib.slope_per_minute),
        number(Math.max(0, row.lost_items)),
        joined([broken(row), ...row.notes, behind]),
      ];
    }),
  );
  return `RSS is of the whole process. “idle” is before the first request.\n\n${table(columns, rows)}`;
}

/** Overload and soak: one long run each. */
function pressureSection(group) {
  const columns = [
    ['cell'],
    ['contender'],
    ['capacity req/s', 'right'],
    ['offered req/s', 'right'],
    ['accepted items', 'right'],
    ['req. not accepted', 'right'],
    ['lost items', 'right'],
    ['RSS avg MiB', 'right'],
    ['RSS max MiB', 'right'],
    ['MiB/min', 'right'],
    ['p99 ms', 'right'],
    ['alive'],
    ['notes'],
  ];
  const rows = group.flatMap(({ cell, rows: contenders }) =>
    contenders.map((row, index) => {
      const name = index === 0 ? cellName(cell) : '';
      const [run] = row.runs;
      if (run === undefined) return [name, row.id, ...Array.from({ length: 10 }, () => '-'), missing(row)];
      return [
        name,
        row.id,
        number(run.capacity_requests_per_s),
        number(run.offered_requests_per_s),
        number(run.total.accepted_items),
        number(refusedOf(run)),
        lossOf(run.lost_items, run.total.accepted_items),
        number(run.rss_mib?.avg),
        number(run.rss_mib?.max),
        number(run.rss_mib?.slope_per_minute),
        number(run.latency_us.p99 / 1000),
        run.alive ? 'yes' : '**no**',
        joined([
          ...row.notes,
          run.lost_items < 0 ? `${number(-run.lost_items)} items arrived without having been acknowledged` : '',
        ]),
      ];
    }),
  );
  return table(columns, rows);
}

function latencySection(group) {
  const columns = [
    ['cell'],
    ['of peak', 'right'],
    ['req/s', 'right'],
    ['contender'],
    ['busy', 'right'],
    ['p50 ms', 'right'],
    ['p95 ms', 'right'],
    ['p99 ms', 'right'],
    ['p99.9 ms', 'right'],
    ['p99: teleferric / it', 'right'],
    ['notes'],
  ];
  const rows = group.flatMap((summary) =>
    latencyRows(summary).map((row, index) => [
      index === 0 ? cellName(summary.cell) : '',
      percent(row.share),
      number(row.rate),
      row.id,
      percent(row.busy_share),
      ...[row.p50, row.p95, row.p99, row.p999].map(number),
      row.ratio_p99 === undefined ? '' : ratio(row.ratio_p99),
      joined([...notesOf(summary, row.id), row.dropped_runs > 0 ? `${row.dropped_runs} runs left out` : '']),
    ]),
  );
  const absent = group.flatMap(({ cell, rows: contenders }) =>
    contenders.filter(({ runs }) => runs.length === 0).map((row) => `- \`${cell.id}\`: ${row.id} ${missing(row)}`),
  );
  const note = 'Open loop; below 1 teleferric answers sooner. “of peak” is of the slower contender’s.';
  return [note, table(columns, rows), absent.join('\n')].filter((part) => part !== '').join('\n\n');
}

const broken = ({ status, reason }) => (status === 'broken' ? `**broken: ${reason}**` : '');
const notesOf = ({ rows }, id) => rows.find((row) => row.id === id).notes;
const cellName = ({ id, title }) => `\`${id}\`: ${title}`;
const missing = ({ status, reason }) => (status === 'measured' ? 'no run that counts' : `${status}: ${reason}`);

function lossOf(lost, accepted) {
  if (lost === undefined) return '-';
  if (lost <= 0) return '0';
  return `${number(lost)} (${percent(lost / accepted)})`;
}
