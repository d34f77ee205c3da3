// report.md: the goals, a section for each tag, what is absent or different, and how it was measured.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { goalRows, unanswered } from './goals.mjs';
import { stealShareMax } from './machine.mjs';
import { number, percent, ratio, table } from './markdown.mjs';
import { control } from './peers/index.mjs';
import { memoryLimitMib } from './peers/collector-config.mjs';
import { sections } from './sections.mjs';
import { pooledControl, summarizeCell } from './summary.mjs';

/** More foreign work than this in a cell and the machine was not quiet for it. */
const foreignShareMax = 0.05;

/** How far from 1 the A/A control may be. */
const controlSpread = 0.03;

export async function writeReport(folder, results) {
  const file = path.join(folder, 'report.md');
  writeFileSync(file, renderReport(results));
  return file;
}

export function renderReport(results) {
  const summaries = Object.values(results.cells).map(summarizeCell);
  return [
    '# teleferric and its peers',
    introduction(results),
    contendersTable(results),
    goalsTable(summaries),
    ...sections(summaries),
    validity(summaries),
    method(results),
    configurations(summaries),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
    .concat('\n');
}

function introduction({ started, machine, settings }) {
  const { cpu, cpus, memory_mib, kernel, node } = machine;
  return [
    `Started ${started.slice(0, 16).replace('T', ' ')} UTC on ${cpu}, ${cpus} CPUs, ${number(memory_mib)} MiB, ${kernel}, Node ${node}.`,
    `${settings.pairs} runs of ${settings.seconds} s for each contender and cell, after ${settings.warmup} s of warm-up.`,
    'Ratios are teleferric over the peer, paired run by run: above 1 teleferric does more for the same CPU time. In brackets is the 95 % interval of the median. Compare ratios; absolute figures are this machine’s.',
  ].join(' ');
}

function contendersTable({ peers }) {
  const rows = peers.map(({ title, version, reason }) => [title, version ?? `absent: ${reason}`]);
  rows.push([
    'df_engine (otel-arrow)',
    'not to be had as a package or binary; figures marked “indirect” are the Collector’s measured here times the published ratio of the two, from other hardware',
  ]);
  return table([['contender'], ['version']], rows);
}

function goalsTable(summaries) {
  const rows = goalRows(summaries).map(({ goal, text, cell, target, measured, unit, reached }) => [
    goal,
    text,
    `\`${cell}\``,
    target,
    measured.low === undefined ? `${number(measured.median)}${unit}` : ratio(measured),
    reached,
  ]);
  if (rows.length === 0) return '';
  const columns = [['goal'], ['of'], ['cell'], ['target'], ['measured', 'right'], ['reached']];
  const rest = unanswered.map(([goal, why]) => `- ${goal}: ${why}.`).join('\n');
  return `## Goals\n\n“open”: the interval contains the target.\n\n${table(columns, rows)}\n\nNot answered here:\n\n${rest}`;
}

function validity(summaries) {
  const controls = summaries.flatMap(({ cell, rows }) =>
    rows
      .filter(({ id, ratio: measured }) => id === control.id && measured !== undefined)
      .map((row) => [cell, row.ratio]),
  );
  const controlRows = controls.map(([cell, measured]) => [
    `\`${cell.id}\``,
    String(measured.n),
    ratio(measured),
    verdict(measured),
  ]);
  const pooled = pooledControl(summaries);
  if (pooled !== undefined) controlRows.unshift(['all together', String(pooled.n), ratio(pooled), verdict(pooled)]);
  const leftOut = summaries.flatMap(({ cell, rows }) =>
    rows.filter(({ dropped }) => dropped.length > 0).map((row) => [cell, row]),
  );
  const worst = (name) => {
    const shares = summaries.flatMap(({ cell, rows }) => rows.map((row) => ({ cell, share: row[name] ?? 0 })));
    return shares.toSorted((a, b) => b.share - a.share)[0] ?? { cell: undefined, share: 0 };
  };
  const foreign = worst('foreign_share_max');
  const idle = worst('idle_share_max');
  const failures = summaries.filter(({ failure }) => failure !== undefined);
  return [
    '## Validity',
    `A second, identical teleferric stands in every throughput cell, and its ratio should be 1. Over the pairs of all cells together it must contain 1.00 and lie within ${controlSpread * 100} % of it, or the method favours one side. In a single cell with few pairs it says how large a difference is noise there.`,
    controlRows.length === 0
      ? ''
      : table([['cell'], ['pairs', 'right'], ['teleferric / teleferric', 'right'], ['verdict']], controlRows),
    [
      `- Largest share of the collector’s CPU used by foreign programs in a run: ${shareIn(foreign)}.${foreign.share > foreignShareMax ? ' **The machine was not quiet for it: its intervals are wide, its latencies say little, and it should not be quoted.**' : ''}`,
      `- Largest share used by the contenders that were waiting: ${shareIn(idle)}.`,
      `- Runs left out (more than ${stealShareMax * 100} % stolen time, or the generator fell behind): ${leftOut.length === 0 ? 'none' : leftOut.map(([cell, row]) => `${row.dropped.length} of ${row.id} in \`${cell.id}\``).join(', ')}.`,
      ...failures.map(({ cell, failure }) => `- \`${cell.id}\` was broken off: ${failure}`),
    ].join('\n'),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

