// The gateway under measurement: answers requests of its own on node:http and does about telemetry what it is told.
//
//   node bench/event-loop/gateway.mjs --way NAME --next HOST:PORT --rate REQUESTS_PER_S --items N
//
// First line on standard output: {"own", "telemetry"}, its two addresses. Then commands, one a line: `start` has it send
// what it sends itself, `begin` clears the figures, `end` prints them and `quit` ends.
import { createServer } from 'node:http';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import readline from 'node:readline';
import { parseArgs } from 'node:util';
import { ways } from './telemetry.mjs';

/** What `monitorEventLoopDelay` measures is the time between two timers so far apart, not only the delay. */
const RESOLUTION_MS = 1;

const { values } = parseArgs({
  options: {
    way: { type: 'string' },
    next: { type: 'string' },
    rate: { type: 'string' },
    items: { type: 'string' },
  },
});
const { way, next } = values;
const telemetry = await ways[way].open({ next, rate: Number(values.rate), items: Number(values.items) });
const server = createServer(answer);
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
print({ own: `127.0.0.1:${server.address().port}`, telemetry: telemetry.address });

const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
let before;
const commands = {
  start: () => telemetry.start(),
  begin() {
    delays.reset();
    delays.enable();
    before = { loop: performance.eventLoopUtilization(), cpu: process.cpuUsage(), ...telemetry.counts() };
  },
  end() {
    delays.disable();
    const { user, system } = process.cpuUsage(before.cpu);
    const { accepted, dropped } = telemetry.counts();
    print({
      loopP99Ms: delays.percentile(99) / 1e6 - RESOLUTION_MS,
      loopMaxMs: delays.max / 1e6 - RESOLUTION_MS,
      utilization: performance.eventLoopUtilization(before.loop).utilization,
      cpuSeconds: (user + system) / 1e6,
      sent: accepted - before.accepted,
      dropped: dropped - before.dropped,
    });
  },
  async quit() {
    telemetry.stop?.();
    server.close();
    server.closeAllConnections();
    await telemetry.close();
    process.exit(0);
  },
};
for await (const line of readline.createInterface({ input: process.stdin })) await commands[line]();
await commands.quit();

/** Work of a gateway in small: reads a JSON body, looks into it, answers JSON. */
async function answer(request, response) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const parsed = JSON.parse(Buffer.concat(chunks));
  response.writeHead(200, { 'content-type': 'application/json' });
  // The generator takes this for an OTLP answer.
  response.end(JSON.stringify(Array.isArray(parsed) ? parsed : {}));
}

function print(document) {
  process.stdout.write(`${JSON.stringify(document)}\n`);
}
