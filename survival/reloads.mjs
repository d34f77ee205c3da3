// One collector changes its configuration again and again, and takes a request in between. Prints what the process
// holds after warming up and after each tenth. Needs --expose-gc.
import { Collector } from '../dist/index.js';
import { held } from './held.mjs';

const [warmUp, reloads] = process.argv.slice(2).map(Number);
const endpoint = '127.0.0.1:0';

function config(number) {
  return {
    receivers: { otlp: { protocols: { grpc: { endpoint }, http: { endpoint } } } },
    processors: { batch: { timeout: '5ms' } },
    exporters: {
      nop: null,
      otlp_http: {
        endpoint: 'http://127.0.0.1:1',
        sending_queue: { queue_size: 100 + number },
        retry_on_failure: { enabled: false },
      },
    },
    service: {
      threads: 2,
      telemetry: { logs: { output_paths: [] }, metrics: { level: 'none' } },
      pipelines: { traces: { receivers: ['otlp'], processors: ['batch'], exporters: ['nop', 'otlp_http'] } },
    },
  };
}

const collector = await Collector.start({ config: config(0) });
const span = Uint8Array.from([0x0a, 4, 0x12, 2, 0x12, 0]);
let number = 0;
async function reload(times) {
  for (const end = number + times; number < end;) {
    number += 1;
    await collector.reload({ config: config(number) });
    const { outcome } = await collector.ingest('traces', span);
    if (outcome !== 'accepted') throw new Error(`the request was ${outcome}`);
  }
}

await reload(warmUp);
const looks = [await held()];
for (let tenth = 0; tenth < 10; tenth += 1) {
  await reload(reloads / 10);
  looks.push(await held());
}
await collector.close();
process.stdout.write(JSON.stringify({ looks }));
