//! Why a body was not decompressed or compressed.

use teleferric_buf::{AllocError, Exhausted};

use crate::Codec;

/// Why a body was not decompressed or compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The output would be over its cap.
    #[error("decompressed message larger than max ({limit} bytes)")]
    TooLarge {
        /// The cap in bytes.
        limit: usize,
    },
    /// The output would be over its ratio to the input.
    #[error("decompressed message larger than {max} times the compressed one")]
    Ratio {
        /// The most bytes of output per byte of input.
        max: u32,
    },
    /// The body has more frames than any honest sender writes.
    #[error("compressed message of more than {limit} frames")]
    TooManyFrames {
        /// The most frames.
        limit: usize,
    },
    /// A frame asks its reader for more memory than any reader owes it.
    #[error("compression window larger than max ({limit} bytes)")]
    WindowTooLarge {
        /// The largest window in bytes.
        limit: u64,
    },
    /// The input is damaged, ends early, or has something else behind its end.
    #[error("invalid {} data: {reason}", codec.name())]
    Corrupt {
        /// What the input claims to be.
        codec: Codec,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The memory budget has no room for the output.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// The allocator has no memory.
    #[error(transparent)]
    OutOfMemory(#[from] AllocError),
}

impl CodecError {
    /// Whether the message is too much rather than wrong: 413 and RESOURCE_EXHAUSTED, not to be sent again.
    pub fn is_too_large(&self) -> bool {
        use CodecError::{Ratio, TooLarge, TooManyFrames, WindowTooLarge};
        matches!(self, TooLarge { .. } | Ratio { .. } | TooManyFrames { .. } | WindowTooLarge { .. })
    }

    /// Whether memory was short, which passes: 503 and UNAVAILABLE, to be sent again.
    pub fn is_memory(&self) -> bool {
        matches!(self, CodecError::Exhausted(_) | CodecError::OutOfMemory(_))
    }
}
