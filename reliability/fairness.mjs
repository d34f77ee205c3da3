// Two tenants: one sends far more than its quota allows, the other what it always sends. The second must not notice.
import { setTimeout as sleep } from 'node:timers/promises';
import { Producer } from './producer.mjs';
import { Stage } from './stage.mjs';

const HEADER = 'x-scope-orgid';
const GREEDY = { tenant: 'greedy', items_per_second: 1 };
const STEADY = { tenant: 'steady', items_per_second: 100 };
const BURST_S = 1;
/** Of what it may send. */
const STEADY_RATE = STEADY.items_per_second / 2;
/** How much more than its quota the greedy one sends at least, for the run to say anything. */
const EXCESS = 100;
const LOSS_MAX = 0.05;
/** How far a rate may be off for reasons of scheduling. */
const RATE_SLACK = 1.1;

/** The steady tenant alone, then beside the greedy one, each for half of the time. */
export async function fairness({ seconds, connections }) {
  const stage = await Stage.make({ connections });
  stage.collector.config.service.tenants = {
    header: HEADER,
    trusted_proxies: ['127.0.0.1'],
    overrides: Object.fromEntries([GREEDY, STEADY].map(({ tenant, ...quota }) => [tenant, quota])),
  };
  await stage.collector.start();
  const half_ms = (seconds * 1000) / 2;
  const newProducer = (tenant, atOnce) =>
    new Producer({
      port: stage.collector.port,
      oracle: stage.oracle,
      connections: atOnce,
      headers: { [HEADER]: tenant },
    });

  const steady = newProducer(STEADY.tenant, 8);
  const alone = await sendSteadily(steady, half_ms);
  const greedy = newProducer(GREEDY.tenant, connections);
  const before = stage.oracle.accepted;
  const began = performance.now();
  greedy.start();
  const beside = await sendSteadily(steady, half_ms);
  await greedy.stop();
  const lasted_s = (performance.now() - began) / 1000;
  await steady.stop();
  const taken = stage.oracle.accepted - before - beside.accepted;
  const refused = greedy.refusals[429] ?? 0;
  const excess = (taken + refused) / lasted_s / GREEDY.items_per_second;

  const faults = await stage.settle();
  const refusedByTenant = await stage.collector.metric('teleferric_tenant_refused_requests_total', STEADY.tenant);
  const { faults: broken, ...verdict } = stage.oracle.verdict();
  await stage.end();
  faults.push(...broken);
  const loss = 1 - beside.accepted / alone.accepted;
  if (loss >= LOSS_MAX) faults.push(`the steady tenant lost ${(loss * 100).toFixed(1)} % of its rate`);
  if (Object.keys(steady.refusals).length > 0 || refusedByTenant > 0) {
    faults.push(`the steady tenant was refused: ${JSON.stringify(steady.refusals)}`);
  }
  const allowed = GREEDY.items_per_second * (lasted_s + BURST_S) * RATE_SLACK + 1;
  if (taken > allowed) faults.push(`the greedy tenant was let in ${taken} times, its quota is ${Math.floor(allowed)}`);
  if (taken === 0) faults.push('the greedy tenant was let in never');
  const others = Object.keys(greedy.refusals).filter((why) => why !== '429');
  if (others.length > 0) faults.push(`the greedy tenant was refused by ${others.join(', ')}`);
  if (greedy.unhinted > 0) faults.push(`${greedy.unhinted} refusals did not say when to come again`);
  if (excess < EXCESS) faults.push(`the greedy tenant sent only ${Math.round(excess)} times its quota`);
  return { alone, beside, loss, greedy: { taken, refused, excess }, ...verdict, faults };
}

/** Sends at a steady rate, whatever the answers are and however long they take; how many were taken. */
async function sendSteadily(producer, ms) {
  const began = performance.now();
  const answers = [];
  for (let due = 0; due < ms; due += 1000 / STEADY_RATE) {
    const wait = began + due - performance.now();
    if (wait > 0) await sleep(wait);
    answers.push(producer.send());
  }
  const accepted = (await Promise.all(answers)).filter((answer) => answer.accepted).length;
  return { sent: answers.length, accepted };
}
