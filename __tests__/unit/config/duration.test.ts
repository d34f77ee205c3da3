// Go's duration syntax: the table of Go's own rules, and properties.
import * as fc from 'fast-check';

import { DURATION_MAX, formatDuration, ns, parseDuration } from '../../../src/config/schema/duration.js';

describe('durations', () => {
  it.each([
    ['0', 0],
    ['0s', 0],
    ['5s', 5e9],
    ['200ms', 2e8],
    ['1m30s', 90e9],
    ['1.5h', 5.4e12],
    ['-1.5s', -1.5e9],
    ['+5s', 5e9],
    ['1h1m1s1ms1us1ns', 3_661_001_001_001],
    ['.5s', 5e8],
    ['1.s', 1e9],
    ['100µs', 1e5],
    ['100μs', 1e5],
    ['39h9m14.425s', 140_954_425_000_000],
    ['0.3333333333333333333h', 1_200_000_000_000],
    ['0.100000000000000000000h', 360_000_000_000],
  ])('%s is %d ns', (text, nanoseconds) => {
    expect(parseDuration(text)).toEqual({ ok: true, nanoseconds });
  });

  it.each([
    ['', 'time: invalid duration'],
    ['-', 'time: invalid duration'],
    ['s', 'time: invalid duration'],
    ['.', 'time: invalid duration'],
    ['.s', 'time: invalid duration'],
    ['abc', 'time: invalid duration'],
    ['3', 'time: missing unit in duration'],
    ['1.5', 'time: missing unit in duration'],
    ['1d', 'time: unknown unit'],
    ['5 s', 'time: unknown unit'],
    ['9223372036854775808ns', 'time: invalid duration'],
    ['9999999999h', 'time: invalid duration'],
  ])('%j is refused: %s', (text, reason) => {
    expect(parseDuration(text)).toEqual({ ok: false, reason });
  });

  it('prints what Go prints', () => {
    const texts = [
      '0s',
      '1ns',
      '1.1µs',
      '2.2ms',
      '3.3s',
      '4m5s',
      '4m5.001s',
      '5h6m7.001s',
      '8m0.000000001s',
      '1h0m0s',
      '-1s',
    ];
    expect(texts.map((text) => formatDuration(ns(text)))).toEqual(texts);
  });

  it('reads back what it prints', () => {
    fc.assert(
      fc.property(fc.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }), (nanoseconds) => {
        expect(parseDuration(formatDuration(nanoseconds))).toEqual({
          ok: true,
          nanoseconds: nanoseconds === 0 ? 0 : nanoseconds,
        });
      }),
    );
  });

  it('never throws, and stays within 64 bits', () => {
    const piece = fc.constantFrom('1', '0', '99999', '.', 'h', 'm', 's', 'ms', 'us', 'ns', 'µs', '-', '+', ' ', 'x');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const parsed = parseDuration(pieces.join(''));
        expect(!parsed.ok || Math.abs(parsed.nanoseconds) <= DURATION_MAX).toBe(true);
      }),
    );
  });
});
