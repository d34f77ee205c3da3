//! What a stored queue holds, the room that is taken in it, and what goes when there is none left.

use std::sync::{Arc, Weak};
use std::time::Duration;

use teleferric_store::{Damage, End, GivenUp, LagPolicy, Observer, Tally, Totals};
use tokio::sync::futures::Notified;
use tokio::time::Instant;

use super::logs::Queues;
use super::{State, StoredQueue, Tell};
use crate::account::{Account, DropReason};
use crate::admission::busy;
use crate::fate::Follows;
use crate::fault::FaultCode;
use crate::handles::Handles;
use crate::log::{Level, Log};
use crate::queue::Sizer;

/// The room taken.
#[derive(Default)]
pub(super) struct Usage {
    /// What the log holds for the queue, and what is on its way there.
    tally: Tally,
    /// As much of that is on its way.
    storing: Tally,
    /// What was ever there, and what became of it.
    totals: Totals,
    /// What of it was read and is not settled.
    pub(super) reading: Tally,
    /// What it may hold.
    limit: Option<(Sizer, u64)>,
    lag_policy: LagPolicy,
    /// When it was told last that something was given up, and what was since.
    told: Option<Instant>,
    untold: Tally,
}

impl Usage {
    pub(super) fn holding(tally: Tally, totals: Totals) -> Self {
        Usage { tally, totals, ..Usage::default() }
    }

    /// What was ever there and what became of it, and the items that are there.
    pub(super) fn account(&self) -> (Totals, u64) {
        (self.totals, self.tally.items.saturating_sub(self.storing.items))
    }

    /// Whether all that was read is settled and something is left.
    pub(super) fn is_left_unread(&self) -> bool {
        self.reading.records == 0 && self.tally.records > self.storing.records
    }

    /// Whether it holds no more than it may.
    fn fits(&self, gone: Tally) -> bool {
        let mut left = self.tally;
        left.subtract(gone);
        self.limit.is_none_or(|(sizer, capacity)| sizer.of_tally(left) <= capacity)
    }
}

impl StoredQueue {
    /// What it holds, in units of `sizer`.
    pub(crate) fn used(&self, sizer: Sizer) -> u64 {
        sizer.of_tally(self.0.usage.lock().tally)
    }

    /// What it may hold from now on; what it has stays.
    pub(crate) fn limit_to(&self, capacity: u64, sizer: Sizer) {
        self.0.usage.lock().limit = Some((sizer, capacity));
    }

    /// What goes from now on when it is full, or the log because of it.
    pub(super) fn set_lag_policy(&self, policy: LagPolicy) {
        self.0.usage.lock().lag_policy = policy;
        self.0.writer.set_lag_policy(self.0.cursor, policy);
    }

    /// Whether a full queue makes room by itself.
    pub(crate) fn makes_room(&self) -> bool {
        self.0.usage.lock().lag_policy != LagPolicy::Block
    }

    /// How full its log is, percent; 100 when that takes nothing any more.
    pub(crate) fn log_fill_percent(&self) -> u64 {
        self.0.writer.gauges().fill_percent()
    }

    /// Takes room for a request, if `capacity` units of `sizer` have it, or something else is to go for it. That goes when
    /// the request is written down, so the queue may hold a little more until then.
    pub(crate) fn try_reserve(&self, tally: Tally, sizer: Sizer, capacity: u64) -> Option<Reserved> {
        let mut usage = self.0.usage.lock();
        let fits = sizer.of_tally(usage.tally).saturating_add(sizer.of_tally(tally)) <= capacity;
        if !fits && usage.lag_policy == LagPolicy::Block {
            return None;
        }
        usage.tally.add(tally);
        usage.storing.add(tally);
        Some(Reserved { queue: self.clone(), tally, kept: false })
    }

    /// If it holds more than it may, lets go what is older than the request that is appended next.
    pub(super) fn give_up_excess(&self) {
        let usage = self.0.usage.lock();
        if usage.lag_policy == LagPolicy::Block || usage.fits(Tally::default()) {
            return;
        }
        drop(usage);
        let queue = self.clone();
        self.0.writer.give_up(self.0.cursor, move |gone| queue.0.usage.lock().fits(gone));
    }

    /// Requests that may be read now. Where new ones take the place of old ones, half of the queue stays unread, as what
    /// was read is on its way and does not go.
    pub(crate) fn readable(&self) -> usize {
        let usage = self.0.usage.lock();
        let Some((sizer, capacity)) = usage.limit.filter(|_| usage.lag_policy != LagPolicy::Block) else {
            return usize::MAX;
        };
        let left = (capacity / 2).max(1).saturating_sub(sizer.of_tally(usage.reading));
        if left == 0 {
            return 0;
        }
        // Of their usual size.
        let requests = left.saturating_mul(usage.tally.records) / sizer.of_tally(usage.tally).max(1);
        usize::try_from(requests.max(1)).unwrap_or(usize::MAX)
    }

