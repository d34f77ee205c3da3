/**
 * Redaction: deletes attributes by key, and hides what looks like an e-mail address in all other texts.
 */
import { definePlugin, type Attributes, type Batch } from 'teleferric/plugin';

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
    for (const attributes of attributesOf(batch)) {
      for (const key of options.keys) attributes.delete(key);
      for (const [key, value] of attributes) {
        if (typeof value === 'string' && value.includes('@')) attributes.set(key, value.replace(ADDRESS, '[redacted]'));
      }
    }
  },
});

function* attributesOf(batch: Batch): Generator<Attributes> {
  for (const resource of batch.resources()) yield resource.attributes;
  for (const span of batch.spans()) {
    yield span.attributes;
    for (const event of span.events()) yield event.attributes;
  }
  for (const record of batch.logRecords()) yield record.attributes;
  for (const point of batch.dataPoints()) yield point.attributes;
}
