// The rules of the gates. Run with `node --test bench/gates/gates.test.mjs`.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { compare, line } from './compare.mjs';
import { copiedOf } from './measure.mjs';
import { functionsOf, profile, totalOf } from './profile.mjs';

const counts = { instructions: 100_000, allocations: 34, allocatedBytes: 5000, copiedBytes: 700 };
const recorded = { one: counts };

test('equal counts pass without a word', () => {
  assert.deepEqual(compare(recorded, { one: { ...counts } }), { failures: [], notices: [] });
});

test('instructions may rise by two percent and no more', () => {
  assert.deepEqual(compare(recorded, { one: { ...counts, instructions: 102_000 } }).failures, []);
  const { failures } = compare(recorded, { one: { ...counts, instructions: 102_100 } });
  assert.deepEqual(failures, ['one: 102100 instructions instead of 100000 (+2.1 %)']);
});

test('an allocation more in twenty requests, or in a round, fails', () => {
  const { failures, notices } = compare(recorded, { one: { ...counts, allocations: 34.05 } });
  assert.deepEqual(failures, ['one: 34.05 allocations instead of 34 (+0.1 %)']);
  assert.deepEqual(notices, []);
  const rounds = { one: 50 };
  assert.equal(compare(recorded, { one: { ...counts, allocations: 34.02 } }, { rounds }).failures.length, 1);
});

test('what the clock adds to allocations does not fail', () => {
  const measured = { one: { ...counts, allocations: 34.02 } };
  assert.deepEqual(compare(recorded, measured), { failures: [], notices: [] });
});

test('bytes allocated and copied have the slack of instructions', () => {
  const more = { ...counts, allocatedBytes: 5101, copiedBytes: 715 };
  assert.equal(compare(recorded, { one: more }).failures.length, 2);
  assert.deepEqual(compare(recorded, { one: { ...counts, allocatedBytes: 5100, copiedBytes: 714 } }).failures, []);
});

test('improvements are told and let through', () => {
  const better = { ...counts, instructions: 97_000, allocations: 33.5 };
  const { failures, notices } = compare(recorded, { one: better });
  assert.deepEqual(failures, []);
  assert.deepEqual(notices, [
    'one: 97000 instructions instead of 100000 (-3.0 %)',
    'one: 33.5 allocations instead of 34 (-1.5 %)',
  ]);
  assert.deepEqual(compare(recorded, { one: { ...counts, instructions: 98_500 } }).notices, []);
});

test('a scenario without a record fails, and a record without a scenario when all were measured', () => {
  const measured = { one: counts, two: counts };
  assert.deepEqual(compare(recorded, measured).failures, ['two: nothing is recorded for it']);
  assert.deepEqual(compare(measured, { one: counts }).failures, ['two: recorded, but there is no such scenario']);
  assert.deepEqual(compare(measured, { one: counts }, { whole: false }).failures, []);
});

test('a count that is missing in the record fails', () => {
  const { copiedBytes: _, ...less } = counts;
  assert.deepEqual(compare({ one: less }, { one: counts }).failures, ['one: no copiedBytes are recorded for it']);
});

test('a count that was zero may not become more', () => {
  const none = { one: { ...counts, allocations: 0 } };
  assert.equal(compare(none, { one: { ...counts, allocations: 1 } }).failures.length, 1);
  assert.deepEqual(compare(none, { one: { ...counts, allocations: 0 } }).failures, []);
});

test('a line has every count, what was recorded and the difference', () => {
  const text = line('one', counts, { ...counts, instructions: 101_000 }, 350);
  assert.match(text, /^one +101,000 instructions \(100,000, \+1\.0 %\) {2}34 allocations \(34, 0\.0 %\)/);
  assert.match(text, /2\.00 a payload byte$/);
  assert.match(line('two', undefined, counts, 350), /100,000 instructions \(new\)/);
});

// `inner` is called by `outer` and by itself; part of it is inlined from another file.
const CALLGRIND = `events: Ir
fn=(1) outer
10 5
cfn=(2) inner
calls=2 20
11 70
fn=(2)
20 30
fi=(3) other.rs
+4 10
fe=(1)
cfn=(2)
calls=1 20
* 25
-1 5
summary: 120
`;

test('the output of callgrind is added up by function', () => {
  assert.equal(totalOf(CALLGRIND), 120);
  assert.deepEqual(functionsOf(CALLGRIND), [
    { name: 'outer', self: 5, inclusive: 75 },
    { name: 'inner', self: 45, inclusive: 45 },
  ]);
  assert.match(profile(CALLGRIND, 5), /by itself\n +9 {2}37\.5 % {2}inner\n/);
  assert.throws(() => totalOf('nothing'), /no total/);
});

test('what the peers copy is left out', () => {
  const frames = [
    '[root]',
    '0x1: memcpy (vg_replace_strmem.c:1)',
    '0x2: <gates::meter::Peer<F> as core::future::future::Future>::poll (meter.rs:46)',
    '0x3: teleferric_net::body::Body::read (body.rs:1)',
  ];
  const points = [
    { tb: 700, fs: [1, 3] },
    { tb: 50, fs: [1, 2] },
    { tb: 6, fs: [1] },
  ];
  assert.equal(copiedOf({ pps: points, ftbl: frames }), 706);
});
