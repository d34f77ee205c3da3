// Figures of the boundary for people and programs.
import { ratio, summary } from './statistics.mjs';

/**
 * The figures of each case, with its ratio to the control case beside it where that was measured too.
 * @param {readonly import('./cases.mjs').BoundaryCase[]} cases
 * @param {ReadonlyMap<string, readonly (readonly number[])[]>} samples nanoseconds by case and round
 */
export function figures(cases, samples) {
  return cases.map(({ name, side, beside }) => {
    const rounds = samples.get(name);
    const others = beside === null ? undefined : samples.get(beside);
    const { samples: count, p50, p95, p99 } = summary(rounds.flat());
    return {
      name,
      side,
      samples: count,
      ns_p50: p50,
      ns_p95: p95,
      ns_p99: p99,
      beside: others === undefined ? null : beside,
      times_control: others === undefined ? null : ratio(rounds, others),
    };
  });
}

/** A title and one line for each case. */
export function table(title, rows) {
  const columns = ['p50 ns', 'p95 ns', 'p99 ns'].map((column) => column.padStart(10)).join(' ');
  const heading = `${title.padEnd(46)} ${columns}  time of the control [by round]`;
  return `${[heading, ...rows.map(line)].join('\n')}\n`;
}

function line({ name, ns_p50: p50, ns_p95: p95, ns_p99: p99, beside, times_control: times }) {
  const numbers = [p50, p95, p99].map((value) => significant(value).padStart(10)).join(' ');
  const compared =
    times === null
      ? ''
      : `  ${significant(times.median)}x [${significant(times.low)}, ${significant(times.high)}] of ${beside}`;
  return `  ${name.padEnd(44)} ${numbers}${compared}`;
}

/** Three digits that count, or all before the point. */
export function significant(value) {
  if (value < 10) return value.toFixed(2);
  return value < 100 ? value.toFixed(1) : value.toFixed(0);
}
