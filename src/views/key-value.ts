/**
 * Keys and values of single attributes (KeyValue) in place. Nearly all have the same form, a short key, a short value and
 * nothing else, and are read without looking at field after field.
 */
import { DELIMITED } from '../protobuf/wire-types.js';
import { readAnyValue, readHeldValue, readUnusualKey, type AnyValue } from './any-value.js';
import { Cursor } from './cursor.js';
import { KEY_VALUE } from './schema.js';

const KEY = KEY_VALUE.fields.key.number;
const VALUE = KEY_VALUE.fields.value.number;
const KEY_TAG = KEY * 8 + DELIMITED;
const VALUE_TAG = VALUE * 8 + DELIMITED;

/** Where the value's tag stands in an attribute of the usual form; -1 for any other. The key stands right before it. */
function usualForm(bytes: Uint8Array, from: number, to: number): number {
  if (to - from <= 3 || bytes[from] !== KEY_TAG) return -1;
  const length = bytes[from + 1]!;
  const value = from + 2 + length;
  const fits = length < 0x80 && value + 1 < to && bytes[value] === VALUE_TAG && to === value + 2 + bytes[value + 1]!;
  return fits ? value : -1;
}

/** The value of an attribute. */
export function readValue(bytes: Buffer, from: number, to: number): AnyValue {
  const value = usualForm(bytes, from, to);
  return value < 0 ? readHeldValue(bytes, from, to, VALUE) : readAnyValue(bytes, value + 2, to);
}

/** The key of an attribute. */
export function readKey(bytes: Buffer, from: number, to: number): string {
  const value = usualForm(bytes, from, to);
  return value < 0 ? readUnusualKey(bytes, from, to) : knownText(bytes, from + 2, value);
}

/** Keys that were read before, by a few of their bytes: most are the same few dozen, and decoding one costs more. */
const knownKeys: (Known | undefined)[] = [];
const KNOWN_KEYS = 512;

interface Known {
  readonly text: string;
  readonly bytes: Uint8Array;
}

function knownText(bytes: Buffer, from: number, to: number): string {
  const length = to - from;
  if (length === 0) return '';
  const hash = (length * 31 + bytes[from]! * 7 + bytes[to - 1]! * 131 + bytes[from + (length >> 1)]! * 17) % KNOWN_KEYS;
  const known = knownKeys[hash];
  if (known !== undefined && known.bytes.length === length && endsWith(bytes, to, known.bytes)) return known.text;
  const text = bytes.toString('utf8', from, to);
  knownKeys[hash] = { text, bytes: Uint8Array.prototype.slice.call(bytes, from, to) };
  return text;
}

/** A key that is looked for. */
export interface Probe {
  readonly text: string;
  readonly bytes: Uint8Array;
  /** Whether it may stand for bytes that are no text, and has to be compared as text. */
  readonly lossy: boolean;
}

const PROBES_MAX = 512;
const PROBE_LENGTH_MAX = 128;
const probes = new Map<string, Probe>();

/** Keys are nearly always the same few. */
export function probeOf(key: string): Probe {
  const known = probes.get(key);
  if (known !== undefined) return known;
  const probe = { text: key, bytes: Uint8Array.from(Buffer.from(key)), lossy: key.includes('\u{FFFD}') };
  if (key.length > PROBE_LENGTH_MAX) return probe;
  if (probes.size >= PROBES_MAX) probes.clear();
  probes.set(key, probe);
  return probe;
}

/** Whether the KeyValue in `from..to` has this key. */
export function hasKey(bytes: Uint8Array, from: number, to: number, probe: Probe): boolean {
  const value = probe.lossy ? -1 : usualForm(bytes, from, to);
  if (value < 0) return hasUnusualKey(bytes, from, to, probe);
  return value - from - 2 === probe.bytes.length && endsWith(bytes, value, probe.bytes);
}

/** Whether `key` stands before `end`. Keys differ at their ends more often than at their starts. */
function endsWith(bytes: Uint8Array, end: number, key: Uint8Array): boolean {
  const start = end - key.length;
  for (let index = key.length - 1; index >= 0; index -= 1) if (bytes[start + index] !== key[index]) return false;
  return true;
}

function hasUnusualKey(bytes: Uint8Array, from: number, to: number, probe: Probe): boolean {
  const cursor = new Cursor(bytes, from, to);
  // A key that stands several times is its last.
  let found: Uint8Array = NO_KEY;
  while (cursor.find(KEY, DELIMITED)) found = bytes.subarray(cursor.from, cursor.to);
  if (probe.lossy) return Buffer.from(found).toString() === probe.text;
  return found.length === probe.bytes.length && endsWith(found, found.length, probe.bytes);
}

const NO_KEY = new Uint8Array(0);
