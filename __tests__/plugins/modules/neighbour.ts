/**
 * A processor that does what the first log record of a batch tells it to.
 */
import { definePlugin, PermanentError, RetryableError, type Batch } from 'teleferric/plugin';

interface Misbehaviour {
  readonly [told: string]: (batch: Batch) => unknown;
}

const MISBEHAVIOUR: Misbehaviour = {
  throw: () => {
    throw new Error('thrown on purpose');
  },
  permanent: () => {
    throw new PermanentError('never again');
  },
  later: () => {
    throw new RetryableError('in a while', { delayMs: 7000 });
  },
  nothing: () => Promise.reject(null),
  nonsense: () => 42,
  garbage: (batch) => {
    batch.encode = () => Uint8Array.of(0xff, 0xff, 0xff);
  },
  hang: () => {
    for (;;);
  },
  forget: () => new Promise(() => {}),
  leak: () => {
    const held: unknown[] = [];
    for (;;) held.push(Array.from<number>({ length: 1000 }).fill(0.5));
  },
  exit: () => process.exit(0),
  stray: () => {
    setImmediate(() => {
      throw new Error('thrown astray');
    });
    return new Promise(() => {});
  },
};

export default definePlugin({
  process(batch) {
    for (const record of batch.logRecords()) {
      const told = String(record.body);
      if (told === 'drop') record.drop();
      else if (told === 'mark') record.attributes.set('marked', true);
      else if (Object.hasOwn(MISBEHAVIOUR, told)) return MISBEHAVIOUR[told]!(batch) as void;
    }
    return undefined;
  },
});
