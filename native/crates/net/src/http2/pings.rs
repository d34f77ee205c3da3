//! Pings to a peer that is silent.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// The clock of one connection's pings.
pub(crate) struct Pings {
    time: Duration,
    timeout: Duration,
    /// Whether a connection without requests is left alone.
    only_busy: bool,
    heard_at: Instant,
    /// A ping waits for its answer.
    asked: bool,
    /// Left alone until there is a request again.
    paused: bool,
    clock: Pin<Box<Sleep>>,
}

/// What the clock says.
pub(crate) enum Due {
    /// It is time to ping.
    Ping,
    /// The ping was not answered.
    Cut,
}

impl Pings {
    /// Pings after `time` of silence, and gives up after `timeout` more.
    pub(crate) fn new(time: Duration, timeout: Duration, only_busy: bool) -> Pings {
        let clock = Box::pin(sleep(time));
        Pings { time, timeout, only_busy, heard_at: Instant::now(), asked: false, paused: false, clock }
    }

    /// Something came from the peer.
    pub(crate) fn heard(&mut self) {
        self.heard_at = Instant::now();
        self.asked = false;
    }

    /// Waits for the next thing to do; `busy` tells whether requests are under way.
    pub(crate) fn poll(&mut self, busy: bool, cx: &mut Context<'_>) -> Poll<Due> {
        if self.only_busy && !busy && !self.asked {
            self.paused = true;
            return Poll::Pending;
        }
        if std::mem::take(&mut self.paused) {
            self.heard();
            self.clock.as_mut().reset(self.heard_at + self.time);
        }
        loop {
            ready!(self.clock.as_mut().poll(cx));
            let silent_until = self.heard_at + self.time + if self.asked { self.timeout } else { Duration::ZERO };
            if silent_until > Instant::now() {
                self.clock.as_mut().reset(silent_until);
            } else if self.asked {
                return Poll::Ready(Due::Cut);
            } else {
                self.asked = true;
                // Counted from now: the ping may be late.
                self.heard_at = Instant::now() - self.time.min(self.heard_at.elapsed());
                self.clock.as_mut().reset(Instant::now() + self.timeout);
                return Poll::Ready(Due::Ping);
            }
        }
    }
}
