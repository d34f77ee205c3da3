// Run as a process by threads.test.ts: worker threads load the addon, use it and go, while a collector of the main
// thread takes data. Prints what it counted.
// oxlint-disable unicorn/require-post-message-target-origin -- threads have no origins
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';

import { Answers } from '../../dist/binding/index.js';
import { loadBinding } from '../../dist/binding/load.js';

const HEAD = JSON.stringify({ signal: 'traces', encoding: 'proto', metadata: [] });
const SPAN = Uint8Array.from([0x0a, 4, 0x12, 2, 0x12, 0]);
const { NativeCollector } = loadBinding();
const text = isMainThread ? process.argv[2] : workerData.text;
const collector = new NativeCollector(
  () => {},
  () => answers.settle(),
);
const answers = new Answers(collector);

const accepted = async () => {
  const { outcome } = await answers.outcome((number) => collector.ingest(number, HEAD, SPAN));
  return outcome === 'accepted';
};

async function churn() {
  let left = 0;
  let taken = 0;
  for (let round = 0; round < 10; round += 1) {
    // Every second worker goes without a word to its collector; every fifth is ended from outside.
    const worker = new Worker(new URL(import.meta.url), { workerData: { text, tidy: round % 2 === 0 } });
    const exited = new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject));
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    if (round % 5 === 4) await worker.terminate();
    else worker.postMessage('go');
    await exited;
    left += 1;
    for (let request = 0; request < 20; request += 1) taken += (await accepted()) ? 1 : 0;
  }
  return { left, taken };
}

const { ok } = JSON.parse(await collector.start(text));
if (!ok) throw new Error('the collector did not start');
if (isMainThread) {
  const counts = await churn();
  await collector.drain(null);
  process.stdout.write(JSON.stringify(counts));
} else {
  for (let request = 0; request < 20; request += 1) await accepted();
  parentPort.postMessage('used');
  await new Promise((resolve) => parentPort.once('message', resolve));
  if (workerData.tidy) await collector.drain(null);
  parentPort.close();
}
