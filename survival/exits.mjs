// Ends processes in every way and at every state of their collector, and looks whether each ended as it should, and
// what it had acknowledged is delivered by the next.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { Collector } from '../dist/index.js';
import { configOf, numbersIn } from './stored.mjs';

const STATES = ['starting', 'running', 'reloading', 'closing', 'closed'];

/** Ways to end, and what the parent sees of it. */
const ENDINGS = {
  exit: { code: 0, signal: null },
  throw: { code: 1, signal: null },
  reject: { code: 1, signal: null },
  signal: { code: null, signal: 'SIGTERM' },
  terminate: { code: 0, signal: null },
  leave: { code: 0, signal: null },
  'worker-exit': { code: 0, signal: null },
};

/** What a process says as it breaks. */
const BROKEN = /panicked|abort|segmentation|core dumped|fatal error|napi_/i;

/** Longer than anything here takes on a loaded machine, ms. */
const PATIENCE_MS = 60_000;

/** All states with all endings, or the running collector with each. */
export function pairs(all) {
  const states = all ? STATES : ['running'];
  return states.flatMap((state) => Object.keys(ENDINGS).map((ending) => ({ state, ending })));
}

/** Runs each pair, `width` at a time; one line of what is wrong for each that failed. */
export async function exits(chosen, { width = 2, onDone = () => {} } = {}) {
  const queue = [...chosen];
  const faults = [];
  const work = async () => {
    for (let pair = queue.shift(); pair !== undefined; pair = queue.shift()) {
      const found = await judge(pair);
      onDone(pair, found);
      faults.push(...found.faults.map((fault) => `${pair.state}, ${pair.ending}: ${fault}`));
    }
  };
  await Promise.all(Array.from({ length: width }, work));
  return faults;
}

async function judge({ state, ending }) {
  const directory = await mkdtemp(path.join(tmpdir(), 'teleferric-exits-'));
  try {
    const { code, signal, stdout, stderr } = await run(state, ending, directory);
    const acknowledged = stdout.split('\n').filter(Boolean).map(Number);
    const faults = [];
    const expected = ENDINGS[ending];
    if (code !== expected.code || signal !== expected.signal) faults.push(`ended with ${code ?? signal}: ${stderr}`);
    if (BROKEN.test(stderr)) faults.push(`broke: ${stderr}`);
    if (state !== 'starting' && acknowledged.length < 20) faults.push(`only ${acknowledged.length} acknowledged`);
    const missing = await missed(acknowledged, directory);
    if (missing > 0) faults.push(`${missing} of ${acknowledged.length} acknowledged requests are gone`);
    return { acknowledged: acknowledged.length, faults };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function run(state, ending, directory) {
  const file = fileURLToPath(new URL('ending.mjs', import.meta.url));
  const child = spawn(process.execPath, [file, state, ending, directory], {
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  // One that hangs is a fault too.
  const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject).once('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stdout, stderr });
    });
  });
}

/** How many of these the next process does not deliver. */
async function missed(acknowledged, directory) {
  const missing = new Set(acknowledged);
  if (missing.size === 0) return 0;
  const sink = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    for (const number of numbersIn(Buffer.concat(chunks))) missing.delete(number);
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
  });
  await new Promise((resolve) => sink.listen(0, '127.0.0.1', resolve));
  try {
    const target = `http://127.0.0.1:${sink.address().port}`;
    const collector = await Collector.start({ config: configOf(directory, target) });
    const end = Date.now() + PATIENCE_MS;
    while (missing.size > 0 && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 5));
    await collector.close();
    return missing.size;
  } finally {
    sink.closeAllConnections();
    sink.close();
  }
}
