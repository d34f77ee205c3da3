// What a person sees while it runs: a line for each step, with the time left by the estimate, corrected by how the
// estimate did so far.

export class Progress {
  #estimated;
  #done = 0;
  #spent = 0;
  #say;

  /** @param estimates seconds of each cell, by id */
  constructor(estimates, say = (line) => process.stderr.write(`${line}\n`)) {
    this.#estimated = estimates;
    this.#say = say;
  }

  say(line) {
    this.#say(line);
  }

  cellStarted(id, number, count, names) {
    this.#say(`[${number}/${count}, ${formatDuration(this.secondsLeft())} left] ${id}: ${names}`);
  }

  cellEnded(id, seconds) {
    this.#done += this.#estimated[id];
    this.#spent += seconds;
    delete this.#estimated[id];
  }

  secondsLeft() {
    const left = Object.values(this.#estimated).reduce((sum, seconds) => sum + seconds, 0);
    return this.#done > 0 ? (left * this.#spent) / this.#done : left;
  }
}

export function formatDuration(seconds) {
  const minutes = Math.floor(seconds / 60);
  if (minutes === 0) return `${Math.ceil(seconds)} s`;
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
