/**
 * The error for bytes that are not an OTLP request.
 */

/** A batch cannot be read: it is cut off, or its bytes do not follow the protobuf encoding of OTLP. */
export class MalformedBatchError extends Error {
  /** Stable, for comparisons across copies of the package. */
  readonly code = 'MALFORMED_BATCH';
  /** Bytes from the start of the message that was read, where the trouble was noticed. */
  readonly offset: number;

  constructor(reason: string, offset: number) {
    super(`malformed batch: ${reason} at offset ${offset}`);
    this.name = 'MalformedBatchError';
    this.offset = offset;
  }
}