const shareIn = ({ cell, share }) => (cell === undefined ? percent(share) : `${percent(share)}, in \`${cell.id}\``);

function verdict({ median, low, high }) {
  const contains = low <= 1 && high >= 1;
  const near = Math.abs(median - 1) <= controlSpread;
  if (contains && near) return 'good';
  return contains ? `contains 1, but is off by more than ${controlSpread * 100} %` : 'does not contain 1';
}

function method({ settings }) {
  return `## Method

- The collector has CPU 0 to itself; generator and sink are on CPU 1 (\`bench/load\`). CPU time is the collector process's, read at the edges of the generator's window.
- All contenders of a cell run from its start, and take turns in ABBA order; the others wait meanwhile.
- Throughput is a closed loop. “busy” is how much of its CPU the collector used: well below 100 % the generator and the sink were the limit, and CPU time per item still compares.
- Pass-through and edits answer when the backend has answered: no queue, no retries. Where a contender answers on acceptance (batch cells, Rotel always), items are those that reached the sink, over the CPU time of the whole run with its warm-up and drain; the other side of that ratio is counted alike.
- Compression is at level 1 wherever there is a key for it; bytes on the wire, framing and headers included, show what each got for it.
- Latency runs from the intended send time, in an open loop at shares of the slower contender's peak. A run whose generator fell behind is repeated once and else left out.
- Overload lasts ${settings.overload} s at twice the contender's own closed-loop rate, with \`memory_limiter\` at ${memoryLimitMib} MiB, and, where the sink is down, queue and retries on. The Collector has GOMEMLIMIT at four fifths of that. Loss is counted after the sink came back.
- Before it is measured, each contender shows in a short run that it does what the cell says, by the bytes and items that arrive; one that does not is left out and named.`;
}

function configurations(summaries) {
  const seen = new Map();
  for (const { cell, rows } of summaries) {
    for (const { id, command, files } of rows) {
      if (command !== undefined && !seen.has(id)) seen.set(id, { cell, command, files });
    }
  }
  if (seen.size === 0) return '';
  const parts = [...seen].map(([id, { cell, command, files }]) => {
    const texts = Object.entries(files).map(([name, text]) => `\n\n\`${name}\`:\n\n\`\`\`json\n${text}\n\`\`\``);
    return `### ${id}, in \`${cell.id}\`\n\n\`\`\`text\n${command}\n\`\`\`${texts.join('')}`;
  });
  return ['## Configurations', 'One of each; those of all cells are in `results.json`.', ...parts].join('\n\n');
}
