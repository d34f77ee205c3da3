/**
 * Connector `forward`: joins pipelines of one signal.
 */
import type { NativeForwardConfig } from '../native-types.js';
import { SIGNALS } from '../schema/ids.js';
import { object } from '../schema/spec.js';
import { define } from './definition.js';
import type { Stability } from './definition.js';

export const forwardConnector = define({
  kind: 'connector',
  type: 'forward',
  doc: 'Hands data from the pipelines it exports from to the pipelines it receives for, signal by signal.',
  stability: Object.fromEntries(SIGNALS.map((signal): [string, Stability] => [`${signal} ${signal}`, 'beta'])),
  spec: object({}),
  toNative: (): NativeForwardConfig => ({}),
});
