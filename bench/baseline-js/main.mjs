// A small OTLP collector as a team would write it by hand in Node: decode to objects, edit, encode, forward, and answer
// the sender with the next hop's answer. It is a point of comparison, not a product: no retries, no queue, no limits.
//
//   node bench/baseline-js/main.mjs --listen 127.0.0.1:4317 --next 127.0.0.1:5317 [--signal traces]
//     [--protocol grpc|http] [--next-protocol grpc|http] [--compression none|gzip]
//     [--step '{"action":"insert","key":"a","value":"b"}'] [--batch '{"items":8192,"timeoutMs":200}']
import { parseArgs } from 'node:util';
import { Batcher } from './batcher.mjs';
import { grpcClient, httpClient } from './clients.mjs';
import { compileStep } from './edits.mjs';
import { loadSignal } from './otlp.mjs';
import { serveGrpc, serveHttp } from './servers.mjs';

const { values: flags } = parseArgs({
  options: {
    listen: { type: 'string', default: '127.0.0.1:4317' },
    next: { type: 'string', default: '127.0.0.1:5317' },
    signal: { type: 'string', default: 'traces' },
    protocol: { type: 'string', default: 'grpc' },
    'next-protocol': { type: 'string', default: 'grpc' },
    compression: { type: 'string', default: 'none' },
    step: { type: 'string', default: 'null' },
    batch: { type: 'string', default: 'null' },
    version: { type: 'boolean', default: false },
  },
});

if (flags.version) {
  process.stdout.write(`baseline-js on node ${process.version}\n`);
} else {
  await start();
}

async function start() {
  const otlp = loadSignal(flags.signal);
  const connect = flags['next-protocol'] === 'grpc' ? grpcClient : httpClient;
  const send = connect(otlp, flags.next, flags.compression);
  const apply = compileStep(otlp, JSON.parse(flags.step));
  const limits = JSON.parse(flags.batch);
  const batcher = limits === null ? null : new Batcher(otlp, limits, send);
  const handle = async (request) => {
    apply(request);
    if (batcher === null) await send(request);
    else batcher.add(request);
  };
  const serve = flags.protocol === 'grpc' ? serveGrpc : serveHttp;
  const close = await serve(otlp, flags.listen, handle);
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, () => {
      batcher?.flush();
      close();
      process.exit(0);
    });
  }
}
