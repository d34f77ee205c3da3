//! What a connection knows about itself: what it is doing, since when, and whether that has gone on too long.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use tokio::time::Instant;

use crate::service::TlsInfo;

/// One connection's state, shared by its driver, its socket and its requests; all on one worker.
pub(crate) struct ConnState {
    pub(crate) peer: Option<SocketAddr>,
    tls: RefCell<Option<Rc<TlsInfo>>>,
    clocks: Clocks,
    http1: Cell<bool>,
    closed: Cell<bool>,
    unread_body: Cell<bool>,
    started: Instant,
    /// Requests being answered.
    active: Cell<usize>,
    /// Answers whose bytes have not all been taken by the protocol.
    writing: Cell<usize>,
    /// When the connection last became idle; meaningful while nothing is active.
    idle_since: Cell<Instant>,
    /// When the first byte of a head came that is not complete yet (HTTP/1 only).
    head_since: Cell<Option<Instant>>,
    /// When the protocol last took an answer, or had none to take. Bytes alone do not count: acknowledging pings
    /// would keep a connection alive whose window is shut.
    taken_at: Cell<Instant>,
    /// Since when the socket takes no bytes.
    blocked_since: Cell<Option<Instant>>,
    closing: Cell<bool>,
    /// Its place is needed.
    evicted: Cell<bool>,
    /// When the close for age began, from which its grace counts.
    aged_at: Cell<Option<Instant>>,
    waker: RefCell<Option<Waker>>,
}

/// The time limits that a connection is held to; `None` is for ever.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clocks {
    pub(crate) head: Option<Duration>,
    pub(crate) write_stall: Option<Duration>,
    pub(crate) idle: Option<Duration>,
    /// With the connection's own jitter.
    pub(crate) age: Option<Duration>,
    pub(crate) age_grace: Option<Duration>,
}

