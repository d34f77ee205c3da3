// One measured run of one contender, and the order in which contenders take turns.
import { expectedItems, settledStats } from './contenders.mjs';
import { send, sendFlags } from './load.mjs';
import { readCpuTimes, sharesBetween } from './machine.mjs';

/** How long acknowledged items may take to reach the sink after a run. */
const drainMsMax = 15_000;

/**
 * ABBA: every pass has each contender once, and every second pass runs backwards, so that a drift of the machine falls
 * on all alike. Yields `{ pair, contender }`; runs with one `pair` number are compared with each other.
 */
export function* turns(contenders, pairs) {
  for (let pair = 0; pair < pairs; pair += 1) {
    for (const contender of pair % 2 === 0 ? contenders : contenders.toReversed()) yield { pair, contender };
  }
}

/**
 * Runs the generator against one contender and reads everything about the run: the generator's window, the sink, the
 * collector's CPU over the whole run, and what the others on the machine did meanwhile.
 */
export async function measureRun(contender, others, cell, flags) {
  const { process, sink } = contender;
  await sink.command('reset');
  const before = snapshot(contender, others);
  const report = await send(process.listen, sendFlags(cell, flags), [process.pid]);
  const accepted = report.total.accepted_items;
  const stats = await settledStats(sink, expectedItems(cell, accepted), { totalMs: drainMsMax });
  const after = snapshot(contender, others);
  return {
    contender: contender.id,
    ...windowOf(report),
    ...wholeRun(cell, report, stats, before, after),
  };
}

function snapshot({ process }, others) {
  return {
    at: performance.now(),
    own: process.cpuSeconds(),
    idle: others.reduce((sum, other) => sum + other.process.cpuSeconds(), 0),
    cpu: readCpuTimes(),
  };
}

function windowOf({ window, watch: [watched], schedule, latency_us, own_cpu_s }) {
  return {
    seconds: window.seconds,
    requests: window.requests,
    items: window.items,
    cpu_s: watched.cpu_s,
    user_s: watched.user_s,
    system_s: watched.system_s,
    rss_mib: watched.rss_mib,
    threads: watched.threads,
    generator_cpu_s: own_cpu_s,
    schedule,
    latency_us,
  };
}

/** Acknowledged items that did not arrive; negative if more arrived than was acknowledged, undefined for a filter. */
export function lostItems(cell, total, stats) {
  return cell.step?.action === 'filter' ? undefined : expectedItems(cell, total.accepted_items) - stats.items;
}

/** Counters from before the warm-up to after the drain. */
function wholeRun(cell, { total }, stats, before, after) {
  const elapsed = (after.at - before.at) / 1000;
  const cpu = after.own - before.own;
  const idle = after.idle - before.idle;
  const { steal, foreign } = sharesBetween(before.cpu, after.cpu, cpu + idle);
  return {
    whole: { seconds: elapsed, cpu_s: cpu, items: stats.items, requests: total.accepted_requests },
    total,
    sink: stats,
    lost_items: lostItems(cell, total, stats),
    steal_share: steal,
    foreign_share: foreign,
    idle_share: idle / elapsed,
  };
}
