//! Sends one batch to the end: attempts with their timeout, waits between them, and the words and numbers about how
//! it went. Stands behind the queue, or alone where there is none.

use std::cell::{Cell, OnceCell};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use teleferric_store::End;
use teleferric_tasks::{catch, report_panic};
use tokio::time::{Instant, sleep, sleep_until};

use crate::account::{Account, DropReason};
use crate::admission::busy;
use crate::batch::Batch;
use crate::budget::{Budget, Turn};
use crate::consumers::Consumers;
use crate::contract::Stage;
use crate::credentials::{Credentials, PROBE_INTERVAL};
use crate::endpoints::{Endpoints, Leave, Subset};
use crate::fault::{Fault, FaultCode, GrpcCode, Retry};
use crate::guard::{self, Rejection};
use crate::hold::Hold;
use crate::log::{Level, Log, seconds};
use crate::metrics::ExporterMetrics;
use crate::parcel::Parcel;
use crate::reply::{Outcome, caller_gone};
use crate::retry::{Backoff, Jitter, RETRIES_OR_LESS_MAX, Remedy, RetrySettings};
use crate::stop::{self, Stop};
use crate::timer::passed;

/// The part of a delivery that knows the exporter.
pub(crate) struct Sender {
    /// Where to, and whether it may be tried at the moment.
    pub(crate) endpoints: Endpoints,
    /// Whether a queue stands in front.
    pub(crate) queued: bool,
    /// How many sends there may be, which depends on how they end.
    pub(crate) consumers: Option<Consumers>,
    /// Whether requests stay in a storage until they are settled.
    pub(crate) stored: bool,
    /// Whether what is refused for good is kept there too.
    pub(crate) keeps_dead_letters: bool,
    pub(crate) retry: Option<RetrySettings>,
    /// What bounds the retries of all requests together, if there are any.
    pub(crate) budget: Option<Budget>,
    /// Whether the destination takes our credentials, as far as all threads know.
    pub(crate) credentials: Arc<Credentials>,
    /// How long a storage keeps a request; zero is for ever.
    pub(crate) max_age: Duration,
    /// Per attempt; zero is no limit.
    pub(crate) timeout: Duration,
    pub(crate) log: Log,
    pub(crate) account: Arc<Account>,
    pub(crate) metrics: ExporterMetrics,
    pub(crate) jitter: Jitter,
    pub(crate) stop: Stop,
    /// What takes over the requests that a drain interrupts.
    pub(crate) successor: OnceCell<Rc<dyn Stage>>,
    /// Items taken and not yet answered.
    pub(crate) held_items: Cell<u64>,
}

impl Sender {
    /// Sends `batch` until it is taken or given up, and answers for it. A merged batch refused because of what is in it,
    /// or because it may be too large, is sent again in halves, down to single requests, so that one of them cannot
    /// spoil the others.
    ///
    /// Dropping the future abandons the attempt and refuses what is not yet answered; `held` has the items of that.
    pub(crate) async fn deliver(&self, mut batch: Batch, held: &Cell<u64>) {
        let _flight = InFlight::new(&self.metrics);
        let mut memory = std::mem::take(&mut batch.parcel.permit);
        let mut started = None;
        let mut rest = Vec::new();
        let mut next = Some((batch, RETRIES_OR_LESS_MAX));
        while let Some((mut batch, mut or_less)) = next {
            if self.stored {
                batch.identify();
            }
            let items = batch.parcel.items;
            match self.attempts(&batch, &mut started, &mut or_less).await {
                Outcome::Refused(fault) if batch.members.len() > 1 && fault.blames_data() => {
                    let (first, second) = batch.halves();
                    rest.push((second, or_less));
                    next = Some((first, or_less));
                }
                Outcome::Refused(fault) if fault.code == FaultCode::Draining => {
                    held.set(held.get().saturating_sub(items));
                    self.interrupt(batch, fault, || memory.share());
                    next = rest.pop();
                }
                outcome => {
                    held.set(held.get().saturating_sub(items));
                    if matches!(outcome, Outcome::Partial { rejected: 1.., .. }) {
                        memory.note(End::Rejected);
                    }
                    self.finish(batch, outcome);
                    next = rest.pop();
                }
            }
        }
    }

    /// Ends a batch that is not sent any more because the time to stop is over.
    pub(crate) fn give_up(&self, mut batch: Batch) {
        let memory = std::mem::take(&mut batch.parcel.permit);
        self.interrupt(batch, cut(), || memory);
    }

