//! Frame headers, and frames as they are written (RFC 9113, sections 4 and 6).

use std::borrow::Cow;

/// The nine bytes before each payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHead {
    /// Bytes of payload.
    pub(crate) length: usize,
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
}

impl FrameHead {
    /// The head that `bytes` begin with; `None` if they are too few.
    #[inline]
    pub(crate) fn read(bytes: &[u8]) -> Option<FrameHead> {
        let [a, b, c, kind, flags, stream @ ..] = bytes.first_chunk::<FRAME_HEAD_BYTES>()?;
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        // The first bit is reserved and means nothing.
        let stream = u32::from_be_bytes(*stream) & STREAM_MAX;
        Some(FrameHead { length, kind: *kind, flags: *flags, stream })
    }

    pub(crate) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// A frame head as it is written.
#[inline]
pub(crate) fn head(length: usize, kind: u8, flags: u8, stream: u32) -> [u8; FRAME_HEAD_BYTES] {
    let [_, a, b, c] = (length as u32).to_be_bytes();
    let [d, e, f, g] = stream.to_be_bytes();
    [a, b, c, kind, flags, d, e, f, g]
}

/// Appends a frame head.
#[inline]
pub(crate) fn put_head(out: &mut Vec<u8>, length: usize, kind: u8, flags: u8, stream: u32) {
    out.extend_from_slice(&head(length, kind, flags, stream));
}

/// Appends a whole frame.
pub(crate) fn put_frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    put_head(out, payload.len(), kind, flags, stream);
    out.extend_from_slice(payload);
}

/// Appends the block of fields that `write` writes, in as many frames of at most `frame_bytes_max` as it takes.
#[inline]
pub(crate) fn put_block(
    out: &mut Vec<u8>,
    frame_bytes_max: usize,
    stream: u32,
    ends: bool,
    write: impl FnOnce(&mut Vec<u8>),
) {
    let start = out.len();
    put_head(out, 0, HEADERS, 0, stream);
    let after = out.len();
    write(out);
    let ends = if ends { END_STREAM } else { 0 };
    if out.len() - after <= frame_bytes_max {
        let head = head(out.len() - after, HEADERS, END_HEADERS | ends, stream);
        out[start..after].copy_from_slice(&head);
    } else {
        split_block(out, start, frame_bytes_max, ends);
    }
}

/// Cuts the HEADERS frame that begins at `start` and is too long.
#[cold]
fn split_block(out: &mut Vec<u8>, start: usize, frame_bytes_max: usize, ends: u8) {
    let frame = out.split_off(start);
    let Some(FrameHead { stream, .. }) = FrameHead::read(&frame) else { return };
    let block = frame.get(FRAME_HEAD_BYTES..).unwrap_or_default();
    let count = block.len().div_ceil(frame_bytes_max);
    for (index, part) in block.chunks(frame_bytes_max).enumerate() {
        let (kind, ends) = if index == 0 { (HEADERS, ends) } else { (CONTINUATION, 0) };
        let last = if index + 1 == count { END_HEADERS } else { 0 };
        put_frame(out, kind, last | ends, stream, part);
    }
}

/// Appends the end of one stream.
pub(crate) fn put_reset(out: &mut Vec<u8>, stream: u32, error: ErrorCode) {
    put_frame(out, RST_STREAM, 0, stream, &(error as u32).to_be_bytes());
}

/// Appends credit for `bytes` more; stream 0 is the connection.
pub(crate) fn put_window_update(out: &mut Vec<u8>, stream: u32, bytes: u32) {
    put_frame(out, WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes());
}

