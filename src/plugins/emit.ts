/**
 * What receivers hand over, checked before it goes anywhere.
 */
import type { IngestHead } from '../binding/index.js';
import { checkIngest, type IngestOptions } from '../ingest/index.js';
import type { Batch, Signal } from '../views/index.js';

/** A request in the form of the boundary. */
export interface Emitted {
  readonly head: IngestHead;
  readonly body: Uint8Array;
  /** As the plugin gave them; nothing of a batch. */
  readonly options: IngestOptions;
}

/** Reads the arguments of `emit`. @throws CollectorError `INVALID_ARGUMENT` */
export function emitted(first: Signal | Batch, body?: Uint8Array, options: IngestOptions = {}): Emitted {
  // A batch of another copy of the package is one all the same.
  if (typeof first === 'object') return emitted(first.signal, first.encode());
  // Whatever it is: that is what is checked.
  const bytes = body as Uint8Array;
  return { head: checkIngest(first, bytes, options), body: bytes, options };
}
