/**
 * What a collector tells those who listen to it.
 */
import type { CollectorError } from '../errors.js';
import type { LogFields, LogRecord } from '../telemetry/log-encoding.js';
import type { BreakerEvent } from './breakers.js';
import type { CollectorState } from './collector.js';
import type { DropEvent } from '../binding/index.js';

/** What a collector tells its listeners. Listeners that throw are logged and passed by. */
export interface CollectorEvents {
  /** The state has changed. */
  state: [state: CollectorState, before: CollectorState];
  /** Something works, but not as it should; also written to the log. */
  warning: [message: string, fields: LogFields];
  /** A component died after the start; data is lost from here on unless the host closes and starts anew. */
  error: [error: CollectorError];
  /** Items were dropped: at most once a second for each component, signal and reason, with the sum. */
  drop: [drop: DropEvent];
  /** A circuit breaker has changed its state. */
  breaker: [change: BreakerEvent];
  /** A reload is over: null if it was accepted, else why the configuration before goes on. */
  reload: [refusal: CollectorError | null];
  /**
   * The probation of a reloaded configuration (`service.reload.probation`) is over: null if it has passed, else why the
   * one before has taken over again.
   */
  probation: [failure: CollectorError | null];
  /** A log line, after level and sampling. */
  log: [record: LogRecord];
}
