/**
 * A receiver that emits what its options say when it starts, and tells in the log what it is answered.
 */
import { existsSync, writeFileSync } from 'node:fs';

import { Batch, definePlugin, type ReceiverContext } from 'teleferric/plugin';

interface Options {
  readonly name: string;
  /** A file that is written at the first start, which then fails. */
  readonly fails?: string;
  readonly signal?: string;
  /** A file that is written at the first start, which then stands still. */
  readonly hangs?: string;
}

async function emitAll({ options, emit, log }: ReceiverContext<Options>): Promise<void> {
  const record = { body: { stringValue: options.name } };
  const batch = Batch.from('logs', { resourceLogs: [{ scopeLogs: [{ logRecords: [record] }] }] });
  log.info('answered', { outcome: await emit(batch) });
  const bytes = Buffer.from(batch.encode());
  const emitted = emit('logs', bytes, { context: { tenant: 'a' } });
  // They were copied.
  bytes.fill(0xff);
  log.info('answered', { outcome: await emitted });
  log.info('answered', { outcome: await emit('logs', bytes) });
  const wrong = emit((options.signal ?? 'spans') as 'logs', bytes);
  log.info('refused', { code: await wrong.catch((error: { code: string }) => error.code) });
}

let end: () => void = () => {};

export default definePlugin<Options>({
  options: (configured) => configured as unknown as Options,
  setup({ name }, { log }) {
    log.info('set up', { name });
    end = () => log.info('closed', { name });
  },
  async start(context) {
    const { name, fails, hangs } = context.options;
    if (fails !== undefined && !existsSync(fails)) {
      writeFileSync(fails, '');
      throw new Error('cannot listen');
    }
    if (hangs !== undefined && !existsSync(hangs)) {
      writeFileSync(hangs, '');
      for (;;);
    }
    context.log.info('started', { name });
    await emitAll(context);
  },
  close: () => end(),
});
