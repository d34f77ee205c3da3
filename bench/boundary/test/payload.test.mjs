import assert from 'node:assert/strict';
import { test } from 'node:test';

import { headersPrefix } from '../control.mjs';
import { logs } from '../payload.mjs';

test('requests have about the size they are named by', () => {
  assert.ok(Math.abs(logs(1).length - 500) < 50, `${logs(1).length} B`);
  assert.ok(Math.abs(logs(130).length - 64 * 1024) < 6 * 1024, `${logs(130).length} B`);
});

test('a Node without headers is told apart', () => {
  assert.equal(headersPrefix('/nowhere/bin/node'), null);
});
