// `collector.metrics`: who may have which name, where the numbers show, and when they are gone.
import { register as globalRegistry, Counter, Gauge, Registry } from 'prom-client';
import { jest } from '@jest/globals';

import { Collector, isCollectorError, type CollectorOptions, type CounterOptions } from '../../../src/index.js';
import { HostMetric } from '../../../src/telemetry/host-metrics.js';
import { FakeAddon } from '../binding/fake-binding.js';
import { checkExposition } from '../telemetry/exposition.js';

const open: Collector[] = [];
afterEach(async () => {
  jest.useRealTimers();
  for (const collector of open.splice(0)) await collector.close({ deadlineMs: 0 });
});

const reader = { pull: { exporter: { prometheus: { host: '127.0.0.1', port: 0 } } } };
const config = {
  receivers: { otlp: { protocols: { http: null } } },
  exporters: { nop: null },
  service: {
    telemetry: { metrics: { readers: [reader] }, logs: { output_paths: [], error_output_paths: [] } },
    pipelines: { traces: { receivers: ['otlp'], exporters: ['nop'] } },
  },
} as const;

interface Stand {
  readonly collector: Collector;
  readonly warnings: unknown[];
}

function make(options: Partial<CollectorOptions> = {}): Stand {
  const collector = new Collector({ config, ...options } as CollectorOptions, { addon: new FakeAddon() });
  open.push(collector);
  const warnings: unknown[] = [];
  collector.on('warning', (message, fields) => {
    if (message === 'metric of the host is left out') warnings.push(fields);
  });
  return { collector, warnings };
}

const unwilling = (): never => {
  throw new Error('no database');
};
const hang = (): Promise<void> => new Promise(() => {});

async function page(collector: Collector): Promise<string> {
  const address = collector.listening().find(({ protocol }) => protocol === 'metrics')?.address;
  const response = await fetch(`http://${address}/metrics`, { headers: { connection: 'close' } });
  const text = await response.text();
  expect({ status: response.status, text }).toMatchObject({ status: 200 });
  checkExposition(text);
  return text;
}

test('metrics are made at any time, served beside the collector’s own, and gone with it', async () => {
  const { collector } = make();
  const orders = collector.metrics.counter({ name: 'orders_total', help: 'Orders', labelNames: ['kind'] });
  orders.inc({ kind: 'book' }, 2);
  await collector.start();
  orders.inc({ kind: 'book' });
  collector.metrics.gauge({
    name: 'stock',
    help: 'In stock',
    collect() {
      this.set(7);
    },
  });
  collector.metrics.histogram({ name: 'wait_seconds', help: 'Wait', buckets: [0.5, 1] }).observe(0.7);
  collector.metrics.summary({ name: 'size', help: 'Size', percentiles: [0.5] }).observe(3);
  for (const when of ['started', 'reloaded']) {
    const text = await page(collector);
    expect({ when, text }).toMatchObject({ text: expect.stringContaining('orders_total{kind="book"} 3\n') as unknown });
    expect(text).toContain('stock 7\n');
    expect(text).toContain('wait_seconds_bucket{le="1"} 1\n');
    expect(text).toContain('size{quantile="0.5"} 3\n');
    expect(text).toContain('otelcol_process_uptime ');
    await collector.reload();
  }
  expect(globalRegistry.getSingleMetric('orders_total')).toBeUndefined();
  expect(collector.metrics.remove('stock')).toBe(true);
  expect(collector.metrics.remove('stock')).toBe(false);
  await expect(page(collector)).resolves.not.toMatch(/^stock /m);
  await collector.close();
  orders.inc({ kind: 'late' });
  expect(() => collector.metrics.gauge({ name: 'late', help: 'Late' })).toThrow('the collector is closed');
});

