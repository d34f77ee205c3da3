//! Hands each request to the best of several levels that takes requests, and finds out when a better one is back.
//!
//! A level is whatever stands behind the connector: one pipeline, or several that are all called. Which level requests
//! go to is one for all threads: [`FailoverShared`]. A thread's part is a [`Failover`].

use std::cell::{Cell, OnceCell};
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::select;
use parking_lot::Mutex;
use teleferric_buf::metrics::Registration;
use teleferric_tasks::spawn_local;
use teleferric_wire::Signal;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::admission::busy;
use crate::contract::{Consumer, LocalFuture, Stage};
use crate::epochs::{Epoch, Epochs};
use crate::fault::{Fault, FaultCode};
use crate::handles::Handles;
use crate::log::Level;
use crate::metrics::register_failover;
use crate::parcel::Parcel;
use crate::reply::{Outcome, Reply};
use crate::timer::passed;

/// The level that all threads use. Clones are the same one.
#[derive(Clone)]
pub struct FailoverShared(Arc<SharedState>);

struct SharedState {
    current: Arc<AtomicUsize>,
    /// From one try of the better levels to the next.
    retry_interval: Duration,
    /// When they are tried next. Locked while the best level is not used, and when that changes.
    retry_at: Mutex<Option<Instant>>,
    handles: Handles,
    _level: Registration,
}

impl FailoverShared {
    /// The state of the connector with this id, for `signal`: at the best level.
    pub fn new(connector: &str, signal: Signal, retry_interval: Duration, handles: Handles) -> Self {
        let current = Arc::new(AtomicUsize::new(0));
        let level = register_failover(&handles.metrics, connector, signal, Arc::clone(&current));
        let retry_at = Mutex::new(None);
        FailoverShared(Arc::new(SharedState { current, retry_interval, retry_at, handles, _level: level }))
    }

    /// The levels in the order in which a request of `now` tries them: from the one in use down, and then those above
    /// it. One request each interval begins at the top.
    fn order(&self, count: usize, now: Instant) -> impl Iterator<Item = usize> + use<> {
        let current = self.0.current.load(Ordering::Relaxed);
        let first = if current > 0 && self.takes_turn(now) { 0 } else { current };
        (first..count).chain(0..first)
    }

    /// Whether it is time to try the better levels, which is so for one request.
    fn takes_turn(&self, now: Instant) -> bool {
        let mut retry_at = self.0.retry_at.lock();
        let is_due = retry_at.is_some_and(|due| due <= now);
        if is_due {
            *retry_at = now.checked_add(self.0.retry_interval);
        }
        is_due
    }

    /// A level refused a request: if it is in use, the next one takes its place. Not for what blames the request, which
    /// says nothing about the level.
    fn refused(&self, level: usize, count: usize, fault: &Fault, now: Instant) {
        let next = level + 1;
        if fault.blames_data() || next >= count || !self.change(level, next) {
            return;
        }
        *self.0.retry_at.lock() = now.checked_add(self.0.retry_interval);
        let fields = [("level", (next as u64).into()), ("error", (&*fault.message).into())];
        self.0.handles.log.emit(Level::Warn, "Failing over to the next priority level.", &fields);
    }

    /// A level took a request: if it is better than the one in use, it takes its place.
    fn took(&self, level: usize) {
        let current = self.0.current.load(Ordering::Relaxed);
        if level < current && self.change(current, level) {
            let fields = [("level", (level as u64).into())];
            self.0.handles.log.emit(Level::Info, "Returning to a better priority level.", &fields);
        }
    }

    /// Whether this call made the change; another thread may have been first.
    fn change(&self, from: usize, to: usize) -> bool {
        self.0.current.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// One thread's part of a failover connector. Called and dropped on that thread, inside its `LocalSet`.
pub struct Failover {
    shared: FailoverShared,
    /// What takes the requests of each level, best first.
    levels: Vec<Rc<dyn Consumer>>,
    /// Requests whose outcome is awaited.
    waiting: Epochs,
    is_drained: Cell<bool>,
    successor: OnceCell<Rc<dyn Stage>>,
    me: Weak<Failover>,
}

impl Failover {
    /// This thread's part, in front of `levels`, best first.
    pub fn new(shared: &FailoverShared, levels: Vec<Rc<dyn Consumer>>) -> Rc<Self> {
        Rc::new_cyclic(|me| Failover {
            shared: shared.clone(),
            levels,
            waiting: Epochs::default(),
            is_drained: Cell::new(false),
            successor: OnceCell::new(),
            me: me.clone(),
        })
    }

    /// Tries the levels until one takes the request. A refusal that may pass is told rather than one for good.
    async fn hand_on(&self, mut parcel: Parcel) {
        let reply = std::mem::replace(&mut parcel.reply, Reply::inert());
        let mut last: Option<Fault> = None;
        for level in self.shared.order(self.levels.len(), Instant::now()) {
            let Some(consumer) = self.levels.get(level) else { continue };
            match attempt(&**consumer, &mut parcel).await {
                Outcome::Refused(fault) => {
                    let now = Instant::now();
                    self.shared.refused(level, self.levels.len(), &fault, now);
                    last = Some(last.filter(|last| fault.is_permanent() && !last.is_permanent()).unwrap_or(fault));
                    if parcel.deadline.is_some_and(|deadline| deadline <= now) {
                        break;
                    }
                }
                taken => {
                    self.shared.took(level);
                    return reply.settle(taken);
                }
            }
        }
        reply.refuse(last.unwrap_or_else(|| Fault::new(FaultCode::Abandoned, "there is no priority level")));
    }
}

/// Hands a second parcel with the same bytes to a level, and waits for what becomes of it.
async fn attempt(level: &dyn Consumer, parcel: &mut Parcel) -> Outcome {
    let (sender, answer) = oneshot::channel();
    // Nobody listens any more if the thread has ended.
    let reply = Reply::to(move |outcome| sender.send(outcome).unwrap_or_default());
    level.consume(parcel.branch(reply));
    let abandoned = || Fault::new(FaultCode::Abandoned, "request was dropped inside the collector");
    answer.await.unwrap_or_else(|_| Outcome::Refused(abandoned()))
}

impl Consumer for Failover {
    fn consume(&self, parcel: Parcel) {
        if self.is_drained.get() {
            return match self.successor.get() {
                Some(successor) => successor.consume(parcel),
                None => parcel.reply.refuse(busy(FaultCode::Draining, "the collector is shutting down")),
            };
        }
        // Who calls has a reference, so it is there.
        let Some(me) = self.me.upgrade() else { return };
        let waiting = Waiting { epoch: self.waiting.enter(), failover: me };
        spawn_local("failover.attempt", async move { waiting.failover.hand_on(parcel).await });
    }
}

impl Stage for Failover {
    fn leave_to(&self, successor: Rc<dyn Stage>) {
        // A second one would come after the first was drained, and so after this one.
        let _ = self.successor.set(successor);
    }

    fn flush(&self) -> LocalFuture<'_, ()> {
        Box::pin(self.waiting.passed())
    }

    /// Waits for what is under way, so that it can still go to another level.
    fn drain(&self, deadline: Option<Instant>) -> LocalFuture<'_, ()> {
        Box::pin(async move {
            select(pin!(self.waiting.emptied()), pin!(passed(deadline))).await;
            self.is_drained.set(true);
        })
    }
}

/// Counts a request whose outcome is awaited, also when its task panics.
struct Waiting {
    failover: Rc<Failover>,
    epoch: Epoch,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.failover.waiting.leave(self.epoch);
    }
}
