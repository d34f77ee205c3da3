/**
 * `otelcol_process_*`: what the Collector says about its own process, measured on Node's side.
 */
import { getHeapStatistics } from 'node:v8';

import type { ScalarSample } from './snapshot.js';

/** What the process says about itself; tests replace it. */
export interface ProcessReadings {
  /** Milliseconds, monotonic. */
  now(): number;
  /** User and system time, in microseconds. */
  cpuUsage(): { readonly user: number; readonly system: number };
  /** Bytes. */
  memoryUsage(): {
    readonly rss: number;
    readonly heapTotal: number;
    readonly heapUsed: number;
    readonly external: number;
  };
  /** Bytes ever allocated on the JavaScript heap, where this Node counts them. */
  allocatedBytes(): number | undefined;
}

/** The process we are in. */
export const OWN_PROCESS: ProcessReadings = {
  now: () => performance.now(),
  cpuUsage: () => process.cpuUsage(),
  memoryUsage: () => process.memoryUsage(),
  allocatedBytes: () => (getHeapStatistics() as { total_allocated_bytes?: number }).total_allocated_bytes,
};

/** Reads the six metrics. */
export class ProcessMetrics {
  readonly #readings: ProcessReadings;
  readonly #startedMs: number;
  #heapUsed = 0;
  #allocated = 0;

  /** Uptime counts from here. */
  constructor(readings: ProcessReadings = OWN_PROCESS) {
    this.#readings = readings;
    this.#startedMs = readings.now();
  }

  read(): readonly ScalarSample[] {
    const { rss, heapTotal, heapUsed, external } = this.#readings.memoryUsage();
    const { user, system } = this.#readings.cpuUsage();
    return [
      sample('counter', 'uptime', 'Uptime of the process', (this.#readings.now() - this.#startedMs) / 1000),
      sample('counter', 'cpu_seconds', 'Total CPU user and system time in seconds', (user + system) / 1e6),
      sample('gauge', 'memory_rss', 'Total physical memory (resident set size)', rss),
      sample('gauge', 'runtime_heap_alloc_bytes', 'Bytes of allocated heap objects', heapUsed),
      sample(
        'counter',
        'runtime_total_alloc_bytes',
        'Cumulative bytes allocated for heap objects',
        this.#allocatedBytes(heapUsed),
      ),
      sample(
        'gauge',
        'runtime_total_sys_memory_bytes',
        'Total bytes of memory obtained from the OS',
        heapTotal + external,
      ),
    ];
  }

  /** Older Node versions do not count allocations: there, the growth seen between readings is a lower bound. */
  #allocatedBytes(heapUsed: number): number {
    this.#allocated += Math.max(0, heapUsed - this.#heapUsed);
    this.#heapUsed = heapUsed;
    this.#allocated = Math.max(this.#allocated, this.#readings.allocatedBytes() ?? 0);
    return this.#allocated;
  }
}

function sample(kind: 'counter' | 'gauge', name: string, help: string, value: number): ScalarSample {
  return { kind, name: `otelcol_process_${name}`, help: `${help} [Alpha]`, labels: {}, value };
}