test.each<[string, object]>([
  ['counter.name must be text', { name: 7 }],
  ['counter.help must be text', { name: 'a', help: '' }],
  ['invalid metric name', { name: 'a-b' }],
  ['invalid label name', { name: 'a', labelNames: ['b-c'] }],
  ['counter.labelNames must be a list of different texts', { name: 'a', labelNames: 'b' }],
  ['counter.labelNames', { name: 'a', labelNames: [Symbol('x')] }],
  ['counter.labelNames', { name: 'a', labelNames: ['b', 'b'] }],
  ['counter.labelNames', { name: 'a', labelNames: ['__proto__'] }],
  ['there is one of that name already', { name: '__proto__' }],
  ['"collect" parameter must be a function', { name: 'a', collect: 1 }],
  ['unknown option "labelnames" of counter (did you mean "labelNames"?)', { name: 'a', labelnames: [] }],
  ['unknown option "registers" of counter', { name: 'a', registers: [] }],
  ['reserved', { name: 'otelcol_orders' }],
  ['reserved', { name: 'teleferric_orders' }],
  ['reserved', { name: 'nodejs_orders' }],
  ['reserved', { name: 'target_info' }],
  ['there is one of that name already', { name: 'taken' }],
])('a counter is refused: %s', (words, options) => {
  const { collector } = make();
  collector.metrics.gauge({ name: 'taken', help: 'Taken' });
  let error: unknown;
  try {
    collector.metrics.counter({ help: 'Help', ...options } as CounterOptions<string>);
  } catch (thrown) {
    error = thrown;
  }
  expect(isCollectorError(error, 'INVALID_ARGUMENT')).toBe(true);
  expect((error as Error).message).toContain(words);
});

test('buckets, percentiles and reserved labels are checked', () => {
  const { metrics } = make().collector;
  const head = { name: 'a', help: 'A' };
  for (const buckets of [[], [1, 1], [2, 1], [1, Infinity], ['1'], 1]) {
    const histogram = (): unknown => metrics.histogram({ ...head, buckets: buckets as number[] });
    expect(histogram).toThrow('histogram.buckets must be a list of finite numbers that ascends');
  }
  for (const percentiles of [[1.5], [-1], ['0.5'], 0.5]) {
    const summary = (): unknown => metrics.summary({ ...head, percentiles: percentiles as number[] });
    expect(summary).toThrow('summary.percentiles must be a list of numbers from 0 to 1');
  }
  expect(() => metrics.histogram({ ...head, labelNames: ['le'] })).toThrow('le is a reserved label');
  expect(() => metrics.summary({ ...head, labelNames: ['quantile'] })).toThrow('quantile is a reserved label');
  expect(() => metrics.counter(null as never)).toThrow('options of counter must be an object');
  // What was refused has not taken the name.
  expect(metrics.histogram({ ...head, buckets: [1, 2] })).toBeDefined();
});

test('a collect function that throws costs its own numbers, and is told of once', async () => {
  const { collector, warnings } = make();
  await collector.start();
  collector.metrics.gauge({ name: 'broken', help: 'Broken', collect: unwilling });
  collector.metrics.gauge({ name: 'rejected', help: 'Rejected', collect: async () => Promise.reject(new Error('no')) });
  collector.metrics.counter({ name: 'sound_total', help: 'Sound' }).inc();
  for (let scrape = 0; scrape < 2; scrape += 1) {
    const text = await page(collector);
    expect(text).toContain('sound_total 1\n');
    expect(text).not.toMatch(/^(broken|rejected) /m);
  }
  expect(warnings).toEqual([
    { metric: 'broken', reason: 'no database' },
    { metric: 'rejected', reason: 'no' },
  ]);
});

test('a collect function that hangs is not waited for', async () => {
  jest.useFakeTimers();
  const hanging = new Gauge({ name: 'hanging', help: 'Hanging', collect: hang, registers: [] });
  const leftOut: string[] = [];
  const metric = new HostMetric(hanging, {}, (name, reason) => leftOut.push(`${name}: ${reason}`));
  const collected = metric.get();
  await jest.advanceTimersByTimeAsync(2000);
  await expect(collected).resolves.toEqual({ name: 'hanging', help: 'Hanging', type: 'gauge', values: [] });
  expect(leftOut).toEqual(['hanging: no values after 2000 ms']);
});

/** A counter of the host. */
function made(registry: Registry): Counter {
  const counter = new Counter({ name: 'host_total', help: 'Host', registers: [registry] });
  counter.inc(5);
  return counter;
}

/** A registry that serves this type. */
function registryOf(type: string): Registry {
  const registry = new Registry();
  registry.setContentType(type as typeof Registry.PROMETHEUS_CONTENT_TYPE);
  return registry;
}

