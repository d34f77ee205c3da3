/**
 * Checks the arguments of `Collector.ingest` before they cross the boundary.
 */
import type { Encoding, IngestHead, Signal } from '../binding/index.js';
import { ownOptions, wrongOption } from '../config/index.js';
import { checkContext, type RequestContext } from './context.js';

/** Codings that the HTTP receiver knows by default, and `none`. */
export type Compression = 'none' | 'gzip' | 'zstd' | 'zlib' | 'deflate' | 'snappy' | 'x-snappy-framed' | 'lz4';

/** How a request came, beside its bytes. */
export interface IngestOptions {
  /** @default 'proto' */
  readonly encoding?: Encoding;
  /**
   * How the body is compressed: what a sender writes as `Content-Encoding`, so any text may be handed on. The receiver
   * decompresses it, off the event loop, and refuses what it would refuse over HTTP. @default 'none'
   */
  readonly compression?: Compression | (string & {});
  /** Request headers, for components that look at them (`metadata_keys` and the like). @default none */
  readonly metadata?: Readonly<Record<string, string | readonly string[]>>;
  /** What your own checks found out about the request. @default nothing */
  readonly context?: RequestContext | null;
}

const OPTIONS = { encoding: true, compression: true, metadata: true, context: true } as const satisfies Record<
  keyof IngestOptions,
  true
>;
const SIGNALS: readonly string[] = ['traces', 'metrics', 'logs', 'profiles'] satisfies readonly Signal[];

/** @returns the arguments in the form of the boundary @throws CollectorError `INVALID_ARGUMENT` naming the first wrong one */
export function checkIngest(signal: Signal, body: Uint8Array, options: IngestOptions): IngestHead {
  if (!SIGNALS.includes(signal)) throw wrongOption('signal', `one of ${SIGNALS.join(', ')}`);
  // Typed arrays of another realm fail instanceof.
  if (!ArrayBuffer.isView(body) || Object.prototype.toString.call(body) !== '[object Uint8Array]') {
    throw wrongOption('body', 'a Uint8Array');
  }
  const {
    encoding = 'proto',
    compression = 'none',
    metadata = {},
    context: said,
  } = ownOptions('ingest', options, OPTIONS);
  if (typeof metadata !== 'object' || metadata === null) throw wrongOption('metadata', 'an object of texts');
  if (encoding !== 'proto' && encoding !== 'json') throw wrongOption('encoding', 'proto or json');
  if (typeof compression !== 'string') throw wrongOption('compression', 'text');
  return {
    signal,
    encoding,
    metadata: Object.entries(metadata).flatMap(([name, value]) => pairs(name, value)),
    compression: compression === 'none' || compression === '' ? null : compression.trim(),
    context: checkContext(said),
  };
}

function pairs(name: string, value: string | readonly string[]): (readonly [string, string])[] {
  const values = typeof value === 'string' ? [value] : value;
  if (!Array.isArray(values) || !values.every((one) => typeof one === 'string')) {
    throw wrongOption(`metadata.${name}`, 'text or a list of texts');
  }
  return values.map((one: string) => [name, one] as const);
}
