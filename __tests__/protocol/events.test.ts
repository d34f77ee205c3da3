/**
 * Events of a collector at work: drops, circuit breakers and reloads.
 */
import type { BreakerEvent, CollectorError, DropEvent } from '../../src/index.js';
import { Exporting, sendNamed } from '../support/exporting.js';
import { eventually } from '../support/poll.js';
import { HttpSink, type HttpAnswer } from '../support/sinks.js';

let exporting: Exporting;
beforeEach(() => {
  exporting = new Exporting();
});
afterEach(() => exporting.close());

const REFUSED: HttpAnswer = { status: 400 };

describe('drop', () => {
  it('tells in the end of every item that the account counts, and of each once', async () => {
    const sink = exporting.keep(await HttpSink.start({ answer: (_, index) => (index < 30 ? REFUSED : 'hang') }));
    const queue = { sending_queue: { num_consumers: 1 } };
    const running = await exporting.collector(sink, queue, { service: { threads: 2 } });
    const drops: DropEvent[] = [];
    running.collector.on('drop', (drop) => drops.push(drop));
    for (let index = 0; index < 40; index += 1)
      await sendNamed(running, `n${index}`, index % 2 === 0 ? 'logs' : 'traces');
    await eventually(() => running.metric('teleferric_dropped_items_total', { reason: 'permanent' }) >= 20);
    await running.collector.close({ deadlineMs: 0 });
    const total = (one: (drop: DropEvent) => boolean): number =>
      drops.filter(one).reduce((sum, { items }) => sum + items, 0);
    for (const reason of ['permanent', 'shutdown', 'expired', 'abandoned']) {
      const counted = running.metric('teleferric_dropped_items_total', { reason });
      expect({ reason, items: total((drop) => drop.reason === reason) }).toEqual({ reason, items: counted });
    }
    expect(total(() => true)).toBe(40);
    expect(total(({ signal }) => signal === 'logs')).toBe(20);
    expect(new Set(drops.map(({ component }) => component))).toEqual(new Set(['otlp_http']));
    // One for each signal and reason in each of the few seconds, not one for each item.
    expect(drops.length).toBeLessThan(40);
  });

  it('comes within a second or so while the collector runs, also to those who listen late', async () => {
    const sink = exporting.keep(await HttpSink.start({ answer: () => REFUSED }));
    const running = await exporting.collector(sink, {});
    await sendNamed(running, 'a');
    await eventually(() => running.metric('teleferric_dropped_items_total', { reason: 'permanent' }) === 1);
    const drops: DropEvent[] = [];
    running.collector.on('drop', () => {
      throw new Error('not today');
    });
    running.collector.prependListener('drop', (drop) => drops.push(drop));
    await eventually(() => drops.length > 0);
    expect(drops).toEqual([{ component: 'otlp_http', signal: 'logs', reason: 'permanent', items: 1 }]);
    await eventually(() => running.said('event listener failed').length === 1);
  });
});

it('breaker tells how a circuit breaker opens, tries and closes', async () => {
  let isDown = true;
  const sink = exporting.keep(await HttpSink.start({ answer: () => (isDown ? { status: 503 } : {}) }));
  const half = { permits: 1, successes: 1 };
  const running = await exporting.collector(sink, {
    retry_on_failure: { initial_interval: '5ms', randomization_factor: 0 },
    circuit_breaker: { consecutive: 2, open: '10ms', jitter: 0, half_open: half },
  });
  const changes: BreakerEvent[] = [];
  running.collector.on('breaker', (change) => changes.push(change));
  await sendNamed(running, 'a');
  await eventually(() => changes.length >= 2);
  isDown = false;
  await eventually(() => changes.at(-1)?.to === 'closed');
  const at = { component: 'otlp_http', endpoint: changes[0]?.endpoint ?? '' };
  expect(at.endpoint).toContain(String(sink.port));
  expect(changes.slice(0, 2)).toEqual([
    { ...at, from: 'closed', to: 'open' },
    { ...at, from: 'open', to: 'half_open' },
  ]);
  for (const [index, { from }] of changes.entries()) expect(from).toBe(changes[index - 1]?.to ?? 'closed');
});

it('reload tells whether it was accepted, and a listener that throws changes nothing', async () => {
  const sink = exporting.keep(await HttpSink.start());
  const running = await exporting.collector(sink, {});
  const outcomes: (string | null)[] = [];
  running.collector.on('reload', (refusal: CollectorError | null) => {
    outcomes.push(refusal?.code ?? null);
    throw new Error('not today');
  });
  await running.collector.reload();
  await expect(running.collector.reload('receivers: {otpl: }')).rejects.toMatchObject({ code: 'CONFIG_UNDECODABLE' });
  expect(outcomes).toEqual([null, 'CONFIG_UNDECODABLE']);
  expect(running.said('event listener failed')).toHaveLength(2);
});
