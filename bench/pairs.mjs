// Collectors of this checkout side by side, measured in turns: what the small comparisons beside this file share.
import { spawn } from 'node:child_process';
import { baselineJs } from './compare/peers/baseline-js.mjs';
import { teleferric } from './compare/peers/teleferric.mjs';
import { buildLoadTool, send, sendFlags } from './compare/load.mjs';
import { endAll, freeAddress, listening, stopChild } from './compare/processes.mjs';
import { medianWithInterval } from './compare/statistics.mjs';

const children = new Set();

/** Builds the load tool, and sees to it that nothing is left running. */
export async function prepare() {
  process.on('exit', () => {
    for (const child of children) child.kill('SIGKILL');
    endAll();
  });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));
  await buildLoadTool();
}

/** A collector, not pinned, with the configuration of a cell after `change`. */
export async function startCollector(cell, sink, change) {
  const listen = await freeAddress();
  const { command, args, files } = teleferric.configure(cell, { listen, next: sink.address });
  const document = JSON.parse(files['config.yaml']);
  change(document);
  return started(command, [args[0], '--config', `yaml:${JSON.stringify(document)}`], listen);
}

/** The collector that is written by hand in JavaScript, for the same cell. */
export async function startBaseline(cell, sink) {
  const listen = await freeAddress();
  const { command, args } = baselineJs.configure(cell, { listen, next: sink.address });
  return started(command, args, listen);
}

async function started(command, args, listen) {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  children.add(child);
  await listening(listen, () => child.exitCode === null);
  return { child, listen };
}

export async function stopCollector({ child }) {
  await stopChild(child);
  children.delete(child);
}

/** One window in a closed loop. */
export async function measure(cell, { child, listen }, duration) {
  const { window, total, watch, latency_us } = await send(listen, sendFlags(cell, { warmup: 0.5, duration }), [
    child.pid,
  ]);
  return {
    itemsPerCpuSecond: window.items / watch[0].cpu_s,
    requestsPerSecond: window.requests / window.seconds,
    p99Ms: latency_us.p99 / 1000,
    /** Also outside the window. */
    accepted: total.accepted_requests,
  };
}

/** What all collectors did in `pairs` rounds; every second round runs backwards. One list for each collector. */
export async function inTurns(cell, collectors, { pairs, duration }) {
  const found = collectors.map(() => []);
  for (let pair = 0; pair < pairs; pair += 1) {
    const order = collectors.map((_, index) => index);
    if (pair % 2 === 1) order.reverse();
    for (const index of order) found[index].push(await measure(cell, collectors[index], duration));
  }
  return found;
}

/** `0.98 (0.90 to 1.05)`: the median ratio of two lists, round by round, with its interval. */
export function ratioText(mine, theirs, value) {
  const { median, low, high } = medianWithInterval(mine.map((run, index) => value(run) / value(theirs[index])));
  return `${median.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;
}
