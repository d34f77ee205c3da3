/**
 * The connector `failover` between pipelines of a running collector.
 */
import type { Running } from '../support/collector.js';
import { exporterTo } from '../support/collector.js';
import { Exporting, ACCEPT, sendNamed, UNQUEUED } from '../support/exporting.js';
import { eventually } from '../support/poll.js';
import type { GrpcSink } from '../support/sinks.js';

let exporting: Exporting;
beforeEach(() => {
  exporting = new Exporting();
});
afterEach(() => exporting.close());

const DIRECT = { ...UNQUEUED, retry_on_failure: { enabled: false }, circuit_breaker: { enabled: false } };

async function sinks(): Promise<[GrpcSink, GrpcSink]> {
  return [await exporting.sink('grpc', ACCEPT), await exporting.sink('grpc', ACCEPT)] as [GrpcSink, GrpcSink];
}

function failing(first: GrpcSink, second: GrpcSink, retryInterval: string): Promise<Running> {
  return exporting.start({
    exporters: { 'otlp_grpc/1': exporterTo(first, DIRECT), 'otlp_grpc/2': exporterTo(second, DIRECT) },
    connectors: {
      failover: { priority_levels: [['logs/first'], ['logs/second']], retry_interval: retryInterval },
    },
    pipelines: {
      logs: { receivers: ['otlp'], exporters: ['failover'] },
      'logs/first': { receivers: ['failover'], exporters: ['otlp_grpc/1'] },
      'logs/second': { receivers: ['failover'], exporters: ['otlp_grpc/2'] },
    },
  });
}

it('goes to the next level when one refuses, and returns after a while', async () => {
  const [first, second] = await sinks();
  const collector = await failing(first, second, '50ms');
  const send = async (): Promise<void> => expect(await sendNamed(collector, 'x')).toMatchObject({ ok: true });
  await send();
  expect([first.items, second.items]).toEqual([1, 0]);

  first.answer = () => ({ code: 14, message: 'away' });
  await send();
  await send();
  expect(second.items).toBe(2);
  expect(collector.metric('teleferric_failover_level', { connector: 'failover', data_type: 'logs' })).toBe(1);
  expect(collector.logs.some(({ msg }) => msg === 'Failing over to the next priority level.')).toBe(true);

  first.reset();
  await eventually(async () => {
    await send();
    return first.items > 0;
  });
  const before = second.items;
  await send();
  expect(second.items).toBe(before);
  await collector.memoryIsFree();
});

it('refuses what every level refuses', async () => {
  const [first, second] = await sinks();
  for (const sink of [first, second]) sink.answer = () => ({ code: 14, message: 'away' });
  const collector = await failing(first, second, '10m');
  expect(await sendNamed(collector, 'x')).toMatchObject({ ok: false, code: 14 });
  expect([first.received.length, second.received.length]).toEqual([1, 1]);
  first.reset();
  expect(await sendNamed(collector, 'x')).toMatchObject({ ok: true });
});
