//! Compression and capped decompression
