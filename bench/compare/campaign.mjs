// All selected cells, one after another: contenders are started, checked, measured and stopped, and the results are
// written after each cell.
import { performance } from 'node:perf_hooks';
import { lineUp, startContender, stopContender } from './contenders.mjs';
import { buildLoadTool } from './load.mjs';
import { describeMachine } from './machine.mjs';
import { prepare } from './peers/index.mjs';
import { estimateSeconds, procedures } from './procedures.mjs';
import { Progress, formatDuration } from './progress.mjs';
import { pinSelf } from './processes.mjs';
import { emptyResults, resumableResults, writeResults } from './results.mjs';

const say = (line) => process.stderr.write(`${line}\n`);

export async function runCampaign({ cells, peers, settings, cache, out, resume }) {
  say('building the load tool');
  await buildLoadTool();
  const prepared = [];
  for (const peer of peers) {
    const found = await prepare(peer, { cache, progress: say });
    say(`${found.title}: ${found.version ?? `absent: ${found.reason}`}`);
    prepared.push(found);
  }
  pinSelf();
  const results = (resume ? resumableResults(out, settings) : null) ?? startResults(settings, prepared);
  const isDone = ({ id }) => results.cells[id] !== undefined && results.cells[id].failure === undefined;
  const todo = cells.filter((cell) => !isDone(cell));
  const progress = new Progress(estimates(todo, prepared, settings));
  say(`cells to measure: ${todo.length}, about ${formatDuration(progress.secondsLeft())}`);
  for (const [index, cell] of todo.entries()) {
    const started = performance.now();
    results.cells[cell.id] = await runCell(cell, prepared, settings, (names) =>
      progress.cellStarted(cell.id, index + 1, todo.length, names),
    );
    progress.cellEnded(cell.id, (performance.now() - started) / 1000);
    results.finished = new Date().toISOString();
    writeResults(out, results);
  }
  return results;
}

export function estimates(cells, prepared, settings) {
  const seconds = (cell) => estimateSeconds(cell, lineUp(cell, prepared).ready.length, settings);
  return Object.fromEntries(cells.map((cell) => [cell.id, seconds(cell)]));
}

function startResults(settings, prepared) {
  const known = prepared.map(({ id, title, version, reason }) => ({ id, title, version, reason }));
  return emptyResults({ settings, machine: describeMachine(), peers: known, started: new Date().toISOString() });
}

async function runCell(cell, prepared, settings, announce) {
  const { ready, records } = lineUp(cell, prepared);
  const contenders = [];
  const runs = [];
  let failure;
  announce(ready.map(({ peer }) => peer.id).join(', '));
  try {
    for (const entry of ready) {
      const contender = await startContender(entry, cell);
      records[contender.id] = contender.record;
      if (contender.record.status === 'measured') contenders.push(contender);
      else {
        say(`  ${contender.id} left out: ${contender.record.reason}`);
        await stopContender(contender);
      }
    }
    for await (const run of procedures[cell.kind](contenders, cell, settings)) {
      runs.push(run);
      say(`  ${describeRun(run)}`);
    }
  } catch (error) {
    failure = error.message;
    say(`  broken off: ${failure}`);
  } finally {
    await Promise.all(contenders.map(stopContender));
  }
  return { cell, contenders: records, runs, failure };
}

function describeRun(run) {
  const rate = run.items / run.cpu_s;
  const parts = [
    `${run.contender.padEnd(12)} pair ${run.pair + 1}`,
    run.phase === 'open' ? `${run.share * 100} % of peak` : '',
    Number.isFinite(rate) ? `${(rate / 1000).toFixed(1)} k items/CPU-s` : '',
    run.latency_us === undefined ? '' : `p99 ${(run.latency_us.p99 / 1000).toFixed(2)} ms`,
    run.lost_items > 0 ? `${run.lost_items} items lost` : '',
    run.void ? 'void: the generator fell behind' : '',
  ];
  return parts.filter((part) => part !== '').join('  ');
}
