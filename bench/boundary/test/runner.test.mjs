import assert from 'node:assert/strict';
import { test } from 'node:test';

import { measure, sunk } from '../runner.mjs';

const QUICK = { seconds: 0.02, rounds: 2 };

const pause = () => new Promise((resolve) => setTimeout(resolve, 2));

function broken() {
  throw new Error('no');
}

test('every case gives samples in every round, in nanoseconds per operation', async () => {
  const cases = [
    { name: 'call', run: () => 'result of the call' },
    { name: 'pause', settles: true, run: pause },
    { name: 'ten pauses', settles: true, operations: 10, run: () => Promise.all(Array.from({ length: 10 }, pause)) },
  ];
  const samples = await measure(cases, QUICK);
  assert.deepEqual([...samples.keys()], ['call', 'pause', 'ten pauses']);
  for (const rounds of samples.values()) assert.ok(rounds.length === 2 && rounds.flat().every((ns) => ns > 0));
  const fastest = (name) => Math.min(...samples.get(name).flat());
  assert.ok(fastest('call') < 1e6, `${fastest('call')} ns`);
  assert.ok(fastest('pause') > 1e6, `${fastest('pause')} ns`);
  assert.ok(fastest('ten pauses') < fastest('pause'), 'pauses at once share their time');
});

test('results are kept where the compiler must leave them', async () => {
  await measure([{ name: 'call', run: () => 'seen' }], QUICK);
  assert.equal(sunk(), 'seen');
});

test('failure of a case is told with its name', async () => {
  await assert.rejects(measure([{ name: 'broken call', run: broken }], QUICK), /broken call failed/);
  const refused = { name: 'refused', settles: true, run: () => Promise.reject(new Error('no')) };
  await assert.rejects(measure([refused], QUICK), /refused failed/);
});
