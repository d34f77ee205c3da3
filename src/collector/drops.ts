/**
 * Tells of items that were dropped: at most once a second for each component, signal and reason, with the sum. Nothing
 * is done for a single drop, so that a flood of them costs no more than one.
 */
import type { DropEvent } from '../binding/index.js';

const INTERVAL_MS = 1000;

/** Looks for drops while a collector runs. */
export class DropWatch {
  readonly #take: () => readonly DropEvent[];
  readonly #tell: (drop: DropEvent) => void;
  readonly #timer: NodeJS.Timeout;

  /**
   * @param take gives what was dropped since it was last called
   * @param isWanted whether anybody listens; what nobody was told of is told to the first who does
   */
  constructor(take: () => readonly DropEvent[], isWanted: () => boolean, tell: (drop: DropEvent) => void) {
    this.#take = () => (isWanted() ? take() : []);
    this.#tell = tell;
    this.#timer = setInterval(() => this.look(), INTERVAL_MS).unref();
  }

  /** Tells what there is to tell. */
  look(): void {
    for (const drop of this.#take()) this.#tell(drop);
  }

  /** Looks for the last time. */
  end(): void {
    clearInterval(this.#timer);
    this.look();
  }
}
