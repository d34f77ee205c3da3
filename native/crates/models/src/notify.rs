//! A notification in the place of tokio's, which is not ours to check: whoever asked for it before a call of
//! `notify_waiters` is woken by that call.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use loom::sync::{Mutex, MutexGuard};

#[derive(Debug, Default)]
pub(crate) struct Notify(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    calls: u64,
    waiting: Vec<Waker>,
}

/// The wait for one call.
pub(crate) struct Notified<'a> {
    notify: &'a Notify,
    calls_before: u64,
}

impl Notify {
    pub(crate) fn new() -> Self {
        Notify::default()
    }

    pub(crate) fn notified(&self) -> Notified<'_> {
        Notified { notify: self, calls_before: self.lock().calls }
    }

    pub(crate) fn notify_waiters(&self) {
        let mut state = self.lock();
        state.calls += 1;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(|_| panic!("poisoned"))
    }
}

impl Notified<'_> {
    /// Whether the call has come; `notified` has taken the place already.
    pub(crate) fn enable(self: Pin<&mut Self>) -> bool {
        self.notify.lock().calls > self.calls_before
    }
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.notify.lock();
        if state.calls > self.calls_before {
            return Poll::Ready(());
        }
        state.waiting.push(context.waker().clone());
        Poll::Pending
    }
}
