/**
 * Several endpoints of one exporter: failover, failback, and which of them a request goes to.
 */
import { Exporting, ACCEPT, RETRY, sendNamed, UNQUEUED } from '../support/exporting.js';
import { eventually } from '../support/poll.js';
import { TRANSPORTS } from '../support/wire.js';

let exporting: Exporting;
beforeEach(() => {
  exporting = new Exporting();
});
afterEach(() => exporting.close());

const AT_ONCE = { endpoint_policy: { failback_after: '0s', ramp: '0s' } };
const BREAKER = { circuit_breaker: { open: '20ms', max_open: '20ms', half_open: { successes: 1 } } };

describe.each(TRANSPORTS)('endpoints over %s', (transport) => {
  it('a better one that goes away and comes back is missed by no request', async () => {
    const [first, second] = [await exporting.sink(transport, ACCEPT), await exporting.sink(transport, ACCEPT)];
    const endpoints = [{ url: second.endpoint, priority: 1 }];
    const collector = await exporting.collector(first, { ...UNQUEUED, ...RETRY, ...BREAKER, ...AT_ONCE, endpoints });
    const send = async (): Promise<void> => expect(await sendNamed(collector, 'x')).toMatchObject({ ok: true });
    await send();
    expect([first.received.length, second.received.length]).toEqual([1, 0]);

    first.answer = () => 'reset';
    for (let round = 0; round < 10; round++) await send();
    expect(second.received).toHaveLength(10);
    const labels = { endpoint: first.endpoint.replace('http://', '') };
    expect(collector.metric('teleferric_endpoint_ejected', labels)).toBe(1);

    first.answer = () => ({});
    await eventually(async () => {
      await send();
      return collector.metric('teleferric_endpoint_ejected', labels) === 0;
    });
    const before = second.received.length;
    await send();
    expect(second.received).toHaveLength(before);
    expect(collector.metric('teleferric_endpoint_picks_total')).toBe(first.received.length + second.received.length);
    await collector.memoryIsFree();
    expect(collector.metric('teleferric_endpoint_in_flight_bytes')).toBe(0);
  });

  it('those of one priority share by weight', async () => {
    const [first, second] = [await exporting.sink(transport, ACCEPT), await exporting.sink(transport, ACCEPT)];
    const endpoints = [{ url: second.endpoint, weight: 3 }];
    const collector = await exporting.collector(first, { ...UNQUEUED, endpoints });
    for (let round = 0; round < 100; round++) await sendNamed(collector, 'x');
    // Further off than this is one of more than a million runs.
    expect(second.received.length).toBeGreaterThan(50);
    expect(second.received.length).toBeLessThan(95);
  });
});

it('one address listed twice is refused', async () => {
  const sink = await exporting.sink('grpc', ACCEPT);
  const start = exporting.collector(sink, { endpoints: [{ url: sink.endpoint }] });
  await expect(start).rejects.toThrow(`endpoints: "${sink.endpoint}" is there twice`);
});
