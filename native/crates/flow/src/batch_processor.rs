//! The `batch` processor: answers at once, collects, sends by size or time. A batch refused downstream is logged and
//! dropped, because its senders have their answer. Senders who asked for more than `received` are answered when what
//! stands behind answers the batch; they are collected apart, so that everyone gets the level asked for.
//!
//! As in the Collector, a partition has one batch on its way at a time. While it is, one more parcel is answered and
//! put aside; the senders of further ones wait, and so learn how slow the next hop is.

mod line;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

use foldhash::{HashMap, HashSet};
use futures_util::future::{Either, pending, select};
use parking_lot::Mutex;
use teleferric_tasks::spawn_local_or;
use teleferric_wire::Signal;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use crate::ack::AckLevel;
use crate::admission::busy;
use crate::batch::{Batch, Trigger};
use crate::batcher::{BatchSettings, Batcher};
use crate::changes::Changes;
use crate::contract::{Consumer, LocalFuture, Stage};
use crate::fault::{Fault, FaultCode, GrpcCode};
use crate::handles::Handles;
use crate::log::Level;
use crate::metrics::BatchMetrics;
use crate::parcel::{Context, Parcel};
use crate::partition::{Key, Partitioning};
use crate::reply::{Outcome, Reply, caller_gone};
use crate::stop::{self, Stop};
use crate::timer::{Timed, arm};
use line::{Line, Waiting};

/// Parcels answered while a batch of their partition is on its way, per data-plane thread: the Collector takes one
/// per CPU.
const PUT_ASIDE_MAX: usize = 1;

/// How a batch processor works.
#[derive(Clone, Debug)]
pub struct BatchProcessorSettings {
    /// `send_batch_size`, `send_batch_max_size` and `timeout`, in items.
    pub batch: BatchSettings,
    /// `metadata_keys`.
    pub partitioning: Partitioning,
    /// `metadata_cardinality_limit`, over all threads; zero is no limit.
    pub cardinality_limit: usize,
}

/// What a batch processor's parts on all threads share. Clones are the same one.
#[derive(Clone)]
pub struct BatchProcessorShared(Arc<SharedState>);

struct SharedState {
    processor: Box<str>,
    signal: Signal,
    batch: Arc<BatchSettings>,
    partitioning: Partitioning,
    cardinality_limit: usize,
    handles: Handles,
    /// Partitions ever seen, by any thread; asked only when a thread sees one for the first time.
    partitions: Mutex<HashSet<Key>>,
}

impl BatchProcessorShared {
    /// Prepares the processor with this id for pipelines of `signal`.
    pub fn new(processor: &str, signal: Signal, settings: BatchProcessorSettings, handles: Handles) -> Self {
        BatchProcessorShared(Arc::new(SharedState {
            processor: processor.into(),
            signal,
            batch: Arc::new(settings.batch),
            partitioning: settings.partitioning,
            cardinality_limit: settings.cardinality_limit,
            handles,
            partitions: Mutex::default(),
        }))
    }
}

/// One thread's part of a batch processor. Made, called and dropped on that thread, inside its `LocalSet`.
pub struct BatchProcessor {
    core: Rc<Core>,
    shards: RefCell<HashMap<ShardKey, Rc<Shard>>>,
}

/// What is collected together: requests with one level and in one partition.
type ShardKey = (Option<AckLevel>, Key);

/// What the partitions of one thread share.
struct Core {
    shared: BatchProcessorShared,
    next: Rc<dyn Consumer>,
    metrics: BatchMetrics,
    stop: Stop,
    held_items: Cell<u64>,
    /// Told whenever a batch came back.
    settled: Changes,
}

/// One partition on one thread.
struct Shard {
    core: Rc<Core>,
    /// Whether senders wait until the batch is answered.
    holds_answers: bool,
    batcher: RefCell<Batcher>,
    line: Rc<Line>,
    ready: RefCell<VecDeque<Batch>>,
    /// Whether a batch is on its way.
    busy: Cell<bool>,
    /// Batches that came back.
    done: Cell<u64>,
    armed: Cell<bool>,
}