describe('with the registry of the host', () => {
  test('host: everything of the collector goes there, and leaves it again', async () => {
    const registry = new Registry();
    made(registry);
    const { collector } = make({ metrics: { registry, labels: { collector: 'edge' } } });
    collector.metrics.counter({ name: 'orders_total', help: 'Orders' }).inc(2);
    await collector.start();
    const text = await registry.metrics();
    expect(text).toContain('orders_total{collector="edge"} 2\n');
    expect(text).toContain('otelcol_process_uptime{collector="edge"} ');
    expect(await page(collector)).not.toContain('host_total');
    expect(() => collector.metrics.gauge({ name: 'host_total', help: 'Clash' })).toThrow(
      'metric "host_total": the registry of the host has one of that name already',
    );
    await collector.close();
    expect(registry.getMetricsAsArray().map(({ name }) => name)).toEqual(['host_total']);
  });

  test('host: a registry for OpenMetrics has the names it wants, and gets them back', async () => {
    const registry = registryOf(Registry.OPENMETRICS_CONTENT_TYPE);
    const { collector } = make({ metrics: { registry } });
    collector.metrics.counter({ name: 'orders_total', help: 'Orders' }).inc(2);
    await collector.start();
    await expect(registry.metrics()).resolves.toContain('# TYPE orders counter\norders_total 2\n');
    expect(await page(collector)).toContain('# TYPE orders_total counter\norders_total 2\n');
    await collector.close();
    expect(registry.getMetricsAsArray()).toEqual([]);
  });

  test('endpoint: the host’s are on the page, with its default labels, and nothing is put there', async () => {
    for (const type of [Registry.PROMETHEUS_CONTENT_TYPE, Registry.OPENMETRICS_CONTENT_TYPE]) {
      const registry = registryOf(type);
      made(registry);
      registry.setDefaultLabels({ app: 'shop' });
      const { collector, warnings } = make({ metrics: { registry, mergeInto: 'endpoint' } });
      await collector.start();
      await registry.metrics();
      expect(await page(collector)).toContain('# TYPE host_total counter\nhost_total{app="shop"} 5\n');
      expect(registry.getMetricsAsArray()).toHaveLength(1);
      expect(warnings).toEqual([]);
      await collector.close();
    }
  });

  test('endpoint: a name that the collector has stays its own, and is told of', async () => {
    const registry = new Registry();
    new Gauge({ name: 'otelcol_process_uptime', help: 'Mine', registers: [registry] }).set(-1);
    new Gauge({ name: 'nodejs_version_info', help: 'Mine too', registers: [registry] }).set(-1);
    const { collector, warnings } = make({ metrics: { registry, mergeInto: 'endpoint' } });
    await collector.start();
    for (let scrape = 0; scrape < 2; scrape += 1) {
      const text = await page(collector);
      expect(text).toMatch(/^otelcol_process_uptime \d/m);
      expect(text).not.toContain('Mine');
    }
    expect(warnings).toEqual([{ metric: 'otelcol_process_uptime', reason: 'the name is taken on this page' }]);
  });

  test('both: each is on each page once', async () => {
    const registry = new Registry();
    made(registry);
    const { collector, warnings } = make({ metrics: { registry, mergeInto: 'both' } });
    collector.metrics.counter({ name: 'orders_total', help: 'Orders' }).inc(2);
    await collector.start();
    for (const text of [await registry.metrics(), await page(collector)]) {
      for (const name of ['orders_total', 'host_total', 'otelcol_process_uptime']) {
        expect(text.match(new RegExp(`^# TYPE ${name} `, 'gm'))).toHaveLength(1);
      }
    }
    expect(warnings).toEqual([]);
  });

  test('what is no registry, and no way to merge, is refused', () => {
    expect(() => make({ metrics: { registry: {} as Registry } })).toThrow('metrics.registry');
    expect(() => make({ metrics: { registry: new Registry(), mergeInto: 'page' as 'host' } })).toThrow(
      'metrics.mergeInto must be host, endpoint or both',
    );
    expect(() => make({ metricsFeed: { intervalMs: 0 } })).toThrow('metricsFeed.intervalMs');
    expect(() => make({ metricsFeed: { resource: { a: 1 } as never } })).toThrow('metricsFeed.resource');
    expect(() => make({ metricsFeed: { interval: 1 } as never })).toThrow('did you mean "intervalMs"?');
    expect(() => make({ metricsFeed: 'yes' as never })).toThrow('options of metricsFeed must be an object');
  });
});