    /// Leaves a batch that a drain ended to the successor, if there is one and no storage keeps it, or refuses it.
    fn interrupt(&self, batch: Batch, fault: Fault, memory: impl FnOnce() -> Hold) {
        match self.successor.get() {
            Some(successor) if !self.stored => {
                let items = batch.parcel.items;
                self.release(items);
                self.metrics.queue.iter().for_each(|queue| queue.left(End::HandedOver, items));
                successor.take_over(Parcel { permit: memory(), ..batch.into_parcel(&self.account) });
            }
            _ => self.finish(batch, Outcome::Refused(fault)),
        }
    }

    /// `started` is when the first attempt was made; `or_less` how often it may be tried again what may be too large.
    async fn attempts(&self, batch: &Batch, started: &mut Option<Instant>, or_less: &mut u32) -> Outcome {
        let parcel = &batch.parcel;
        let (mut backoff, mut turn) = (None, Turn::default());
        let mut tried = Subset::EMPTY;
        let mut place = None;
        loop {
            if self.credentials.are_refused() && self.outlasts(batch) {
                // In a box, so that the usual way does not carry what the wait needs.
                if let Err(fault) = Box::pin(self.await_credentials(parcel, *started)).await {
                    return Outcome::Refused(fault);
                }
            }
            let mut now = Instant::now();
            if let Some(fault) = unwanted(batch, now, self.queued || started.is_some()) {
                return Outcome::Refused(fault);
            }
            let leave = match self.endpoints.try_leave(place, parcel.payload.bytes(), now) {
                Ok(leave) => leave,
                Err(_) => {
                    let held = Box::pin(self.held(parcel, started.unwrap_or(now))).await;
                    now = Instant::now();
                    match held.and_then(|leave| unwanted(batch, now, true).map_or(Ok(leave), Err)) {
                        Ok(leave) => leave,
                        Err(fault) => return Outcome::Refused(fault),
                    }
                }
            };
            let started = *started.get_or_insert_with(|| {
                self.budget.iter().for_each(|budget| budget.first(now));
                now
            });
            let last = self.stop.is_at(stop::Level::Hurrying);
            let outcome = self.attempt(&leave, batch, now).await;
            leave.settle(&outcome, self.is_impatient(parcel, now), &mut tried);
            if let Some(consumers) = &self.consumers {
                consumers.note(&outcome, now);
            }
            let Outcome::Refused(fault) = outcome else {
                self.credentials.accept();
                return outcome;
            };
            if fault.code == FaultCode::CallerGone {
                return Outcome::Refused(fault);
            }
            let Some(retry) = &self.retry else {
                // A drain may be why it failed: what is stored is not given up for that.
                let stays = self.stored && !fault.is_permanent() && self.stop.is_at(stop::Level::Hurrying);
                return Outcome::Refused(if stays { interrupted(&fault) } else { fault });
            };
            let remedy = match Remedy::of(&fault) {
                Remedy::Credentials | Remedy::LaterOrLess if !self.outlasts(batch) => Remedy::None,
                Remedy::LaterOrLess if *or_less == 0 => Remedy::None,
                remedy => remedy,
            };
            if remedy == Remedy::None {
                return Outcome::Refused(fault.prefixed("not retryable error"));
            }
            let backoff = backoff.get_or_insert_with(|| Backoff::new(retry, started));
            place = self.elsewhere(tried, parcel, &fault, backoff, &mut turn);
            if place.is_some() {
                continue;
            }
            if last || fault.code == FaultCode::Draining {
                return Outcome::Refused(interrupted(&fault));
            }
            tried = Subset::EMPTY;
            let asked = match remedy {
                Remedy::Credentials => {
                    self.credentials.refuse(Instant::now());
                    PROBE_INTERVAL
                }
                _ => self.endpoints.hint(fault.retry, Instant::now()),
            };
            match self.next_wait(backoff, asked, parcel) {
                Ok(wait) => self.wait(wait, &fault, batch).await,
                Err(why) => return Outcome::Refused(given_up(fault, why, remedy)),
            }
            if let Some(budget) = &self.budget
                && !budget.try_again(Instant::now(), &mut turn)
            {
                backoff.put_off(Box::pin(self.await_turn(budget, &mut turn, parcel.deadline)).await);
            }
            if remedy == Remedy::LaterOrLess {
                *or_less -= 1;
                if batch.members.len() > 1 {
                    return Outcome::Refused(fault);
                }
            }
        }
    }