/// What is due on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing before this time; `None` is never.
    Later(Option<Instant>),
    /// Finish what is running and take nothing new.
    Close(CloseReason),
    /// Break it off.
    Abort(AbortReason),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CloseReason {
    Idle,
    Age,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AbortReason {
    SlowHead,
    WriteStall,
    AgeGrace,
}

impl ConnState {
    pub(crate) fn new(peer: Option<SocketAddr>, clocks: Clocks) -> Rc<ConnState> {
        let now = Instant::now();
        Rc::new(ConnState {
            peer,
            tls: RefCell::new(None),
            clocks,
            http1: Cell::new(false),
            closed: Cell::new(false),
            unread_body: Cell::new(false),
            started: now,
            active: Cell::new(0),
            writing: Cell::new(0),
            idle_since: Cell::new(now),
            head_since: Cell::new(Some(now)),
            taken_at: Cell::new(now),
            blocked_since: Cell::new(None),
            closing: Cell::new(false),
            evicted: Cell::new(false),
            aged_at: Cell::new(None),
            waker: RefCell::new(None),
        })
    }

    pub(crate) fn set_tls(&self, info: TlsInfo) {
        *self.tls.borrow_mut() = Some(Rc::new(info));
    }

    pub(crate) fn tls(&self) -> Option<Rc<TlsInfo>> {
        self.tls.borrow().clone()
    }

    /// The protocol is known now; its first head begins.
    pub(crate) fn speaks(&self, http1: bool) {
        self.http1.set(http1);
        self.head_since.set(http1.then(Instant::now));
    }

    pub(crate) fn is_http1(&self) -> bool {
        self.http1.get()
    }

    pub(crate) fn close(&self) {
        self.closed.set(true);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// A refused body was left on the wire, so the connection ends after the answer.
    pub(crate) fn note_unread_body(&self) {
        self.unread_body.set(true);
    }

    pub(crate) fn has_unread_body(&self) -> bool {
        self.unread_body.get()
    }

    /// Bytes came in.
    pub(crate) fn has_read(&self) {
        if self.http1.get() && self.active.get() == 0 && self.head_since.get().is_none() {
            self.head_since.set(Some(Instant::now()));
        }
    }

    /// Bytes went out.
    pub(crate) fn has_written(&self) {
        self.blocked_since.set(None);
    }

    /// The socket took none of the bytes it was given.
    pub(crate) fn is_blocked(&self) {
        if self.blocked_since.get().is_none() {
            self.blocked_since.set(Some(Instant::now()));
        }
    }

    /// A request's head is complete; it counts until the guard is dropped.
    pub(crate) fn begin(self: &Rc<Self>) -> Active {
        self.head_since.set(None);
        self.active.set(self.active.get() + 1);
        Active(self.clone())
    }

    /// How many requests are being answered.
    pub(crate) fn active(&self) -> usize {
        self.active.get()
    }

    /// An answer is handed to the protocol; it counts until the guard is dropped.
    pub(crate) fn answer(self: &Rc<Self>) -> Writing {
        if self.writing.get() == 0 {
            self.taken_at.set(Instant::now());
        }
        self.writing.set(self.writing.get() + 1);
        Writing(self.clone())
    }

    /// Begins the close that [`ConnState::due`] asked for, or that of a drain; false when it has begun already.
    pub(crate) fn begin_close(&self, reason: Option<CloseReason>) -> bool {
        if reason == Some(CloseReason::Age) {
            self.aged_at.set(Some(Instant::now()));
        }
        !self.closing.replace(true)
    }

    /// What must be done with the connection at `now`.
    pub(crate) fn due(&self, now: Instant) -> Due {
        let mut next: Option<Instant> = None;
        let mut passed = |since: Instant, limit: Option<Duration>| {
            let Some(at) = limit.and_then(|limit| since.checked_add(limit)) else { return false };
            next = Some(next.map_or(at, |next| next.min(at)));
            at <= now
        };
        if self.head_since.get().is_some_and(|since| passed(since, self.clocks.head)) {
            return Due::Abort(AbortReason::SlowHead);
        }
        let waiting = (self.writing.get() > 0).then(|| self.taken_at.get());
        let stalled = self.blocked_since.get().into_iter().chain(waiting).min();
        if stalled.is_some_and(|since| passed(since, self.clocks.write_stall)) {
            return Due::Abort(AbortReason::WriteStall);
        }
        if self.aged_at.get().is_some_and(|since| passed(since, self.clocks.age_grace)) {
            return Due::Abort(AbortReason::AgeGrace);
        }
        if self.closing.get() {
            return Due::Later(next);
        }
        if self.is_idle() && (self.evicted.get() || passed(self.idle_since.get(), self.clocks.idle)) {
            return Due::Close(CloseReason::Idle);
        }
        if passed(self.started, self.clocks.age) {
            return Due::Close(CloseReason::Age);
        }
        Due::Later(next)
    }

    /// Since when nobody would miss the connection; `None` while it works, or closes already.
    pub(crate) fn spare_since(&self) -> Option<Instant> {
        let spare = self.is_idle() && !self.closing.get() && !self.evicted.get();
        spare.then(|| self.idle_since.get())
    }

    /// Closes the connection if it is still idle when it looks, else as soon as it is.
    pub(crate) fn evict(&self) {
        self.evicted.set(true);
        self.wake();
    }

    pub(crate) fn is_evicted(&self) -> bool {
        self.evicted.get()
    }

    fn is_idle(&self) -> bool {
        self.active.get() == 0 && self.writing.get() == 0
    }

    /// Remembers whom to wake when the server's phase changes.
    pub(crate) fn watch(&self, waker: &Waker) {
        let mut kept = self.waker.borrow_mut();
        if !kept.as_ref().is_some_and(|kept| kept.will_wake(waker)) {
            *kept = Some(waker.clone());
        }
    }

    /// Makes the driver look again.
    pub(crate) fn wake(&self) {
        let waker = self.waker.borrow_mut().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// A request that is being answered.
pub(crate) struct Active(Rc<ConnState>);

impl Drop for Active {
    fn drop(&mut self) {
        let left = self.0.active.get().saturating_sub(1);
        self.0.active.set(left);
        if left == 0 {
            self.0.idle_since.set(Instant::now());
            self.0.wake();
        }
    }
}

/// An answer that has not been written.
pub(crate) struct Writing(Rc<ConnState>);

impl Drop for Writing {
    fn drop(&mut self) {
        self.0.writing.set(self.0.writing.get().saturating_sub(1));
        self.0.taken_at.set(Instant::now());
    }
}

#[cfg(test)]
mod tests;
