//! A request body as shared chunks: read by h2 as one buffer and by hyper as a stream of chunks, copied by neither.

use std::convert::Infallible;
use std::io::IoSlice;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};

/// A list of chunks, read from the front. Cloning shares the chunks, so that a request can be sent again.
#[derive(Clone, Debug)]
pub(crate) struct Rope {
    chunks: Rc<[Bytes]>,
    /// The current chunk and the bytes of it already consumed.
    index: usize,
    offset: usize,
    remaining: usize,
}

impl Rope {
    pub(crate) fn new(chunks: impl IntoIterator<Item = Bytes>) -> Self {
        let chunks: Rc<[Bytes]> = chunks.into_iter().filter(|chunk| !chunk.is_empty()).collect();
        let remaining = chunks.iter().map(Bytes::len).sum();
        Self { chunks, index: 0, offset: 0, remaining }
    }

    pub(crate) fn len(&self) -> usize {
        self.remaining
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.remaining == 0
    }

    fn current(&self) -> &[u8] {
        self.chunks.get(self.index).and_then(|chunk| chunk.get(self.offset..)).unwrap_or_default()
    }
}

impl Buf for Rope {
    fn remaining(&self) -> usize {
        self.remaining
    }

    fn chunk(&self) -> &[u8] {
        self.current()
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut offset = self.offset;
        let mut filled = 0;
        for (slice, chunk) in slices.iter_mut().zip(self.chunks.iter().skip(self.index)) {
            *slice = IoSlice::new(chunk.get(offset..).unwrap_or_default());
            offset = 0;
            filled += 1;
        }
        filled
    }

    fn advance(&mut self, mut count: usize) {
        assert!(count <= self.remaining, "advanced past the end of a rope");
        self.remaining -= count;
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
        let next = self.chunks.get(self.index).map(|chunk| chunk.slice(self.offset..));
        Poll::Ready(next.map(|chunk| {
            self.advance(chunk.len());
            Ok(Frame::data(chunk))
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rope(parts: &[&'static str]) -> Rope {
        Rope::new(parts.iter().map(|part| Bytes::from_static(part.as_bytes())))
    }

    #[test]
    fn advances_anywhere_and_keeps_every_byte() {
        let whole = "abcdefghij";
        for at in 0..=whole.len() {
            let mut tail = rope(&["ab", "", "cdef", "g", "hij", ""]);
            let mut head = tail.clone().take(at);
            assert_eq!(head.copy_to_bytes(at), whole[..at]);
            tail.advance(at);
            assert_eq!((tail.len(), tail.is_empty()), (whole.len() - at, at == whole.len()));
            assert_eq!(tail.copy_to_bytes(tail.remaining()), whole[at..]);
        }
    }

    #[test]
    fn shows_every_chunk_to_a_vectored_write() {
        let mut rope = rope(&["abc", "def", "ghi"]);
        rope.advance(1);
        let mut slices = [IoSlice::new(&[]); 8];
        let filled = rope.chunks_vectored(&mut slices);
        let seen: Vec<&[u8]> = slices[..filled].iter().map(|slice| &**slice).collect();
        assert_eq!(seen, [b"bc".as_slice(), b"def", b"ghi"]);
        assert_eq!(rope.chunks_vectored(&mut slices[..2]), 2);
    }

    #[test]
    fn gives_its_chunks_away_as_frames() {
        let mut rope = rope(&["abc", "", "def"]);
        rope.advance(2);
        let mut seen = Vec::new();
        let mut cx = Context::from_waker(std::task::Waker::noop());
        while let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut rope).poll_frame(&mut cx) {
            seen.push(frame.into_data().unwrap());
        }
        assert_eq!(seen, ["c", "def"]);
        assert!(rope.is_end_stream());
    }
}
