//! Frame headers, and the frames that a server writes (RFC 9113, sections 4 and 6).

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
    Compression = 9,
    EnhanceYourCalm = 11,
}

/// The settings that mean something here (section 6.5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Setting {
    EnablePush = 2,
    MaxConcurrentStreams = 3,
    InitialWindowSize = 4,
    MaxFrameSize = 5,
    MaxHeaderListSize = 6,
}

impl Setting {
    pub(crate) fn of(number: u16) -> Option<Setting> {
        use Setting::{EnablePush, InitialWindowSize, MaxConcurrentStreams, MaxFrameSize, MaxHeaderListSize};
        [EnablePush, MaxConcurrentStreams, InitialWindowSize, MaxFrameSize, MaxHeaderListSize]
            .into_iter()
            .find(|setting| *setting as u16 == number)
    }
}

pub(crate) const FRAME_HEAD_BYTES: usize = 9;
pub(crate) const SETTING_BYTES: usize = 6;
pub(crate) const PING_BYTES: usize = 8;
pub(crate) const PREFACE_BYTES: usize = 24;

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

#[cfg(test)]
mod tests {
    use super::*;

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
