/**
 * An exporter that does what the first log record tells it to: at first to fail, the next time it succeeds.
 */
import { definePlugin, RetryableError } from 'teleferric/plugin';

let attempts = 0;

export default definePlugin({
  async export(batch, { abortSignal }) {
    attempts += 1;
    const told = [...batch.logRecords()].map((record) => String(record.body))[0];
    if (told === 'retry' && attempts === 1) throw new RetryableError('not now', { delayMs: 10 });
    if (told === 'never') throw new Error('cannot be sent');
    if (told === 'slow') {
      await new Promise((_, reject) => abortSignal.addEventListener('abort', () => reject(abortSignal.reason)));
    }
    if (told === 'hang') for (;;);
  },
});
