// What a collector does in any process: takes data over each way in, changes, closes, and lives in a worker thread.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Worker, isMainThread, parentPort } from 'node:worker_threads';

import { Client, credentials } from '@grpc/grpc-js';

import { Collector } from '../dist/index.js';

const SPAN = Buffer.from([0x0a, 4, 0x12, 2, 0x12, 0]);
const endpoint = '127.0.0.1:0';
const config = (size) => ({
  receivers: { otlp: { protocols: { grpc: { endpoint }, http: { endpoint } } } },
  processors: { batch: { timeout: '2ms', send_batch_size: size } },
  exporters: { nop: null },
  service: {
    telemetry: { logs: { output_paths: [] }, metrics: { level: 'none' } },
    pipelines: { traces: { receivers: ['otlp'], processors: ['batch'], exporters: ['nop'] } },
  },
});

const asIs = (bytes) => bytes;

function call(address) {
  const client = new Client(address, credentials.createInsecure());
  const method = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(method, asIs, asIs, SPAN, (error, answer) => {
      client.close();
      if (error) reject(error);
      else resolve(answer);
    });
  });
}

async function post(address) {
  const headers = { 'content-type': 'application/x-protobuf', connection: 'close' };
  return (await fetch(`http://${address}/v1/traces`, { method: 'POST', headers, body: SPAN })).status;
}

async function use(collector) {
  const at = Object.fromEntries(collector.listening().map(({ protocol, address }) => [protocol, address]));
  assert.equal((await collector.ingest('traces', SPAN)).outcome, 'accepted');
  assert.equal(await post(at.http), 200);
  await call(at.grpc);
}

const collector = await Collector.start({ config: config(100) });
await use(collector);
await collector.reload({ config: config(200) });
await use(collector);
if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url));
  const [said] = await once(worker, 'message');
  assert.equal(said, 'works');
  await once(worker, 'exit');
  await use(collector);
} else {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- threads have no origins
  parentPort.postMessage('works');
}
await collector.close();
