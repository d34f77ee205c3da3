// What is done in a cell, by its kind. Each procedure takes the contenders and yields runs; a run carries everything
// that was read, and judging it is the summary's business.
import { setTimeout as sleep } from 'node:timers/promises';
import { expectedItems, settledStats } from './contenders.mjs';
import { send, sendFlags } from './load.mjs';
import { lostItems, measureRun, turns } from './measure.mjs';

/** Shares of the slower contender's peak at which latency is measured. */
export const latencyShares = [0.25, 0.5, 0.75];

/** How long a collector may be silent, and take in all, to deliver what it holds after the sink is back. */
const settleOutage = { quietMs: 12_000, totalMs: 60_000 };

export const procedures = { throughput, rate, latency, overload, soak };

/** Seconds a cell takes, for the estimate; `contenders` is a number. */
export function estimateSeconds(cell, contenders, settings) {
  const perRun = settings.warmup + settings.seconds + 0.4;
  const start = contenders * 2.5 + 1;
  const peak = peakSeconds(settings) + 0.6;
  switch (cell.kind) {
    case 'latency':
      return start + contenders * (2 * peak + latencyShares.length * latencyPairs(settings) * perRun);
    case 'rate':
      return start + contenders * (perRun + 2) * ratePairs(settings);
    case 'overload':
      return start + contenders * (peak + settings.overload + 5);
    case 'soak':
      return start + contenders * (peak + settings.soak + 1);
    default:
      return start + contenders * settings.pairs * perRun;
  }
}

async function* throughput(contenders, cell, settings) {
  for (const turn of turns(contenders, settings.pairs)) {
    yield* attempt(turn, contenders, cell, windowFlags(settings));
  }
}

/** A fixed rate, for what a collector costs and holds when it is not pressed. */
async function* rate(contenders, cell, settings) {
  const flags = { ...windowFlags(settings), rate: cell.requestsPerSecond };
  for (const turn of turns(contenders, ratePairs(settings))) yield* attempt(turn, contenders, cell, flags);
}

/** Peaks first; then an open loop at shares of the slower one's peak. A run whose generator fell behind is repeated once. */
async function* latency(contenders, cell, settings) {
  const peaks = new Map(contenders.map(({ id }) => [id, 0]));
  for (const turn of turns(contenders, 2)) {
    for await (const run of attempt(turn, contenders, cell, peakFlags(settings))) {
      peaks.set(run.contender, Math.max(peaks.get(run.contender), run.requests / run.seconds));
      yield { phase: 'peak', ...run };
    }
  }
  for (const share of latencyShares) {
    const flags = { ...windowFlags(settings), rate: Math.max(1, Math.round(share * Math.min(...peaks.values()))) };
    for (const turn of turns(contenders, latencyPairs(settings))) {
      yield* openLoop(turn, contenders, cell, flags, share);
    }
  }
}

async function* openLoop(turn, contenders, cell, flags, share) {
  for (const isLast of [false, true]) {
    for await (const run of attempt(turn, contenders, cell, flags)) {
      if (run.schedule.kept_up || isLast) {
        yield { phase: 'open', share, rate: flags.rate, void: !run.schedule.kept_up, repeated: isLast, ...run };
        return;
      }
    }
  }
}

/** Yields one run, or none if the contender is, or thereby proves to be, broken: the others go on without it. */
async function* attempt({ pair, contender }, contenders, cell, flags) {
  const { record, process } = contender;
  if (record.status === 'broken') return;
  const others = contenders.filter((other) => other !== contender && other.process.isAlive);
  try {
    yield { pair, ...(await measureRun(contender, others, cell, flags)) };
  } catch (error) {
    const reason = process.isAlive ? error.message : `it ended: ${process.lastWords()}`;
    Object.assign(record, { status: 'broken', reason });
  }
}

/** Twice the capacity for a while, one contender after another; with `sink: 'down'` the sink is closed meanwhile. */
async function* overload(contenders, cell, settings) {
  const pressure = { capacityShare: 2, flags: { warmup: 0, duration: settings.overload }, settleMs: settleOutage };
  for (const contender of contenders) yield* press(contender, cell, settings, pressure);
}

/** A steady share of the contender's own capacity, for long. */
async function* soak(contenders, cell, settings) {
  const { capacityShare } = cell;
  const pressure = { capacityShare, flags: { warmup: settings.warmup, duration: settings.soak }, settleMs: {} };
  for (const contender of contenders) yield* press(contender, cell, settings, pressure);
}

async function* press(contender, cell, settings, { capacityShare, flags, settleMs }) {
  const { process, sink, record, id } = contender;
  try {
    const capacity = await peakRate(contender, cell, settings);
    const offered = Math.max(1, Math.round(capacityShare * capacity));
    await sink.command('reset');
    if (cell.sink === 'down') await sink.command('close');
    const report = await send(process.listen, sendFlags(cell, { ...flags, rate: offered }), [process.pid]);
    if (cell.sink === 'down') await sink.command('open');
    const stats = await settledStats(sink, expectedItems(cell, report.total.accepted_items), settleMs);
    yield {
      pair: 0,
      contender: id,
      capacity_requests_per_s: capacity,
      offered_requests_per_s: offered,
      alive: process.isAlive,
      ...outcomeOf(cell, report, stats),
    };
  } catch (error) {
    const reason = process.isAlive ? error.message : `it ended: ${process.lastWords()}`;
    Object.assign(record, { status: 'broken', reason });
  }
}

function outcomeOf(cell, { window, total, watch: [watched], latency_us, schedule }, sink) {
  return {
    seconds: window.seconds,
    items: window.items,
    cpu_s: watched?.cpu_s,
    rss_mib: watched?.rss_mib,
    latency_us,
    schedule,
    total,
    sink,
    lost_items: lostItems(cell, total, sink),
  };
}

/** Requests per second in a short closed loop; afterwards the collector has a moment to deliver and rest. */
async function peakRate({ process, sink }, cell, settings) {
  await sink.command('reset');
  const report = await send(process.listen, sendFlags(cell, peakFlags(settings)));
  await settledStats(sink, expectedItems(cell, report.total.accepted_items), { totalMs: 10_000 });
  await sleep(200);
  return report.window.requests / report.window.seconds;
}

const windowFlags = ({ warmup, seconds }) => ({ warmup, duration: seconds });
const peakSeconds = ({ seconds }) => Math.min(2, seconds);
const peakFlags = (settings) => ({ warmup: settings.warmup, duration: peakSeconds(settings) });
const latencyPairs = ({ pairs }) => Math.max(2, Math.ceil(pairs / 2));
const ratePairs = ({ pairs }) => Math.max(1, Math.ceil(pairs / 4));
