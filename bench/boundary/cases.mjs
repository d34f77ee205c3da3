// What is measured: each crossing of the product beside the control addon's, which does the same and nothing else.
import { logs } from './payload.mjs';

/** Requests under way at once in the cases that keep both sides busy. */
const IN_FLIGHT = 64;

/**
 * @typedef {import('./runner.mjs').Case & { side: 'control' | 'product', beside: string | null }} BoundaryCase
 * `beside` names the control case that it is divided by.
 */

/** @returns {BoundaryCase} */
const control = (name, run) => ({ name: `control: ${name}`, side: 'control', beside: null, run });

/** @returns {BoundaryCase} */
const product = (name, beside, run) => ({
  name: `product: ${name}`,
  side: 'product',
  beside: `control: ${beside}`,
  run,
});

/** The same case, waited for. */
const waited = (one) => ({ ...one, settles: true });

/** Calls that return at once, on the control's side. @returns {BoundaryCase[]} */
export function controlCalls(addon, records, places) {
  const snapshot = new Float64Array(places);
  const buffers = records.flatMap((count) => {
    const body = logs(count);
    return [
      control(`borrow ${size(body)}`, () => addon.borrow(body)),
      control(`copy ${size(body)}`, () => addon.copy(body)),
    ];
  });
  return [
    control('empty call', () => addon.empty()),
    control('two numbers', () => addon.add(1, 2)),
    control('text in', () => addon.takeText('traces')),
    control('text out', () => addon.giveText()),
    ...buffers,
    control('snapshot', () => addon.snapshot(snapshot)),
  ];
}

/** Calls that return at once, on the product's side. @returns {BoundaryCase[]} */
export function productCalls(native, nativeVersion) {
  const numbers = new Float64Array(placesOf(native));
  return [
    // The addon has no empty call; this one returns a short text.
    product('nativeVersion', 'text out', nativeVersion),
    product('metricsSnapshot', 'snapshot', () => native.collector.metricsSnapshot(numbers)),
    product('takeEvents, none there', 'text out', () => native.collector.takeEvents()),
  ];
}

/** How many numbers a snapshot of the collector has. */
export function placesOf(native) {
  return JSON.parse(native.collector.metricsCatalogue()).length;
}

/** Promises on the control's side. @returns {BoundaryCase[]} */
export function controlPromises(addon, records) {
  let woken = null;
  const station = new addon.Station(() => woken?.());
  const wake = () =>
    new Promise((resolve) => {
      woken = resolve;
      station.wake();
    });
  const bodies = records.map(logs);
  const [first] = bodies;
  return {
    cases: [
      control('promise of JavaScript', () => Promise.resolve()),
      control('promise settled in the call', () => addon.settleNow()),
      ...bodies.map((body) => control(`copy and settle ${size(body)}`, () => station.send(body))),
      many(control(`copy and settle ${size(first)}, ${IN_FLIGHT} at once`, () => station.send(first))),
      control('wake-up', wake),
    ].map(waited),
    close: () => station.close(),
  };
}

/** Promises on the product's side. @returns {BoundaryCase[]} */
export function productPromises({ native, talkative, collector }, records) {
  const raw = async (body) => check(await native.ingest(body));
  const whole = async (body) => check(await collector.ingest('logs', body));
  const event = async (body) => {
    const woken = talkative.woken();
    await talkative.ingest(body);
    await woken;
    return talkative.collector.takeEvents();
  };
  const bodies = records.map(logs);
  const [first] = bodies;
  const beside = (body) => `copy and settle ${size(body)}`;
  return [
    ...bodies.map((body) => product(`addon ingest ${size(body)}`, beside(body), () => raw(body))),
    ...bodies.map((body) => product(`Collector.ingest ${size(body)}`, beside(body), () => whole(body))),
    many(
      product(`addon ingest ${size(first)}, ${IN_FLIGHT} at once`, `${beside(first)}, ${IN_FLIGHT} at once`, () =>
        raw(first),
      ),
    ),
    product(`ingest ${size(first)} to event taken`, 'wake-up', () => event(first)),
  ].map(waited);
}

/** The same case with several operations at once. */
function many(one) {
  const run = () => Promise.all(Array.from({ length: IN_FLIGHT }, one.run));
  return { ...one, operations: IN_FLIGHT, run };
}

function check(told) {
  if (told.outcome !== 'accepted') throw new Error(`the request was not accepted: ${JSON.stringify(told)}`);
  return told;
}

/** A length for people. */
function size({ length }) {
  return length < 1024 ? `${length} B` : `${Math.round(length / 1024)} KiB`;
}
