/**
 * Checks the arguments of `Collector.ingest` before they cross the boundary.
 */
import type { Encoding, Signal } from '../binding/index.js';
import { ownOptions } from '../config/index.js';
import { CollectorError } from '../errors.js';

/** How a request came, beside its bytes. */
export interface IngestOptions {
  /** @default 'proto' */
  readonly encoding?: Encoding;
  /** Request headers, for components that look at them (`metadata_keys` and the like). @default none */
  readonly metadata?: Readonly<Record<string, string | readonly string[]>>;
}

/** Arguments in the form of the boundary. */
export interface IngestCall {
  readonly encoding: Encoding;
  readonly metadata: readonly (readonly [string, string])[];
}

const OPTIONS = { encoding: true, metadata: true } as const satisfies Record<keyof IngestOptions, true>;
const SIGNALS: readonly string[] = ['traces', 'metrics', 'logs', 'profiles'] satisfies readonly Signal[];

/** @throws CollectorError `INVALID_ARGUMENT` naming the first wrong one */
export function checkIngest(signal: Signal, body: Uint8Array, options: IngestOptions): IngestCall {
  if (!SIGNALS.includes(signal)) throw wrong('signal', `one of ${SIGNALS.join(', ')}`);
  // Typed arrays of another realm fail instanceof.
  if (!ArrayBuffer.isView(body) || Object.prototype.toString.call(body) !== '[object Uint8Array]') {
    throw wrong('body', 'a Uint8Array');
  }
  const { encoding = 'proto', metadata = {} } = ownOptions('ingest', options, OPTIONS);
  if (typeof metadata !== 'object' || metadata === null) throw wrong('metadata', 'an object of texts');
  if (encoding !== 'proto' && encoding !== 'json') throw wrong('encoding', 'proto or json');
  return { encoding, metadata: Object.entries(metadata).flatMap(([name, value]) => pairs(name, value)) };
}

function pairs(name: string, value: string | readonly string[]): (readonly [string, string])[] {
  const values = typeof value === 'string' ? [value] : value;
  if (!Array.isArray(values) || !values.every((one) => typeof one === 'string')) {
    throw wrong(`metadata.${name}`, 'text or a list of texts');
  }
  return values.map((one: string) => [name, one] as const);
}

function wrong(argument: string, expected: string): CollectorError {
  return new CollectorError('INVALID_ARGUMENT', `${argument} must be ${expected}`, { details: { argument } });
}