impl BatchProcessor {
    /// This thread's part, sending to `next`.
    pub fn new(shared: &BatchProcessorShared, next: Rc<dyn Consumer>) -> Self {
        let handles = &shared.0.handles;
        let core = Core {
            shared: shared.clone(),
            next,
            metrics: BatchMetrics::new(&handles.metrics, &shared.0.processor, handles.detailed),
            stop: Stop::new(),
            held_items: Cell::new(0),
            settled: Changes::new(),
        };
        BatchProcessor { core: Rc::new(core), shards: RefCell::default() }
    }

    /// Items taken by this thread's part whose batch is not settled.
    pub fn held_items(&self) -> u64 {
        self.core.held_items.get()
    }

    fn shard(&self, context: &Context) -> Result<Rc<Shard>, Fault> {
        let shared = &self.core.shared.0;
        let key = (context.ack, shared.partitioning.key(context));
        if let Some(shard) = self.shards.borrow().get(&key) {
            return Ok(Rc::clone(shard));
        }
        self.core.enter(&key.1)?;
        let holds_answers = context.ack > Some(AckLevel::Received);
        let mut carried = shared.partitioning.context(context);
        if holds_answers {
            Arc::make_mut(&mut carried).admission_timeout = context.admission_timeout;
        }
        let batcher = Batcher::new(
            shared.signal,
            Arc::clone(&shared.batch),
            carried,
            shared.handles.pool.clone(),
            shared.handles.log.clone(),
        );
        let shard = Rc::new(Shard {
            core: Rc::clone(&self.core),
            holds_answers,
            batcher: RefCell::new(batcher),
            line: Rc::default(),
            ready: RefCell::default(),
            busy: Cell::new(false),
            done: Cell::new(0),
            armed: Cell::new(false),
        });
        self.shards.borrow_mut().insert(key, Rc::clone(&shard));
        Ok(shard)
    }

    async fn drain_all(&self, deadline: Option<Instant>) {
        self.core.stop.raise(stop::Level::Draining);
        let shards: Vec<Rc<Shard>> = self.shards.borrow().values().cloned().collect();
        shards.iter().for_each(Shard::pump);
        let passed = async {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => pending().await,
            }
        };
        // Finishing wins over a deadline that passes at the same moment.
        if let Either::Right(_) = select(pin!(self.core.all_idle(&shards)), pin!(passed)).await {
            self.core.stop.raise(stop::Level::Cut);
            shards.iter().for_each(|shard| shard.give_up());
        }
    }
}

impl Consumer for BatchProcessor {
    fn consume(&self, parcel: Parcel) {
        if parcel.items == 0 {
            return parcel.reply.settle(Outcome::Accepted);
        }
        if self.core.stop.is_at(stop::Level::Draining) {
            return parcel.reply.refuse(busy(FaultCode::Draining, "the collector is shutting down"));
        }
        match self.shard(&parcel.context) {
            Ok(shard) => shard.take(parcel),
            Err(fault) => parcel.reply.refuse(fault),
        }
    }
}

impl Stage for BatchProcessor {
    fn flush(&self) -> LocalFuture<'_, ()> {
        Box::pin(async {
            let shards: Vec<Rc<Shard>> = self.shards.borrow().values().cloned().collect();
            let last: Vec<(Rc<Shard>, u64)> =
                shards.into_iter().map(|shard| (Rc::clone(&shard), shard.flush())).collect();
            self.core.settled.until(|| last.iter().all(|(shard, last)| shard.done.get() >= *last)).await;
        })
    }

    fn held_items(&self) -> u64 {
        self.core.held_items.get()
    }

    /// Sends what is left. At the deadline, what was not handed on is refused, or counted as dropped where it was
    /// answered; a batch on its way is left to the stages behind.
    fn drain(&self, deadline: Option<Instant>) -> LocalFuture<'_, ()> {
        Box::pin(self.drain_all(deadline))
    }
}

