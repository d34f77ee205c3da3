//! One part under construction: which slices it holds, how long it is, and its encoding.
//!
//! Lengths are known before anything is written, so a part is written once, front to back.

use std::ops::Range;

use super::Part;
use crate::cursor::{WireType, bytes_field_len, put_tag, put_varint};

/// How often the request's size may be spent on repeated headers.
const REPEAT_FACTOR: usize = 16;
/// Bytes that may always be spent on repeated headers.
const REPEAT_FREE_BYTES: usize = 1 << 20;

pub(super) struct PartBuilder<'a> {
    input: &'a [u8],
    /// The messages above the next item, outermost first.
    levels: Vec<Level>,
    /// The header fields of every level entered so far.
    headers: Vec<u8>,
    pieces: Vec<Piece>,
    items: u64,
    /// Header bytes that may still be repeated.
    repeat_budget: usize,
    exhausted: bool,
}

/// A message that holds what is added next.
struct Level {
    number: u32,
    /// Its header in `headers`.
    header: Range<usize>,
    /// Its `Open` in `pieces`, once the part holds something of it.
    open: Option<usize>,
    /// Bytes of its content in this part, without an open message inside it.
    len: usize,
    /// Whether an earlier part holds the header already.
    repeated: bool,
}

/// A stretch of a part.
#[derive(Debug)]
pub(super) enum Piece {
    /// A tag and a length prefix; the length is set when the level is closed.
    Open { number: u32, len: usize },
    /// In the headers.
    Header(Range<usize>),
    /// In the request that is cut.
    Input(Range<usize>),
}

/// The encoding of a part of `len` bytes. Its first piece opens the request itself, which has no prefix.
pub(super) fn encode(pieces: impl IntoIterator<Item = Piece>, len: usize, headers: &[u8], input: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len);
    for piece in pieces.into_iter().skip(1) {
        match piece {
            Piece::Open { number, len } => {
                put_tag(number, WireType::Delimited, &mut bytes);
                put_varint(len as u64, &mut bytes);
            }
            Piece::Header(range) => bytes.extend_from_slice(headers.get(range).unwrap_or_default()),
            Piece::Input(range) => bytes.extend_from_slice(input.get(range).unwrap_or_default()),
        }
    }
    bytes
}

impl<'a> PartBuilder<'a> {
    pub(super) fn new(input: &'a [u8]) -> Self {
        Self {
            input,
            levels: Vec::with_capacity(5),
            headers: Vec::new(),
            pieces: Vec::new(),
            items: 0,
            repeat_budget: input.len().saturating_mul(REPEAT_FACTOR).saturating_add(REPEAT_FREE_BYTES),
            exhausted: false,
        }
    }

    /// Items in the part so far.
    pub(super) fn items(&self) -> u64 {
        self.items
    }

    /// Whether repeating headers has become too costly, and limits no longer bind.
    pub(super) fn is_exhausted(&self) -> bool {
        self.exhausted
    }

    /// Goes into a message; its header is written only if something is added. The first level is the request, whose
    /// number is not used.
    pub(super) fn enter<'h>(&mut self, number: u32, header: impl Iterator<Item = &'h [u8]>) {
        let start = self.headers.len();
        header.for_each(|field| self.headers.extend_from_slice(field));
        let header = start..self.headers.len();
        self.levels.push(Level { number, header, open: None, len: 0, repeated: false });
    }

    /// Leaves the innermost message.
    pub(super) fn leave(&mut self) {
        self.close(self.levels.len().saturating_sub(1));
        self.levels.pop();
    }

    /// The length of the part if a field of this length were added to the innermost message.
    pub(super) fn len_with(&self, field: usize) -> usize {
        let mut len = field;
        for (depth, level) in self.levels.iter().enumerate().rev() {
            let content = len + if level.open.is_some() { level.len } else { level.header.len() };
            len = if depth == 0 { content } else { bytes_field_len(level.number, content) };
        }
        len
    }

    /// Adds a whole field, a slice of the input, to the innermost message.
    pub(super) fn add(&mut self, field: &[u8], items: u64) {
        for level in &mut self.levels {
            if level.open.is_none() {
                level.open = Some(self.pieces.len());
                level.len = level.header.len();
                self.pieces.push(Piece::Open { number: level.number, len: 0 });
                self.pieces.push(Piece::Header(level.header.clone()));
                if level.repeated {
                    match self.repeat_budget.checked_sub(level.header.len()) {
                        Some(left) => self.repeat_budget = left,
                        None => self.exhausted = true,
                    }
                }
                level.repeated = true;
            }
        }
        if let Some(level) = self.levels.last_mut() {
            level.len += field.len();
        }
        let start = field.as_ptr().addr().saturating_sub(self.input.as_ptr().addr());
        match self.pieces.last_mut() {
            Some(Piece::Input(range)) if range.end == start => range.end += field.len(),
            _ => self.pieces.push(Piece::Input(start..start + field.len())),
        }
        self.items += items;
    }

    /// Encodes the part, if it holds anything, and starts the next one inside the same messages.
    pub(super) fn finish(&mut self) -> Option<Part> {
        if self.items == 0 {
            return None;
        }
        for depth in (0..self.levels.len()).rev() {
            self.close(depth);
        }
        let len = self.encoded_len();
        let bytes = encode(self.pieces.drain(..), len, &self.headers, self.input);
        Some(Part { bytes, items: std::mem::take(&mut self.items) })
    }

    /// The length of the part once all levels are closed.
    fn encoded_len(&self) -> usize {
        match self.pieces.first() {
            Some(Piece::Open { len, .. }) => *len,
            _ => 0,
        }
    }

    /// Fixes the length of a level in this part and counts it in its parent.
    fn close(&mut self, depth: usize) {
        let Some(level) = self.levels.get_mut(depth) else { return };
        let Some(Piece::Open { len, .. }) = level.open.take().and_then(|index| self.pieces.get_mut(index)) else {
            return;
        };
        *len = level.len;
        let field = bytes_field_len(level.number, level.len);
        if let Some(parent) = depth.checked_sub(1).and_then(|depth| self.levels.get_mut(depth)) {
            parent.len += field;
        }
    }
}
