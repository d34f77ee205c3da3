/**
 * The exporter `load_balancing` between a collector and its backends.
 */
import { startCollector, type Running } from '../support/collector.js';
import { Exporting, ACCEPT, RETRY, sendNamed, UNQUEUED } from '../support/exporting.js';
import { hex } from '../support/fixtures.js';
import { eventually } from '../support/poll.js';
import type { AnySink, GrpcSink } from '../support/sinks.js';
import { sendTo, type Outcome } from '../support/wire.js';

let exporting: Exporting;
beforeEach(() => {
  exporting = new Exporting();
});
afterEach(() => exporting.close());

const TRACES = 60;

/** A request with a span of each of these traces. */
function spansOf(first: number, count: number): object {
  const spans = Array.from({ length: count }, (_, index) => {
    const number = (first + index + 1).toString(16);
    return { traceId: hex(number.padStart(32, '0')), spanId: hex('eee19b7ec3c1b174'), name: number };
  });
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: `service-${first}` } }] };
  return { resourceSpans: [{ resource, scopeSpans: [{ spans }] }] };
}

function backends(): Promise<AnySink[]> {
  return Promise.all([1, 2, 3].map(() => exporting.sink('grpc', ACCEPT)));
}

function balancing(sinks: readonly AnySink[], otlp: object, more: object = {}): Promise<Running> {
  const resolver = { static: { hostnames: sinks.map(({ endpoint }) => endpoint) } };
  const exporter = { resolver, protocol: { otlp: { tls: { insecure: true }, ...otlp } }, ...more };
  return exporting.start({ exporters: { load_balancing: exporter } });
}

const send = (to: Running, first = 0, count = TRACES): Promise<Outcome> =>
  sendTo(to, 'grpc', 'traces', spansOf(first, count));

it('sends every span of a trace to the same backend, each once', async () => {
  const sinks = await backends();
  const collector = await balancing(sinks, UNQUEUED);
  expect(await send(collector)).toMatchObject({ ok: true });
  const first = sinks.map((sink) => sink.names('traces'));
  expect(first.flat()).toHaveLength(TRACES);
  expect(new Set(first.flat()).size).toBe(TRACES);
  for (const names of first) expect(names.length).toBeGreaterThan(0);

  for (let index = 0; index < TRACES; index += 20) expect(await send(collector, index, 20)).toMatchObject({ ok: true });
  for (const [place, sink] of sinks.entries()) {
    const again = sink.names('traces').slice(first[place]?.length);
    expect(again.toSorted()).toEqual([...(first[place] ?? [])].toSorted());
  }
  expect(collector.metric('otelcol_loadbalancer_num_backends', { data_type: 'traces', resolver: 'static' })).toBe(3);
  await collector.memoryIsFree();
});

it('keeps what belongs to a service together, for all signals', async () => {
  const sinks = await backends();
  const collector = await balancing(sinks, UNQUEUED, { routing_key: 'service' });
  for (let index = 0; index < 40; index++) await send(collector, index * 5, 5);
  const counts = sinks.map((sink) => sink.requests('traces').length);
  expect(counts.reduce((sum, count) => sum + count)).toBe(40);
  for (const count of counts) expect(count).toBeGreaterThan(0);
  for (const signal of ['logs', 'metrics'] as const) {
    expect(await sendNamed(collector, 'one', signal)).toMatchObject({ ok: true });
    expect(await sendNamed(collector, 'two', signal)).toMatchObject({ ok: true });
    expect(sinks.filter((sink) => sink.names(signal).length === 2)).toHaveLength(1);
  }
});

it('tells the sender that a backend is away, and gives the others their share', async () => {
  const [one, two, three] = (await backends()) as [GrpcSink, GrpcSink, GrpcSink];
  const collector = await balancing([one, two, three], { ...UNQUEUED, retry_on_failure: { enabled: false } });
  two.answer = () => ({ code: 14, message: 'away' });
  expect(await send(collector)).toMatchObject({ ok: false, code: 14 });
  const away = two.items;
  expect(away).toBeGreaterThan(0);
  expect(one.items + three.items).toBe(TRACES - away);

  two.answer = () => ({});
  expect(await send(collector)).toMatchObject({ ok: true });
  expect(two.items).toBe(2 * away);
});

