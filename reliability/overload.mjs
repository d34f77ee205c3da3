// Ten times more is offered than the target takes: memory stays below its limit, whoever is refused is told when to come
// again, the target gets as much as it can take, and what was taken arrives.
import { setTimeout as sleep } from 'node:timers/promises';
import { QUIET_MS_MAX, Stage } from './stage.mjs';

const LIMIT_MIB = 96;
/** Above limit and what the process has without load together. */
const RSS_SHARE_MAX = 1.05;
const GOODPUT_SHARE_MIN = 0.9;
const TIMES_OFFERED_MIN = 10;
/** What the target takes: so many requests at once, each for so long. It bounds the rate, whatever else is busy here. */
const CONSUMERS = 40;
const TAKES_MS = 400;
const TAKEN_PER_S = (CONSUMERS * 1000) / TAKES_MS;
const PADDING_BYTES = 16 << 10;
const SAMPLE_MS = 50;
const WARM_MS = 1500;

/** Ways to set the limit. */
const LIMITS = {
  memory_limiter: (config) => {
    config.processors = { memory_limiter: { check_interval: '1s', limit_mib: LIMIT_MIB, spike_limit_mib: 8 } };
    config.service.pipelines.traces.processors = ['memory_limiter'];
  },
  'service.limits': (config) => {
    config.service.limits = { memory_mib: LIMIT_MIB };
  },
};

export async function overload({ seconds, connections }) {
  const [found, faults] = [{}, []];
  for (const [name, limit] of Object.entries(LIMITS)) {
    const { faults: some, ...figures } = await under(limit, seconds, 2 * connections);
    found[name] = figures;
    faults.push(...some.map((fault) => `${name}: ${fault}`));
  }
  return { ...found, faults };
}

async function under(limit, seconds, connections) {
  const queue = { storage: undefined, num_consumers: CONSUMERS };
  const stage = await Stage.make({ connections, queue });
  const { collector, target, oracle } = stage;
  limit(collector.config);
  await collector.start();
  const base_mib = await idle(stage);

  // Somewhat more than the target takes, for comparison.
  target.takesMs = TAKES_MS;
  const steady = stage.newProducer({ rate: 1.2 * TAKEN_PER_S, padding: PADDING_BYTES });
  steady.start();
  await sleep(1000);
  const usual = await taken(stage, seconds / 2);
  await steady.stop();

  const [sent, began] = [oracle.sent, performance.now()];
  const producer = stage.newProducer({ padding: PADDING_BYTES });
  producer.start();
  let rss_mib = 0;
  const sampling = setInterval(() => {
    rss_mib = Math.max(rss_mib, collector.rssMib());
  }, SAMPLE_MS);
  // Until memory is full there is nothing to see.
  while (Object.keys(producer.refusals).length === 0 && performance.now() < began + QUIET_MS_MAX)
    await sleep(SAMPLE_MS);
  const filled_s = (performance.now() - began) / 1000;
  const goodput = await taken(stage, seconds);
  const offered = ((oracle.sent - sent) * 1000) / (performance.now() - began);
  await producer.stop();
  clearInterval(sampling);

  target.takesMs = 0;
  const faults = await stage.settle();
  const times_offered = offered / goodput;
  if (times_offered < TIMES_OFFERED_MIN) faults.push(`only ${times_offered.toFixed(1)} times as much was offered`);
  if (goodput < GOODPUT_SHARE_MIN * usual)
    faults.push(`the target got ${Math.round(goodput)} requests/s, not ${Math.round(usual)}`);
  const rss_mib_max = (base_mib + LIMIT_MIB) * RSS_SHARE_MAX;
  if (rss_mib > rss_mib_max) faults.push(`memory rose to ${Math.round(rss_mib)} MiB, above ${Math.round(rss_mib_max)}`);
  if (producer.unhinted > 0) faults.push(`${producer.unhinted} refusals do not say when to come again`);
  const { refusals } = producer;
  if (Object.keys(refusals).some((why) => !(Number(why) > 0))) faults.push('connections broke');
  const verdict = oracle.verdict();
  await stage.end();
  const figures = { filled_s, usual, goodput, times_offered, base_mib, rss_mib, refusals };
  return { ...figures, ...verdict, faults: [...faults, ...verdict.faults] };
}

/** Memory of the process without telemetry, once all connections have sent as fast as they can: those have buffers too. */
async function idle({ collector, newProducer }) {
  const producer = newProducer({ padding: PADDING_BYTES });
  producer.start();
  await sleep(WARM_MS);
  await producer.stop();
  return collector.baseMib();
}

/** Requests a second that the target takes, over some seconds. They come in bursts: it counts from one to another. */
async function taken({ target }, seconds) {
  const burst = async () => {
    const count = target.delivered;
    const end = performance.now() + QUIET_MS_MAX;
    while (target.delivered === count && performance.now() < end) await sleep(2);
    return { count, at: performance.now() };
  };
  const first = await burst();
  await sleep(seconds * 1000);
  const last = await burst();
  return ((last.count - first.count) * 1000) / (last.at - first.at);
}
