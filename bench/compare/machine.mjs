// What the machine is, and what it did during a window: stolen time, and work that was none of ours.
import { readFileSync } from 'node:fs';
import os from 'node:os';
import { collectorCpu } from './processes.mjs';

/** Windows with a larger share of stolen time are left out of all ratios. */
export const stealShareMax = 0.02;

export function describeMachine() {
  const [cpu] = os.cpus();
  return {
    cpu: cpu.model.trim(),
    cpus: os.cpus().length,
    memory_mib: Math.round(os.totalmem() / 1024 / 1024),
    kernel: `${os.type()} ${os.release()}`,
    node: process.version,
  };
}

/** Counters of all CPUs and of the collector's, in clock ticks. */
export function readCpuTimes() {
  const lines = readFileSync('/proc/stat', 'utf8').split('\n');
  const parse = (name) => {
    const [user, nice, system, idle, iowait, irq, softirq, steal] = lines
      .find((line) => line.startsWith(`${name} `))
      .trim()
      .split(/\s+/)
      .slice(1)
      .map(Number);
    return { busy: user + nice + system, total: user + nice + system + idle + iowait + irq + softirq + steal, steal };
  };
  return { all: parse('cpu'), collector: parse(`cpu${collectorCpu}`) };
}

/**
 * Shares between two readings: of stolen time on all CPUs, and of the collector's CPU that went to others than the
 * `ownSeconds` of the contenders. Interrupts are not counted as foreign: they are the network's.
 */
export function sharesBetween(before, after, ownSeconds, ticksPerSecond = 100) {
  const total = after.all.total - before.all.total;
  const own = ownSeconds * ticksPerSecond;
  const collectorTotal = after.collector.total - before.collector.total;
  const foreign = after.collector.busy - before.collector.busy - own;
  return {
    steal: total > 0 ? (after.all.steal - before.all.steal) / total : 0,
    foreign: collectorTotal > 0 ? Math.max(0, foreign / collectorTotal) : 0,
  };
}