    /// The place of an endpoint to try again at, at once: a healthy one that was not tried since the last wait.
    fn elsewhere(
        &self,
        tried: Subset,
        parcel: &Parcel,
        fault: &Fault,
        backoff: &Backoff<'_>,
        turn: &mut Turn,
    ) -> Option<usize> {
        let now = Instant::now();
        let late = backoff.is_over(now) || parcel.deadline.is_some_and(|deadline| deadline <= now);
        // What a drain cut off is not the endpoint's fault.
        if tried.is_empty() || late || fault.code != FaultCode::DownstreamTemporary {
            return None;
        }
        let place = self.endpoints.other(tried, now)?;
        if self.budget.as_ref().is_some_and(|budget| !budget.try_again(now, turn)) {
            return None;
        }
        let fields = [("error", (&*fault.message).into())];
        self.log.emit(Level::Info, "Exporting failed. Will retry the request at another endpoint.", &fields);
        Some(place)
    }

    /// Waits until the budget has room for a retry, into no drain and not past the sender's deadline. How long it took.
    async fn await_turn(&self, budget: &Budget, turn: &mut Turn, deadline: Option<Instant>) -> Duration {
        let since = Instant::now();
        let (hurrying, late) = (pin!(self.stop.reached(stop::Level::Hurrying)), pin!(passed(deadline)));
        select(select(hurrying, late), pin!(budget.wait(turn, &self.jitter))).await;
        since.elapsed()
    }

    /// Whether a batch is kept longer than OTLP asks for: nobody would send it again.
    fn outlasts(&self, batch: &Batch) -> bool {
        self.retry.is_some() && batch.is_detached()
    }

    /// Waits until the destination takes our credentials again, or it is this request's turn to find out. A drain ends
    /// the wait. Cancel safe.
    ///
    /// # Errors
    /// What becomes of a request whose time for retries ends before.
    async fn await_credentials(&self, parcel: &Parcel, started: Option<Instant>) -> Result<(), Fault> {
        loop {
            let mut changed = pin!(self.credentials.changed());
            changed.as_mut().enable();
            let now = Instant::now();
            let Err(due) = self.credentials.try_pass(now) else { return Ok(()) };
            if self.stop.is_at(stop::Level::Hurrying) {
                return Ok(());
            }
            let limits = [started.and_then(|started| self.gives_up_at(started)), self.too_old_at(parcel)];
            if limits.into_iter().flatten().min().is_some_and(|limit| limit < due) {
                let text = "no more retries left: the destination refuses the credentials";
                return Err(Fault::new(FaultCode::DownstreamTemporary, text).with_status(GrpcCode::Unauthenticated));
            }
            let due = pin!(sleep_until(due));
            let woken = select(changed, due);
            select(pin!(self.stop.reached(stop::Level::Hurrying)), woken).await;
        }
    }

    /// The end of the time for retries of a request whose first attempt was at `started`.
    fn gives_up_at(&self, started: Instant) -> Option<Instant> {
        let limit = self.retry.as_ref()?.max_elapsed_time;
        (!limit.is_zero()).then(|| started.checked_add(limit)).flatten()
    }

    /// When a stored request has become too old.
    fn too_old_at(&self, parcel: &Parcel) -> Option<Instant> {
        (!self.max_age.is_zero()).then(|| parcel.arrived.checked_add(self.max_age)).flatten()
    }

