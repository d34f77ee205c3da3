// Run as a process by threads.test.ts: the host's callback throws when the core reports something.
import { once } from 'node:events';

import { Answers } from '../../dist/binding/index.js';
import { loadBinding } from '../../dist/binding/load.js';

const { NativeCollector } = loadBinding();
const document = JSON.parse(process.argv[2]);
// A backend that nobody listens for makes the exporter report.
const caught = once(process, 'uncaughtException');
const collector = new NativeCollector(
  () => {
    throw new Error('thrown by the host');
  },
  () => answers.settle(),
);
const answers = new Answers(collector);
const keepAlive = setInterval(() => {}, 1000);
const { ok } = JSON.parse(await collector.start(JSON.stringify(document)));
if (!ok) throw new Error('the collector did not start');
const head = JSON.stringify({ signal: 'traces', encoding: 'proto', metadata: [] });
const body = Uint8Array.from([0x0a, 4, 0x12, 2, 0x12, 0]);
await answers.outcome((number) => collector.ingest(number, head, body));
const [error] = await caught;
process.stdout.write(`caught: ${error.message}\n`);
process.stdout.write(`still running: ${JSON.parse(collector.status()).running}\n`);
clearInterval(keepAlive);
await collector.drain(0);
