// All of the collector stands still for a while under load, as on a machine that is suspended, with requests that wait
// for another attempt: when it goes on, none has been dropped, and none waits any longer for what was due meanwhile.
import { setTimeout as sleep } from 'node:timers/promises';
import { QUIET_MS_MAX, Stage } from './stage.mjs';

/** Senders wait longer than it stands still, so that what they are told is the collector's. */
const PATIENCE_MS = 10_000;
/** From the end of the stop to the first request at the target: the longest waits of retry and breaker, and some more. */
const FIRST_MS_MAX = 750 + 600 + 500;
const REFUSING_MS = 1000;
const RUN_MS = 2000;
/** Of what the target got in such a time before. */
const SHARE_MIN = 0.5;

export async function freeze({ seconds, connections, rate }) {
  const stage = await Stage.make({ connections });
  const { collector, target, oracle } = stage;
  await collector.start();
  const producer = stage.newProducer({ rate, patienceMs: seconds * 1000 + PATIENCE_MS });
  producer.start();
  await sleep(1000);
  const delivered = async () => {
    const before = target.delivered;
    await sleep(RUN_MS);
    return target.delivered - before;
  };
  const usual = await delivered();
  target.set('refuse');
  await sleep(REFUSING_MS);
  const frozen = collector.freeze(seconds * 1000);
  target.set('take');
  await frozen;
  const [there, began] = [target.delivered, performance.now()];
  while (target.delivered === there && performance.now() < began + QUIET_MS_MAX) await sleep(5);
  const first_ms = performance.now() - began;
  const after = await delivered();
  await producer.stop();
  const faults = await stage.settle();
  const dropped = await collector.metric('teleferric_dropped_items_total');
  if (first_ms > FIRST_MS_MAX) faults.push(`the first request came ${Math.round(first_ms)} ms after it went on`);
  if (after < SHARE_MIN * usual)
    faults.push(`the target got ${after} requests afterwards, and ${usual} in the same time before`);
  if (dropped > 0) faults.push(`${dropped} items were dropped`);
  const verdict = oracle.verdict();
  await stage.end();
  return {
    first_ms,
    usual,
    after,
    dropped,
    refusals: producer.refusals,
    ...verdict,
    faults: [...faults, ...verdict.faults],
  };
}
