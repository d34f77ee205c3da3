/**
 * Processor `ts`: a module of the user, in worker threads.
 */
import { checkPlugin, pluginFields, pluginTimeout } from '../blocks/plugin.js';
import type { NativeTsProcessorConfig } from '../native-types.js';
import { choice, key, object } from '../schema/spec.js';
import type { Infer } from '../schema/spec.js';
import { define, forSignals } from './definition.js';
import type { NativeContext } from './definition.js';

const spec = object(
  {
    ...pluginFields,
    timeout: pluginTimeout('1s', 'Longest time for one batch; a worker that takes longer is ended and started anew'),
    on_error: key(
      choice(
        ['fail', 'pass', 'drop'],
        (word) => `unknown on_error ${JSON.stringify(word)}, valid values are: [fail pass drop]`,
      ),
      'fail',
      'What becomes of a batch on which the module fails: its sender is refused and may send it again (`fail`), it goes on as it came (`pass`), or it is dropped and counted (`drop`)',
    ),
  },
  { validate: checkPlugin },
);

function toNative(processor: Infer<typeof spec>, context: NativeContext, id: string): NativeTsProcessorConfig {
  return { port: context.pluginPort('processors', id), timeout: processor.timeout, on_error: processor.on_error };
}

export const tsProcessor = define({
  kind: 'processor',
  type: 'ts',
  doc: 'Gives each batch to a JavaScript or TypeScript module that runs in worker threads, and goes on with what it makes of it. See [plugins](plugins.md).',
  stability: forSignals('alpha'),
  spec,
  toNative,
});
