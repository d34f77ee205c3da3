//! Counts the items of request bodies, plain or compressed.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use xxhash_rust::xxh3::xxh3_128;

use super::inflate::{Inflater, may_be_compressed};
use super::walk::{Unreadable, Walk};
use crate::signal::Signal;

/// What is in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    pub items: u64,
    /// Size of the plain body.
    pub body_bytes: u64,
}

/// Counts bodies of one signal.
///
/// Compressed bodies are remembered by a hash of 128 bits, since a generator's ring and whatever passes it on unchanged
/// repeat them. Plain ones are not: walking them is cheaper than hashing.
pub struct Counter {
    signal: Signal,
    inflater: Inflater,
    known: HashMap<u128, Result<Counted, Unreadable>, BuildHasherDefault<AsIs>>,
}

/// A body that is arriving in pieces.
#[derive(Debug, Default)]
pub enum Body {
    #[default]
    Empty,
    Plain {
        walk: Box<Walk>,
        bytes: u64,
        readable: bool,
    },
    Compressed(Vec<u8>),
}

impl Counter {
    pub fn new(signal: Signal) -> Self {
        Self { signal, inflater: Inflater::new(), known: HashMap::default() }
    }

    /// Counts a whole body.
    #[inline]
    pub fn count(&mut self, body: &[u8]) -> Result<Counted, Unreadable> {
        match body.first() {
            Some(&first) if may_be_compressed(first) => self.count_compressed(body),
            _ => count_plain(self.signal, body),
        }
    }

    /// Takes a piece of a body.
    pub fn feed(&self, body: &mut Body, piece: &[u8]) {
        match body {
            Body::Empty => {
                let Some(&first) = piece.first() else { return };
                if may_be_compressed(first) {
                    *body = Body::Compressed(piece.to_vec());
                    return;
                }
                let mut walk = Box::new(Walk::new(self.signal));
                let readable = walk.feed(piece).is_ok();
                *body = Body::Plain { walk, bytes: piece.len() as u64, readable };
            }
            Body::Plain { walk, bytes, readable } => {
                *readable = *readable && walk.feed(piece).is_ok();
                *bytes += piece.len() as u64;
            }
            Body::Compressed(held) => held.extend_from_slice(piece),
        }
    }

    /// Counts a body whose pieces have all been taken.
    pub fn finish(&mut self, body: Body) -> Result<Counted, Unreadable> {
        match body {
            Body::Empty => Ok(Counted { items: 0, body_bytes: 0 }),
            Body::Plain { readable: false, .. } => Err(Unreadable),
            Body::Plain { walk, bytes, .. } => Ok(Counted { items: walk.finish()?, body_bytes: bytes }),
            Body::Compressed(held) => self.count_compressed(&held),
        }
    }

    fn count_compressed(&mut self, body: &[u8]) -> Result<Counted, Unreadable> {
        let hash = xxh3_128(body);
        if let Some(known) = self.known.get(&hash) {
            return *known;
        }
        let counted = self.inflater.plain(body).and_then(|plain| count_plain(self.signal, plain));
        if self.known.len() >= KNOWN_MAX {
            self.known.clear();
        }
        self.known.insert(hash, counted);
        counted
    }
}

#[inline]
fn count_plain(signal: Signal, body: &[u8]) -> Result<Counted, Unreadable> {
    let mut walk = Walk::new(signal);
    walk.feed(body)?;
    Ok(Counted { items: walk.finish()?, body_bytes: body.len() as u64 })
}

/// The keys are hashes already.
#[derive(Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }
    fn write_u128(&mut self, key: u128) {
        self.0 = key as u64;
    }
}

/// Bodies that are remembered: 4 MiB of memory.
const KNOWN_MAX: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::{Compression, Encoding, PayloadSpec, compress, generate};

    #[test]
    fn counts_whole_and_piecewise_alike_plain_and_compressed() {
        let plain = generate(&PayloadSpec { signal: Signal::Logs, encoding: Encoding::Proto, items: 40, seed: 1 }, 0);
        let expected = Ok(Counted { items: 40, body_bytes: plain.len() as u64 });
        let mut counter = Counter::new(Signal::Logs);
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let body = compress(compression, 1, &plain);
            assert_eq!(counter.count(&body), expected);
            assert_eq!(counter.count(&body), expected, "from memory");
            let mut pieces = Body::default();
            for piece in body.chunks(33) {
                counter.feed(&mut pieces, piece);
            }
            assert_eq!(counter.finish(pieces), expected);
        }
    }

    #[test]
    fn json_is_unreadable() {
        let mut counter = Counter::new(Signal::Logs);
        assert_eq!(counter.count(b"{}"), Err(Unreadable));
        let mut body = Body::default();
        counter.feed(&mut body, b"{\"resourceLogs\":");
        counter.feed(&mut body, b"[]}");
        assert_eq!(counter.finish(body), Err(Unreadable));
    }
}