    /// Waits until a breaker lets an attempt pass: woken when it changes, or at the time it names. A drain ends the wait
    /// with one attempt that the breaker has no say in, unless it is open by order. Cancel safe.
    ///
    /// # Errors
    /// The refusal of a sender who cannot wait that long, because nothing keeps the request or patience ends.
    async fn held<'a>(&'a self, parcel: &Parcel, since: Instant) -> Result<Leave<'a>, Fault> {
        self.endpoints.count_rejected();
        let patience = self.patience(parcel, since);
        let bytes = parcel.payload.bytes();
        loop {
            let changed = self.endpoints.changed();
            let now = Instant::now();
            let Rejection { until, probing } = match self.endpoints.try_leave(None, bytes, now) {
                Ok(leave) => return Ok(leave),
                Err(rejection) => rejection,
            };
            let refusal = || guard::open(until, now);
            if self.stop.is_at(stop::Level::Hurrying) {
                let ordered = until.is_none() && !probing;
                match self.endpoints.leave_anyway(bytes).filter(|_| !ordered) {
                    Some(leave) => return Ok(leave),
                    None => return Err(interrupted(&refusal())),
                }
            }
            let too_late = |patience: Instant| match until {
                Some(until) if !probing => until > patience,
                None if !probing => true,
                _ => now >= patience,
            };
            if patience.is_some_and(too_late) {
                return Err(refusal());
            }
            let due = pin!(passed([until, patience].into_iter().flatten().min()));
            let woken = select(changed, due);
            select(pin!(self.stop.reached(stop::Level::Hurrying)), woken).await;
        }
    }

    /// How long a request waits for the breaker: in a queue as long as it takes, else as long as it would be retried,
    /// and never past its sender's deadline.
    fn patience(&self, parcel: &Parcel, since: Instant) -> Option<Instant> {
        let own = match &self.retry {
            _ if self.queued => None,
            None => Some(since),
            Some(retry) if retry.max_elapsed_time.is_zero() => since.checked_add(retry.max_hint),
            Some(retry) => since.checked_add(retry.max_elapsed_time),
        };
        [own, parcel.deadline].into_iter().flatten().min()
    }

    /// Whether the sender's deadline, sooner than the timeout, has ended an attempt made at `started`.
    fn is_impatient(&self, parcel: &Parcel, started: Instant) -> bool {
        let Some(deadline) = parcel.deadline else { return false };
        let sooner = self.timeout.is_zero() || deadline.saturating_duration_since(started) < self.timeout;
        sooner && deadline <= Instant::now()
    }

    /// One attempt at `now`, no longer than the timeout, the sender's patience and the drain allow.
    async fn attempt(&self, leave: &Leave<'_>, batch: &Batch, now: Instant) -> Outcome {
        let parcel = &batch.parcel;
        let timeout = (!self.timeout.is_zero()).then(|| now.checked_add(self.timeout)).flatten();
        let limit = [timeout, parcel.deadline].into_iter().flatten().min();
        // The inner block also catches a panic on the way to the future.
        let send = catch("exporter", async { leave.exporter().send(parcel).await });
        let cut_off = async {
            match limit {
                Some(limit) => {
                    let reached = pin!(self.stop.reached(stop::Level::Cut));
                    match select(reached, pin!(sleep_until(limit))).await {
                        Either::Left(_) => cut as fn() -> Fault,
                        Either::Right(_) => || late("context deadline exceeded"),
                    }
                }
                None => {
                    self.stop.reached(stop::Level::Cut).await;
                    cut
                }
            }
        };
        let gone = async {
            batch.abandoned().await;
            caller_gone as fn() -> Fault
        };
        // An answer that is there wins over the clock.
        match select(pin!(send), select(pin!(cut_off), pin!(gone))).await {
            Either::Left((Ok(outcome), _)) => outcome,
            Either::Left((Err(payload), _)) => {
                report_panic("exporter", &payload);
                Outcome::Refused(Fault::new(FaultCode::Panicked, "the exporter panicked while sending"))
            }
            Either::Right((end, _)) => Outcome::Refused(end.factor_first().0()),
        }
    }

    /// The wait before the next attempt, at least the one `asked` for.
    fn next_wait(&self, backoff: &mut Backoff<'_>, asked: Duration, parcel: &Parcel) -> Result<Duration, &'static str> {
        let now = Instant::now();
        let wait = backoff.next_wait(asked, self.jitter.next(), now).ok_or("no more retries left")?;
        let too_late = |limit: Option<Instant>| limit.is_some_and(|limit| limit.saturating_duration_since(now) < wait);
        if too_late(parcel.deadline) {
            return Err("request will be cancelled before next retry");
        }
        if too_late(self.too_old_at(parcel)) {
            return Err("too old for another retry");
        }
        Ok(wait)
    }

    /// Waits, but not into a drain, and not for nobody.
    async fn wait(&self, wait: Duration, fault: &Fault, batch: &Batch) {
        let interval = seconds(wait);
        let fields = [("error", (&*fault.message).into()), ("interval", interval.as_str().into())];
        self.log.emit(Level::Info, "Exporting failed. Will retry the request after interval.", &fields);
        let (hurrying, gone) = (pin!(self.stop.reached(stop::Level::Hurrying)), pin!(batch.abandoned()));
        select(select(hurrying, gone), pin!(sleep(wait))).await;
    }

    fn finish(&self, batch: Batch, outcome: Outcome) {
        let items = batch.parcel.items;
        match &outcome {
            Outcome::Accepted => self.metrics.sent.add(items),
            Outcome::Partial { rejected, message } => {
                self.metrics.sent.add(items);
                let fields = [("message", message.as_str().into()), ("dropped_items", (*rejected).into())];
                self.log.emit(Level::Warn, "Partial success response", &fields);
            }
            Outcome::Refused(fault) => {
                // The Collector shows the sent count, if zero, from the first request on.
                self.metrics.sent.add(0);
                if self.stored && fault.code == FaultCode::Draining {
                    let fields = [("items", items.into())];
                    self.log.emit(Level::Info, "Exporting was interrupted. The request stays in the storage.", &fields);
                } else {
                    self.metrics.send_failed.add(items, fault);
                    if fault.code != FaultCode::CallerGone {
                        self.log_failure(fault, items, batch.is_detached());
                    }
                }
            }
        }
        self.release(items);
        let outcome = match outcome {
            Outcome::Partial { rejected: 0, .. } => Outcome::Accepted,
            // A destination may say anything.
            Outcome::Partial { rejected, message } => Outcome::Partial { rejected: rejected.min(items), message },
            other => other,
        };
        self.metrics.queue.iter().for_each(|queue| queue.settled(&batch, &outcome));
        batch.settle(outcome, &self.account);
    }

    /// Counts items that were refused on the way to a batch; `is_awaited` is whether somebody was told.
    pub(crate) fn refused(&self, items: u64, is_awaited: bool) {
        if items > 0 {
            self.metrics.send_failed.add(items, &Fault::new(FaultCode::TooLarge, "larger than a batch may be"));
            self.release(items);
            let end = if is_awaited { End::Refused } else { DropReason::Permanent.end() };
            self.metrics.queue.iter().for_each(|queue| queue.left(end, items));
        }
    }

    /// Counts items that were taken.
    pub(crate) fn hold(&self, items: u64) {
        self.held_items.set(self.held_items.get() + items);
        self.metrics.queue.iter().for_each(|queue| queue.enqueued(items));
    }

    /// Lets go of items whose task has panicked. Their senders learn so as the batch is dropped, or the account does.
    pub(crate) fn lost(&self, items: u64, is_detached: bool) {
        self.release(items);
        let end = if is_detached { End::Abandoned } else { End::Refused };
        self.metrics.queue.iter().for_each(|queue| queue.left(end, items));
    }

    fn release(&self, items: u64) {
        self.held_items.set(self.held_items.get().saturating_sub(items));
    }

    /// `answered` is whether the senders were told OK before.
    fn log_failure(&self, fault: &Fault, items: u64, answered: bool) {
        let error = ("error", (&*fault.message).into());
        if answered && self.keeps_dead_letters && fault.is_permanent() {
            let fields = [error, ("items", items.into())];
            self.log.emit(Level::Error, "Exporting failed. Keeping data as dead letters.", &fields);
        } else if answered {
            let fields = [error, ("dropped_items", items.into())];
            self.log.emit(Level::Error, "Exporting failed. Dropping data.", &fields);
        } else {
            self.log_rejection(fault, items);
        }
    }

    /// The line for a request whose sender learns the refusal.
    pub(crate) fn log_rejection(&self, fault: &Fault, items: u64) {
        let fields = [("error", (&*fault.message).into()), ("rejected_items", items.into())];
        self.log.emit(Level::Error, "Exporting failed. Rejecting data.", &fields);
    }
}