    /// Ends after room was given back. Does not miss what happens from its first poll, or `enable`, on.
    pub(crate) fn less(&self) -> Notified<'_> {
        self.0.less.notified()
    }
}

impl State {
    /// Gives the room back of what left the log: the items of `ends` ended so, the others as `rest`.
    pub(super) fn leave(&self, tally: Tally, ends: &[(End, u64)], rest: End) {
        if tally == Tally::default() {
            return;
        }
        {
            let mut usage = self.usage.lock();
            usage.tally.subtract(tally);
            usage.totals.leave(tally.items, ends, rest);
        }
        self.less.notify_waiters();
    }

    /// Refuses those who wait for what is not there any more: what was not read and is settled. The items of that.
    pub(super) fn refuse_lost(&self, settled_below: u64) -> u64 {
        let fault = busy(FaultCode::StorageFailed, "the stored request is damaged");
        self.waiters.refuse(0..settled_below, &fault, End::Damaged)
    }

    /// The log has given up some of what it held.
    fn given_up(&self, gone: &GivenUp) {
        let fault = busy(FaultCode::QueueFull, "the stored request was given up, as there was no room for more");
        let learned = self.waiters.refuse(gone.sequences.clone(), &fault, End::QueueFull);
        let dropped = Tally { items: gone.tally.items.saturating_sub(learned), ..gone.tally };
        self.account.drop_items(DropReason::QueueFull, dropped.items);
        self.leave(gone.tally, &[(End::Refused, learned)], End::QueueFull);
        self.tell_given_up(dropped);
    }

    /// One line when it begins, and one a minute for as long as it goes on.
    fn tell_given_up(&self, dropped: Tally) {
        let mut usage = self.usage.lock();
        usage.untold.add(dropped);
        let now = Instant::now();
        if usage.told.is_some_and(|told| now.saturating_duration_since(told) < TELL_EVERY) {
            return;
        }
        usage.told = Some(now);
        let (untold, policy) = (std::mem::take(&mut usage.untold), usage.lag_policy);
        drop(usage);
        let message = match policy {
            LagPolicy::Detach => "There is no more room for the queue. Dropping all that waits in it.",
            _ => "There is no more room for the queue. Dropping its oldest requests.",
        };
        let fields = [("requests", untold.records.into()), ("dropped_items", untold.items.into())];
        self.log.emit(Level::Warn, message, &fields);
    }
}

/// Deals with what the log of some queues gives up, and with damage in it.
pub(super) struct Watch {
    queues: Queues,
    account: Arc<Account>,
    log: Log,
}

impl Watch {
    pub(super) fn new(queues: Queues, handles: &Handles) -> Self {
        Watch { queues, account: Arc::clone(&handles.account), log: handles.log.clone() }
    }
}

impl Observer for Watch {
    fn given_up(&mut self, gone: GivenUp) {
        let queue = self.queues.lock().get(&gone.name).and_then(Weak::upgrade);
        if let Some(queue) = queue {
            return queue.given_up(&gone);
        }
        self.account.drop_items(DropReason::QueueFull, gone.tally.items);
        let fields = [
            ("queue", gone.name.as_str().into()),
            ("requests", gone.tally.records.into()),
            ("dropped_items", gone.tally.items.into()),
        ];
        let message = "The storage is full. Dropping what was left by an exporter that is gone.";
        self.log.emit(Level::Warn, message, &fields);
    }

    fn damaged(&mut self, damage: Damage) {
        tell_damaged(&self.log, &damage);
    }
}

/// Says that requests will be found missing.
pub(super) fn tell_damaged(log: &Log, damage: &Damage) {
    let fields = [("file", damage.segment.as_str().into()), ("requests", damage.records.into())];
    log.emit(Level::Error, "Stored requests are damaged. They are dropped when their turn comes.", &fields);
}

/// Room taken in a stored queue, given back unless a request went there.
pub(crate) struct Reserved {
    pub(super) queue: StoredQueue,
    tally: Tally,
    kept: bool,
}

impl Reserved {
    /// The request lies in the log: its room is given back when it leaves that.
    pub(super) fn keep(mut self, sequence: u64, waiter: Option<Tell>, follows: &Follows) {
        self.kept = true;
        {
            let mut usage = self.queue.0.usage.lock();
            usage.storing.subtract(self.tally);
            usage.totals.enqueued += self.tally.items;
        }
        self.queue.0.appended(sequence, self.tally.items, waiter, follows);
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        {
            let mut usage = self.queue.0.usage.lock();
            usage.storing.subtract(self.tally);
            usage.tally.subtract(self.tally);
        }
        self.queue.0.less.notify_waiters();
    }
}

const TELL_EVERY: Duration = Duration::from_secs(60);
