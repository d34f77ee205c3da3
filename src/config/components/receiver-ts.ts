/**
 * Receiver `ts`: a module of the user that receives, in a worker thread.
 */
import { acknowledgedFields, checkAcknowledged } from '../blocks/acknowledged.js';
import { checkPlugin, pluginFields, pluginTimeout } from '../blocks/plugin.js';
import type { NativeTsReceiverConfig } from '../native-types.js';
import { object } from '../schema/spec.js';
import type { Infer } from '../schema/spec.js';
import { define, forSignals } from './definition.js';

const { module, options, memory_limit_mib } = pluginFields;

const spec = object(
  {
    module,
    options,
    memory_limit_mib,
    timeout: pluginTimeout(
      '5s',
      'How long the event loop of the worker may stand still; one that does so longer is ended and started anew',
    ),
    ...acknowledgedFields,
  },
  {
    validate: (receiver, report) => {
      checkPlugin(receiver, report);
      checkAcknowledged(receiver, report);
    },
  },
);

function toNative({ ack, ack_quorum: quorum, admission_timeout }: Infer<typeof spec>): NativeTsReceiverConfig {
  return { ack: { level: ack, choices: null, quorum }, admission_timeout };
}

export const tsReceiver = define({
  kind: 'receiver',
  type: 'ts',
  doc: 'Runs a JavaScript or TypeScript module in a worker thread, which receives telemetry and hands it over. See [plugins](plugins.md).',
  stability: forSignals('alpha'),
  spec,
  toNative,
  asksForAck: true,
});
