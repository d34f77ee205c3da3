/**
 * `compressed_passthrough` of the OTLP exporters, a key of teleferric's own.
 */
import { choice, key } from '../schema/spec.js';

export const compressedPassthrough = key(
  choice(['off', 'single'], (word) => `invalid compressed_passthrough: ${word} (it is "off" or "single")`),
  'single',
  "`single` sends a gzip or zstd request that came in the same compression, and that nothing changed, with the bytes it came with; `off` compresses each here, as an explicit level does. A key of teleferric's own",
);