/// Counts one request as in flight while it lives.
struct InFlight<'a>(&'a ExporterMetrics);

impl<'a> InFlight<'a> {
    fn new(metrics: &'a ExporterMetrics) -> Self {
        metrics.in_flight.add(1);
        InFlight(metrics)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.sub(1);
    }
}

/// Why nobody wants the batch sent any more, if that is so. Who sent what has not waited anywhere is still there.
fn unwanted(batch: &Batch, now: Instant, has_waited: bool) -> Option<Fault> {
    if batch.parcel.deadline.is_some_and(|deadline| deadline <= now) {
        return Some(late("the sender's deadline passed before the request was sent"));
    }
    (has_waited && batch.is_abandoned()).then(caller_gone)
}

fn late(message: &'static str) -> Fault {
    Fault::new(FaultCode::DownstreamTemporary, message).with_status(GrpcCode::DeadlineExceeded)
}

/// The refusal of a request whose time is over. One that waited for other credentials has aged like any other.
fn given_up(fault: Fault, why: &str, remedy: Remedy) -> Fault {
    let fault = fault.prefixed(why);
    if remedy == Remedy::Credentials { fault.with_retry(Retry::Backoff) } else { fault }
}

fn cut() -> Fault {
    busy(FaultCode::Draining, "interrupted due to shutdown")
}

/// A failure that is not tried again because of a drain; one that the drain itself caused stays as it is.
fn interrupted(fault: &Fault) -> Fault {
    if fault.code == FaultCode::Draining {
        return fault.clone();
    }
    busy(FaultCode::Draining, "").with_message(format!("interrupted due to shutdown: {}", fault.message))
}
