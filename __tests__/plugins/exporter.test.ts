/**
 * Exporters of type `ts`: what their answers mean for the queue in front of them.
 */
import { fileURLToPath } from 'node:url';

import { startCollector, type Running } from '../support/collector.js';
import { RETRY } from '../support/exporting.js';
import { named } from '../support/fixtures.js';
import { Cleanup } from '../support/poll.js';
import { encodeRequest } from '../support/proto.js';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const module = fileURLToPath(new URL('modules/sender.ts', import.meta.url));

async function start(ts: object): Promise<Running> {
  const exporters = { ts: { module, sending_queue: { enabled: false }, ...ts } };
  return cleanup.add(await startCollector({ exporters }), (it) => it.close(0));
}

const send = (to: Running, told: string) => to.collector.ingest('logs', encodeRequest('logs', named('logs', told)));

test('resolving is delivering, and a retryable error is tried again', async () => {
  const collector = await start(RETRY);
  expect(await send(collector, 'retry')).toEqual({ outcome: 'accepted' });
  expect(await send(collector, 'a')).toEqual({ outcome: 'accepted' });
  expect(collector.metric('otelcol_exporter_sent_log_records')).toBe(2);
  expect(collector.metric('teleferric_plugin_batches_total', { outcome: 'thrown' })).toBe(1);
});

test('any other error is for good', async () => {
  const collector = await start(RETRY);
  expect(await send(collector, 'never')).toMatchObject({
    outcome: 'refused',
    message: 'not retryable error: cannot be sent',
    retryable: false,
  });
});

test('one that is slow is told, and one that hangs is replaced', async () => {
  const collector = await start({ timeout: '100ms', retry_on_failure: { enabled: false } });
  expect(await send(collector, 'slow')).toMatchObject({ outcome: 'refused', retryable: true });
  expect(collector.metric('teleferric_plugin_restarts_total')).toBe(0);
  expect(await send(collector, 'hang')).toMatchObject({ outcome: 'refused', retryable: true });
  expect(await send(collector, 'a')).toEqual({ outcome: 'accepted' });
  expect(collector.metric('teleferric_plugin_restarts_total')).toBe(1);
});
