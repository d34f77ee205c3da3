/**
 * The keys of receivers about the moment at which a sender is told OK.
 */
import { ACK_LEVELS, type AckLevel } from '../components/acknowledging.js';
import { ns } from '../schema/duration.js';
import { choice, duration, int, key, optional } from '../schema/spec.js';
import type { Report } from '../schema/spec.js';

export const acknowledgedFields = {
  ack: key(
    optional(
      choice(ACK_LEVELS, (word) => `invalid ack: ${word} (it is "received", "persisted" or "delivered")`),
      'off',
    ),
    null,
    "What OK tells a sender: `received` is in memory, `persisted` in the storage of every queue, `delivered` at the destinations. The weakest that the pipelines give unless written; a level that they cannot give keeps the collector from starting. A key of teleferric's own",
  ),
  admission_timeout: key(
    duration(),
    ns('5s'),
    "How long a request waits for room in a queue that has `block_on_overflow` before it is refused; over gRPC also no longer than until 100 ms before the client's deadline. 0 is as long as it takes. A key of teleferric's own",
  ),
  ack_quorum: key(
    optional(int({ min: 1 }), 'off'),
    null,
    "How many exporters must have a request before its sender is told OK, with `ack: delivered`; all unless written. The others go on, and what they refuse then is counted as dropped. A key of teleferric's own",
    'exporters',
  ),
};

/** Rules of the keys. */
export function checkAcknowledged(
  { ack, ack_quorum: quorum }: { readonly ack: AckLevel | null; readonly ack_quorum: number | null },
  report: Report,
): void {
  if (quorum !== null && ack !== 'delivered')
    report('`ack_quorum` is supported only with `ack: delivered`', 'ack_quorum');
}
