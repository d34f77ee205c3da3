//! Counts the items of an OTLP request from its protobuf bytes, as they arrive.
//!
//! Walks request, resource, scope and record (and for metrics down to the data point) and steps over everything below.
//! Nothing is gathered: a piece of the body is looked at once and forgotten.

use crate::signal::Signal;

/// A request that is arriving.
#[derive(Clone, Debug)]
pub struct Walk {
    signal: Signal,
    /// How many containers are open.
    depth: usize,
    /// Where each open container ends; the request itself has no known end.
    ends: [u64; DEPTH_MAX + 1],
    /// Bytes walked so far.
    at: u64,
    /// Bytes of the current field that are to be stepped over.
    skip: u64,
    /// The beginning of a tag and length that has not arrived in full.
    held: [u8; HEAD_BYTES_MAX],
    held_bytes: usize,
    items: u64,
}

/// The bytes are not a request of the expected signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

impl Walk {
    pub fn new(signal: Signal) -> Self {
        Self {
            signal,
            depth: 0,
            ends: [u64::MAX; DEPTH_MAX + 1],
            at: 0,
            skip: 0,
            held: [0; HEAD_BYTES_MAX],
            held_bytes: 0,
            items: 0,
        }
    }

    /// Takes the next piece of the body.
    #[inline]
    pub fn feed(&mut self, mut piece: &[u8]) -> Result<(), Unreadable> {
        while self.held_bytes > 0 && !piece.is_empty() {
            piece = self.fill_held(piece)?;
        }
        loop {
            let skipped = self.skip.min(piece.len() as u64);
            self.skip -= skipped;
            self.at += skipped;
            piece = &piece[skipped as usize..];
            if piece.is_empty() {
                return Ok(());
            }
            match field_head(piece) {
                Ok(head) => {
                    self.enter(head)?;
                    piece = &piece[head.bytes..];
                }
                Err(Cut::Short) => {
                    self.held[..piece.len()].copy_from_slice(piece);
                    self.held_bytes = piece.len();
                    return Ok(());
                }
                Err(Cut::Bad) => return Err(Unreadable),
            }
        }
    }

    /// The number of items, when the body is complete.
    pub fn finish(mut self) -> Result<u64, Unreadable> {
        self.leave_ended();
        if self.depth > 0 || self.skip > 0 || self.held_bytes > 0 { Err(Unreadable) } else { Ok(self.items) }
    }

    /// Completes the head that is held by one byte.
    fn fill_held<'a>(&mut self, piece: &'a [u8]) -> Result<&'a [u8], Unreadable> {
        let (&byte, rest) = piece.split_first().ok_or(Unreadable)?;
        *self.held.get_mut(self.held_bytes).ok_or(Unreadable)? = byte;
        self.held_bytes += 1;
        match field_head(&self.held[..self.held_bytes]) {
            Ok(head) => {
                self.held_bytes = 0;
                self.enter(head)?;
            }
            Err(Cut::Short) => {}
            Err(Cut::Bad) => return Err(Unreadable),
        }
        Ok(rest)
    }

    /// Opens, counts or steps over a field whose head has been read.
    #[inline]
    fn enter(&mut self, head: FieldHead) -> Result<(), Unreadable> {
        self.leave_ended();
        self.at += head.bytes as u64;
        let end = self.at.checked_add(head.length).ok_or(Unreadable)?;
        if end > self.ends[self.depth] {
            return Err(Unreadable);
        }
        self.skip = head.length;
        if head.delimited && is_container(self.signal, self.depth, head.number) {
            if self.depth == depth_of_items(self.signal) {
                self.items += 1;
            } else {
                self.depth += 1;
                self.ends[self.depth] = end;
                self.skip = 0;
            }
        }
        Ok(())
    }

    #[inline]
    fn leave_ended(&mut self) {
        while self.depth > 0 && self.at == self.ends[self.depth] {
            self.depth -= 1;
        }
    }
}

