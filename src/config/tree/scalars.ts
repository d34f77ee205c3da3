/**
 * How plain YAML scalars become values: the Collector's reader (YAML 1.2 core with the 1.1 forms of integers;
 * `yes` and `on` are strings). Not the `yaml` package's schemas, which differ in octals, underscores and sizes.
 */
import type { ScalarNode } from './node.js';

type Resolved = Pick<ScalarNode, 'type' | 'value'>;

const NULLS = new Set(['', '~', 'null', 'Null', 'NULL']);
const TRUES = new Set(['true', 'True', 'TRUE']);
const FALSES = new Set(['false', 'False', 'FALSE']);
const FLOAT = /^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/;
const INT64_MIN = -(2n ** 63n);
const UINT64_MAX = 2n ** 64n - 1n;

/** The value of a plain (unquoted) scalar. */
export function resolvePlain(text: string): Resolved {
  if (NULLS.has(text)) return { type: 'null', value: null };
  if (TRUES.has(text)) return { type: 'bool', value: true };
  if (FALSES.has(text)) return { type: 'bool', value: false };
  return resolveNumber(text) ?? { type: 'string', value: text };
}

function resolveNumber(text: string): Resolved | null {
  const first = text.charAt(0);
  if (!/[-+.\d]/.test(first)) return null;
  if (/^[-+]?\.(?:inf|Inf|INF)$/.test(text)) {
    return { type: 'float', value: first === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY };
  }
  if (/^\.(?:nan|NaN|NAN)$/.test(text)) return { type: 'float', value: Number.NaN };
  const plain = text.replaceAll('_', '');
  const int = parseInteger(plain);
  if (int !== null && int >= INT64_MIN && int <= UINT64_MAX) return { type: 'int', value: shrink(int) };
  if (FLOAT.test(plain)) {
    const value = Number(plain);
    // a literal too large for a double stays the text that it is
    return Number.isFinite(value) ? { type: 'float', value } : null;
  }
  return null;
}

/** Decimal, `0x`, `0o`, `0b` and the old `0123` octal; null for anything else. */
function parseInteger(text: string): bigint | null {
  const match = /^([-+]?)(0[xX][\da-fA-F]+|0[oO][0-7]+|0[bB][01]+|0[0-7]+|0|[1-9]\d*)$/.exec(text);
  if (match === null || text.length > 80) return null;
  const [, sign = '', digits = ''] = match;
  const magnitude = BigInt(/^0[0-7]/.test(digits) ? `0o${digits.slice(1)}` : digits.toLowerCase());
  return sign === '-' ? -magnitude : magnitude;
}

/** A number where it is exact, else the bigint. */
export function shrink(int: bigint): number | bigint {
  const number = Number(int);
  return Number.isSafeInteger(number) ? number : int;
}
