// The charts: headline.svg, latency.svg and memory.svg, from the same summaries as the report.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { renderBars, renderLatency } from './drawing.mjs';
import { number } from './markdown.mjs';
import { indirectRow } from './published.mjs';
import { latencyRows, summarizeCell } from './summary.mjs';

export async function writeCharts(folder, results) {
  const summaries = Object.values(results.cells).map(summarizeCell);
  const drawings = {
    'headline.svg': headline(summaries),
    'latency.svg': latency(summaries),
    'memory.svg': memory(summaries),
  };
  const written = [];
  for (const [name, drawing] of Object.entries(drawings)) {
    if (drawing.panels.length === 0) continue;
    const file = path.join(folder, name);
    writeFileSync(file, await drawing.render(drawing));
    written.push(file);
  }
  return written;
}

/** Items per CPU-second; one panel a cell, each with its own axis. */
export function headline(summaries) {
  const panels = summaries
    .filter(({ cell }) => cell.tag === 'headline')
    .map((summary) => {
      const indirect = indirectRow(summary);
      const rows = summary.rows.filter(({ id, items_per_cpu_s }) => id !== 'control' && items_per_cpu_s !== undefined);
      if (indirect !== null) rows.push(indirect);
      const bars = rows.map((row) => ({
        contender: row.id,
        label: labelOf(row),
        value: row.items_per_cpu_s / 1000,
        text: `${number(row.items_per_cpu_s / 1000)}${row.ratio === undefined ? '' : `  (teleferric ${row.ratio.median.toFixed(1)}x)`}`,
      }));
      return { title: summary.cell.title, bars };
    })
    .filter(({ bars }) => bars.length > 0);
  return { title: 'Thousand items per CPU-second of the collector (more is better)', panels, render: renderBars };
}

function labelOf({ id, status, deviations }) {
  if (status === 'indirect') return `${id} (indirect)`;
  return deviations?.compressionOut === undefined ? id : `${id} (${deviations.compressionOut} out)`;
}

const memoryPanels = [
  { title: 'idle', id: 'connections-1', figure: (row) => row.idle_rss_mib },
  { title: '400,000 logs/s', id: 'memory-400k-logs', figure: (row) => row.rss_mib?.max },
  { title: '10,000 connections', id: 'connections-10000', figure: (row) => row.rss_mib?.max },
  {
    title: 'twice the capacity, sink down, gRPC',
    id: 'overload-down-grpc',
    figure: (row) => row.runs[0]?.rss_mib?.max,
  },
  {
    title: 'twice the capacity, sink down, HTTP/1.1',
    id: 'overload-down-http',
    figure: (row) => row.runs[0]?.rss_mib?.max,
  },
];

export function memory(summaries) {
  const panels = memoryPanels
    .map(({ title, id, figure }) => {
      const rows = summaries.find(({ cell }) => cell.id === id)?.rows ?? [];
      const bars = rows
        .map((row) => ({ contender: row.id, label: row.id, value: figure(row) }))
        .filter(({ value }) => value !== undefined)
        .map((bar) => ({ ...bar, text: number(bar.value) }));
      return { title, bars };
    })
    .filter(({ bars }) => bars.length > 0);
  return { title: 'Resident memory of the process, MiB (less is better)', panels, render: renderBars };
}

const percentileNames = { p50: '50', p95: '95', p99: '99', p999: '99.9' };

/** One panel for each cell and share of the peak. */
export function latency(summaries) {
  const panels = summaries
    .filter(({ cell }) => cell.kind === 'latency')
    .flatMap((summary) => {
      const rows = latencyRows(summary).filter(({ p50 }) => p50 !== undefined);
      return [...new Set(rows.map(({ share }) => share))].map((share) => {
        const here = rows.filter((row) => row.share === share);
        const title = `${summary.cell.title}; ${share * 100} % of peak, ${number(here[0].rate)} req/s`;
        const points = here.flatMap((row) =>
          Object.entries(percentileNames).map(([name, label]) => ({
            contender: row.id,
            percentile: label,
            ms: row[name],
          })),
        );
        return { title, points };
      });
    });
  return {
    title: 'Time from intended send to answer, ms, by percentile (less is better)',
    panels,
    render: renderLatency,
  };
}
