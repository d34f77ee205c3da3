/**
 * The compressions Node 20 cannot write, in their stored forms: valid streams that a decoder of another make reads,
 * without any saving of bytes. Not for speed.
 */

/** A zstd frame of raw blocks. */
export function zstdRaw(plain: Uint8Array): Buffer {
  return zstdFrame(
    plain.length,
    pieces(plain, ZSTD_BLOCK_BYTES).map((piece) => ({ type: 0, size: piece.length, content: piece })),
  );
}

/** A zstd frame that stands for `bytes` zeros in four bytes for every 128 KiB. */
export function zstdZeros(bytes: number): Buffer {
  const full = { type: 1, size: ZSTD_BLOCK_BYTES, content: Buffer.alloc(1) };
  return zstdFrame(
    null,
    Array.from({ length: Math.ceil(bytes / ZSTD_BLOCK_BYTES) }, () => full),
  );
}

const ZSTD_BLOCK_BYTES = 128 << 10;

interface ZstdBlock {
  readonly type: number;
  readonly size: number;
  readonly content: Uint8Array;
}

/** With a known size the frame is one segment; without, it has a window of 1 MiB (RFC 8878, section 3.1.1). */
function zstdFrame(size: number | null, blocks: readonly ZstdBlock[]): Buffer {
  const head = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
  const descriptor = size === null ? Buffer.from([0x00, 10 << 3]) : Buffer.concat([Buffer.from([0xa0]), uint32(size)]);
  const body = (blocks.length === 0 ? [{ type: 0, size: 0, content: Buffer.alloc(0) }] : blocks).map(
    (block, index, all) => {
      const word = (block.size << 3) | (block.type << 1) | (index === all.length - 1 ? 1 : 0);
      return Buffer.concat([uint32(word).subarray(0, 3), block.content]);
    },
  );
  return Buffer.concat([head, descriptor, ...body]);
}

/** A snappy block of literals. */
export function snappyBlock(plain: Uint8Array): Buffer {
  const literals = pieces(plain, 1 << 16).map((piece) => {
    const length = piece.length - 1;
    return Buffer.concat([Buffer.from([61 << 2, length & 0xff, length >> 8]), piece]);
  });
  return Buffer.concat([varint(plain.length), ...literals]);
}

/** A snappy stream of uncompressed chunks, each with its masked CRC-32C. */
export function snappyFramed(plain: Uint8Array): Buffer {
  const chunks = pieces(plain, 1 << 16).map((piece) => {
    const crc = crc32c(piece);
    const masked = (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
    const head = uint32(((piece.length + 4) << 8) | 1);
    return Buffer.concat([head, uint32(masked), piece]);
  });
  return Buffer.concat([Buffer.from('ff060000734e61507059', 'hex'), ...chunks]);
}

/** An lz4 frame of stored blocks. */
export function lz4Stored(plain: Uint8Array): Buffer {
  const blocks = pieces(plain, 4 << 20).flatMap((piece) => [uint32((piece.length | 0x80000000) >>> 0), piece]);
  // Version 1, independent blocks of at most 4 MiB, no checksums; 0x73 is the checksum of these two bytes.
  return Buffer.concat([Buffer.from('04224d18607073', 'hex'), ...blocks, uint32(0)]);
}

function pieces(bytes: Uint8Array, most: number): readonly Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += most) found.push(bytes.subarray(at, at + most));
  return found;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) | 128);
  return Buffer.from([...bytes, left]);
}

function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) === 1 ? 0x82f63b78 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