impl Core {
    /// Makes room for one more partition.
    fn enter(&self, key: &Key) -> Result<(), Fault> {
        let shared = &self.shared.0;
        let mut partitions = shared.partitions.lock();
        if partitions.contains(key) {
            return Ok(());
        }
        if shared.cardinality_limit != 0 && partitions.len() >= shared.cardinality_limit {
            return Err(Fault::new(FaultCode::TooManyPartitions, "too many batcher metadata-value combinations"));
        }
        partitions.insert(key.clone());
        self.metrics.cardinality.add(1);
        Ok(())
    }

    /// Cancel safe.
    async fn all_idle(&self, shards: &[Rc<Shard>]) {
        self.settled.until(|| shards.iter().all(|shard| shard.is_idle())).await;
    }
}

impl Shard {
    fn take(self: &Rc<Self>, mut parcel: Parcel) {
        let answered = !self.holds_answers && (!self.busy.get() || self.line.waiting.borrow().len() < PUT_ASIDE_MAX);
        if answered {
            self.take_over(&mut parcel);
        }
        self.line.waiting.borrow_mut().push_back(Waiting { parcel, answered, stays: self.holds_answers });
        self.pump();
        arm(&self.line);
    }

    /// Takes the items, for better or worse, and tells the sender so unless it wants to know more.
    fn take_over(&self, parcel: &mut Parcel) {
        self.core.held_items.set(self.core.held_items.get() + parcel.items);
        if self.holds_answers {
            return;
        }
        parcel.deadline = None;
        parcel.detach(&self.core.shared.0.handles.account).settle(Outcome::Accepted);
    }

    /// Does all there is to do until a batch is on its way or nothing is left.
    fn pump(self: &Rc<Self>) {
        while !self.busy.get() {
            let next = self.ready.borrow_mut().pop_front();
            if let Some(batch) = next {
                self.send(batch);
                continue;
            }
            let next = self.line.waiting.borrow_mut().pop_front();
            if let Some(waiting) = next {
                self.collect(waiting);
                continue;
            }
            match self.overdue() {
                Some(batch) => self.send(batch),
                None => break,
            }
        }
        arm(self);
    }

