//! The list of replacements from one scan, and the one pass that applies it.

use std::cell::Cell;
use std::fmt;
use std::ops::Range;

use bytes::BufMut;

use crate::cursor::put_varint;

/// Replacements in rising order of position.
pub(crate) struct Splices<'v> {
    input: &'v [u8],
    room: Room,
    /// How much longer the result is than the input, so far.
    growth: isize,
}

/// Working memory of a [`Splices`], which its thread keeps for the next one.
#[derive(Default)]
struct Room {
    list: Vec<Splice>,
    /// What is put in, one replacement after the other.
    text: Vec<u8>,
}

struct Splice {
    /// What goes, in the input.
    at: Range<usize>,
    /// What comes, in `text`.
    with: Range<usize>,
}

/// The most a thread keeps of each of a room's lists; a request of a thousand records takes a tenth.
const ROOM_BYTES_KEPT: usize = 1 << 20;

thread_local! {
    static ROOM: Cell<Room> = const { Cell::new(Room { list: Vec::new(), text: Vec::new() }) };
}

/// A request that was edited: what stays of the old bytes, and what comes between, not yet written side by side.
pub struct Edited<'v>(Splices<'v>);

impl Edited<'_> {
    /// Bytes of the edited request.
    pub fn len(&self) -> usize {
        self.0.input.len().saturating_add_signed(self.0.growth)
    }

    /// Whether nothing is left of the request.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends the edited request, [`len`](Edited::len) bytes, to `out`.
    pub fn write_to(&self, out: &mut impl BufMut) {
        let Splices { input, room: Room { list, text }, .. } = &self.0;
        let mut copied = 0;
        for splice in list {
            out.put_slice(input.get(copied..splice.at.start).unwrap_or_default());
            out.put_slice(text.get(splice.with.clone()).unwrap_or_default());
            copied = splice.at.end;
        }
        out.put_slice(input.get(copied..).unwrap_or_default());
    }

    /// The edited request in memory of its own.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.len());
        self.write_to(&mut out);
        out
    }
}

impl fmt::Debug for Edited<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edited").field("len", &self.len()).finish_non_exhaustive()
    }
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
        Self { input, room: ROOM.take(), growth: 0 }
    }

    /// Begins a message, given its whole field and its content, both slices of the input.
    pub(crate) fn open(&mut self, raw: &[u8], content: &[u8]) -> Open {
        let tag = raw.iter().take_while(|byte| **byte >= 0x80).count() + 1;
        let prefix = self.offset(raw) + tag..self.offset(content);
        let index = self.room.list.len();
        // Holds the place of the prefix, which comes before all changes inside.
        self.room.list.push(Splice { at: prefix.start..prefix.start, with: 0..0 });
        Open {
            index,
            prefix,
            content_len: content.len(),
            growth_before: self.growth,
            text_before: self.room.text.len(),
        }
    }

    /// Ends a message: writes its new length if something inside changed.
    pub(crate) fn close(&mut self, open: Open) {
        if self.room.list.len() == open.index + 1 {
            self.room.list.truncate(open.index);
            return;
        }
        let grown = self.growth - open.growth_before;
        if grown == 0 {
            return;
        }
        let start = self.room.text.len();
        put_varint(open.content_len.saturating_add_signed(grown) as u64, &mut self.room.text);
        let with = start..self.room.text.len();
        self.growth += with.len() as isize - open.prefix.len() as isize;
        if let Some(place) = self.room.list.get_mut(open.index) {
            *place = Splice { at: open.prefix, with };
        }
    }

    /// Ends a message that is left out as a whole, given its whole field: what changed inside does not matter.
    pub(crate) fn leave_out(&mut self, open: Open, raw: &[u8]) {
        self.room.list.truncate(open.index);
        self.room.text.truncate(open.text_before);
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

    /// The edited request, or `None` if nothing was replaced.
    pub(crate) fn finish(self) -> Option<Edited<'v>> {
        (!self.room.list.is_empty()).then_some(Edited(self))
    }

    fn push(&mut self, at: Range<usize>, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.room.text.len();
        write(&mut self.room.text);
        let with = start..self.room.text.len();
        self.growth += with.len() as isize - at.len() as isize;
        self.room.list.push(Splice { at, with });
    }

    /// Where a slice of the input begins.
    fn offset(&self, slice: &[u8]) -> usize {
        slice.as_ptr().addr().saturating_sub(self.input.as_ptr().addr())
    }
}

impl Drop for Splices<'_> {
    fn drop(&mut self) {
        let mut room = std::mem::take(&mut self.room);
        room.list.clear();
        room.text.clear();
        room.list.shrink_to(ROOM_BYTES_KEPT / size_of::<Splice>());
        room.text.shrink_to(ROOM_BYTES_KEPT);
        ROOM.set(room);
    }
}
