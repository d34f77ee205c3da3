/**
 * Receiver `nop`: receives nothing.
 */
import type { NativeNopConfig } from '../native-types.js';
import { object } from '../schema/spec.js';
import { define, forSignals } from './definition.js';

export const nopReceiver = define({
  kind: 'receiver',
  type: 'nop',
  doc: 'Receives nothing; fills the place of a receiver in pipelines that are fed otherwise.',
  stability: forSignals('beta'),
  spec: object({}),
  toNative: (): NativeNopConfig => ({}),
});
