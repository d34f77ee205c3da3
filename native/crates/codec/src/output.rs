//! Where decompressed bytes go: a pooled block that grows no further than the caps, the permit and the input allow.

use bytes::Bytes;
use teleferric_buf::{Block, Permit, Pool};

use crate::{Caps, Codec, CodecError, FRAMES_MAX};

/// The growing output of one body.
pub(crate) struct Output<'a> {
    codec: Codec,
    pool: &'a Pool,
    block: Option<Block>,
    permit: &'a mut Permit,
    /// What the permit held before.
    base: u64,
    /// Bytes of output that the permit pays for and that the block has room for.
    granted: usize,
    /// Most bytes of output.
    limit: usize,
    over_limit: CodecError,
    frames: usize,
}

/// The smallest step of growth, so that small outputs are not grown byte by byte.
const GROWTH_MIN: usize = 4 << 10;

impl<'a> Output<'a> {
    pub(crate) fn new(codec: Codec, input: usize, caps: &Caps, permit: &'a mut Permit, pool: &'a Pool) -> Output<'a> {
        let mut limit = caps.max_output;
        let mut over_limit = CodecError::TooLarge { limit };
        // The whole input is here, so the ratio is one more cap.
        if let Some(ratio) = caps.ratio {
            let by_ratio = input.saturating_mul(usize::try_from(ratio.max).unwrap_or(usize::MAX)).max(ratio.after);
            if by_ratio < limit {
                limit = by_ratio;
                over_limit = CodecError::Ratio { max: ratio.max };
            }
        }
        let base = permit.bytes();
        Output { codec, pool, block: None, permit, base, granted: 0, limit, over_limit, frames: 0 }
    }

    /// Bytes of output so far.
    pub(crate) fn len(&self) -> usize {
        self.block.as_ref().map_or(0, |block| block.len())
    }

    /// Bytes of output that the caps still allow.
    pub(crate) fn allowance(&self) -> usize {
        self.limit - self.len()
    }

    /// Grants room for `bytes` more of output.
    ///
    /// # Errors
    /// The cap that is in the way, or the lack of budget or memory; nothing is granted then.
    pub(crate) fn ensure(&mut self, bytes: usize) -> Result<(), CodecError> {
        let total = self.len().checked_add(bytes).filter(|total| *total <= self.limit).ok_or(self.over_limit)?;
        if total > self.granted {
            self.permit.try_grow((total - self.granted) as u64)?;
            // From here on the permit pays; should the memory fail, the drop below settles it.
            match &mut self.block {
                Some(block) => block.try_reserve(bytes)?,
                None => self.block = Some(self.pool.try_block(total)?),
            }
            self.granted = total;
        }
        Ok(())
    }

    /// Grants room for `bytes` more of output, or as much as the caps allow: for guesses.
    pub(crate) fn ensure_up_to(&mut self, bytes: usize) -> Result<(), CodecError> {
        self.ensure(bytes.min(self.allowance()))
    }

    /// Twice the room, after what there is has proved too small.
    ///
    /// # Errors
    /// The cap, if there is no more room under it.
    pub(crate) fn grow(&mut self) -> Result<(), CodecError> {
        if self.granted >= self.limit {
            return Err(self.over_limit);
        }
        let total = self.granted.saturating_mul(2).max(GROWTH_MIN).min(self.limit);
        self.ensure(total - self.len())
    }

    /// The granted room, which may hold leftovers of earlier use.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        let room = self.granted - self.len();
        self.block.as_mut().and_then(|block| block.spare_mut().get_mut(..room)).unwrap_or_default()
    }

    /// The output so far from `start` on, and the room behind it.
    pub(crate) fn tail_and_room(&mut self, start: usize) -> (&[u8], &mut [u8]) {
        let room = self.granted - self.len();
        match &mut self.block {
            Some(block) => {
                let (content, spare) = block.split_spare_mut();
                (content.get(start..).unwrap_or_default(), spare.get_mut(..room).unwrap_or_default())
            }
            None => (&[], &mut []),
        }
    }

    /// Makes the next `count` bytes of the room output.
    pub(crate) fn advance(&mut self, count: usize) {
        if let Some(block) = &mut self.block {
            block.advance(count.min(self.granted - block.len()));
        }
    }

    /// Counts one frame.
    pub(crate) fn count_frame(&mut self) -> Result<(), CodecError> {
        self.frames += 1;
        if self.frames > FRAMES_MAX { Err(CodecError::TooManyFrames { limit: FRAMES_MAX }) } else { Ok(()) }
    }

    /// Frames counted so far.
    pub(crate) fn frames(&self) -> usize {
        self.frames
    }

    /// The error for damaged input.
    pub(crate) fn corrupt(&self, reason: &'static str) -> CodecError {
        CodecError::Corrupt { codec: self.codec, reason }
    }

    /// The whole output; the permit keeps paying for exactly that.
    pub(crate) fn finish(mut self) -> Bytes {
        self.base += self.len() as u64;
        self.block.take().map_or_else(Bytes::new, |block| block.fit().freeze())
    }
}

impl Drop for Output<'_> {
    /// Gives back what the output did not use, which after a failure is all of it. The memory goes first, so that
    /// the ledger never shows less than is in use.
    fn drop(&mut self) {
        self.block = None;
        self.permit.shrink_to(self.base);
    }
}
