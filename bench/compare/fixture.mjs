// Raw results as a campaign writes them, made up and small, for the tests of what is made from them.
import { cells } from './scenarios.mjs';

const speeds = { teleferric: 4000, control: 4000, otelcol: 400, rotel: 800, 'baseline-js': 80 };
const memory = { avg: 50, max: 58, end: 55, slope_per_minute: 0.4 };
const clean = { steal_share: 0, foreign_share: 0.01, idle_share: 0.002 };

/** Results of the cells named, with three pairs each. */
export function fixtureResults(ids) {
  const chosen = cells.filter(({ id }) => ids.includes(id));
  return {
    schema: 1,
    started: '2026-01-02T03:04:05.000Z',
    settings: { pairs: 3, seconds: 1, warmup: 0.1, soak: 5, overload: 5 },
    machine: { cpu: 'Some CPU', cpus: 2, memory_mib: 8000, kernel: 'Linux 6.0', node: 'v20.0.0' },
    peers: [
      { id: 'teleferric', title: 'teleferric', version: '0.1.0' },
      { id: 'otelcol', title: 'OpenTelemetry Collector', version: '0.159.0' },
      { id: 'rotel', title: 'Rotel', reason: 'no network' },
    ],
    cells: Object.fromEntries(chosen.map((cell) => [cell.id, cellResults(cell)])),
  };
}

function cellResults(cell) {
  const ids =
    cell.kind === 'latency' ? ['teleferric', cell.against] : ['teleferric', 'control', 'otelcol', 'baseline-js'];
  const contenders = { rotel: { status: 'absent', reason: 'no network' } };
  for (const id of ids) {
    contenders[id] = {
      status: 'measured',
      ack: 'delivery',
      notes: [],
      idle_rss_mib: 40,
      command: `${id} --flag`,
      env: {},
      files: {},
    };
  }
  return { cell, contenders, runs: ids.flatMap((id) => [0, 1, 2].flatMap((pair) => runsOf(cell, id, pair))) };
}

function runsOf(cell, id, pair) {
  const run = {
    contender: id,
    pair,
    alive: true,

    rss_mib: memory,
    ...clean,
    ...counters(cell, id, pair),
  };
  if (cell.kind === 'latency')
    return [0.25, 0.5].map((share) => ({ ...run, phase: 'open', share, rate: 1000, void: false }));
  return [run];
}

function counters(cell, id, pair) {
  const cpu_s = 1;
  // The control wanders around the first as the second of two equals does.
  const drift = id === 'control' ? (2 - pair) / 100 : pair / 100;
  const items = speeds[id] * 1000 * (1 + drift);
  const requests = items / cell.items;
  const ms = 400 / speeds[id];
  return {
    seconds: 1,
    requests,
    items,
    cpu_s,
    whole: { seconds: 1.2, cpu_s: 1.1, items: items * 1.1, requests: requests * 1.1 },
    total: { accepted_items: items, accepted_requests: requests, refused: {}, failed: 0, unanswered: 0 },
    sink: { items, requests, body_bytes: items * 300, wire_bytes: items * 300 },
    lost_items: 0,
    schedule: { kept_up: true },
    latency_us: { p50: ms * 500, p95: ms * 800, p99: ms * 1000, p999: ms * 2000 },
    capacity_requests_per_s: requests,
    offered_requests_per_s: requests * 2,
  };
}