/// Whether this field, at this depth, is on the way to the items: resource, scope, record, and in a metric the five kinds
/// of data and their points.
#[inline]
fn is_container(signal: Signal, depth: usize, number: u64) -> bool {
    match depth {
        0 => number == 1,
        1 | 2 => number == 2,
        3 => signal == Signal::Metrics && matches!(number, 5 | 7 | 9 | 10 | 11),
        _ => number == 1,
    }
}

/// How many containers are around an item.
#[inline]
fn depth_of_items(signal: Signal) -> usize {
    if signal == Signal::Metrics { DEPTH_MAX } else { 2 }
}

/// Tag and length of a field. A number counts as part of the head, so its length is 0.
#[derive(Clone, Copy)]
struct FieldHead {
    number: u64,
    delimited: bool,
    bytes: usize,
    length: u64,
}

enum Cut {
    Short,
    Bad,
}

#[inline]
fn field_head(bytes: &[u8]) -> Result<FieldHead, Cut> {
    let (tag, tag_bytes) = varint(bytes)?;
    let head = FieldHead { number: tag >> 3, delimited: false, bytes: tag_bytes, length: 0 };
    match tag & 7 {
        _ if head.number == 0 => Err(Cut::Bad),
        0 => {
            let (_, value_bytes) = varint(&bytes[tag_bytes..])?;
            Ok(FieldHead { bytes: tag_bytes + value_bytes, ..head })
        }
        1 => Ok(FieldHead { length: 8, ..head }),
        2 => {
            let (length, length_bytes) = varint(&bytes[tag_bytes..])?;
            Ok(FieldHead { delimited: true, bytes: tag_bytes + length_bytes, length, ..head })
        }
        5 => Ok(FieldHead { length: 4, ..head }),
        _ => Err(Cut::Bad),
    }
}

#[inline]
fn varint(bytes: &[u8]) -> Result<(u64, usize), Cut> {
    let mut value = 0;
    for (at, &byte) in bytes.iter().take(VARINT_BYTES_MAX).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok((value, at + 1));
        }
    }
    Err(if bytes.len() < VARINT_BYTES_MAX { Cut::Short } else { Cut::Bad })
}

/// Containers around a data point: resource, scope, metric, data.
const DEPTH_MAX: usize = 4;
const VARINT_BYTES_MAX: usize = 10;
const HEAD_BYTES_MAX: usize = 2 * VARINT_BYTES_MAX;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::{Encoding, PayloadSpec, generate};

    fn count(signal: Signal, body: &[u8], piece_bytes: usize) -> Result<u64, Unreadable> {
        let mut walk = Walk::new(signal);
        for piece in body.chunks(piece_bytes) {
            walk.feed(piece)?;
        }
        walk.finish()
    }

    fn body(signal: Signal, items: usize) -> Vec<u8> {
        generate(&PayloadSpec { signal, encoding: Encoding::Proto, items, seed: 7 }, 0)
    }

    #[test]
    fn counts_every_signal_whatever_the_size_of_the_pieces() {
        for signal in [Signal::Traces, Signal::Metrics, Signal::Logs] {
            for items in [1, 2, 57] {
                let body = body(signal, items);
                for piece_bytes in [1, 2, 3, 7, 64, 1000, body.len()] {
                    assert_eq!(count(signal, &body, piece_bytes), Ok(items as u64), "{signal:?} in {piece_bytes}");
                }
            }
        }
    }

    #[test]
    fn counts_requests_that_stand_side_by_side() {
        let joined = [body(Signal::Logs, 3), body(Signal::Logs, 4)].concat();
        assert_eq!(count(Signal::Logs, &joined, 100), Ok(7));
        assert_eq!(count(Signal::Traces, &[], 1), Ok(0));
    }

    #[test]
    fn refuses_cut_and_overlong_requests() {
        let body = body(Signal::Metrics, 3);
        for end in 1..body.len() {
            assert_eq!(count(Signal::Metrics, &body[..end], 50), Err(Unreadable), "cut at {end}");
        }
        // A scope that is longer than its resource.
        assert!(count(Signal::Traces, &[0x0a, 3, 0x12, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0], 4).is_err());
        assert!(count(Signal::Traces, b"{\"resourceSpans\":[]}", 100).is_err());
    }
}
