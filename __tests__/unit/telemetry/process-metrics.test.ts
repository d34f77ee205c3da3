import { ProcessMetrics, type ProcessReadings } from '../../../src/telemetry/process-metrics.js';

function readings(heaps: readonly number[], allocated: readonly (number | undefined)[]): ProcessReadings {
  const clock = { read: 0 };
  return {
    now: () => clock.read * 1000,
    cpuUsage: () => ({ user: 0, system: 0 }),
    memoryUsage: () => {
      clock.read += 1;
      return { rss: 0, heapTotal: 0, heapUsed: heaps[clock.read - 1] ?? 0, external: 0 };
    },
    allocatedBytes: () => allocated[clock.read - 1],
  };
}

function values(metrics: ProcessMetrics, name: string): number | undefined {
  return metrics.read().find((sample) => sample.name === name)?.value;
}

describe('ProcessMetrics', () => {
  it('never lets the allocation counter fall when the heap shrinks', () => {
    const metrics = new ProcessMetrics(readings([100, 40, 90], []));
    const name = 'otelcol_process_runtime_total_alloc_bytes';
    expect([values(metrics, name), values(metrics, name), values(metrics, name)]).toEqual([100, 100, 150]);
  });

  it('prefers the count of a Node that keeps one', () => {
    const metrics = new ProcessMetrics(readings([100, 100], [5000, 7000]));
    const name = 'otelcol_process_runtime_total_alloc_bytes';
    expect([values(metrics, name), values(metrics, name)]).toEqual([5000, 7000]);
  });

  it('counts uptime from its making', () => {
    const metrics = new ProcessMetrics(readings([1, 1], []));
    expect(values(metrics, 'otelcol_process_uptime')).toBe(1);
    expect(values(metrics, 'otelcol_process_uptime')).toBe(2);
  });
});
