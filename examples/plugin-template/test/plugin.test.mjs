import assert from 'node:assert/strict';
import { test } from 'node:test';

import { runPlugin, traces } from 'teleferric/testing';

import plugin from '../dist/index.js';

test('sets the attribute of each resource', async () => {
  const given = traces([{ name: 'GET /cart' }], { resource: { 'service.name': 'cart' } });
  const { batch } = await runPlugin(plugin, given, { options: { value: 'checkout' } });
  assert.deepEqual(
    Array.from(batch.resources(), (resource) => resource.attributes.get('team')),
    ['checkout'],
  );
});

test('refuses options that it does not know', async () => {
  await assert.rejects(runPlugin(plugin, traces([]), { options: { colour: 'red' } }), /unknown option colour/);
});
