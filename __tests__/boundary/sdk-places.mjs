// Run as a process by sdk.test.ts: the SDK exports to a collector of the same place, in the main thread, in a worker
// thread and in a forked process, one after the other. Prints what each has counted.
// oxlint-disable unicorn/require-post-message-target-origin -- threads have no origins
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker, isMainThread, parentPort } from 'node:worker_threads';

import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';

import { Collector } from '../../dist/index.js';
import { TeleferricSpanExporter } from '../../dist/sdk/index.js';

const SPANS = 100;
const config = {
  receivers: { otlp: { protocols: { http: { endpoint: '127.0.0.1:0' } } } },
  exporters: { nop: null },
  service: {
    telemetry: { logs: { output_paths: [] }, metrics: { level: 'none' } },
    pipelines: { traces: { receivers: ['otlp'], exporters: ['nop'] } },
  },
};

async function work() {
  // The exporter is there before the collector runs, as where instrumentation is loaded first.
  const collector = new Collector({ config });
  const processor = new BatchSpanProcessor(new TeleferricSpanExporter(collector));
  const provider = new NodeTracerProvider({ spanProcessors: [processor] });
  await collector.start();
  for (let index = 0; index < SPANS; index += 1) provider.getTracer('place').startSpan('work').end();
  await Promise.all([provider.shutdown(), provider.shutdown()]);
  await provider.shutdown();
  await collector.close();
  return collector.stats().signals.traces.accepted;
}

if (!isMainThread) parentPort.postMessage(await work());
else if (process.send !== undefined) process.send(await work(), () => process.disconnect());
else {
  const main = await work();
  const thread = new Worker(new URL(import.meta.url));
  const [inThread] = await once(thread, 'message');
  await once(thread, 'exit');
  const child = fork(fileURLToPath(import.meta.url));
  const [inChild] = await once(child, 'message');
  const [code] = await once(child, 'exit');
  process.stdout.write(JSON.stringify({ main, inThread, inChild, code }));
}
