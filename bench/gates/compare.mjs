// What the gates let through: measured counts against the recorded ones.

/**
 * The counts of a scenario, each per request. `slack` is the share by which a count may exceed the recorded one, and by
 * which it must fall short to be worth recording again; `digits` are those that are recorded.
 */
export const COUNTS = [
  { key: 'instructions', unit: 'instructions', slack: 0.02, digits: 0 },
  { key: 'allocations', unit: 'allocations', slack: 0, digits: 2 },
  { key: 'allocatedBytes', unit: 'B allocated', slack: 0.02, digits: 0 },
  { key: 'copiedBytes', unit: 'B copied', slack: 0.02, digits: 0 },
];

/**
 * What the clock may add to the allocations of a request, such as the text of the date once a second: less than one
 * allocation in a round of requests or in twenty requests is.
 */
function clockSlack(count, round) {
  return count.key === 'allocations' ? 0.8 / Math.max(round, 20) : 0;
}

/** A count with the digits it is recorded with. */
export function rounded({ digits }, value) {
  return Number(value.toFixed(digits));
}

/** `value` against `recorded` as a signed share of the latter. */
export function change(recorded, value) {
  if (recorded === value) return 0;
  return recorded === 0 ? Infinity : (value - recorded) / recorded;
}

/**
 * Compares `measured` with `recorded`, both objects of counts by scenario. `rounds` has the requests that make up a round
 * of a scenario where these are several. With `whole`, recorded scenarios must all have been measured. Returns
 * `{ failures, notices }`, sentences.
 */
export function compare(recorded, measured, { rounds = {}, whole = true } = {}) {
  const failures = [];
  const notices = [];
  for (const [name, counts] of Object.entries(measured)) {
    const before = recorded[name];
    if (before === undefined) {
      failures.push(`${name}: nothing is recorded for it`);
      continue;
    }
    for (const count of COUNTS) {
      const { key, unit, slack } = count;
      if (before[key] === undefined) {
        failures.push(`${name}: no ${key} are recorded for it`);
        continue;
      }
      const by = change(before[key], counts[key]);
      const text = `${name}: ${counts[key]} ${unit} instead of ${before[key]} (${percent(by)})`;
      const allowed = before[key] * slack + clockSlack(count, rounds[name] ?? 1);
      if (counts[key] > before[key] + allowed) failures.push(text);
      else if (counts[key] < before[key] - allowed) notices.push(text);
    }
  }
  if (whole) {
    const missing = Object.keys(recorded).filter((name) => measured[name] === undefined);
    failures.push(...missing.map((name) => `${name}: recorded, but there is no such scenario`));
  }
  return { failures, notices };
}

/** One line about a scenario. */
export function line(name, recorded, counts, payloadBytes) {
  const cells = COUNTS.map(({ key, unit }) => {
    const was = recorded?.[key];
    const difference = was === undefined ? 'new' : percent(change(was, counts[key]));
    return `${grouped(counts[key])} ${unit} (${was === undefined ? '' : `${grouped(was)}, `}${difference})`;
  });
  const copies = (counts.copiedBytes / payloadBytes).toFixed(2);
  return `${name.padEnd(16)} ${cells.join('  ')}, ${copies} a payload byte`;
}

/** A signed share as text. */
export function percent(share) {
  return `${share > 0 ? '+' : ''}${(share * 100).toFixed(1)} %`;
}

function grouped(value) {
  return value.toLocaleString('en-US');
}
