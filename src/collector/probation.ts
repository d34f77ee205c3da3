/**
 * The time after a reload in which the configuration before it is the way back. What counts as failing is narrow: a
 * component that is gone for good, or panics one after another; a destination that is away is neither.
 */
import type { LoadedConfig } from '../config/index.js';
import { CollectorError } from '../errors.js';
import type { CollectorOptions } from './options.js';

/** Caught panics within one probation that make it fail: one alone may be the doing of one request. */
export const PANICS_MAX = 5;
/** How often panics are counted. */
const LOOK_INTERVAL_MS = 1000;

/** What ran before, and where it came from. */
export interface WayBack {
  readonly loaded: LoadedConfig;
  readonly options: CollectorOptions;
}

/** What a probation asks and tells. */
export interface ProbationHooks {
  /** Panics caught so far. */
  panics(): number;
  passed(): void;
  /** Told at most once. */
  failed(error: CollectorError): void;
}

/** Watches over one configuration until its time is over, it has failed, or another takes its place. */
export class Probation {
  readonly wayBack: WayBack;
  readonly #durationMs: number;
  readonly #hooks: ProbationHooks;
  readonly #panicsBefore: number;
  #timers: readonly NodeJS.Timeout[] = [];
  #ended = false;

  /** Failures count from here on, the time from `begin`. @param durationMs above 0 */
  constructor(wayBack: WayBack, durationMs: number, hooks: ProbationHooks) {
    this.wayBack = wayBack;
    this.#durationMs = durationMs;
    this.#hooks = hooks;
    this.#panicsBefore = hooks.panics();
  }

  /** The configuration is in place: its time begins, or begins anew after a pause. */
  begin(): void {
    if (this.#ended) return;
    this.#timers = [
      setTimeout(() => this.#pass(), this.#durationMs).unref(),
      setInterval(() => this.#countPanics(), LOOK_INTERVAL_MS).unref(),
    ];
  }

  /** Its time stands still while another configuration tries to take its place; failures still count. */
  pause(): void {
    this.#stopTimers();
  }

  /** A component is gone for good. */
  fail(error: CollectorError): void {
    if (this.#ended) return;
    this.end();
    this.#hooks.failed(error);
  }

  /** Neither passes nor fails any more. */
  end(): void {
    this.#ended = true;
    this.#stopTimers();
  }

  #pass(): void {
    this.#countPanics();
    if (this.#ended) return;
    this.end();
    this.#hooks.passed();
  }

  #countPanics(): void {
    const panics = this.#hooks.panics() - this.#panicsBefore;
    if (panics >= PANICS_MAX) this.fail(new CollectorError('INTERNAL', `${panics} panics since the reload`));
  }

  #stopTimers(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers = [];
  }
}
