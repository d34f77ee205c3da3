// The short forms of the measurements of a collector inside a gateway: that they run through and that what they compare
// did its work. What they measure is not looked at; CI is no place for it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { outputOf } from '../compare/peers/commands.mjs';

const bench = fileURLToPath(new URL('..', import.meta.url));

/** The build that the tests of the load tool have left, or a new one. */
async function loadTool() {
  if (process.env.TELEFERRIC_LOAD_TOOL !== undefined) return process.env.TELEFERRIC_LOAD_TOOL;
  await outputOf('cargo', ['build', '--manifest-path', path.join(bench, 'Cargo.toml'), '-p', 'teleferric-load']);
  return path.join(process.env.CARGO_TARGET_DIR ?? path.join(bench, 'target'), 'debug/teleferric-load');
}

/** What `node bench/NAME --quick` measured. */
async function measured(name) {
  const folder = mkdtempSync(path.join(tmpdir(), 'teleferric-quick-'));
  try {
    const json = path.join(folder, 'figures.json');
    const env = { ...process.env, TELEFERRIC_LOAD_TOOL: await loadTool() };
    const args = [path.join(bench, name), '--quick', '--json', json];
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
    assert.equal(await new Promise((resolve) => child.once('exit', resolve)), 0);
    return JSON.parse(readFileSync(json, 'utf8')).runs;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('event-loop.mjs measures every way', async () => {
  const { none, ...ways } = await measured('event-loop.mjs');
  assert.deepEqual(Object.keys(ways), ['native', 'node', 'protobufjs', 'exporter', 'localhost']);
  for (const [name, [run]] of Object.entries({ none, ...ways })) {
    assert.ok(run.ownSent > 0, name);
    assert.equal(run.ownAnswered, run.ownSent, name);
    assert.ok(run.utilization > 0, name);
    assert.equal(run.itemsArrived > 0, name !== 'none', name);
    assert.equal(run.itemsArrived % 100, 0, name);
  }
});

test('node-engine.mjs measures all three', async () => {
  for (const [cell, collectors] of Object.entries(await measured('node-engine.mjs'))) {
    assert.deepEqual(Object.keys(collectors), ['node', 'baseline', 'native'], cell);
    for (const [run] of Object.values(collectors)) assert.ok(run.accepted > 0, cell);
  }
});
