//! How a peer may behave beyond the letter of the protocol: how many frames without use it may send, and, if it is a
//! client, how often it may ping (the gRPC enforcement policy) and how many requests it may begin and break off.

use std::time::Duration;

use tokio::time::Instant;

use crate::http2::frame::{ACK, DATA, END_STREAM, FrameHead, HEADERS, PING};

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
    Frames,
}

impl Violation {
    /// What the peer is told.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Violation::Pings => "too_many_pings",
            Violation::Frames => "too_many_frames",
        }
    }
}

/// The watch over one connection.
pub(crate) struct Conduct {
    enforcement: Option<Enforcement>,
    strikes: u32,
    last_ping: Option<Instant>,
    useless: Budget,
    broken_off: Budget,
}

impl Conduct {
    pub(crate) fn new(enforcement: Option<Enforcement>) -> Conduct {
        let now = Instant::now();
        Conduct {
            enforcement,
            strikes: 0,
            last_ping: None,
            useless: Budget { used: 0, max: USELESS_FRAMES_MAX, forgiven: now },
            broken_off: Budget { used: 0, max: BROKEN_OFF_MAX, forgiven: now },
        }
    }

    /// A frame came while `active` requests were running.
    pub(crate) fn judge(&mut self, frame: &FrameHead, active: usize) -> Result<(), Violation> {
        let useful = match frame.kind {
            HEADERS => true,
            DATA => frame.length > 0 || frame.has(END_STREAM),
            _ => false,
        };
        if useful {
            self.useless.pay(USEFUL_WORTH);
        } else {
            self.useless.spend()?;
        }
        if frame.kind == PING && !frame.has(ACK) {
            self.judge_ping(active)?;
        }
        Ok(())
    }

    /// The peer was sent `bytes`, which it may acknowledge piece by piece.
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.useless.pay(u32::try_from(bytes / SENT_BYTES_WORTH + 1).unwrap_or(u32::MAX));
    }

    /// A request was answered.
    pub(crate) fn answered(&mut self) {
        self.strikes = 0;
        self.last_ping = None;
        self.broken_off.pay(1);
    }

    /// A request ended before its answer, by the client's word or by its fault (rapid reset, MadeYouReset).
    pub(crate) fn broke_off(&mut self) -> Result<(), Violation> {
        self.broken_off.spend()
    }

    fn judge_ping(&mut self, active: usize) -> Result<(), Violation> {
        let Some(rule) = self.enforcement else { return Ok(()) };
        let now = Instant::now();
        let least = if active == 0 && !rule.permit_without_stream { PING_IDLE_MIN } else { rule.min_time };
        let too_soon = self.last_ping.is_some_and(|last| now.duration_since(last) < least);
        self.last_ping = Some(now);
        self.strikes += u32::from(too_soon);
        if self.strikes > PING_STRIKES_MAX { Err(Violation::Pings) } else { Ok(()) }
    }
}

/// A number of things that are forgiven with time.
struct Budget {
    used: u32,
    max: u32,
    /// Until when the passing of time has been counted.
    forgiven: Instant,
}

impl Budget {
    fn pay(&mut self, worth: u32) {
        self.used = self.used.saturating_sub(worth);
    }

    fn spend(&mut self) -> Result<(), Violation> {
        self.used = self.used.saturating_add(1);
        if self.used <= self.max {
            return Ok(());
        }
        // Asked only here: below the bound the time makes no difference.
        let now = Instant::now();
        let earned = now.duration_since(self.forgiven).as_secs().saturating_mul(FORGIVEN_PER_SECOND);
        self.forgiven = now;
        self.pay(u32::try_from(earned).unwrap_or(u32::MAX));
        if self.used > self.max { Err(Violation::Frames) } else { Ok(()) }
    }
}

/// As grpc-go: the third ping that comes too soon is one too many, and a client without streams may ping every 2 h.
const PING_STRIKES_MAX: u32 = 2;
const PING_IDLE_MIN: Duration = Duration::from_secs(2 * 3600);

