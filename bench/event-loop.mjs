// What telemetry costs the event loop of a gateway that also answers requests of its own, one way of taking or sending it
// beside the others: latency of its own requests at a fixed rate, delay and use of the loop. Each round runs all ways,
// every second round backwards; ratios are to the gateway without telemetry, round by round.
//
//   node bench/event-loop.mjs [--rounds N] [--duration S] [--own REQUESTS_PER_S] [--rate REQUESTS_PER_S] [--items N]
//     [--ways none,native,...] [--json FILE] [--quick]
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { send, Sink } from './compare/load.mjs';
import { sleep, stopChild } from './compare/processes.mjs';
import { cells } from './compare/scenarios.mjs';
import { median } from './compare/statistics.mjs';
import { ways } from './event-loop/telemetry.mjs';
import { prepare, ratioText, startCollector, stopCollector } from './pairs.mjs';

/** What the native engine is to keep: ratio of own latency, and delay of the loop. */
const GOALS = { ownRatio: 1.05, loopP99Ms: 5, loopMaxMs: 20 };

const program = fileURLToPath(new URL('event-loop/gateway.mjs', import.meta.url));
const cell = cells.find(({ id }) => id === 's3-traces-http');
const { values } = parseArgs({
  options: {
    rounds: { type: 'string' },
    duration: { type: 'string' },
    own: { type: 'string' },
    rate: { type: 'string' },
    items: { type: 'string', default: '100' },
    ways: { type: 'string', default: Object.keys(ways).join(',') },
    json: { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
});
/** The quick form only shows that all of it works. */
const defaults = values.quick
  ? { rounds: 1, duration: 0.5, warmup: 0.2, own: 50, rate: 50 }
  : // The warm-up is for the compilers of JavaScript.
    { rounds: 8, duration: 6, warmup: 3, own: 500, rate: 500 };
const { warmup } = defaults;
const [rounds, duration, own, rate] = ['rounds', 'duration', 'own', 'rate'].map((name) =>
  Number(values[name] ?? defaults[name]),
);
const items = Number(values.items);
const names = values.ways.split(',');
const unknown = names.find((name) => !Object.hasOwn(ways, name));
if (unknown !== undefined) throw new Error(`no way "${unknown}"; there are ${Object.keys(ways).join(', ')}`);
if (!names.includes('none')) names.unshift('none');

await prepare();
const sink = await Sink.start(cell);
/** For the gateway that sends over localhost. */
const remote = names.includes('localhost') ? await startCollector(cell, sink, () => {}) : null;
const runs = Object.fromEntries(names.map((name) => [name, []]));
for (let round = 0; round < rounds; round += 1) {
  for (const name of round % 2 === 0 ? names : names.toReversed()) runs[name].push(await measure(name));
}
if (remote !== null) await stopCollector(remote);
await sink.stop();
report();
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ own, rate, items, runs }, null, 2)}\n`);
process.exit(0);

/** One gateway from its start to its end. */
async function measure(name) {
  const next = name === 'localhost' ? remote.listen : sink.address;
  const args = ['--way', name, '--next', next, '--rate', String(rate), '--items', String(items)];
  const child = spawn(process.execPath, [program, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const tell = (command) => child.stdin.write(`${command}\n`);
  const answer = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`the gateway "${name}" ended`);
    return JSON.parse(value);
  };
  try {
    const addresses = await answer();
    await sink.command('reset');
    tell('start');
    const window = { warmup, duration, drain: 10, connections: 8 };
    const senders = [send(addresses.own, { ...window, protocol: 'http1', encoding: 'json', rate: own })];
    if (addresses.telemetry !== null) {
      senders.push(send(addresses.telemetry, { ...window, protocol: 'http1', rate, items, connections: 16 }));
    }
    await sleep(1000 * warmup);
    tell('begin');
    await sleep(1000 * duration);
    tell('end');
    const gateway = await answer();
    const [requests, telemetry] = await Promise.all(senders);
    const { items: arrived } = await sink.stats();
    return runOf({ gateway, requests, telemetry, arrived });
  } finally {
    tell('quit');
    await stopChild(child);
  }
}

function runOf({ gateway, requests, telemetry, arrived }) {
  const { sent, dropped, ...loop } = gateway;
  return {
    ...loop,
    ownP50Ms: requests.latency_us.p50 / 1000,
    ownP99Ms: requests.latency_us.p99 / 1000,
    ownAnswered: requests.total.accepted_requests,
    ownSent: requests.total.sent,
    /** A run whose generator fell behind its own schedule says nothing about latency. */
    keptUp: requests.schedule.kept_up,
    telemetryPerSecond: (telemetry?.window.requests ?? sent) / duration,
    telemetryFailed: telemetry === undefined ? dropped : telemetry.total.sent - telemetry.total.accepted_requests,
    itemsArrived: arrived,
  };
}

function write(text) {
  process.stdout.write(`${text}\n`);
}

function report() {
  write(`own requests ${own}/s; telemetry ${rate} requests/s of ${items} spans; ${rounds} rounds of ${duration} s\n`);
  write(row('', 'own p50', 'own p99', 'loop p99', 'loop max', 'loop used', 'CPU s/s', 'taken/s', 'lost'));
  for (const name of names) {
    const of = (key) => median(runs[name].map((run) => run[key]));
    const ms = (key) => `${of(key).toFixed(2)} ms`;
    const used = `${(100 * of('utilization')).toFixed(1)} %`;
    const cpu = (of('cpuSeconds') / duration).toFixed(2);
    const telemetry = [of('telemetryPerSecond').toFixed(0), String(of('telemetryFailed'))];
    write(
      row(ways[name].title, ms('ownP50Ms'), ms('ownP99Ms'), ms('loopP99Ms'), ms('loopMaxMs'), used, cpu, ...telemetry),
    );
  }
  write('\nto no telemetry, median of the rounds and its interval');
  write(row('', 'own p50', 'own p99', 'CPU'));
  for (const name of names.slice(1)) {
    const ratio = (key) => ratioText(runs[name], runs.none, (run) => run[key]);
    write(`${ways[name].title.padEnd(24)}${ratio('ownP50Ms')}   ${ratio('ownP99Ms')}   ${ratio('cpuSeconds')}`);
  }
  const late = Object.values(runs)
    .flat()
    .filter(({ keptUp }) => !keptUp).length;
  if (late > 0)
    write(`\nin ${late} runs the generator fell behind its schedule: their latencies are not the gateway's`);
  if (names.includes('native')) reportGoals();
}

function reportGoals() {
  const { native, none } = runs;
  const ratio = median(native.map((run, index) => run.ownP99Ms / none[index].ownP99Ms));
  const [p99, worst] = [median(native.map((run) => run.loopP99Ms)), Math.max(...native.map((run) => run.loopMaxMs))];
  const goal = (text, value, limit) =>
    write(`${value <= limit ? 'met   ' : 'missed'}  ${text}: ${value.toFixed(2)}, goal ${limit}`);
  write('\ngoals of the native engine');
  goal('own p99 to no telemetry', ratio, GOALS.ownRatio);
  goal('loop p99 ms', p99, GOALS.loopP99Ms);
  goal('loop worst ms', worst, GOALS.loopMaxMs);
}

function row(title, ...columns) {
  return title.padEnd(24) + columns.map((text) => text.padStart(11)).join('');
}
