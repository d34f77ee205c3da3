//! The list of replacements from one scan, and the one pass that applies it.

use std::ops::Range;

use crate::cursor::put_varint;

/// Replacements in rising order of position.
pub(crate) struct Splices<'v> {
    input: &'v [u8],
    list: Vec<Splice>,
    /// What is put in, one replacement after the other.
    text: Vec<u8>,
    /// How much longer the result is than the input, so far.
    growth: isize,
}

/// What a record takes in a request, and what an edit of it puts in.
const RECORD_BYTES_USUAL: usize = 256;
const TEXT_BYTES_USUAL: usize = 48;

struct Splice {
    /// What goes, in the input.
    at: Range<usize>,
    /// What comes, in `text`.
    with: Range<usize>,
}

/// A message whose content is being edited; its length prefix is settled by [`Splices::close`].
#[must_use]
pub(crate) struct Open {
    index: usize,
    prefix: Range<usize>,
    content_len: usize,
    growth_before: isize,
    text_before: usize,
}

impl<'v> Splices<'v> {
    pub(crate) fn new(input: &'v [u8]) -> Self {
        // An edit in each of a request's records, small as those are; growing step by step would cost more.
        let edits = input.len() / RECORD_BYTES_USUAL;
        Self {
            input,
            list: Vec::with_capacity(2 * edits),
            text: Vec::with_capacity(TEXT_BYTES_USUAL * edits),
            growth: 0,
        }
    }

    /// Begins a message, given its whole field and its content, both slices of the input.
    pub(crate) fn open(&mut self, raw: &[u8], content: &[u8]) -> Open {
        let tag = raw.iter().take_while(|byte| **byte >= 0x80).count() + 1;
        let prefix = self.offset(raw) + tag..self.offset(content);
        let index = self.list.len();
        // Holds the place of the prefix, which comes before all changes inside.
        self.list.push(Splice { at: prefix.start..prefix.start, with: 0..0 });
        Open { index, prefix, content_len: content.len(), growth_before: self.growth, text_before: self.text.len() }
    }

    /// Ends a message: writes its new length if something inside changed.
    pub(crate) fn close(&mut self, open: Open) {
        if self.list.len() == open.index + 1 {
            self.list.truncate(open.index);
            return;
        }
        let grown = self.growth - open.growth_before;
        if grown == 0 {
            return;
        }
        let start = self.text.len();
        put_varint(open.content_len.saturating_add_signed(grown) as u64, &mut self.text);
        let with = start..self.text.len();
        self.growth += with.len() as isize - open.prefix.len() as isize;
        if let Some(place) = self.list.get_mut(open.index) {
            *place = Splice { at: open.prefix, with };
        }
    }

    /// Ends a message that is left out as a whole, given its whole field: what changed inside does not matter.
    pub(crate) fn leave_out(&mut self, open: Open, raw: &[u8]) {
        self.list.truncate(open.index);
        self.text.truncate(open.text_before);
        self.growth = open.growth_before;
        self.replace(raw, |_| ());
    }

    /// Replaces a slice of the input by what `write` appends.
    pub(crate) fn replace(&mut self, slice: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.offset(slice);
        self.push(start..start + slice.len(), write);
    }

    /// Inserts what `write` appends after a slice of the input.
    pub(crate) fn insert_after(&mut self, slice: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
        let end = self.offset(slice) + slice.len();
        self.push(end..end, write);
    }

    /// Inserts what `write` appends before a slice of the input.
    pub(crate) fn insert_before(&mut self, slice: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.offset(slice);
        self.push(start..start, write);
    }

    /// The edited bytes, or `None` if nothing was replaced.
    pub(crate) fn finish(self) -> Option<Vec<u8>> {
        if self.list.is_empty() {
            return None;
        }
        let mut out = Vec::with_capacity(self.input.len().saturating_add_signed(self.growth));
        let mut copied = 0;
        for splice in &self.list {
            out.extend_from_slice(self.input.get(copied..splice.at.start).unwrap_or_default());
            out.extend_from_slice(self.text.get(splice.with.clone()).unwrap_or_default());
            copied = splice.at.end;
        }
        out.extend_from_slice(self.input.get(copied..).unwrap_or_default());
        Some(out)
    }

    fn push(&mut self, at: Range<usize>, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.text.len();
        write(&mut self.text);
        let with = start..self.text.len();
        self.growth += with.len() as isize - at.len() as isize;
        self.list.push(Splice { at, with });
    }

    /// Where a slice of the input begins.
    fn offset(&self, slice: &[u8]) -> usize {
        slice.as_ptr().addr().saturating_sub(self.input.as_ptr().addr())
    }
}
