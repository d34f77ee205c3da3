//! HTTP/2 framing (RFC 9113), the part that client and server share.

mod deframer;
mod settings;

pub use deframer::{Deframer, Handler};
pub use settings::PeerSettings;

/// What a client sends first.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Length of a frame's head.
pub const HEAD_BYTES: usize = 9;

/// Largest payload of a frame unless a setting says otherwise.
pub const FRAME_BYTES_DEFAULT: usize = 16_384;

/// Initial size of every flow-control window.
pub const WINDOW_DEFAULT: i64 = 65_535;

/// Types of frames.
pub mod kind {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PUSH_PROMISE: u8 = 5;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// Flags of frames.
pub mod flag {
    pub const ACK: u8 = 0x1;
    pub const END_STREAM: u8 = 0x1;
    pub const END_HEADERS: u8 = 0x4;
    pub const PADDED: u8 = 0x8;
    pub const PRIORITY: u8 = 0x20;
}

/// Codes of RST_STREAM and GOAWAY.
pub mod code {
    pub const CANCEL: u32 = 8;
}

/// Identifiers of settings.
pub mod setting {
    pub const HEADER_TABLE_SIZE: u16 = 1;
    pub const ENABLE_PUSH: u16 = 2;
    pub const MAX_CONCURRENT_STREAMS: u16 = 3;
    pub const INITIAL_WINDOW_SIZE: u16 = 4;
    pub const MAX_FRAME_SIZE: u16 = 5;
}

/// Why a connection cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault(pub &'static str);

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHead {
    pub length: usize,
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
}

impl FrameHead {
    /// Reads a head from the beginning of `bytes`, if there are enough of them.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let &[l0, l1, l2, kind, flags, s0, s1, s2, s3] = bytes.first_chunk::<HEAD_BYTES>()?;
        Some(Self {
            length: usize::from(l0) << 16 | usize::from(l1) << 8 | usize::from(l2),
            kind,
            flags,
            stream: u32::from_be_bytes([s0 & 0x7f, s1, s2, s3]),
        })
    }

    #[inline]
    pub fn encode(self) -> [u8; HEAD_BYTES] {
        let [_, l0, l1, l2] = (self.length as u32).to_be_bytes();
        let [s0, s1, s2, s3] = self.stream.to_be_bytes();
        [l0, l1, l2, self.kind, self.flags, s0, s1, s2, s3]
    }

    pub fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// Appends a whole frame.
#[inline]
pub fn write_frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    out.extend_from_slice(&FrameHead { length: payload.len(), kind, flags, stream }.encode());
    out.extend_from_slice(payload);
}

/// Appends a SETTINGS frame.
pub fn write_settings(out: &mut Vec<u8>, settings: &[(u16, u32)]) {
    let payload: Vec<u8> =
        settings.iter().flat_map(|(id, value)| id.to_be_bytes().into_iter().chain(value.to_be_bytes())).collect();
    write_frame(out, kind::SETTINGS, 0, 0, &payload);
}

/// Appends a WINDOW_UPDATE frame; stream 0 is the connection.
pub fn write_window_update(out: &mut Vec<u8>, stream: u32, increment: u32) {
    write_frame(out, kind::WINDOW_UPDATE, 0, stream, &increment.to_be_bytes());
}

/// Appends what a PING or SETTINGS asks for; other frames ask for nothing.
pub fn write_acknowledgement(out: &mut Vec<u8>, head: FrameHead, payload: &[u8]) {
    match head.kind {
        _ if head.has(flag::ACK) => {}
        kind::PING => write_frame(out, kind::PING, flag::ACK, 0, payload),
        kind::SETTINGS => write_frame(out, kind::SETTINGS, flag::ACK, 0, &[]),
        _ => {}
    }
}

/// The 31-bit number that begins a payload: an increment, or a stream.
pub fn number(payload: &[u8]) -> Result<u32, Fault> {
    let bytes = payload.first_chunk::<4>().ok_or(Fault("frame is too short"))?;
    Ok(u32::from_be_bytes(*bytes) & 0x7fff_ffff)
}
