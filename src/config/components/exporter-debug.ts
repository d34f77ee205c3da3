/**
 * Exporter `debug`: shows what passes.
 */
import { acknowledging, queueOff, storageOf, toNativeQueue } from '../blocks/sending-queue.js';
import type { NativeDebugConfig } from '../native-types.js';
import { bool, choice, int, key, list, object, optional, string } from '../schema/spec.js';
import type { Infer } from '../schema/spec.js';
import { define, forSignals } from './definition.js';
import type { NativeContext } from './definition.js';

const verbosity = choice(
  ['basic', 'normal', 'detailed'],
  (word) =>
    word.toLowerCase() === 'none'
      ? 'verbosity level "None" is not supported'
      : `unknown metrics level ${JSON.stringify(word.toLowerCase())}`,
  { fold: true },
);

const spec = object(
  {
    verbosity: key(verbosity, 'basic', '`basic` is a line per batch, `normal` a line per item, `detailed` every field'),
    sampling_initial: key(int({ min: 0 }), 2, 'Messages shown at first in each second', 'messages'),
    sampling_thereafter: key(
      int({ min: 0 }),
      1,
      'After those, every n-th message is shown; 0 and 1 show all',
      'messages',
    ),
    use_internal_logger: key(bool(), true, 'Write through the collector’s own log instead of `output_paths`'),
    output_paths: key(
      optional(list(string()), 'off'),
      null,
      'Files, `stdout` or `stderr` to write to; only while `use_internal_logger` is false, then `stdout` unless written',
    ),
    sending_queue: queueOff,
  },
  {
    validate: ({ use_internal_logger: internal, output_paths: paths }, report) => {
      if (internal && paths !== null)
        report('output_paths is not supported when use_internal_logger is true', 'output_paths');
      if (!internal && paths?.length === 0) {
        report('output_paths must not be empty when use_internal_logger is false', 'output_paths');
      }
    },
  },
);

function toNative(exporter: Infer<typeof spec>, context: NativeContext): NativeDebugConfig {
  return {
    verbosity: exporter.verbosity,
    sampling_initial: exporter.sampling_initial,
    sampling_thereafter: exporter.sampling_thereafter,
    use_internal_logger: exporter.use_internal_logger,
    output_paths: exporter.output_paths ?? ['stdout'],
    sending_queue: toNativeQueue(exporter.sending_queue, context),
  };
}

export const debugExporter = define({
  kind: 'exporter',
  type: 'debug',
  doc: 'Shows what passes on the terminal or in the log; for looking, not for keeping.',
  stability: forSignals('alpha'),
  spec,
  toNative,
  acknowledging: (exporter, syncs) => acknowledging(exporter.sending_queue, syncs),
  references: (exporter) => storageOf(exporter.sending_queue),
});
