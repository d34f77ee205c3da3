// The target is away for a while, and requests go on coming: when it is back, the backlog goes faster than they come.
import { setTimeout as sleep } from 'node:timers/promises';
import { QUIET_MS_MAX, Stage } from './stage.mjs';

/** How much faster the backlog has to go than requests come. */
const TIMES_ARRIVAL_MIN = 3;
/** Requests to the target at once: with few, the time in which this process gets its turn would be what is measured. */
const CONSUMERS = 100;
/** A backlog of no more than what comes in this time is none. */
const BACKLOG_MS = 100;
/** From the target's return to the first request there: the longest waits of retry and breaker, and the machine's own. */
const FIRST_MS_MAX = 750 + 600 + 500;

/** `rate` is requests a second; a third of what the target of these runs can take is the most that can be asked for. */
export async function outage({ seconds, connections, rate }) {
  const stage = await Stage.make({ connections, queue: { num_consumers: CONSUMERS } });
  const { collector, target, oracle } = stage;
  await collector.start();
  const producer = stage.newProducer({ rate });
  producer.start();
  await sleep(1000);
  await target.close();
  await sleep(seconds * 1000);
  const queued = () => collector.metric('otelcol_exporter_queue_size');
  const backlog = await queued();

  const [delivered, accepted, began] = [oracle.delivered, oracle.accepted, performance.now()];
  await target.open();
  while (oracle.delivered === delivered && performance.now() < began + QUIET_MS_MAX) await sleep(5);
  const [first, first_ms] = [performance.now(), performance.now() - began];
  while ((await queued()) > (rate * BACKLOG_MS) / 1000 && performance.now() < first + QUIET_MS_MAX) await sleep(20);
  const end = performance.now();
  const drained = (oracle.delivered - delivered) / (end - first);
  const arrived = (oracle.accepted - accepted) / (end - began);
  await producer.stop();

  const faults = await stage.settle();
  const times_arrival = drained / arrived;
  if (first_ms > FIRST_MS_MAX)
    faults.push(`the first request came ${Math.round(first_ms)} ms after the target was back`);
  if (times_arrival < TIMES_ARRIVAL_MIN) {
    faults.push(
      `the backlog went ${times_arrival.toFixed(2)} times as fast as requests came, not ${TIMES_ARRIVAL_MIN}`,
    );
  }
  const verdict = oracle.verdict();
  await stage.end();
  const per_s = { arrived: Math.round(arrived * 1000), drained: Math.round(drained * 1000) };
  const drain_s = (end - first) / 1000;
  return { backlog, first_ms, drain_s, per_s, times_arrival, ...verdict, faults: [...faults, ...verdict.faults] };
}
