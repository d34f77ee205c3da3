// Starts, uses and closes collectors one after another, and prints what the process holds after warming up and after
// each tenth of them. Needs --expose-gc.
import { request } from 'node:http';

import { Collector } from '../dist/index.js';
import { held } from './held.mjs';

const [warmUp, cycles] = process.argv.slice(2).map(Number);
const config = {
  receivers: { otlp: { protocols: { grpc: { endpoint: '127.0.0.1:0' }, http: { endpoint: '127.0.0.1:0' } } } },
  processors: { batch: { timeout: '5ms' } },
  exporters: { nop: null, otlp_http: { endpoint: 'http://127.0.0.1:1', retry_on_failure: { enabled: false } } },
  extensions: { health_check: { endpoint: '127.0.0.1:0' } },
  service: {
    threads: 2,
    extensions: ['health_check'],
    telemetry: {
      logs: { output_paths: [] },
      metrics: { readers: [{ pull: { exporter: { prometheus: { host: '127.0.0.1', port: 0 } } } }] },
    },
    pipelines: {
      traces: { receivers: ['otlp'], processors: ['batch'], exporters: ['nop'] },
      logs: { receivers: ['otlp'], exporters: ['nop', 'otlp_http'] },
    },
  },
};
// 100 KB in a field that nobody knows, so that every cycle moves something that would be missed.
const filler = Buffer.alloc(100_000);
const body = Buffer.concat([Buffer.from([0x0a, 4, 0x12, 2, 0x12, 0, 0xa2, 0x06, 0xa0, 0x8d, 0x06]), filler]);

async function cycle(number) {
  const collector = await Collector.start({ config });
  const { outcome } = await collector.ingest('traces', body);
  if (outcome !== 'accepted') throw new Error(`the request was ${outcome}`);
  const [, http] = collector.listening();
  const status = await post(`http://${http.address}/v1/logs`);
  if (status !== 200) throw new Error(`the answer was ${status}`);
  // Some drain, some are cut off.
  await collector.close(number % 2 === 0 ? {} : { deadlineMs: 0 });
}

/** An empty request. Not by fetch, which keeps something for every address it has met. */
function post(url) {
  const headers = { 'content-type': 'application/x-protobuf' };
  return new Promise((resolve, reject) => {
    const call = request(url, { method: 'POST', agent: false, headers }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode));
    });
    call.on('error', reject).end();
  });
}

for (let number = 0; number < warmUp; number += 1) await cycle(number);
const looks = [await held()];
for (let tenth = 0; tenth < 10; tenth += 1) {
  for (let number = 0; number < cycles / 10; number += 1) await cycle(number);
  looks.push(await held());
}
process.stdout.write(JSON.stringify({ looks }));
