/**
 * Exporter `nop`: drops everything.
 */
import type { NativeNopConfig } from '../native-types.js';
import { object } from '../schema/spec.js';
import { define, forSignals } from './definition.js';

export const nopExporter = define({
  kind: 'exporter',
  type: 'nop',
  doc: 'Accepts everything and drops it.',
  stability: forSignals('beta'),
  spec: object({}),
  toNative: (): NativeNopConfig => ({}),
});
