/**
 * The host's metrics go through the collector's metrics pipelines as if an SDK had sent them.
 */
import { Registry, Gauge } from 'prom-client';

import { Collector, type CollectorOptions } from '../../src/index.js';
import { direct } from '../support/collector.js';
import { Cleanup, eventually } from '../support/poll.js';
import { itemsOf, listOf, plainOf, type Plain } from '../support/proto.js';
import { HttpSink } from '../support/sinks.js';

const cleanup = new Cleanup();
let sink: HttpSink;

beforeEach(async () => {
  sink = cleanup.add(await HttpSink.start(), (it) => it.close());
});
afterEach(() => cleanup.run());

async function start(options: Partial<CollectorOptions>, signal = 'metrics'): Promise<Collector> {
  const config = {
    receivers: { otlp: { protocols: { http: { endpoint: '127.0.0.1:0' } } } },
    exporters: { otlp_http: direct(sink) },
    service: {
      telemetry: { metrics: { level: 'none' }, logs: { output_paths: [], error_output_paths: [] } },
      pipelines: { [signal]: { receivers: ['otlp'], exporters: ['otlp_http'] } },
    },
  };
  const collector = await Collector.start({ config, ...options } as CollectorOptions);
  return cleanup.add(collector, (it) => it.close({ deadlineMs: 2000 }));
}

const labelled = (key: string, value: string): Plain => ({ key, value: { stringValue: value } });

/** The metrics of the newest request by name. */
function newest(): ReadonlyMap<unknown, Plain> {
  const request = sink.requests('metrics').at(-1);
  return new Map(request === undefined ? [] : itemsOf('metrics', request).map((metric) => [metric['name'], metric]));
}

const pointsOf = (metric: Plain | undefined, kind: string): readonly Plain[] =>
  listOf(plainOf(metric?.[kind])['dataPoints']);

test('every kind arrives with its numbers, at the interval', async () => {
  const resource = { 'service.name': 'shop', 'deployment.environment.name': 'test' };
  const collector = await start({ metricsFeed: { intervalMs: 20, resource } });
  const { metrics } = collector;
  metrics.counter({ name: 'orders_total', help: 'Orders', labelNames: ['kind'] }).inc({ kind: 'bük"' }, 2.5);
  const gauge = metrics.gauge({ name: 'level', help: 'Level', labelNames: ['at'] });
  gauge.set({ at: 'a' }, -1);
  gauge.set({ at: 'b' }, Number.NaN);
  gauge.set({ at: 'c' }, Number.NEGATIVE_INFINITY);
  const wait = metrics.histogram({ name: 'wait', help: 'Wait', labelNames: ['to'], buckets: [1, 5] });
  for (const value of [0.5, 1, 3, 10]) wait.observe({ to: 'x' }, value);
  wait.observe({ to: 'y' }, 2);
  metrics.summary({ name: 'size', help: 'Size', percentiles: [0.5, 1] }).observe(4);
  await eventually(() => newest().size === 4);

  const [resourceMetrics] = listOf(sink.requests('metrics').at(-1)?.['resourceMetrics']);
  expect(plainOf(resourceMetrics?.['resource'])['attributes']).toEqual([
    labelled('service.name', 'shop'),
    labelled('deployment.environment.name', 'test'),
  ]);
  const found = newest();
  expect(found.get('orders_total')).toMatchObject({
    description: 'Orders',
    sum: {
      aggregationTemporality: 2,
      isMonotonic: true,
      dataPoints: [{ attributes: [labelled('kind', 'bük"')], asDouble: 2.5 }],
    },
  });
  expect(pointsOf(found.get('level'), 'gauge').map(({ asDouble }) => asDouble)).toEqual([-1, Number.NaN, -Infinity]);
  expect(found.get('wait')).toMatchObject({
    histogram: {
      aggregationTemporality: 2,
      dataPoints: [
        {
          attributes: [labelled('to', 'x')],
          count: '4',
          sum: 14.5,
          explicitBounds: [1, 5],
          bucketCounts: ['2', '1', '1'],
        },
        {
          attributes: [labelled('to', 'y')],
          count: '1',
          sum: 2,
          explicitBounds: [1, 5],
          bucketCounts: ['0', '1', '0'],
        },
      ],
    },
  });
  expect(pointsOf(found.get('size'), 'summary')).toMatchObject([
    {
      count: '1',
      sum: 4,
      quantileValues: [
        { quantile: 0.5, value: 4 },
        { quantile: 1, value: 4 },
      ],
    },
  ]);
  const [point] = pointsOf(found.get('orders_total'), 'sum');
  const [from, to] = [BigInt(String(point?.['startTimeUnixNano'])), BigInt(String(point?.['timeUnixNano']))];
  expect(from).toBeLessThan(to);
  expect(Number(to / 1_000_000n)).toBeLessThanOrEqual(Date.now());

  const before = sink.received.length;
  await collector.reload();
  await eventually(() => sink.received.length > before);
});

test('the last numbers are fed before the end, those of a merged registry among them', async () => {
  const before = { ...process.env };
  process.env['OTEL_RESOURCE_ATTRIBUTES'] = 'service.name=overridden,team=a%20b,=no,100%';
  process.env['OTEL_SERVICE_NAME'] = 'checkout';
  const registry = new Registry();
  new Gauge({ name: 'host_level', help: 'Host', registers: [registry] }).set(3);
  try {
    const collector = await start({ metricsFeed: true, metrics: { registry, mergeInto: 'endpoint' } });
    collector.metrics.counter({ name: 'orders_total', help: 'Orders' }).inc();
    expect(sink.received).toHaveLength(0);
    await collector.close();
    expect([...newest().keys()]).toEqual(['orders_total', 'host_level']);
    const [resourceMetrics] = listOf(sink.requests('metrics')[0]?.['resourceMetrics']);
    expect(plainOf(resourceMetrics?.['resource'])['attributes']).toEqual([
      labelled('service.name', 'checkout'),
      labelled('team', 'a b'),
    ]);
  } finally {
    process.env = before;
  }
});

test('what is not taken is told of once', async () => {
  const warnings: unknown[] = [];
  const collector = await start({ metricsFeed: { intervalMs: 5 } }, 'traces');
  collector.on('warning', (message, fields) => {
    if (message === 'metrics of the host were not taken') warnings.push(fields);
  });
  let collected = 0;
  collector.metrics.gauge({ name: 'level', help: 'Level', collect: () => void (collected += 1) });
  await eventually(() => collected > 3);
  expect(warnings).toEqual([{ error: 'no pipeline takes metrics' }]);
});
