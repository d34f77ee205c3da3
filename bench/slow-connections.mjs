// Ten thousand connections that all send slowly, held open: memory must stay flat and every request must be answered.
//
//   node bench/slow-connections.mjs [--minutes 10] [--connections 10000]
import { parseArgs } from 'node:util';
import { teleferric } from './compare/peers/teleferric.mjs';
import { buildLoadTool, send, sendFlags, Sink } from './compare/load.mjs';
import { Contender, endAll, freeAddress, pinSelf } from './compare/processes.mjs';
import { cells } from './compare/scenarios.mjs';

/**
 * Each connection begins a request every this many seconds and takes most of that time to send it: as slowly as the
 * collector allows, which refuses a body below 1 KiB/s after five seconds.
 */
const PERIOD_S = 5;
const TRICKLE_MS = 4000;

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, connections: { type: 'string', default: '10000' } },
});
const [minutes, connections] = [Number(values.minutes), Number(values.connections)];
const cell = { ...cells.find(({ id }) => id === 's1-traces-8x32'), connections, streams: 1 };

pinSelf();
process.on('exit', endAll);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));
await buildLoadTool();
const sink = await Sink.start(cell);
const listen = await freeAddress();
const configuration = teleferric.configure(cell, { listen, next: sink.address });
const collector = new Contender('teleferric', configuration, listen);
await collector.listening();
const idle = collector.rssMib();
const flags = { rate: connections / PERIOD_S, 'trickle-ms': TRICKLE_MS, warmup: 3 * PERIOD_S, duration: 60 * minutes };
const { total, watch } = await send(listen, sendFlags(cell, { ...flags, drain: 30 }), [collector.pid]);
const [{ rss_mib: rss, cpu_s: cpu }] = watch;
const stats = await sink.stats();
process.stdout
  .write(`connections          ${connections.toLocaleString('en')}, each sending for ${TRICKLE_MS / 1000} of ${PERIOD_S} s
time                 ${minutes} min
requests             ${total.accepted_requests} of ${total.sent} answered OK, ${stats.requests} at the sink
refused              ${JSON.stringify(total.refused)}
RSS before           ${idle.toFixed(1)} MiB
RSS average          ${rss.avg.toFixed(1)} MiB
RSS highest          ${rss.max.toFixed(1)} MiB
RSS slope            ${rss.slope_per_minute.toFixed(3)} MiB a minute
CPU                  ${((100 * cpu) / (60 * minutes)).toFixed(2)} % of a core
`);
await collector.stop();
await sink.stop();
process.exit(total.accepted_requests === total.sent && total.failed === 0 ? 0 : 1);