/// Settings, pings, priorities, resets, window updates and empty data that a connection may send beyond those that
/// its requests pay for. An honest client sends a few per request.
const USELESS_FRAMES_MAX: u32 = 2_000;
const USEFUL_WORTH: u32 = 4;
/// Bytes after which a window update from their receiver is no more than usual.
const SENT_BYTES_WORTH: usize = 1 << 10;
const FORGIVEN_PER_SECOND: u64 = 20;

/// Requests broken off beyond those that are answered: all of a connection's streams at once, a few times over.
const BROKEN_OFF_MAX: u32 = 500;

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, length: usize) -> FrameHead {
        FrameHead { length, kind, flags, stream: 0 }
    }

    fn pings(min_time: Duration, permit_without_stream: bool) -> Conduct {
        Conduct::new(Some(Enforcement { min_time, permit_without_stream }))
    }

    #[tokio::test(start_paused = true)]
    async fn strikes_pings_that_come_too_soon_and_forgets_after_an_answer() {
        let mut conduct = pings(Duration::from_secs(10), true);
        let ping = frame(PING, 0, 8);
        for _ in 0..3 {
            assert_eq!(conduct.judge(&ping, 1), Ok(()));
        }
        conduct.answered();
        for _ in 0..3 {
            assert_eq!(conduct.judge(&ping, 1), Ok(()));
        }
        assert_eq!(conduct.judge(&ping, 1), Err(Violation::Pings));
    }

    #[tokio::test(start_paused = true)]
    async fn patient_pings_are_no_strikes_and_acknowledgements_no_pings() {
        let mut conduct = pings(Duration::from_secs(10), true);
        for _ in 0..20 {
            tokio::time::advance(Duration::from_secs(10)).await;
            assert_eq!(conduct.judge(&frame(PING, 0, 8), 0), Ok(()));
            assert_eq!(conduct.judge(&frame(PING, ACK, 8), 0), Ok(()));
        }
        let mut conduct = pings(Duration::from_secs(10), false);
        let mut count = 0;
        while conduct.judge(&frame(PING, 0, 8), 0).is_ok() {
            tokio::time::advance(Duration::from_secs(10)).await;
            count += 1;
        }
        assert_eq!(count, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn frames_without_use_are_paid_for_by_requests_and_time() {
        let mut conduct = Conduct::new(None);
        for _ in 0..10 * USELESS_FRAMES_MAX {
            assert_eq!(conduct.judge(&frame(8, 0, 4), 1), Ok(()));
            assert_eq!(conduct.judge(&frame(HEADERS, 4, 10), 1), Ok(()));
        }
        // A ping a second for hours.
        for _ in 0..20_000 {
            tokio::time::advance(Duration::from_secs(1)).await;
            assert_eq!(conduct.judge(&frame(PING, ACK, 8), 0), Ok(()));
        }
        let mut conduct = Conduct::new(None);
        let mut count = 0;
        while conduct.judge(&frame(DATA, 0, 0), 1).is_ok() {
            count += 1;
        }
        assert_eq!(count, USELESS_FRAMES_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn window_updates_are_paid_for_by_what_they_acknowledge() {
        let mut conduct = Conduct::new(None);
        for _ in 0..10 * USELESS_FRAMES_MAX {
            conduct.sent(2 * SENT_BYTES_WORTH);
            for _ in 0..3 {
                assert_eq!(conduct.judge(&frame(8, 0, 4), 1), Ok(()));
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn requests_broken_off_are_paid_for_by_answers_and_time() {
        let mut conduct = Conduct::new(None);
        for _ in 0..10 * BROKEN_OFF_MAX {
            assert_eq!(conduct.broke_off(), Ok(()));
            conduct.answered();
        }
        for _ in 0..BROKEN_OFF_MAX {
            assert_eq!(conduct.broke_off(), Ok(()));
        }
        assert_eq!(conduct.broke_off(), Err(Violation::Frames));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(conduct.broke_off(), Ok(()));
    }
}
