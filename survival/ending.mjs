// A process that ends in one way while its collector is in one state, run by exits.mjs. Prints the number of each
// request that was acknowledged, at once: nothing may be lost of them.
// oxlint-disable unicorn/require-post-message-target-origin -- threads have no origins
import { writeSync } from 'node:fs';
import { once } from 'node:events';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';

import { Collector } from '../dist/index.js';
import { configOf, spanOf } from './stored.mjs';

/** Endings for which the collector belongs to a worker thread. */
const IN_WORKER = new Set(['terminate', 'leave', 'worker-exit']);

/** Brings the collector into a state; it goes on from there by itself. */
const states = {
  starting: async (config) => {
    void Collector.start({ config });
    await new Promise((resolve) => setImmediate(resolve));
  },
  running: async (config) => void (await busy(config)),
  reloading: async (config) => {
    const collector = await busy(config);
    const changed = {
      ...config,
      service: { ...config.service, telemetry: { ...config.service.telemetry, resource: {} } },
    };
    void collector.reload({ config: changed });
    await new Promise((resolve) => setImmediate(resolve));
  },
  closing: async (config) => {
    const collector = await busy(config);
    void collector.close();
    await new Promise((resolve) => setImmediate(resolve));
  },
  closed: async (config) => {
    const collector = await busy(config);
    await collector.close();
  },
};

/** Ends the process, or the thread that has the collector. */
const endings = {
  exit: () => process.exit(0),
  throw: () => {
    setImmediate(() => {
      throw new Error('thrown on purpose');
    });
  },
  reject: () => void Promise.reject(new Error('rejected on purpose')),
  signal: () => process.kill(process.pid, 'SIGTERM'),
  'worker-exit': () => process.exit(0),
};

/** A collector with requests under way, some of them acknowledged. */
async function busy(config) {
  const collector = await Collector.start({ config });
  const counts = { given: 0, taken: 0 };
  const one = async () => {
    for (;;) {
      const number = (counts.given += 1);
      const { outcome } = await collector.ingest('traces', spanOf(number));
      if (outcome !== 'accepted') return;
      counts.taken += 1;
      writeSync(1, `${number}\n`);
    }
  };
  for (let sender = 0; sender < 8; sender += 1) void one().catch(() => {});
  while (counts.taken < 20) await new Promise((resolve) => setTimeout(resolve, 1));
  return collector;
}

const [state, ending, directory] = isMainThread ? process.argv.slice(2) : workerData;
if (isMainThread && IN_WORKER.has(ending)) {
  const worker = new Worker(new URL(import.meta.url), { workerData: [state, ending, directory] });
  const exited = once(worker, 'exit');
  if (ending === 'worker-exit') {
    await exited;
  } else {
    await once(worker, 'message');
    if (ending === 'terminate') await worker.terminate();
    else process.exit(0);
  }
} else {
  await states[state](configOf(directory, 'http://127.0.0.1:1'));
  if (isMainThread || ending === 'worker-exit') endings[ending]();
  else parentPort.postMessage('ready');
}
