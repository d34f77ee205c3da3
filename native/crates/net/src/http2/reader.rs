//! From bytes to frames (RFC 9113, sections 4 and 6.10), whichever side of a connection reads them.

use std::borrow::Cow;
use std::cell::RefCell;

use super::frame::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, ErrorCode, FRAME_HEAD_BYTES, FrameHead, HEADERS, PADDED, SETTINGS,
    WITH_PRIORITY,
};

/// The state of reading.
pub(crate) struct Reader {
    /// An incomplete frame.
    carried: Vec<u8>,
    /// Bytes of the client's preface still to come.
    preface: usize,
    /// Whether the peer has sent its settings, which come first.
    settled: bool,
    data: Option<Data>,
    block: Option<Block>,
    frame_bytes_max: usize,
    block_bytes_max: usize,
}

/// What was read.
pub(crate) enum Event<'a> {
    /// A DATA frame begins. `content` of its bytes are content; all of them count against the windows.
    Data { head: FrameHead, content: usize },
    /// Content of the DATA frame that began last; `ends` if the stream is complete with it.
    Content { stream: u32, bytes: &'a [u8], ends: bool },
    /// A frame with a header block that goes on in the next.
    Part { head: FrameHead },
    /// The frame that completes a header block; `stream` and `ends` are those of the block.
    Block { head: FrameHead, stream: u32, ends: bool, block: Cow<'a, [u8]> },
    /// Any other frame.
    Frame { head: FrameHead, payload: &'a [u8] },
}

/// A DATA frame whose payload is not all there.
#[derive(Clone, Copy)]
struct Data {
    stream: u32,
    left: usize,
    padding: usize,
    ends: bool,
}

/// A header block that goes on in CONTINUATION frames.
struct Block {
    stream: u32,
    ends: bool,
    bytes: Vec<u8>,
}

impl Reader {
    /// Reads frames of at most `frame_bytes_max` bytes and header blocks of at most `block_bytes_max`, after `preface`
    /// bytes that have been looked at already.
    pub(crate) fn new(preface: usize, frame_bytes_max: usize, block_bytes_max: usize) -> Reader {
        Reader {
            carried: Vec::new(),
            preface,
            settled: false,
            data: None,
            block: None,
            frame_bytes_max,
            block_bytes_max,
        }
    }

    /// Puts what was left of the last read in front; its length.
    pub(crate) fn restore(&mut self, scratch: &mut [u8]) -> usize {
        let count = self.carried.len();
        if let Some(place) = scratch.get_mut(..count) {
            place.copy_from_slice(&self.carried);
        }
        count
    }

    /// Keeps what is no whole frame yet.
    pub(crate) fn store(&mut self, rest: &[u8]) {
        if rest.is_empty() {
            self.carried = Vec::new();
        } else {
            self.carried.clear();
            self.carried.extend_from_slice(rest);
        }
    }

    /// The next event, taken off the front of `rest`; `None` if what is there is too little for one.
    ///
    /// # Errors
    /// Frames that are too long, out of order or damaged: the end of the connection.
    #[inline]
    pub(crate) fn next<'a>(&mut self, rest: &mut &'a [u8]) -> Result<Option<Event<'a>>, ErrorCode> {
        if self.preface > 0 {
            let count = self.preface.min(rest.len());
            self.preface -= count;
            *rest = rest.get(count..).unwrap_or_default();
        }
        if let Some(data) = &mut self.data {
            return match Self::content(data, rest) {
                Some((event, whole)) => {
                    if whole {
                        self.data = None;
                    }
                    Ok(Some(event))
                }
                None => Ok(None),
            };
        }
        let Some(head) = FrameHead::read(rest) else { return Ok(None) };
        if head.length > self.frame_bytes_max {
            return Err(ErrorCode::FrameSize);
        }
        let in_place = match &self.block {
            Some(block) => head.kind == CONTINUATION && head.stream == block.stream,
            None => head.kind != CONTINUATION && (self.settled || head.kind == SETTINGS),
        };
        if !in_place {
            return Err(ErrorCode::Protocol);
        }
        let after = rest.get(FRAME_HEAD_BYTES..).unwrap_or_default();
        if head.kind == DATA {
            return self.begin_data(head, after, rest);
        }
        let Some((payload, after)) = after.split_at_checked(head.length) else { return Ok(None) };
        *rest = after;
        match head.kind {
            HEADERS => self.headers(head, payload).map(Some),
            CONTINUATION => self.continuation(head, payload).map(Some),
            _ => {
                self.settled |= head.kind == SETTINGS;
                Ok(Some(Event::Frame { head, payload }))
            }
        }
    }

    /// What is there of a DATA frame's payload, and whether that completes it.
    fn content<'a>(data: &mut Data, rest: &mut &'a [u8]) -> Option<(Event<'a>, bool)> {
        if rest.is_empty() && data.left + data.padding > 0 {
            return None;
        }
        let (bytes, after) = rest.split_at(data.left.min(rest.len()));
        data.left -= bytes.len();
        let skipped = data.padding.min(after.len());
        data.padding -= skipped;
        *rest = after.get(skipped..).unwrap_or_default();
        let whole = data.left + data.padding == 0;
        Some((Event::Content { stream: data.stream, bytes, ends: whole && data.ends }, whole))
    }

    fn begin_data<'a>(
        &mut self,
        head: FrameHead,
        after: &'a [u8],
        rest: &mut &'a [u8],
    ) -> Result<Option<Event<'a>>, ErrorCode> {
        let mut padding = 0;
        let mut after = after;
        let mut content = head.length;
        if head.has(PADDED) {
            let Some((length, payload)) = after.split_first() else { return Ok(None) };
            padding = usize::from(*length);
            content = head.length.checked_sub(1 + padding).ok_or(ErrorCode::Protocol)?;
            after = payload;
        }
        *rest = after;
        self.data = Some(Data { stream: head.stream, left: content, padding, ends: head.has(END_STREAM) });
        Ok(Some(Event::Data { head, content }))
    }

    fn headers<'a>(&mut self, head: FrameHead, payload: &'a [u8]) -> Result<Event<'a>, ErrorCode> {
        let mut block = payload;
        if head.has(PADDED) {
            let (padding, rest) = block.split_first().ok_or(ErrorCode::FrameSize)?;
            let length = rest.len().checked_sub(usize::from(*padding)).ok_or(ErrorCode::Protocol)?;
            block = rest.get(..length).unwrap_or_default();
        }
        if head.has(WITH_PRIORITY) {
            block = block.get(PRIORITY_BYTES..).ok_or(ErrorCode::FrameSize)?;
        }
        let (stream, ends) = (head.stream, head.has(END_STREAM));
        if head.has(END_HEADERS) {
            return Ok(Event::Block { head, stream, ends, block: Cow::Borrowed(block) });
        }
        self.block = Some(Block { stream, ends, bytes: block.to_vec() });
        Ok(Event::Part { head })
    }

    fn continuation<'a>(&mut self, head: FrameHead, payload: &[u8]) -> Result<Event<'a>, ErrorCode> {
        let Some(mut block) = self.block.take() else { return Err(ErrorCode::Protocol) };
        block.bytes.extend_from_slice(payload);
        if block.bytes.len() > self.block_bytes_max {
            return Err(ErrorCode::EnhanceYourCalm);
        }
        if head.has(END_HEADERS) {
            let Block { stream, ends, bytes } = block;
            return Ok(Event::Block { head, stream, ends, block: Cow::Owned(bytes) });
        }
        self.block = Some(block);
        Ok(Event::Part { head })
    }
}

