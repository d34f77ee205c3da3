// Tests of a host, to be run by node --test.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Collector } from '../../../dist/index.js';
import { nowhere, SPAN } from './pipeline.mjs';

let collector;
before(async () => {
  collector = await Collector.start({ config: nowhere() });
});
after(() => collector.close());

for (const name of ['one', 'two']) {
  test(name, async () => {
    assert.equal((await collector.ingest('traces', SPAN)).outcome, 'accepted');
  });
}
