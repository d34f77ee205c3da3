//! Writes nested protobuf messages front to back when their lengths are only known at their end.
//!
//! Every message starts with one byte for its length. Most messages are shorter than 128 bytes, so that byte is filled
//! in and done; the others are remembered, and one final pass from the back makes room for their longer lengths. Each
//! byte moves at most once, and only messages of 128 bytes and more cost memory.

use crate::cursor::{WireType, put_tag, put_varint, varint_len};

/// A buffer with open messages.
pub(super) struct Nested<'o> {
    out: &'o mut Vec<u8>,
    /// Open messages and closed long ones, by rising position.
    marks: Vec<Mark>,
    /// Bytes that the final pass inserts, so far.
    inserted: usize,
}

/// Names an open message.
#[derive(Clone, Copy)]
pub(super) struct Open(usize);

struct Mark {
    /// Where the byte for the length stands.
    at: usize,
    /// While open: `inserted` at the start. Once closed: the length.
    length: usize,
}

impl<'o> Nested<'o> {
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out, marks: Vec::new(), inserted: 0 }
    }

    /// Where fields are appended.
    #[inline]
    pub fn out(&mut self) -> &mut Vec<u8> {
        self.out
    }

    /// Starts a length-delimited field. Messages must be closed in the opposite order.
    #[inline]
    pub fn open(&mut self, number: u32) -> Open {
        put_tag(number, WireType::Delimited, self.out);
        let open = Open(self.marks.len());
        self.marks.push(Mark { at: self.out.len(), length: self.inserted });
        self.out.push(0);
        open
    }

    /// Ends a field. All within it must be closed.
    #[inline]
    pub fn close(&mut self, open: Open) {
        let Some(mark) = self.marks.get_mut(open.0) else { return };
        let length = self.out.len() - mark.at - 1 + (self.inserted - mark.length);
        if length < 0x80 {
            // Whatever is inside is as short and left no mark, so this is the last one.
            if let Some(byte) = self.out.get_mut(mark.at) {
                *byte = length as u8;
            }
            self.marks.truncate(open.0);
        } else {
            mark.length = length;
            self.inserted += varint_len(length as u64) - 1;
        }
    }

    /// Writes the lengths that need more than one byte.
    pub fn finish(self) {
        let mut unread = self.out.len();
        self.out.resize(unread + self.inserted, 0);
        let mut written = self.out.len();
        let mut prefix = Vec::with_capacity(10);
        for mark in self.marks.iter().rev() {
            let content = mark.at + 1;
            written -= unread - content;
            self.out.copy_within(content..unread, written);
            prefix.clear();
            put_varint(mark.length as u64, &mut prefix);
            let start = written - prefix.len();
            if let Some(place) = self.out.get_mut(start..written) {
                place.copy_from_slice(&prefix);
            }
            (unread, written) = (mark.at, start);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cursor::put_bytes;

    #[test]
    fn short_and_long_messages_get_minimal_lengths() {
        for size in [0, 1, 125, 126, 127, 128, 129, 16_381, 16_383, 16_384, 70_000] {
            let text = vec![b'x'; size];
            let (mut out, mut expected) = (vec![7], vec![7]);
            let mut nested = Nested::new(&mut out);
            let outer = nested.open(1);
            for number in [2, 3] {
                let inner = nested.open(number);
                put_bytes(4, &text, nested.out());
                nested.close(inner);
            }
            nested.close(outer);
            nested.finish();

            let (mut leaf, mut middle) = (Vec::new(), Vec::new());
            put_bytes(4, &text, &mut leaf);
            put_bytes(2, &leaf, &mut middle);
            put_bytes(3, &leaf, &mut middle);
            put_bytes(1, &middle, &mut expected);
            assert!(out == expected, "{size}");
        }
    }

    #[test]
    fn deep_messages_agree_with_those_built_inside_out() {
        const LEVELS: usize = 1000;
        let mut out = Vec::new();
        let mut nested = Nested::new(&mut out);
        let open: Vec<Open> = (0..LEVELS).map(|_| nested.open(1)).collect();
        open.into_iter().rev().for_each(|open| nested.close(open));
        nested.finish();

        let mut expected = Vec::new();
        for _ in 0..LEVELS {
            let mut around = Vec::new();
            put_bytes(1, &expected, &mut around);
            expected = around;
        }
        assert_eq!(out, expected);
    }
}
