/**
 * Processor `resource`: changes resource attributes.
 */
import { actions, checkActions, toNativeActions } from '../blocks/attribute-actions.js';
import type { NativeAttributesConfig } from '../native-types.js';
import { key, object } from '../schema/spec.js';
import type { Infer } from '../schema/spec.js';
import { define, forSignals } from './definition.js';

const spec = object(
  { attributes: key(actions, [], 'What to do, in order; required') },
  {
    validate: ({ attributes }, report) => {
      if (attributes.length === 0) report('missing required field "attributes"', 'attributes');
      checkActions(attributes, 'attributes', report);
    },
  },
);

/** The same native form as `attributes`, so that Rust has one editor. */
function toNative({ attributes }: Infer<typeof spec>): NativeAttributesConfig {
  return { actions: toNativeActions(attributes), include: null, exclude: null };
}

export const resourceProcessor = define({
  kind: 'processor',
  type: 'resource',
  doc: 'Sets, changes, hashes, converts or removes attributes of resources, by the same actions as `attributes`.',
  stability: { ...forSignals('beta', ['traces', 'metrics', 'logs']), profiles: 'development' },
  spec,
  toNative,
});