/// Appends the end of the connection: streams above `last` were not and will not be looked at.
pub(crate) fn put_goaway(out: &mut Vec<u8>, last: u32, error: ErrorCode, text: &str) {
    put_head(out, 8 + text.len(), GOAWAY, 0, 0);
    out.extend_from_slice(&last.to_be_bytes());
    out.extend_from_slice(&(error as u32).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Appends settings.
pub(crate) fn put_settings(out: &mut Vec<u8>, settings: &[(Setting, u32)]) {
    put_head(out, settings.len() * SETTING_BYTES, SETTINGS, 0, 0);
    for (setting, value) in settings {
        out.extend_from_slice(&(*setting as u16).to_be_bytes());
        out.extend_from_slice(&value.to_be_bytes());
    }
}

/// The settings in a frame; none if it acknowledges ours.
pub(crate) fn read_settings(
    head: &FrameHead,
    payload: &[u8],
) -> Result<Option<impl Iterator<Item = (Setting, u32)>>, ErrorCode> {
    if head.stream != 0 {
        return Err(ErrorCode::Protocol);
    }
    let (settings, rest) = payload.as_chunks::<SETTING_BYTES>();
    if !rest.is_empty() || (head.has(ACK) && !payload.is_empty()) {
        return Err(ErrorCode::FrameSize);
    }
    let known = settings.iter().filter_map(|[a, b, value @ ..]| {
        Some((Setting::of(u16::from_be_bytes([*a, *b]))?, u32::from_be_bytes(*value)))
    });
    Ok((!head.has(ACK)).then_some(known))
}

/// The largest frames that we write to a peer that takes them of `bytes` bytes.
pub(crate) fn frame_bytes_for(bytes: u32) -> Result<usize, ErrorCode> {
    let bytes = bytes as usize;
    if FRAME_BYTES.contains(&bytes) { Ok(bytes.min(OWN_FRAME_BYTES_MAX)) } else { Err(ErrorCode::Protocol) }
}

/// The credit that a WINDOW_UPDATE gives.
pub(crate) fn read_window_update(payload: &[u8]) -> Result<i64, ErrorCode> {
    let more = <[u8; 4]>::try_from(payload).map_err(|_| ErrorCode::FrameSize)?;
    Ok(i64::from(u32::from_be_bytes(more) & STREAM_MAX))
}

/// Adds the credit of a WINDOW_UPDATE to a window.
pub(crate) fn widen(window: &mut i64, more: i64) -> Result<(), ErrorCode> {
    *window += more;
    match more {
        0 => Err(ErrorCode::Protocol),
        _ if *window > WINDOW_MAX => Err(ErrorCode::FlowControl),
        _ => Ok(()),
    }
}

/// What a PING carries.
pub(crate) fn read_ping(head: &FrameHead, payload: &[u8]) -> Result<[u8; PING_BYTES], ErrorCode> {
    let payload = <[u8; PING_BYTES]>::try_from(payload).map_err(|_| ErrorCode::FrameSize)?;
    if head.stream == 0 { Ok(payload) } else { Err(ErrorCode::Protocol) }
}

/// Why a stream or connection ends (section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum ErrorCode {
    No = 0,
    Protocol = 1,
    FlowControl = 3,
    StreamClosed = 5,
    FrameSize = 6,
    RefusedStream = 7,
    Cancel = 8,
    Compression = 9,
    EnhanceYourCalm = 11,
}

/// The name of an error code, also of those that are only ever heard.
pub(crate) fn error_name(code: u32) -> Cow<'static, str> {
    const NAMES: [&str; 14] = [
        "NO_ERROR",
        "PROTOCOL_ERROR",
        "INTERNAL_ERROR",
        "FLOW_CONTROL_ERROR",
        "SETTINGS_TIMEOUT",
        "STREAM_CLOSED",
        "FRAME_SIZE_ERROR",
        "REFUSED_STREAM",
        "CANCEL",
        "COMPRESSION_ERROR",
        "CONNECT_ERROR",
        "ENHANCE_YOUR_CALM",
        "INADEQUATE_SECURITY",
        "HTTP_1_1_REQUIRED",
    ];
    match NAMES.get(code as usize) {
        Some(name) => Cow::Borrowed(name),
        None => Cow::Owned(format!("error {code}")),
    }
}

/// The settings that mean something here (section 6.5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Setting {
    HeaderTableSize = 1,
    EnablePush = 2,
    MaxConcurrentStreams = 3,
    InitialWindowSize = 4,
    MaxFrameSize = 5,
    MaxHeaderListSize = 6,
}

impl Setting {
    pub(crate) fn of(number: u16) -> Option<Setting> {
        use Setting::{
            EnablePush, HeaderTableSize, InitialWindowSize, MaxConcurrentStreams, MaxFrameSize, MaxHeaderListSize,
        };
        [HeaderTableSize, EnablePush, MaxConcurrentStreams, InitialWindowSize, MaxFrameSize, MaxHeaderListSize]
            .into_iter()
            .find(|setting| *setting as u16 == number)
    }
}

pub(crate) const FRAME_HEAD_BYTES: usize = 9;
const SETTING_BYTES: usize = 6;
const PING_BYTES: usize = 8;
pub(crate) const PREFACE_BYTES: usize = PREFACE.len();

/// What a client says first.
pub(crate) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const ACK: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
pub(crate) const PADDED: u8 = 8;
pub(crate) const WITH_PRIORITY: u8 = 32;

/// The highest stream number, and the largest window.
pub(crate) const STREAM_MAX: u32 = (1 << 31) - 1;
pub(crate) const WINDOW_MAX: i64 = (1 << 31) - 1;

/// What holds until a peer says otherwise (section 6.5.2).
pub(crate) const WINDOW_DEFAULT: i64 = 65_535;
pub(crate) const FRAME_BYTES_DEFAULT: usize = 16_384;

/// What a peer may ask for as the largest frame, and what we use of it.
const FRAME_BYTES: std::ops::RangeInclusive<usize> = FRAME_BYTES_DEFAULT..=16_777_215;
const OWN_FRAME_BYTES_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_takes_as_many_frames_as_it_must() {
        for (bytes, frames) in [(0, 1), (10, 1), (11, 2), (35, 4)] {
            let mut out = vec![1, 2, 3];
            let block: Vec<u8> = (0..bytes).collect();
            put_block(&mut out, 10, 5, true, |out| out.extend_from_slice(&block));
            let (mut rest, mut read, mut count) = (&out[3..], Vec::new(), 0);
            while let Some(head) = FrameHead::read(rest) {
                let first = count == 0;
                assert_eq!((head.kind, head.has(END_STREAM)), (if first { HEADERS } else { CONTINUATION }, first));
                read.extend_from_slice(&rest[9..9 + head.length]);
                rest = &rest[9 + head.length..];
                assert_eq!((head.stream, head.has(END_HEADERS)), (5, rest.is_empty()));
                count += 1;
            }
            assert_eq!((read, count), (block, frames));
        }
    }

    #[test]
    fn heads_read_back_and_ignore_the_reserved_bit() {
        let mut out = Vec::new();
        put_head(&mut out, 0x01_02_03, HEADERS, END_STREAM, STREAM_MAX);
        let head = FrameHead { length: 0x01_02_03, kind: HEADERS, flags: END_STREAM, stream: STREAM_MAX };
        assert_eq!(FrameHead::read(&out), Some(head));
        out[5] |= 0x80;
        assert_eq!(FrameHead::read(&out), Some(head));
        assert_eq!(FrameHead::read(&out[..8]), None);
    }
}
