// What must compile, as users write it.
import { Collector, defineConfig, type CollectorState, type Configuration, type Duration } from '../../src/index.js';

const storage: Configuration = {
  extensions: { 'file_storage/queues': { directory: '${env:QUEUES:-/var/lib/queues}' } },
};

export const whole = defineConfig({
  ...storage,
  receivers: { nop: null, otlp: { protocols: { grpc: {}, http: { endpoint: '127.0.0.1:0' } } }, 'otlp/2': {} },
  processors: {
    'memory_limiter/first': { check_interval: '1s', limit_mib: 512 },
    batch: { timeout: '1m30s', send_batch_size: '${env:SIZE}' },
    attributes: { actions: [{ key: 'size', action: 'upsert', value: 2n ** 60n }] },
  },
  exporters: {
    otlp: { endpoint: 'backend:4317', tls: { insecure: true } },
    'otlp_http/b': {
      endpoint: 'https://backend:4318',
      headers: { authorization: 'Bearer ${file:token}' },
      sending_queue: { enabled: true, storage: 'file_storage/queues', max_age: '24h' },
      retry_on_failure: { max_elapsed_time: 0 },
    },
    'otlp_http/c': { headers: [{ name: 'a', value: 'b' }], sending_queue: null },
  },
  connectors: { 'failover/x': { priority_levels: [['traces/a'], ['traces/b']] } },
  service: {
    extensions: ['file_storage/queues'],
    telemetry: { logs: { level: 'warn', initial_fields: { a: [1, { b: null }] } }, metrics: { level: 'none' } },
    pipelines: {
      traces: {
        receivers: ['otlp', 'otlp/2'],
        processors: ['memory_limiter/first', 'batch'],
        exporters: ['failover/x'],
      },
      'traces/a': { receivers: ['failover/x'], exporters: ['otlp'] },
      'logs/b': { receivers: ['${env:RECEIVER}'], exporters: ['otlp_http/b'] },
    },
    drain: { timeout: '0' },
  },
});

export const durations: readonly Duration[] = [
  0,
  '0',
  '5ms',
  '1.5s',
  '1h',
  '2h45m',
  '1h0m0s',
  '3m20s',
  '-1s',
  '${env:T}',
];

export async function use(): Promise<void> {
  await using collector = await Collector.start({ config: ['collector.yaml', whole, 'service: {threads: 2}'] });
  collector.on('state', (state: CollectorState, before) => state === before);
  const outcome = await collector.ingest('traces', new Uint8Array());
  if (outcome.outcome === 'refused') console.log(outcome.retryAfterMs);
  await collector.ingest('logs', new Uint8Array(), { encoding: 'json', compression: 'zstd' });
  const coding: string = 'br';
  await collector.ingest('logs', new Uint8Array(), { compression: coding });
  collector.metrics.counter({ name: 'orders_total', help: 'Orders', labelNames: ['kind'] }).inc({ kind: 'book' });
  collector.metrics.histogram({ name: 'wait', help: 'Wait', buckets: [1, 2] }).observe(1);
  collector.metrics.gauge({
    name: 'level',
    help: 'Level',
    collect() {
      this.set(1);
    },
  });
  await collector.reload({ config: whole });
  await collector.close({ deadlineMs: null });
}
