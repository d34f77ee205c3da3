/**
 * What the core's log says about circuit breakers, as events.
 */
import type { LogEvent } from '../binding/index.js';

/** `closed` lets everything pass, `open` nothing, `half_open` a few probes. */
export type BreakerState = 'closed' | 'half_open' | 'open';

/** A circuit breaker has changed its state. */
export interface BreakerEvent {
  /** Id of the exporter. */
  readonly component: string;
  /** What it stands in front of, as the exporter has it. */
  readonly endpoint: string;
  readonly from: BreakerState;
  readonly to: BreakerState;
}

/** Knows the states of all breakers; each begins closed. */
export class BreakerWatch {
  readonly #states = new Map<string, BreakerState>();

  /** The change that a line tells of; null if it tells of none. */
  read({ fields }: LogEvent): BreakerEvent | null {
    const to = fields['breaker_state'];
    if (to !== 'closed' && to !== 'half_open' && to !== 'open') return null;
    const component = String(fields['otelcol.component.id']);
    const endpoint = String(fields['endpoint']);
    const key = JSON.stringify([component, endpoint]);
    const from = this.#states.get(key) ?? 'closed';
    if (to === 'closed') this.#states.delete(key);
    else this.#states.set(key, to);
    return { component, endpoint, from, to };
  }
}
