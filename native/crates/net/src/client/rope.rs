//! A request body as shared chunks, copied neither for HTTP/1.1 nor for HTTP/2.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use smallvec::SmallVec;

/// A list of chunks, perhaps behind a message prefix, read from the front. Cloning shares the chunks, so that a request
/// can be sent again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rope {
    prefix: [u8; PREFIX_BYTES],
    /// What is left of the prefix.
    prefixed: usize,
    chunks: SmallVec<[Bytes; 1]>,
    /// The current chunk and the bytes of it already consumed.
    index: usize,
    offset: usize,
    remaining: usize,
}

impl Rope {
    pub(crate) fn new(chunks: impl IntoIterator<Item = Bytes>) -> Self {
        let chunks: SmallVec<[Bytes; 1]> = chunks.into_iter().filter(|chunk| !chunk.is_empty()).collect();
        let remaining = chunks.iter().map(Bytes::len).sum();
        Self { chunks, remaining, ..Self::default() }
    }

    /// Chunks behind the prefix of a gRPC message.
    pub(crate) fn framed(prefix: [u8; PREFIX_BYTES], chunks: impl IntoIterator<Item = Bytes>) -> Self {
        let rope = Self::new(chunks);
        Self { prefix, prefixed: PREFIX_BYTES, remaining: rope.remaining + PREFIX_BYTES, ..rope }
    }

    pub(crate) fn len(&self) -> usize {
        self.remaining
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.remaining == 0
    }

    /// The bytes that come next, as far as they lie together; empty only at the end.
    pub(crate) fn front(&self) -> &[u8] {
        if self.prefixed > 0 {
            return self.prefix.get(PREFIX_BYTES - self.prefixed..).unwrap_or_default();
        }
        self.chunks.get(self.index).and_then(|chunk| chunk.get(self.offset..)).unwrap_or_default()
    }

    /// The first `count` bytes of [`front`](Self::front), shared if they are more than a prefix.
    pub(crate) fn share(&self, count: usize) -> Bytes {
        match self.chunks.get(self.index) {
            Some(chunk) if self.prefixed == 0 => chunk.slice(self.offset..(self.offset + count).min(chunk.len())),
            _ => Bytes::copy_from_slice(self.front().get(..count).unwrap_or_default()),
        }
    }

    /// Goes on by `count` bytes, or to the end.
    pub(crate) fn advance(&mut self, count: usize) {
        let mut count = count.min(self.remaining);
        self.remaining -= count;
        let prefixed = self.prefixed.min(count);
        self.prefixed -= prefixed;
        count -= prefixed;
        while let Some(chunk) = self.chunks.get(self.index) {
            let left = chunk.len() - self.offset;
            if count < left {
                self.offset += count;
                return;
            }
            count -= left;
            self.index += 1;
            self.offset = 0;
        }
    }
}

impl Body for Rope {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let count = self.front().len();
        if count == 0 {
            return Poll::Ready(None);
        }
        let chunk = self.share(count);
        self.advance(count);
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining as u64)
    }
}

/// A flag and a length.
pub(crate) const PREFIX_BYTES: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn rope(parts: &[&'static str]) -> Rope {
        let chunks = parts.iter().map(|part| Bytes::from_static(part.as_bytes()));
        Rope::framed(*b"12345", chunks)
    }

    fn rest(rope: &mut Rope, step: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while !rope.is_empty() {
            let count = rope.front().len().min(step);
            all.extend_from_slice(&rope.share(count));
            rope.advance(count);
        }
        assert_eq!((rope.front(), rope.len()), (&[][..], 0));
        all
    }

    #[test]
    fn advances_anywhere_and_keeps_every_byte() {
        let whole = "12345abcdefghij";
        for at in 0..=whole.len() {
            for step in 1..6 {
                let mut tail = rope(&["ab", "", "cdef", "g", "hij", ""]);
                let mut again = tail.clone();
                tail.advance(at);
                assert_eq!((tail.len(), tail.is_empty()), (whole.len() - at, at == whole.len()));
                assert_eq!(rest(&mut tail, step), whole.as_bytes()[at..]);
                assert_eq!(rest(&mut again, step), whole.as_bytes());
            }
        }
        let mut past = rope(&["a"]);
        past.advance(100);
        assert!(past.is_empty());
    }

    #[test]
    fn gives_its_chunks_away_as_frames() {
        let mut rope = rope(&["abc", "", "def"]);
        rope.advance(7);
        let mut seen = Vec::new();
        let mut cx = Context::from_waker(std::task::Waker::noop());
        while let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut rope).poll_frame(&mut cx) {
            seen.push(frame.into_data().unwrap());
        }
        assert_eq!(seen, ["c", "def"]);
        assert!(rope.is_end_stream());
    }
}
