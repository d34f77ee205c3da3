/**
 * Durations in Go's syntax (`1h30m`, `200ms`, `1.5s`), held as integer nanoseconds.
 */

const UNITS = new Map([
  ['ns', 1n],
  ['us', 1000n],
  ['µs', 1000n],
  ['μs', 1000n],
  ['ms', 1_000_000n],
  ['s', 1_000_000_000n],
  ['m', 60_000_000_000n],
  ['h', 3_600_000_000_000n],
]);
const INT64_MAX = 2n ** 63n - 1n;
/** The largest double that is still a 64-bit signed integer: what a longer duration becomes. */
export const DURATION_MAX = Number(2n ** 63n - 1024n);
/** Fraction digits that are read: as many as fit 64 bits. */
const FRACTION_DIGITS = 19;

/** A duration, or why it is none, worded as Go does (without the text itself, which may be a secret). */
export type ParsedDuration = { readonly ok: true; readonly nanoseconds: number } | { readonly ok: false; readonly reason: string };

/** Parses Go's duration syntax. Beyond 2^53 ns (104 days) the result is the nearest double. */
export function parseDuration(text: string): ParsedDuration {
  const sign = /^[-+]/.test(text) ? text.charAt(0) : '';
  let rest = text.slice(sign.length);
  if (rest === '0') return { ok: true, nanoseconds: 0 };
  if (rest === '') return { ok: false, reason: 'time: invalid duration' };
  let total = 0n;
  while (rest !== '') {
    const match = /^(\d*)(?:\.(\d*))?/.exec(rest);
    const whole = match?.[1] ?? '';
    const fraction = match?.[2] ?? '';
    if (whole === '' && fraction === '') return { ok: false, reason: 'time: invalid duration' };
    rest = rest.slice((match?.[0] ?? '').length);
    const unit = /^[^\d.]*/.exec(rest)?.[0] ?? '';
    if (unit === '') return { ok: false, reason: 'time: missing unit in duration' };
    const scale = UNITS.get(unit);
    if (scale === undefined) return { ok: false, reason: 'time: unknown unit' };
    if (whole.length > 20) return { ok: false, reason: 'time: invalid duration' };
    // Go computes the fraction in floating point, and its rounding is what users see
    const digits = fraction.slice(0, FRACTION_DIGITS);
    total += BigInt(whole || '0') * scale + BigInt(Math.trunc(Number(digits) * (Number(scale) / 10 ** digits.length)));
    if (total > INT64_MAX) return { ok: false, reason: 'time: invalid duration' };
    rest = rest.slice(unit.length);
  }
  const nanoseconds = Math.min(Number(total), DURATION_MAX);
  return { ok: true, nanoseconds: sign === '-' && nanoseconds !== 0 ? -nanoseconds : nanoseconds };
}

/** A duration known to be right, for defaults. */
export function ns(text: string): number {
  const parsed = parseDuration(text);
  if (!parsed.ok) throw new Error(`${text}: ${parsed.reason}`);
  return parsed.nanoseconds;
}

/** As Go prints it: `1m30s`, `200ms`, `1.5µs`, `0s`. */
export function formatDuration(nanoseconds: number): string {
  const sign = nanoseconds < 0 ? '-' : '';
  const total = BigInt(Math.abs(nanoseconds));
  if (total === 0n) return '0s';
  if (total < 1000n) return `${sign}${total}ns`;
  if (total < 1_000_000n) return `${sign}${decimal(total, 1000n)}µs`;
  if (total < 1_000_000_000n) return `${sign}${decimal(total, 1_000_000n)}ms`;
  const minute = 60_000_000_000n;
  const seconds = `${decimal(total % minute, 1_000_000_000n)}s`;
  const minutes = total / minute;
  if (minutes === 0n) return sign + seconds;
  return minutes < 60n ? `${sign}${minutes}m${seconds}` : `${sign}${minutes / 60n}h${minutes % 60n}m${seconds}`;
}

function decimal(value: bigint, scale: bigint): string {
  const places = scale.toString().length - 1;
  const fraction = (value % scale).toString().padStart(places, '0').replace(/0+$/, '');
  return fraction === '' ? String(value / scale) : `${value / scale}.${fraction}`;
}
