//! A request's body on its way from the connection, which puts bytes in, to the service, which waits for them.
//!
//! The bytes go into one pooled block that is the body in the end: nothing is copied again. Credit for more is given as
//! the service takes note of what has come, so that a body nobody reads stops at its window.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use teleferric_buf::{Block, Pool};

/// The service's end.
pub(crate) struct Inflow(Rc<RefCell<State>>);

/// The connection's end.
pub(super) struct Feed(Rc<RefCell<State>>);

struct State {
    pool: Pool,
    block: Option<Block>,
    progress: Progress,
    /// Bytes the service has taken note of, and of those the ones the connection has given credit for.
    noted: usize,
    credited: usize,
    /// Bytes the service has room for in all.
    expected: usize,
    /// Nobody reads any more.
    abandoned: bool,
    waker: Option<Waker>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Open,
    Ended,
    Aborted,
}

/// How much of a body is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrived {
    /// Bytes so far.
    pub(crate) bytes: usize,
    /// Whether that is all of it.
    pub(crate) ended: bool,
}

/// The peer broke the body off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Aborted;

/// Both ends of a body that begins.
pub(super) fn inflow(pool: &Pool) -> (Feed, Inflow) {
    let state = State {
        pool: pool.clone(),
        block: None,
        progress: Progress::Open,
        noted: 0,
        credited: 0,
        expected: 0,
        abandoned: false,
        waker: None,
    };
    let state = Rc::new(RefCell::new(state));
    (Feed(state.clone()), Inflow(state))
}

impl Inflow {
    /// Ready when more than `have` bytes are there, or no more will come.
    pub(crate) fn poll_beyond(&self, have: usize, cx: &mut Context<'_>) -> Poll<Result<Arrived, Aborted>> {
        let state = &mut *self.0.borrow_mut();
        let bytes = state.bytes();
        state.noted = bytes;
        match state.progress {
            Progress::Aborted => Poll::Ready(Err(Aborted)),
            Progress::Ended => Poll::Ready(Ok(Arrived { bytes, ended: true })),
            Progress::Open if bytes > have => Poll::Ready(Ok(Arrived { bytes, ended: false })),
            Progress::Open => {
                if !state.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                    state.waker = Some(cx.waker().clone());
                }
                Poll::Pending
            }
        }
    }

    /// Makes room for a body of `bytes` in all, of which up to `now` at once; the peer may send as much.
    pub(crate) fn expect(&self, bytes: usize, now: usize) {
        let state = &mut *self.0.borrow_mut();
        state.expected = bytes;
        let room = bytes.min(now);
        match &mut state.block {
            Some(block) => block.reserve(room.saturating_sub(block.len())),
            None => state.block = Some(state.pool.block(room)),
        }
    }

    /// A look at what is there.
    pub(crate) fn peek<T>(&self, look: impl FnOnce(&[u8]) -> T) -> T {
        look(self.0.borrow().block.as_deref().unwrap_or_default())
    }

    /// What is there, as shared bytes.
    pub(crate) fn take(self) -> Bytes {
        let block = self.0.borrow_mut().block.take();
        block.map_or_else(Bytes::new, Block::freeze)
    }
}

impl Drop for Inflow {
    fn drop(&mut self) {
        let state = &mut *self.0.borrow_mut();
        state.noted = state.bytes().max(state.noted);
        state.abandoned = true;
        state.block = None;
        state.waker = None;
    }
}

impl Feed {
    /// Appends bytes; those that nobody reads are dropped, with their credit given back.
    pub(super) fn push(&self, bytes: &[u8]) {
        let waker = {
            let state = &mut *self.0.borrow_mut();
            if state.abandoned {
                state.noted += bytes.len();
                return;
            }
            let block = match &mut state.block {
                Some(block) => block,
                None => state.block.insert(state.pool.block(bytes.len())),
            };
            block.extend_from_slice(bytes);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The body is complete.
    pub(super) fn end(&self) {
        self.finish(Progress::Ended);
    }

    /// The rest of the body will not come.
    pub(super) fn abort(&self) {
        self.finish(Progress::Aborted);
    }

    /// Bytes taken note of since the last call, for which the peer gets credit.
    pub(super) fn take_credit(&self) -> usize {
        let state = &mut *self.0.borrow_mut();
        let credit = state.noted - state.credited;
        state.credited = state.noted;
        credit
    }

    /// Bytes that the service has room for in all; 0 while it has not said.
    pub(super) fn expected(&self) -> usize {
        self.0.borrow().expected
    }

    fn finish(&self, progress: Progress) {
        let waker = {
            let state = &mut *self.0.borrow_mut();
            if state.progress == Progress::Open {
                state.progress = progress;
            }
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl State {
    fn bytes(&self) -> usize {
        self.block.as_ref().map_or(0, |block| block.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(inflow: &Inflow, have: usize) -> Poll<Result<Arrived, Aborted>> {
        inflow.poll_beyond(have, &mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn bytes_arrive_in_one_block_and_credit_follows_notice() {
        let (feed, inflow) = inflow(&Pool::new());
        assert_eq!(poll(&inflow, 0), Poll::Pending);
        feed.push(b"abc");
        assert_eq!(feed.take_credit(), 0);
        assert_eq!(poll(&inflow, 0), Poll::Ready(Ok(Arrived { bytes: 3, ended: false })));
        assert_eq!(feed.take_credit(), 3);
        inflow.expect(6, 6);
        assert_eq!(feed.expected(), 6);
        assert_eq!(poll(&inflow, 3), Poll::Pending);
        feed.push(b"def");
        feed.end();
        assert_eq!(poll(&inflow, 6), Poll::Ready(Ok(Arrived { bytes: 6, ended: true })));
        assert_eq!(inflow.take(), "abcdef");
        assert_eq!(feed.take_credit(), 3);
    }

    #[test]
    fn what_nobody_reads_is_dropped_and_credited() {
        let (feed, inflow) = inflow(&Pool::new());
        feed.push(b"abc");
        drop(inflow);
        feed.push(b"defg");
        assert_eq!(feed.take_credit(), 7);
    }

    #[test]
    fn a_broken_body_stays_broken() {
        let (feed, inflow) = inflow(&Pool::new());
        feed.push(b"abc");
        feed.abort();
        feed.end();
        assert_eq!(poll(&inflow, 0), Poll::Ready(Err(Aborted)));
    }
}
