// The contenders of a cell: started with a sink each, checked for doing what the cell says, and stopped.
import { control, peers } from './peers/index.mjs';
import { checkOf } from './checks.mjs';
import { Sink, send, sendFlags } from './load.mjs';
import { Contender, freeAddress, sleep } from './processes.mjs';

/** Length of warm-up and window of the run that shows whether a contender does what the cell says. */
const checkSeconds = 0.5;

/**
 * What takes part in a cell: `{ peer, prepared }` for those that can, and a record for those that cannot.
 * `prepared` are the answers of the installations.
 */
export function lineUp(cell, prepared) {
  const ready = [];
  const records = {};
  for (const peer of candidates(cell)) {
    const found = prepared.find(({ id }) => id === (peer.id === control.id ? 'teleferric' : peer.id));
    if (found === undefined) continue;
    const reason = found.reason ?? peer.absent(cell);
    if (reason === null) ready.push({ peer, installed: found.installed });
    else records[peer.id] = { status: 'absent', reason };
  }
  return { ready, records };
}

function candidates(cell) {
  if (cell.kind === 'latency') return peers.filter(({ id }) => id === 'teleferric' || id === cell.against);
  return cell.kind === 'throughput' ? [peers[0], control, ...peers.slice(1)] : peers;
}

/** Starts one contender and its sink; `{ id, process, sink, record }`, where `record` goes into the raw results. */
export async function startContender({ peer, installed }, cell) {
  const sink = await Sink.start(cell);
  const [listen, spare] = [await freeAddress(), await freeAddress()];
  const configuration = peer.configure(cell, { listen, next: sink.address, spare, installed });
  const process = new Contender(peer.id, configuration, listen);
  const { ack, deviations } = configuration;
  const record = { status: 'measured', ack, deviations, notes: peer.notes(cell), ...describe(configuration) };
  const contender = { id: peer.id, process, sink, record };
  try {
    await process.listening();
    if (cell.kind === 'rate') record.idle_rss_mib = await idleRssMib(process);
    const check = await checkContender(contender, cell, deviations);
    record.check = check.observed;
    if (check.problems.length > 0) Object.assign(record, { status: 'unfit', reason: check.problems.join('; ') });
  } catch (error) {
    Object.assign(record, { status: 'unfit', reason: error.message });
  }
  return contender;
}

/** Before any request came, when what starting took has settled. */
async function idleRssMib(process) {
  await sleep(1000);
  return process.rssMib();
}

export async function stopContender({ process, sink }) {
  await Promise.all([process.stop(), sink.stop()]);
}

/** The command line without paths of this machine, and the files. */
function describe({ command, args, env, files }) {
  return { command: [command, ...args].map(withoutFolder).join(' '), env, files };
}

const withoutFolder = (text) => (text.startsWith('/') ? text.split('/').at(-1) : text);

async function checkContender({ process, sink }, cell, deviations) {
  const few = { connections: 1, streams: 1, warmup: checkSeconds, duration: checkSeconds, drain: 2 };
  const report = await send(process.listen, sendFlags(cell, few));
  const stats = await settledStats(sink, expectedItems(cell, report.total.accepted_items));
  await sink.command('reset');
  return checkOf({ ...cell, ...deviations }, report, stats);
}

/**
 * What the sink should have when `accepted` items were acknowledged. A filter drops about half, so that there what
 * arrived tells nothing of losses.
 */
export function expectedItems(cell, accepted) {
  return cell.step?.action === 'filter' ? 0 : accepted;
}

/** The sink's counters once they reach `items`, or have stood still for a while, or time is up. */
export async function settledStats(sink, items, { quietMs = 1000, totalMs = 10_000 } = {}) {
  const started = Date.now();
  let changed = started;
  let stats = await sink.stats();
  while (stats.items < items && Date.now() - changed < quietMs && Date.now() - started < totalMs) {
    await sleep(50);
    const next = await sink.stats();
    if (next.items !== stats.items) changed = Date.now();
    stats = next;
  }
  return stats;
}
