import { definePlugin } from 'teleferric/plugin';

/** What `options` of the configuration may have. */
interface Options {
  /** The attribute that is set. */
  readonly key: string;
  readonly value: string;
}

export default definePlugin<Options>({
  options({ key = 'team', value, ...others }) {
    const [unknown] = Object.keys(others);
    if (unknown !== undefined) throw new TypeError(`unknown option ${unknown}`);
    if (typeof key !== 'string' || typeof value !== 'string') throw new TypeError('key and value must be texts');
    return { key, value };
  },

  process(batch, { options: { key, value } }) {
    for (const resource of batch.resources()) resource.attributes.set(key, value);
  },
});
