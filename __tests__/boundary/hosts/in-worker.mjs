// A host that keeps its collector in a worker thread, which ends by itself after closing it.
// oxlint-disable unicorn/require-post-message-target-origin -- threads have no origins
import { Worker, isMainThread, parentPort } from 'node:worker_threads';

import { Collector } from '../../../dist/index.js';
import { nowhere, SPAN } from './pipeline.mjs';

const collector = await Collector.start({ config: nowhere() });
const { outcome } = await collector.ingest('traces', SPAN);
if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url));
  const said = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  const code = await new Promise((resolve) => worker.once('exit', resolve));
  const again = await collector.ingest('traces', SPAN);
  await collector.close();
  console.log(outcome, said, code, again.outcome);
} else {
  await collector.close();
  parentPort.postMessage(outcome);
}
