/**
 * Redaction: deletes attributes by key, and hides what looks like an e-mail address in all other texts.
 */
import { definePlugin, type Batch, type Resource } from 'teleferric/plugin';

interface Options {
  /** Keys whose attributes are deleted. */
  readonly keys: readonly string[];
}

const ADDRESS = /[\w.+-]+@[\w-]+\.[\w.-]+/g;

export default definePlugin<Options>({
  options({ keys = [], ...others }) {
    const [unknown] = Object.keys(others);
    if (unknown !== undefined) throw new TypeError(`unknown option ${unknown}`);
    if (!Array.isArray(keys) || keys.some((key) => typeof key !== 'string')) {
      throw new TypeError('keys must be a list of texts');
    }
    return { keys: keys as string[] };
  },

  process(batch, { options }) {
    for (const record of recordsOf(batch)) {
      const hasAddress = record.mayContain('@');
      for (const key of options.keys) record.attributes.delete(key);
      if (!hasAddress) continue;
      for (const [key, value] of record.attributes) {
        if (typeof value !== 'string' || !value.includes('@')) continue;
        record.attributes.set(key, value.replace(ADDRESS, '[redacted]'));
      }
    }
  },
});

/** Whatever has attributes. */
function* recordsOf(batch: Batch): Generator<Pick<Resource, 'attributes' | 'mayContain'>> {
  yield* batch.resources();
  for (const span of batch.spans()) {
    yield span;
    yield* span.events();
  }
  yield* batch.logRecords();
  yield* batch.dataPoints();
}
