// The better of two endpoints fails in one way after the other, under load: the standby takes over and hands back.
import { setTimeout as sleep } from 'node:timers/promises';
import { GrpcTarget } from './grpc-target.mjs';
import { Proxy } from './proxy.mjs';
import { spread } from './spread.mjs';
import { QUIET_MS_MAX, Stage } from './stage.mjs';

const TIMEOUT_MS = 1000;
/** How long an endpoint stays away after the standby has taken over. */
const AWAY_MS = 700;

const back = async ({ target }) => {
  await target.close();
  target.set('take');
  await target.open();
};
/** Ways in which the server of an endpoint fails, and in which it comes back. */
const OF_SERVER = {
  away: { fail: ({ target }) => target.close(), mend: back },
  hang: { fail: ({ target }) => target.set('hang'), mend: back },
  reset: { fail: ({ target }) => target.set('reset'), mend: back },
  deaf: { fail: ({ target }) => target.deafen(), mend: back },
  refuse: { fail: ({ target }) => target.set('refuse'), mend: back },
};
/** The same of a process, and of the way to it. */
const OF_PROCESS = {
  killed: { fail: ({ proxy }) => proxy.kill(), mend: ({ proxy }) => proxy.start() },
  stopped: { fail: ({ proxy }) => proxy.stop(), mend: ({ proxy }) => proxy.continue() },
  swallowed: { fail: ({ proxy }) => proxy.swallow(true), mend: ({ proxy }) => proxy.swallow(false) },
};

/** A server of gRPC that is stopped as it should be. */
const OF_GRPC = {
  goaway: { fail: ({ target }) => target.leave(), mend: ({ target }) => target.open() },
};

const withStandby = (url) => ({
  timeout: `${TIMEOUT_MS}ms`,
  endpoints: [{ url, priority: 1 }],
  endpoint_policy: { failback_after: '300ms', ramp: '300ms' },
});

export async function failover({ cycles, connections }) {
  const direct = await Stage.make({ connections, standby: true, exporter: withStandby });
  const server = await inTurn(direct, OF_SERVER, cycles);
  const proxied = await Stage.make({ connections, standby: true, exporter: withStandby });
  proxied.proxy = new Proxy(proxied.target.port);
  await proxied.proxy.start();
  proxied.collector.config.exporters.otlp_http.endpoint = `http://127.0.0.1:${proxied.proxy.port}`;
  const whole = await inTurn(proxied, OF_PROCESS, cycles);
  await proxied.proxy.kill();
  const other = await Stage.make({ connections, standby: true, exporter: withStandby, Server: GrpcTarget });
  overGrpc(other.collector.config);
  other.exporter = 'otlp_grpc';
  const grpc = await inTurn(other, OF_GRPC, cycles);
  return { cycles, server, process: whole, grpc, faults: [...server.faults, ...whole.faults, ...grpc.faults] };
}

/** The same exporter with the other protocol. */
function overGrpc({ exporters, service }) {
  const { encoding: _, ...exporter } = exporters.otlp_http;
  exporters.otlp_grpc = { ...exporter, tls: { insecure: true } };
  delete exporters.otlp_http;
  service.pipelines.traces.exporters = ['otlp_grpc'];
}

/** Each way as often as there are cycles; how long the standby took, and the verdict. */
async function inTurn(stage, ways, cycles) {
  await stage.collector.start();
  const producer = stage.newProducer();
  producer.start();
  const [switches, faults] = [{}, []];
  for (let cycle = 0; cycle < cycles; cycle += 1) {
    for (const [name, way] of Object.entries(ways)) {
      if (!(await isBack(stage))) faults.push(`the better endpoint does not get everything again before ${name}`);
      const ms = await takeOver(stage, way);
      (switches[name] ??= []).push(ms);
      if (ms > 2 * TIMEOUT_MS) faults.push(`${name}: the standby took over after ${Math.round(ms)} ms`);
    }
  }
  if (!(await isBack(stage))) faults.push('the better endpoint does not get everything again');
  // An endpoint that comes back for good closes its breaker once.
  const closed = await stage.collector.metric('teleferric_breaker_transitions_total', 'to="closed"');
  const expected = cycles * Object.keys(ways).length;
  if (closed !== expected) faults.push(`endpoints came back ${closed} times instead of ${expected}`);
  await producer.stop();
  faults.push(...(await stage.settle()));
  const verdict = stage.oracle.verdict();
  await stage.end();
  const switch_ms = Object.fromEntries(Object.entries(switches).map(([name, ms]) => [name, spread(ms)]));
  return { switch_ms, ...verdict, faults: [...faults, ...verdict.faults] };
}

/** Lets the better endpoint fail for a while; milliseconds until the standby took something. */
async function takeOver(stage, { fail, mend }) {
  const { standby } = stage;
  const [before, began] = [standby.delivered, performance.now()];
  await fail(stage);
  while (standby.delivered === before && performance.now() < began + QUIET_MS_MAX) await sleep(5);
  const ms = performance.now() - began;
  await sleep(AWAY_MS);
  await mend(stage);
  return ms;
}

/** Waits until everything goes to the better endpoint; whether it came to that. */
async function isBack({ target, standby }) {
  const end = performance.now() + QUIET_MS_MAX;
  while (performance.now() < end) {
    const [there, here] = [standby.delivered, target.delivered];
    await sleep(300);
    if (standby.delivered === there && target.delivered > here) return true;
  }
  return false;
}