    fn collect(&self, waiting: Waiting) {
        let Waiting { mut parcel, answered, .. } = waiting;
        if !answered {
            if parcel.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return parcel.reply.refuse(late());
            }
            if parcel.reply.is_abandoned() {
                return parcel.reply.refuse(caller_gone());
            }
            self.take_over(&mut parcel);
        }
        let mut ready = Vec::new();
        let refused = self.batcher.borrow_mut().add(parcel, &mut ready);
        self.release(refused);
        self.ready.borrow_mut().extend(ready);
        self.answer_put_aside();
    }

    /// Those that moved up into the places of parcels put aside have their answer now.
    fn answer_put_aside(&self) {
        if self.holds_answers {
            return;
        }
        for waiting in self.line.waiting.borrow_mut().iter_mut().take(PUT_ASIDE_MAX) {
            if !waiting.answered {
                waiting.answered = true;
                self.take_over(&mut waiting.parcel);
            }
        }
    }

    fn overdue(&self) -> Option<Batch> {
        let mut batcher = self.batcher.borrow_mut();
        let due = batcher.due()? <= Instant::now();
        let draining = self.core.stop.is_at(stop::Level::Draining);
        (due || draining).then(|| batcher.take(Trigger::Timeout)).flatten()
    }

    /// Puts what it has taken on its way. Returns how many batches must have come back until all of it has left.
    fn flush(self: &Rc<Self>) -> u64 {
        let taken = self.line.waiting.borrow().iter().filter(|waiting| waiting.answered || waiting.stays).count();
        for _ in 0..taken {
            let next = self.line.waiting.borrow_mut().pop_front();
            next.into_iter().for_each(|waiting| self.collect(waiting));
        }
        let collected = self.batcher.borrow_mut().take(Trigger::Flush);
        self.ready.borrow_mut().extend(collected);
        let ahead = self.ready.borrow().len() as u64 + u64::from(self.busy.get());
        let last = self.done.get() + ahead;
        self.pump();
        last
    }

    fn send(self: &Rc<Self>, batch: Batch) {
        let metrics = &self.core.metrics;
        match batch.trigger {
            Trigger::Size => metrics.size_triggers.add(1),
            Trigger::Timeout | Trigger::Flush => metrics.timeout_triggers.add(1),
        }
        metrics.sent(batch.parcel.items, batch.parcel.payload.bytes());
        self.busy.set(true);
        let mut parcel = batch.into_parcel(&self.core.shared.0.handles.account);
        let items = parcel.items;
        let (told, mut answer) = oneshot::channel();
        // Nobody listens any more only if the thread is being torn down.
        let reply = Reply::to(move |outcome| told.send(outcome).unwrap_or(()));
        let members = std::mem::replace(&mut parcel.reply, reply);
        self.core.next.consume(parcel);
        match answer.try_recv() {
            Ok(outcome) => self.sent(members, items, outcome),
            Err(_) => {
                let (shard, left) = (Rc::clone(self), Rc::clone(self));
                let answered = async move {
                    let outcome = answer.await.unwrap_or_else(|_| Outcome::Refused(lost()));
                    shard.sent(members, items, outcome);
                    shard.pump();
                };
                // Its senders are refused by then, or it is counted what they lose.
                spawn_local_or("batch.answer", answered, move || {
                    left.sent(Reply::inert(), items, Outcome::Refused(lost()));
                    left.pump();
                });
            }
        }
    }

    fn sent(&self, members: Reply, items: u64, outcome: Outcome) {
        self.busy.set(false);
        self.done.set(self.done.get() + 1);
        if let Outcome::Refused(fault) = &outcome {
            let lost = if self.holds_answers { "rejected_items" } else { "dropped_items" };
            let fields = [("error", (&*fault.message).into()), (lost, items.into())];
            self.core.shared.0.handles.log.emit(Level::Warn, "Sender failed", &fields);
        }
        self.release(items);
        members.settle(outcome);
        self.core.settled.tell();
    }

    fn release(&self, items: u64) {
        self.core.held_items.set(self.core.held_items.get().saturating_sub(items));
    }

    /// Refuses what was not handed on.
    fn give_up(&self) {
        let mut left: Vec<Batch> = self.ready.borrow_mut().drain(..).collect();
        left.extend(self.batcher.borrow_mut().take(Trigger::Flush));
        for waiting in self.line.waiting.borrow_mut().drain(..) {
            if waiting.answered {
                left.push(Batch::from(waiting.parcel));
            } else {
                waiting.parcel.reply.refuse(shut_down());
            }
        }
        for batch in left {
            self.release(batch.parcel.items);
            batch.settle(Outcome::Refused(shut_down()), &self.core.shared.0.handles.account);
        }
    }

    fn is_idle(&self) -> bool {
        !self.busy.get()
            && self.ready.borrow().is_empty()
            && self.line.waiting.borrow().is_empty()
            && self.batcher.borrow().is_empty()
    }
}

impl Timed for Shard {
    fn armed(&self) -> &Cell<bool> {
        &self.armed
    }

    /// While a batch is on its way nothing can be sent, so there is nothing to wait for.
    fn due(&self) -> Option<Instant> {
        if self.busy.get() { None } else { self.batcher.borrow().due() }
    }

    fn fire(self: &Rc<Self>) {
        self.pump();
    }
}

fn late() -> Fault {
    Fault::new(FaultCode::DownstreamTemporary, "context deadline exceeded").with_status(GrpcCode::DeadlineExceeded)
}

fn shut_down() -> Fault {
    busy(FaultCode::Draining, "interrupted due to shutdown")
}

fn lost() -> Fault {
    Fault::new(FaultCode::Abandoned, "the answer to a batch was lost")
}