/// Memory to read into, which all connections of a thread share: none of them holds any while it waits.
pub(crate) struct Scratch(Box<[u8]>);

impl Scratch {
    /// Takes the thread's memory.
    pub(crate) fn take() -> Scratch {
        Scratch(SCRATCH.take().unwrap_or_else(|| vec![0; READ_BYTES].into_boxed_slice()))
    }

    /// Gives it back.
    pub(crate) fn give_back(self) {
        SCRATCH.set(Some(self.0));
    }
}

impl std::ops::Deref for Scratch {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl std::ops::DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

thread_local! {
    static SCRATCH: RefCell<Option<Box<[u8]>>> = const { RefCell::new(None) };
}

/// Bytes of one read at the most. Fewer cost system calls, more would leave the processor's second cache.
const READ_BYTES: usize = 256 << 10;

/// What HEADERS says about priorities, and PRIORITY says alone.
pub(crate) const PRIORITY_BYTES: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http2::frame::{PING, put_frame};

    /// All events of `bytes` in words, fed in pieces of `step` bytes.
    fn told(bytes: &[u8], step: usize) -> Result<Vec<String>, ErrorCode> {
        let mut reader = Reader::new(0, 100, 20);
        let mut scratch = vec![0; 1000];
        let mut told: Vec<String> = Vec::new();
        for piece in bytes.chunks(step) {
            let carried = reader.restore(&mut scratch);
            scratch[carried..carried + piece.len()].copy_from_slice(piece);
            let mut rest = &scratch[..carried + piece.len()];
            while let Some(event) = reader.next(&mut rest)? {
                match event {
                    Event::Data { head, content } => told.push(format!("data {} {content} ", head.stream)),
                    Event::Content { bytes, ends, .. } => {
                        let line = told.last_mut().unwrap();
                        line.push_str(std::str::from_utf8(bytes).unwrap());
                        line.push_str(if ends { " ends" } else { "" });
                    }
                    Event::Part { head } => told.push(format!("part {}", head.kind)),
                    Event::Block { stream, ends, block, .. } => told.push(format!("block {stream} {ends} {block:?}")),
                    Event::Frame { head, payload } => told.push(format!("frame {} {payload:?}", head.kind)),
                }
            }
            let rest = rest.to_vec();
            reader.store(&rest);
        }
        Ok(told)
    }

