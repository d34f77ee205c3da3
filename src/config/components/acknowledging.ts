/**
 * What components tell about the moment at which they answer.
 */

/** What OK may mean to a sender, the weakest first. */
export const ACK_LEVELS = ['received', 'persisted', 'delivered'] as const;
export type AckLevel = (typeof ACK_LEVELS)[number];

/** When an exporter, with its queue, answers. */
export interface Acknowledging {
  /** If it is asked for nothing. */
  readonly own: AckLevel;
  /** If it is asked for a level; null if it cannot give that. */
  readonly given: Readonly<Record<AckLevel, AckLevel | null>>;
  /** Why it cannot give one, and what would help. */
  readonly lacks: string | null;
}

/** Without a queue: whatever is asked for, the destination's answer is the answer. */
export const DIRECT: Acknowledging = {
  own: 'delivered',
  given: { received: 'delivered', persisted: 'delivered', delivered: 'delivered' },
  lacks: null,
};