it('holds what is for a backend that is away, and only that', async () => {
  const [one, two, three] = (await backends()) as [GrpcSink, GrpcSink, GrpcSink];
  const collector = await balancing([one, two, three], { ...RETRY, circuit_breaker: { enabled: false } });
  two.answer = () => ({ code: 14 });
  expect(await send(collector)).toMatchObject({ ok: true });
  const named = { data_type: 'traces', exporter: `otlp_grpc/${two.endpoint}` };
  await eventually(() => one.items + three.items > 0 && two.received.length > 2);
  expect(collector.metric('otelcol_exporter_queue_size', named)).toBe(1);
  two.reset();
  await eventually(() => one.items + two.items + three.items === TRACES);
  await eventually(() => collector.metric('otelcol_exporter_queue_size', named) === 0);
  await collector.memoryIsFree();
});

it('tries again what the queue in front holds', async () => {
  const sinks = (await backends()) as GrpcSink[];
  for (const sink of sinks) sink.answer = () => ({ code: 14 });
  const lane = { ...UNQUEUED, retry_on_failure: { enabled: false }, circuit_breaker: { enabled: false } };
  const collector = await balancing(sinks, lane, { ...RETRY, sending_queue: {} });
  expect(await send(collector)).toMatchObject({ ok: true });
  await eventually(() => sinks.every((sink) => sink.received.length > 1));
  for (const sink of sinks) sink.reset();
  await eventually(() => sinks.every((sink) => sink.items > 0));
  await eventually(() => collector.metric('otelcol_exporter_queue_size', { exporter: 'load_balancing' }) === 0);
  expect(new Set(sinks.flatMap((sink) => sink.names('traces'))).size).toBe(TRACES);
});

it('finds its backends by name', async () => {
  const sink = await exporting.sink('grpc', ACCEPT);
  const resolver = { dns: { hostname: 'localhost', port: String(sink.port), interval: '20ms' } };
  const otlp = { tls: { insecure: true }, ...UNQUEUED };
  // The sink listens on one of the name's addresses; there may be two.
  const exporter = { resolver, protocol: { otlp: { ...otlp, retry_on_failure: { enabled: false } } } };
  const collector = await exporting.start({ exporters: { loadbalancing: exporter } });
  const labels = { data_type: 'traces', resolver: 'dns' };
  expect(collector.metric('otelcol_loadbalancer_num_backends', labels)).toBeGreaterThan(0);
  await send(collector, 0, 200);
  expect(sink.items).toBeGreaterThan(0);
  const looks = { ...labels, success: 'true' };
  await eventually(() => collector.metric('otelcol_loadbalancer_num_resolutions', looks) > 2);
  expect(collector.metric('otelcol_loadbalancer_num_backend_updates', labels)).toBe(1);
});

it('starts and refuses for now while its name does not resolve', async () => {
  const resolver = { dns: { hostname: 'does-not-exist.invalid', timeout: '100ms' } };
  const collector = await exporting.start({ exporters: { load_balancing: { resolver } } });
  expect(await send(collector)).toMatchObject({ ok: false, code: 14, message: expect.stringContaining('no backend') });
  expect(collector.logs.some(({ level, msg }) => level === 'warn' && msg === 'failed to resolve')).toBe(true);
});

it('refuses a backend that cannot be reached in any case', async () => {
  const tls = { ca_file: '/does/not/exist.pem' };
  const exporter = { resolver: { static: { hostnames: ['backend'] } }, protocol: { otlp: { tls } } };
  const start = startCollector({ exporters: { load_balancing: exporter } });
  await expect(start).rejects.toThrow('exporters::load_balancing');
});
