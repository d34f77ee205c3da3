import { Registry, type OpenMetricsContentType } from 'prom-client';

import type { NativeCatalogue, NativeSeries } from '../../../src/binding/index.js';
import { DEFAULT_VIEW, type MetricsView } from '../../../src/telemetry/metric-families.js';
import { ProcessMetrics } from '../../../src/telemetry/process-metrics.js';
import { MetricsPage, MetricsReader, RegistryBridge } from '../../../src/telemetry/prometheus.js';
import { checkExposition } from './exposition.js';

const sent = 'otelcol_exporter_sent_spans';
const failed = 'otelcol_exporter_send_failed_spans';

class FakeCore {
  catalogue: NativeCatalogue;
  values: number[];
  reads = 0;
  failing = false;

  constructor(series: readonly Omit<NativeSeries, 'offset'>[], values: readonly number[]) {
    let offset = 0;
    this.catalogue = {
      version: 1,
      series: series.map((one) => {
        const placed = { ...one, offset };
        offset += one.kind === 'histogram' ? one.bounds.length + 2 : 1;
        return placed;
      }),
    };
    this.values = [...values];
  }

  metricsCatalogue(): NativeCatalogue {
    if (this.failing) throw new Error('core is gone');
    return this.catalogue;
  }

  metricsSnapshot(into: Float64Array): number {
    if (this.failing) throw new Error('core is gone');
    this.reads += 1;
    into.set(this.values.slice(0, into.length));
    return this.catalogue.version;
  }
}

function seriesOf(name: string, kind: NativeSeries['kind'], labels = {}, bounds: readonly number[] = []) {
  return { name, help: `Help of ${name}`, kind, labels, bounds };
}

function typical(): FakeCore {
  return new FakeCore(
    [
      seriesOf('otelcol_receiver_accepted_spans', 'counter', { receiver: 'otlp', transport: 'grpc' }),
      seriesOf('otelcol_receiver_accepted_spans', 'counter', { receiver: 'otlp', transport: 'http' }),
      seriesOf('otelcol_exporter_queue_size', 'gauge', { exporter: 'otlp', data_type: 'traces' }),
      seriesOf('otelcol_processor_batch_batch_send_size', 'histogram', { processor: 'batch' }, [10, 25.5]),
      seriesOf(failed, 'counter', { exporter: 'otlp', 'error.type': 'timeout', 'error.permanent': 'false' }),
      seriesOf(failed, 'counter', { exporter: 'otlp', 'error.type': 'refused', 'error.permanent': 'true' }),
      seriesOf('otelcol_exporter_enqueue_size', 'histogram', { exporter: 'otlp' }, [1]),
      seriesOf('otelcol_exporter_enqueue_failed_spans', 'counter', { exporter: 'quiet' }),
    ],
    [12, 3, 0, 1, 2, 1, 90.5, 4, 5, 1, 1, 7, Number.NaN],
  );
}

const stillProcess = new ProcessMetrics({
  now: () => 1000,
  cpuUsage: () => ({ user: 1_500_000, system: 500_000 }),
  memoryUsage: () => ({ rss: 100, heapTotal: 50, heapUsed: 40, external: 5 }),
  allocatedBytes: () => undefined,
});