    /// Kind, flags, stream and payload.
    type Frame<'a> = (u8, u8, u32, &'a [u8]);

    fn frames(frames: &[Frame<'_>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_frame(&mut bytes, SETTINGS, 0, 0, &[]);
        frames.iter().for_each(|(kind, flags, stream, payload)| put_frame(&mut bytes, *kind, *flags, *stream, payload));
        bytes
    }

    #[test]
    fn reads_the_same_from_any_pieces() {
        let bytes = frames(&[
            (HEADERS, PADDED | WITH_PRIORITY | END_HEADERS, 1, &[2, 0, 0, 0, 0, 0, 7, 8, 0, 0]),
            (DATA, PADDED, 1, b"\x03abc\0\0\0"),
            (DATA, 0, 1, b""),
            (PING, 0, 0, b"12345678"),
            (DATA, END_STREAM, 1, b"defgh"),
            (HEADERS, END_STREAM, 3, &[1]),
            (CONTINUATION, 0, 3, &[2]),
            (CONTINUATION, END_HEADERS, 3, &[3]),
        ]);
        let expected = [
            "frame 4 []",
            "block 1 false [7, 8]",
            "data 1 3 abc",
            "data 1 0 ",
            "frame 6 [49, 50, 51, 52, 53, 54, 55, 56]",
            "data 1 5 defgh ends",
            "part 1",
            "part 9",
            "block 3 true [1, 2, 3]",
        ];
        for step in 1..=bytes.len() {
            assert_eq!(told(&bytes, step).unwrap(), expected, "in pieces of {step}");
        }
    }

    #[test]
    fn tells_what_is_out_of_order_or_too_long() {
        let bad: [(&[Frame<'_>], ErrorCode); 7] = [
            (&[(DATA, 0, 1, &[0; 101])], ErrorCode::FrameSize),
            (&[(DATA, PADDED, 1, &[3, 0, 0])], ErrorCode::Protocol),
            (&[(HEADERS, PADDED, 1, &[3, 0, 0])], ErrorCode::Protocol),
            (&[(HEADERS, WITH_PRIORITY, 1, &[0; 4])], ErrorCode::FrameSize),
            (&[(CONTINUATION, 0, 1, &[])], ErrorCode::Protocol),
            (&[(HEADERS, 0, 1, &[]), (PING, 0, 0, &[0; 8])], ErrorCode::Protocol),
            (&[(HEADERS, 0, 1, &[0; 15]), (CONTINUATION, 0, 1, &[0; 15])], ErrorCode::EnhanceYourCalm),
        ];
        for (list, error) in bad {
            assert_eq!(told(&frames(list), 1000), Err(error));
        }
        let mut early = Vec::new();
        put_frame(&mut early, PING, 0, 0, &[0; 8]);
        assert_eq!(told(&early, 1000), Err(ErrorCode::Protocol), "settings come first");
    }
}
