//! A look at HTTP/2 frame headers as they pass, for two rules that the protocol library does not know: how often a
//! client may ping (the gRPC enforcement policy), and how many frames without use a connection may send.
//!
//! Only the nine bytes before each payload are read; nothing is kept or decoded.

use std::time::Duration;

use tokio::time::Instant;

/// How often clients may ping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enforcement {
    /// The least time between two pings.
    pub min_time: Duration,
    /// Whether a client without a running request may ping that often; otherwise every two hours.
    pub permit_without_stream: bool,
}

/// What a peer did too often. Either ends the connection with GOAWAY ENHANCE_YOUR_CALM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    Pings,
    UselessFrames,
}

/// The watch over one connection, from its preface on.
pub(crate) struct Watch {
    inbound: Cursor,
    outbound: Cursor,
    enforcement: Option<Enforcement>,
    strikes: u32,
    last_ping: Option<Instant>,
    useless: u32,
    /// Until when `useless` has been forgiven for the passing of time.
    forgiven: Instant,
    violation: Option<Violation>,
}

impl Watch {
    pub(crate) fn new(enforcement: Option<Enforcement>) -> Watch {
        Watch {
            inbound: Cursor { skip: PREFACE_BYTES, ..Cursor::default() },
            outbound: Cursor::default(),
            enforcement,
            strikes: 0,
            last_ping: None,
            useless: 0,
            forgiven: Instant::now(),
            violation: None,
        }
    }

    pub(crate) fn violation(&self) -> Option<Violation> {
        self.violation
    }

    pub(crate) fn at_outbound_frame_end(&self) -> bool {
        self.outbound.have == 0 && self.outbound.skip == 0
    }

    /// Bytes came from the client while `active` requests were running.
    pub(crate) fn inbound(&mut self, bytes: &[u8], active: usize) -> Option<Violation> {
        let mut cursor = self.inbound;
        cursor.walk(bytes, |frame| self.judge(frame, active));
        self.inbound = cursor;
        self.violation
    }

    /// Bytes went to the client.
    pub(crate) fn outbound(&mut self, bytes: &[u8]) {
        let mut answered = false;
        self.outbound.walk(bytes, |frame| answered |= matches!(frame.kind, DATA | HEADERS));
        if answered {
            self.strikes = 0;
            self.last_ping = None;
        }
    }

    fn judge(&mut self, frame: Frame, active: usize) {
        let useful = match frame.kind {
            HEADERS => true,
            DATA => frame.length > 0 || frame.flags & END_STREAM != 0,
            _ => false,
        };
        if useful {
            self.useless = self.useless.saturating_sub(USEFUL_WORTH);
        } else {
            self.count_useless();
        }
        if frame.kind == PING && frame.flags & ACK == 0 {
            self.judge_ping(active);
        }
    }

    fn count_useless(&mut self) {
        self.useless = self.useless.saturating_add(1);
        if self.useless <= USELESS_FRAMES_MAX {
            return;
        }
        // Asked only here: below the bound the time makes no difference.
        let now = Instant::now();
        let earned = now.duration_since(self.forgiven).as_secs().saturating_mul(FORGIVEN_PER_SECOND);
        self.forgiven = now;
        self.useless = self.useless.saturating_sub(u32::try_from(earned).unwrap_or(u32::MAX));
        if self.useless > USELESS_FRAMES_MAX {
            self.violation.get_or_insert(Violation::UselessFrames);
        }
    }

    fn judge_ping(&mut self, active: usize) {
        let Some(rule) = self.enforcement else { return };
        let now = Instant::now();
        let least = if active == 0 && !rule.permit_without_stream { PING_IDLE_MIN } else { rule.min_time };
        let too_soon = self.last_ping.is_some_and(|last| now.duration_since(last) < least);
        self.last_ping = Some(now);
        self.strikes += u32::from(too_soon);
        if self.strikes > PING_STRIKES_MAX {
            self.violation.get_or_insert(Violation::Pings);
        }
    }
}

#[derive(Clone, Copy)]
struct Frame {
    length: u32,
    kind: u8,
    flags: u8,
}

/// A place in a stream of frames.
#[derive(Clone, Copy, Default)]
struct Cursor {
    header: [u8; HEADER_BYTES],
    have: usize,
    skip: usize,
}

impl Cursor {
    fn walk(&mut self, mut bytes: &[u8], mut on_frame: impl FnMut(Frame)) {
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = bytes.get(skipped..).unwrap_or_default();
            let wanted = HEADER_BYTES - self.have;
            let taken = if self.skip == 0 { wanted.min(bytes.len()) } else { 0 };
            let (head, rest) = bytes.split_at_checked(taken).unwrap_or_default();
            if let Some(place) = self.header.get_mut(self.have..self.have + taken) {
                place.copy_from_slice(head);
            }
            self.have += taken;
            bytes = rest;
            if self.have == HEADER_BYTES {
                let [a, b, c, kind, flags, ..] = self.header;
                let length = u32::from_be_bytes([0, a, b, c]);
                self.have = 0;
                self.skip = length as usize;
                on_frame(Frame { length, kind, flags });
            }
        }
    }
}

/// A GOAWAY frame that says ENHANCE_YOUR_CALM, with the reason as text.
pub(crate) fn goaway_calm(violation: Violation) -> Vec<u8> {
    let text: &[u8] = match violation {
        Violation::Pings => b"too_many_pings",
        Violation::UselessFrames => b"too_many_frames",
    };
    let length = 8 + text.len() as u8;
    let mut frame = vec![0, 0, length, GOAWAY, 0, 0, 0, 0, 0];
    frame.extend_from_slice(&LAST_STREAM.to_be_bytes());
    frame.extend_from_slice(&ENHANCE_YOUR_CALM.to_be_bytes());
    frame.extend_from_slice(text);
    frame
}

const PREFACE_BYTES: usize = 24;
const HEADER_BYTES: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const ENHANCE_YOUR_CALM: u32 = 11;
const LAST_STREAM: u32 = (1 << 31) - 1;

/// As grpc-go: the third ping that comes too soon is one too many, and a client without streams may ping every 2 h.
const PING_STRIKES_MAX: u32 = 2;
const PING_IDLE_MIN: Duration = Duration::from_secs(2 * 3600);

/// Settings, pings, priorities, resets, window updates and empty data that a connection may send beyond those that
/// its requests pay for. An honest client sends a few per request.
const USELESS_FRAMES_MAX: u32 = 2_000;
const USEFUL_WORTH: u32 = 4;
const FORGIVEN_PER_SECOND: u64 = 20;

#[cfg(test)]
mod tests;