function page(core: FakeCore, view: Partial<MetricsView> = {}): Promise<string> {
  return new MetricsPage(new MetricsReader(core, stillProcess), { ...DEFAULT_VIEW, ...view }).render();
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

const resource = { 'service.name': 'teleferric', 'service.instance.id': 'x"y' };

describe('MetricsPage', () => {
  it('prints the Collector names, labels and types of a basic page', async () => {
    const text = await page(typical(), { level: 'basic', resource });
    checkExposition(text);
    expect(text).toBe(`# HELP otelcol_exporter_queue_size Help of otelcol_exporter_queue_size [Alpha]
# TYPE otelcol_exporter_queue_size gauge
otelcol_exporter_queue_size{exporter="otlp",data_type="traces"} 0

# HELP otelcol_exporter_send_failed_spans Help of otelcol_exporter_send_failed_spans [Alpha]
# TYPE otelcol_exporter_send_failed_spans counter
otelcol_exporter_send_failed_spans{exporter="otlp"} 9

# HELP otelcol_process_cpu_seconds Total CPU user and system time in seconds [Alpha]
# TYPE otelcol_process_cpu_seconds counter
otelcol_process_cpu_seconds 2

# HELP otelcol_process_memory_rss Total physical memory (resident set size) [Alpha]
# TYPE otelcol_process_memory_rss gauge
otelcol_process_memory_rss 100

# HELP otelcol_process_runtime_heap_alloc_bytes Bytes of allocated heap objects [Alpha]
# TYPE otelcol_process_runtime_heap_alloc_bytes gauge
otelcol_process_runtime_heap_alloc_bytes 40

# HELP otelcol_process_runtime_total_alloc_bytes Cumulative bytes allocated for heap objects [Alpha]
# TYPE otelcol_process_runtime_total_alloc_bytes counter
otelcol_process_runtime_total_alloc_bytes 40

# HELP otelcol_process_runtime_total_sys_memory_bytes Total bytes of memory obtained from the OS [Alpha]
# TYPE otelcol_process_runtime_total_sys_memory_bytes gauge
otelcol_process_runtime_total_sys_memory_bytes 55

# HELP otelcol_process_uptime Uptime of the process [Alpha]
# TYPE otelcol_process_uptime counter
otelcol_process_uptime 0

# HELP otelcol_receiver_accepted_spans Help of otelcol_receiver_accepted_spans [Alpha]
# TYPE otelcol_receiver_accepted_spans counter
otelcol_receiver_accepted_spans{receiver="otlp",transport="grpc"} 12
otelcol_receiver_accepted_spans{receiver="otlp",transport="http"} 3

# HELP target_info Target metadata
# TYPE target_info gauge
target_info{service_name="teleferric",service_instance_id="x\\"y"} 1
`);
  });

  it('shows batch metrics from normal on, with Node runtime metrics, and cumulative buckets', async () => {
    const text = await page(typical());
    checkExposition(text);
    expect(text).toContain(`# TYPE otelcol_processor_batch_batch_send_size histogram
otelcol_processor_batch_batch_send_size_bucket{processor="batch",le="10"} 1
otelcol_processor_batch_batch_send_size_bucket{processor="batch",le="25.5"} 3
otelcol_processor_batch_batch_send_size_bucket{processor="batch",le="+Inf"} 4
otelcol_processor_batch_batch_send_size_sum{processor="batch"} 90.5
otelcol_processor_batch_batch_send_size_count{processor="batch"} 4
`);
    expect(text).toMatch(/^nodejs_heap_size_used_bytes \d+/m);
    expect(text).not.toMatch(/^process_/m);
    expect(text).not.toContain('enqueue_size');
  });

  it('shows enqueue sizes and error labels only when detailed', async () => {
    const text = await page(typical(), { level: 'detailed' });
    checkExposition(text);
    expect(text).toContain('otelcol_exporter_enqueue_size_count{exporter="otlp"} 2');
    expect(text).toContain(`${failed}{exporter="otlp",error_type="timeout",error_permanent="false"} 4`);
  });

  it('keeps a series that was never touched off the page, HELP included', async () => {
    const core = typical();
    await expect(page(core)).resolves.not.toContain('enqueue_failed');
    core.values[core.values.length - 1] = 0;
    await expect(page(core)).resolves.toContain('otelcol_exporter_enqueue_failed_spans{exporter="quiet"} 0');
  });

  it('adds suffixes, units and scopes when the reader asks for them', async () => {
    const naming = { withoutScopeInfo: false, withoutUnits: false, withoutTypeSuffix: false };
    const text = await page(typical(), { naming, scopeVersion: '0.1.0', level: 'basic' });
    checkExposition(text);
    expect(text).toContain('otelcol_process_uptime_seconds_total{');
    expect(text).toContain('otelcol_process_cpu_seconds_total{');
    expect(text).toContain('otelcol_process_memory_rss_bytes{');
    expect(text).toContain(
      'otelcol_receiver_accepted_spans_total{otel_scope_name="go.opentelemetry.io/collector/receiver/receiverhelper",' +
        'otel_scope_version="0.1.0",receiver="otlp",transport="grpc"} 12',
    );
  });

  it('writes constant labels on every series', async () => {
    const text = await page(typical(), { constantLabels: { service_name: 'edge' }, level: 'basic' });
    expect(text).toContain('otelcol_receiver_accepted_spans{service_name="edge",receiver="otlp",transport="grpc"} 12');
    expect(text).toContain('otelcol_process_uptime{service_name="edge"} 0');
  });

  it('follows a catalogue that changes under it', async () => {
    const core = typical();
    const reader = new MetricsReader(core, stillProcess);
    const view = { ...DEFAULT_VIEW, level: 'basic' as const };
    await new MetricsPage(reader, view).render();
    const grown = new FakeCore([seriesOf(sent, 'counter', { exporter: 'new' })], [5]);
    core.catalogue = { version: 2, series: grown.catalogue.series };
    core.values = [5];
    const text = await new MetricsPage(reader, view).render();
    expect(text).toContain(`${sent}{exporter="new"} 5`);
    expect(text).not.toContain('receiver_accepted');
  });

  it('shows the last values and counts the failure when the core cannot be read', async () => {
    const core = typical();
    const reader = new MetricsReader(core, stillProcess);
    const shown = new MetricsPage(reader, DEFAULT_VIEW);
    await shown.render();
    core.failing = true;
    const text = await shown.render();
    checkExposition(text);
    expect(text).toContain('otelcol_receiver_accepted_spans{receiver="otlp",transport="grpc"} 12');
    expect(text).toContain('teleferric_metrics_read_failures_total 1');
  });
});

function bridge(registry: Registry | Registry<OpenMetricsContentType>, core: FakeCore, labels = {}): RegistryBridge {
  const view = { ...DEFAULT_VIEW, level: 'basic' as const, constantLabels: labels };
  return new RegistryBridge(registry, new MetricsReader(core, stillProcess), view);
}

describe('RegistryBridge', () => {
  it('reads the core once per scrape, however many metrics there are', async () => {
    const core = typical();
    const registry = new Registry();
    bridge(registry, core);
    await nextTurn();
    core.reads = 0;
    await registry.metrics();
    expect(core.reads).toBe(1);
    await nextTurn();
    await registry.metrics();
    expect(core.reads).toBe(2);
  });

  it('shows series that come to life after the registration', async () => {
    const core = typical();
    const registry = new Registry();
    bridge(registry, core);
    await nextTurn();
    core.values[core.values.length - 1] = 6;
    await expect(registry.metrics()).resolves.toContain('otelcol_exporter_enqueue_failed_spans{exporter="quiet"} 6');
  });

  it('lets two collectors share a registry and tells them apart by label', async () => {
    const registry = new Registry();
    const one = bridge(registry, typical(), { collector: 'a' });
    bridge(registry, typical(), { collector: 'b' });
    const text = await registry.metrics();
    expect(text).toContain('otelcol_process_uptime{collector="a"} 0\notelcol_process_uptime{collector="b"} 0');
    one.close();
    await expect(registry.metrics()).resolves.not.toContain('collector="a"');
  });

  it('leaves nothing behind when the last one closes', async () => {
    const registry = new Registry();
    const one = bridge(registry, typical());
    one.close();
    one.close();
    expect(registry.getMetricsAsArray()).toEqual([]);
  });

  it('survives resetMetrics and a name that the host has taken', async () => {
    const registry = new Registry();
    const host = {
      name: 'otelcol_process_uptime',
      help: 'x',
      type: 'gauge',
      get: () => ({ name: 'otelcol_process_uptime', help: 'x', type: 'gauge', values: [] }),
      reset() {},
    };
    registry.registerMetric(host as never);
    bridge(registry, typical());
    registry.resetMetrics();
    await expect(registry.metrics()).resolves.toContain(
      'otelcol_receiver_accepted_spans{receiver="otlp",transport="grpc"} 12',
    );
    expect(registry.getSingleMetric('otelcol_process_uptime')).toBe(host);
  });

  it('works in an OpenMetrics registry, which renames counters', async () => {
    const registry = new Registry<OpenMetricsContentType>();
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    bridge(registry, typical());
    const text = await registry.metrics();
    expect(text).toContain('otelcol_receiver_accepted_spans_total{receiver="otlp",transport="grpc"} 12');
    expect(text.endsWith('# EOF\n')).toBe(true);
  });
});
