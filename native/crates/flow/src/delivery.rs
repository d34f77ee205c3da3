//! The stage in front of an exporter, in the Collector's order: queue, batch, in-flight count, retry,
//! endpoint, circuit breaker, timeout, send.
//!
//! Each data-plane thread has its own [`Delivery`], with its own requests, batches and timers. What is one for the
//! exporter (the room of the queue, the number of parallel sends, the gauges) is in [`DeliveryShared`].

mod storing;

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use foldhash::HashMap;
use futures_util::future::{Either, select};
use teleferric_buf::Ledger;
use teleferric_buf::metrics::Registration;
use teleferric_wire::Signal;
use tokio::sync::Notify;
use tokio::task::spawn_local;
use tokio::time::Instant;

use crate::ack::AckLevel;
use crate::admission::busy;
use crate::batch::{Batch, Trigger};
use crate::batcher::{BatchSettings, Batcher};
use crate::budget::{Budget, BudgetShared};
use crate::consumers;
use crate::contract::{Consumer, LocalFuture, Stage};
use crate::courier::Couriers;
use crate::credentials::Credentials;
use crate::endpoints::{Destination, Endpoints};
use crate::fault::{Fault, FaultCode, GrpcCode};
use crate::feed::Feed;
use crate::guard::EndpointBreaker;
use crate::handles::Handles;
use crate::metrics::{ExporterMetrics, register_queue};
use crate::parcel::Parcel;
use crate::partition::{Key, Partitioning};
use crate::queue::{Demand, Place, QueueSettings, Room};
use crate::reply::Outcome;
use crate::retry::{Jitter, RetrySettings};
use crate::sender::Sender;
use crate::stop::{Level, Stop};
use crate::stored::{StorageSettings, StoredQueue};
use crate::timer::{Timed, arm, passed};
use storing::Member;

pub use storing::StoredBranch;
pub(crate) use storing::join_stored;

/// How an exporter's requests are delivered.
#[derive(Clone, Debug)]
pub struct DeliverySettings {
    /// `sending_queue`; without it the sender waits for the outcome.
    pub queue: Option<QueueSettings>,
    /// `sending_queue.batch`, only beside a queue.
    pub batch: Option<QueueBatchSettings>,
    /// `retry_on_failure`, if enabled.
    pub retry: Option<RetrySettings>,
    /// `timeout` of one attempt; zero is no limit.
    pub timeout: Duration,
    /// `sending_queue.storage`, only beside a queue; without it that is in memory.
    pub storage: Option<StorageSettings>,
}

/// `sending_queue.batch` of an exporter.
#[derive(Clone, Debug)]
pub struct QueueBatchSettings {
    /// Sizes and flush timeout.
    pub batch: BatchSettings,
    /// `partition.metadata_keys`.
    pub partitioning: Partitioning,
}

/// Where the requests of a queue lie on disk.
#[derive(Clone)]
pub struct Storage {
    /// The queue.
    pub queue: StoredQueue,
    /// How long a request is kept; zero is for ever.
    pub max_age: Duration,
    /// What requests that are being sent are counted in.
    pub ledger: Arc<Ledger>,
}

impl Storage {
    /// Whether a request that was written down may stay in memory for as long as its turn is near: not while memory
    /// runs short.
    fn may_keep(&self) -> bool {
        self.ledger.used() <= self.ledger.limit() / 2
    }
}

/// What the deliveries of all threads to one exporter share. Clones are the same one.
#[derive(Clone)]
pub struct DeliveryShared(Arc<SharedState>);

struct SharedState {
    exporter: Box<str>,
    signal: Signal,
    labels: Vec<(Box<str>, Box<str>)>,
    settings: DeliverySettings,
    breaker: Option<EndpointBreaker>,
    handles: Handles,
    room: Option<Room>,
    stored: Option<Storage>,
    credentials: Arc<Credentials>,
    budget: Option<Arc<BudgetShared>>,
    _gauges: Option<[Registration; 4]>,
}

impl DeliveryShared {
    /// Prepares delivery of `signal` to the exporter with this id. `labels` are added to its counters, such as
    /// `server_address`. `breaker` is that of its endpoint, if it has just one. `stored` is where the queue lies, if not in
    /// memory.
    pub fn new(
        exporter: &str,
        signal: Signal,
        labels: &[(&str, &str)],
        settings: DeliverySettings,
        breaker: Option<EndpointBreaker>,
        stored: Option<Storage>,
        handles: Handles,
    ) -> Self {
        let queue = stored.as_ref().map(|stored| &stored.queue);
        let room = settings.queue.as_ref().map(|settings| Room::new(settings, queue));
        let credentials = Arc::new(Credentials::new());
        let gauges = room.as_ref().map(|room| register_queue(&handles.metrics, exporter, signal, room, &credentials));
        DeliveryShared(Arc::new(SharedState {
            exporter: exporter.into(),
            signal,
            labels: labels.iter().map(|(name, value)| (Box::from(*name), Box::from(*value))).collect(),
            budget: settings.retry.as_ref().map(|retry| BudgetShared::new(retry.budget)),
            settings,
            breaker,
            handles,
            room,
            stored,
            credentials,
            _gauges: gauges,
        }))
    }

    /// The room of the queue, if there is one.
    pub fn room(&self) -> Option<&Room> {
        self.0.room.as_ref()
    }

    /// Units in the queue over all threads, including requests being sent; zero without a queue.
    pub fn queue_size(&self) -> u64 {
        self.0.room.as_ref().map_or(0, Room::used)
    }
}

/// One thread's part of the delivery to an exporter. Made, called and dropped on that thread, inside its `LocalSet`.
pub struct Delivery(Rc<Inner>);

pub(crate) struct Inner {
    shared: DeliveryShared,
    pub(crate) sender: Sender,
    batching: Option<Batching>,
    /// Batches that wait for one of the parallel sends.
    ready: RefCell<VecDeque<Batch>>,
    /// Whether a task waits to send the next of `ready`.
    dispatching: Cell<bool>,
    /// Callers of this thread that wait for room.
    waiting: Cell<usize>,
    /// Requests of this thread that are on their way into the storage.
    storing: Cell<usize>,
    /// Batches of this thread that are being sent.
    sending: Cell<usize>,
    /// Tasks of this thread that have sent and can send again.
    couriers: Couriers<Errand>,
    /// Told whenever `waiting`, `storing` or `sending` goes down.
    fewer: Notify,
}

impl Delivery {
    /// This thread's part; `destination` has this thread's instances.
    pub fn new(shared: &DeliveryShared, destination: impl Into<Destination>) -> Self {
        let SharedState { exporter: id, signal, labels, settings, breaker, handles, stored, .. } = &*shared.0;
        let labels: Vec<(&str, &str)> = labels.iter().map(|(name, value)| (&**name, &**value)).collect();
        let sender = Sender {
            endpoints: Endpoints::new(destination.into(), id, breaker.as_ref(), handles),
            queued: settings.queue.is_some(),
            consumers: shared.0.room.as_ref().map(|room| room.consumers().clone()),
            stored: stored.is_some(),
            keeps_dead_letters: stored.as_ref().is_some_and(|stored| stored.queue.keeps_dead_letters()),
            retry: settings.retry.clone(),
            budget: shared.0.budget.as_ref().map(Budget::new),
            credentials: Arc::clone(&shared.0.credentials),
            max_age: stored.as_ref().map_or(Duration::ZERO, |stored| stored.max_age),
            timeout: settings.timeout,
            log: handles.log.clone(),
            account: Arc::clone(&handles.account),
            metrics: ExporterMetrics::new(&handles.metrics, id, *signal, &labels, handles.detailed),
            jitter: Jitter::new(),
            stop: Stop::new(),
            successor: OnceCell::new(),
            held_items: Cell::new(0),
        };
        let batching = settings.batch.as_ref().map(|batch| Batching {
            settings: Arc::new(batch.batch.clone()),
            partitioning: batch.partitioning.clone(),
            shards: RefCell::default(),
        });
        let inner = Rc::new(Inner {
            shared: shared.clone(),
            sender,
            batching,
            ready: RefCell::default(),
            dispatching: Cell::new(false),
            waiting: Cell::new(0),
            sending: Cell::new(0),
            storing: Cell::new(0),
            couriers: Couriers::new(),
            fewer: Notify::new(),
        });
        if let Some(storage) = stored {
            spawn_local(Feed::new(storage.clone(), Rc::clone(&inner)).run());
        }
        Delivery(inner)
    }

    /// Items taken by this thread's part and not yet answered by the exporter.
    pub fn held_items(&self) -> u64 {
        self.0.sender.held_items.get()
    }
}

impl Consumer for Delivery {
    fn consume(&self, parcel: Parcel) {
        let inner = &self.0;
        if parcel.items == 0 {
            parcel.reply.settle(Outcome::Accepted);
        } else if inner.sender.stop.is_at(Level::Draining) {
            match inner.sender.successor.get() {
                Some(successor) => successor.consume(parcel),
                None => parcel.reply.refuse(draining()),
            }
        } else if let Some(room) = &inner.shared.0.room {
            inner.enqueue(room, parcel);
        } else {
            inner.hold(&parcel);
            inner.start(Batch::from(parcel), None);
        }
    }

    fn stored(&self) -> Vec<StoredBranch> {
        StoredBranch::of(&self.0).into_iter().collect()
    }
}

impl Stage for Delivery {
    fn hurry(&self) {
        self.0.sender.stop.raise(Level::Hurrying);
    }

    fn leave_to(&self, successor: Rc<dyn Stage>) {
        // A second one would come after the first was drained, and so after this one.
        let _ = self.0.sender.successor.set(successor);
    }

    fn take_over(&self, parcel: Parcel) {
        let inner = &self.0;
        let taken =
            inner.shared.0.room.as_ref().map(|room| room.demand(&parcel).and_then(|demand| room.try_take(demand)));
        match taken {
            Some(Ok(place)) => inner.admit(parcel, place),
            Some(Err(_)) if inner.shared.0.stored.is_none() => inner.take(parcel),
            _ => self.consume(parcel),
        }
    }

    /// Refuses callers that wait for room, cuts retry waits, sends each request held once more and closes the
    /// exporter. What is left at the deadline is refused, or counted as dropped if it was acknowledged.
    fn drain(&self, deadline: Option<Instant>) -> LocalFuture<'_, ()> {
        Box::pin(self.0.drain(deadline))
    }
}

impl Inner {
    fn enqueue(self: &Rc<Self>, room: &Room, parcel: Parcel) {
        let Some(queue) = &self.shared.0.settings.queue else { return };
        let demand = match room.demand(&parcel) {
            Ok(demand) => demand,
            Err(fault) => return self.reject(parcel, fault),
        };
        // Who waits already goes first.
        let taken = if self.waiting.get() == 0 { room.try_take(demand).map_err(Some) } else { Err(None) };
        match taken {
            Ok(place) => self.admit(parcel, place),
            Err(Some(fault)) if !queue.block_on_overflow => self.reject(parcel, fault),
            Err(_) => {
                self.waiting.set(self.waiting.get() + 1);
                spawn_local(Rc::clone(self).wait_for_room(room.clone(), demand, parcel));
            }
        }
    }

    /// Waits for room, and admits the parcel then.
    async fn wait_for_room(self: Rc<Self>, room: Room, demand: Demand, parcel: Parcel) {
        let _waiting = Leave { inner: &self, count: &self.waiting };
        match self.room_in_time(&room, demand, parcel.deadline).await {
            Some(Ok(place)) => self.admit(parcel, place),
            Some(Err(fault)) => self.reject(parcel, fault),
            None => match self.sender.successor.get() {
                Some(successor) => successor.consume(parcel),
                None => self.reject(parcel, draining()),
            },
        }
    }

    /// Waits for room, a drain, or the end of the sender's patience, in this order of preference. None is a drain.
    async fn room_in_time(
        &self,
        room: &Room,
        demand: Demand,
        deadline: Option<Instant>,
    ) -> Option<Result<Place, Fault>> {
        let stopped = pin!(self.sender.stop.reached(Level::Draining));
        let patience = pin!(passed(deadline));
        match select(pin!(room.take(demand)), select(stopped, patience)).await {
            Either::Left((taken, _)) => Some(taken),
            Either::Right((Either::Left(_), _)) => None,
            Either::Right((Either::Right(_), _)) => {
                let fault = busy(FaultCode::QueueFull, "sending queue is full");
                Some(Err(fault.with_status(GrpcCode::DeadlineExceeded)))
            }
        }
    }

    fn blocks_on_overflow(&self) -> bool {
        self.shared.0.settings.queue.as_ref().is_some_and(|queue| queue.block_on_overflow)
    }

    /// When the sender of a parcel is answered: as it has asked, or as the queue is set up.
    fn answers_at(&self, parcel: &Parcel) -> AckLevel {
        let waits = || self.shared.0.settings.queue.as_ref().is_none_or(|queue| queue.wait_for_result);
        parcel.context.ack.unwrap_or_else(|| match &self.shared.0.stored {
            _ if waits() => AckLevel::Delivered,
            Some(_) => AckLevel::Persisted,
            None => AckLevel::Received,
        })
    }

    /// Puts the parcel into the queue and, if its sender waits for no more, answers.
    fn admit(self: &Rc<Self>, mut parcel: Parcel, place: Place) {
        let place = match place {
            Place::Memory(place) => place,
            Place::Stored(reserved) => {
                let member = Member { inner: Rc::clone(self), reserved };
                return storing::start(std::iter::once(member).collect(), parcel);
            }
        };
        self.hold(&parcel);
        self.sender.metrics.enqueued(parcel.items, parcel.payload.bytes());
        parcel.permit.attach(Arc::new(place));
        let reply = (self.answers_at(&parcel) == AckLevel::Received).then(|| {
            parcel.deadline = None;
            parcel.detach(&self.sender.account)
        });
        self.forward(parcel);
        if let Some(reply) = reply {
            reply.settle(Outcome::Accepted);
        }
    }

    /// Takes a parcel that was stored on its way.
    pub(crate) fn take(self: &Rc<Self>, parcel: Parcel) {
        self.hold(&parcel);
        self.forward(parcel);
    }

    /// Sends a parcel on, by itself or in a batch.
    fn forward(self: &Rc<Self>, parcel: Parcel) {
        match &self.batching {
            Some(batching) => self.collect(batching, parcel),
            None => self.ready.borrow_mut().push_back(Batch::from(parcel)),
        }
        self.dispatch();
    }

    /// Puts the parcel into the batch of its partition.
    fn collect(self: &Rc<Self>, batching: &Batching, parcel: Parcel) {
        let key = batching.partitioning.key(&parcel.context);
        let known = batching.shards.borrow().get(&key).cloned();
        let shard = known.unwrap_or_else(|| {
            let handles = &self.shared.0.handles;
            let batcher = Batcher::new(
                self.shared.0.signal,
                Arc::clone(&batching.settings),
                batching.partitioning.context(&parcel.context),
                handles.pool.clone(),
                handles.log.clone(),
            );
            let armed = Cell::new(false);
            let inner = Rc::downgrade(self);
            let shard = Rc::new(Shard { inner, key: key.clone(), batcher: RefCell::new(batcher), armed });
            batching.shards.borrow_mut().insert(key, Rc::clone(&shard));
            shard
        });
        let mut ready = Vec::new();
        let refused = shard.batcher.borrow_mut().add(parcel, &mut ready);
        self.sender.refused(refused);
        self.ready.borrow_mut().extend(ready);
        if shard.batcher.borrow().is_empty() {
            batching.forget(&shard.key);
        } else {
            arm(&shard);
        }
    }

    /// Makes every batch being collected ready.
    fn flush(&self) {
        let Some(batching) = &self.batching else { return };
        let shards = std::mem::take(&mut *batching.shards.borrow_mut());
        let left = shards.into_values().filter_map(|shard| shard.batcher.borrow_mut().take(Trigger::Flush));
        self.ready.borrow_mut().extend(left);
    }

    fn reject(&self, parcel: Parcel, fault: Fault) {
        self.note_rejection(parcel.items, &fault);
        parcel.reply.refuse(fault);
    }

    fn note_rejection(&self, items: u64, fault: &Fault) {
        self.sender.metrics.enqueue_failed.add(items);
        self.sender.log_rejection(fault, items);
    }

    fn hold(&self, parcel: &Parcel) {
        self.sender.held_items.set(self.sender.held_items.get() + parcel.items);
    }

    /// Sends what is ready as far as the parallel sends allow, and leaves the rest to a task.
    fn dispatch(self: &Rc<Self>) {
        let Some(room) = &self.shared.0.room else { return };
        if self.dispatching.get() {
            return;
        }
        while !self.ready.borrow().is_empty() {
            let Some(consumer) = room.consumers().try_acquire() else {
                self.dispatching.set(true);
                spawn_local(Rc::clone(self).dispatch_later(room.clone()));
                return;
            };
            self.start_next(consumer);
        }
    }

    /// Takes turns with the other threads for each send.
    async fn dispatch_later(self: Rc<Self>, room: Room) {
        while !self.ready.borrow().is_empty() {
            match room.consumers().acquire().await {
                Some(consumer) => self.start_next(consumer),
                None => break,
            }
        }
        self.dispatching.set(false);
    }

    fn start_next(self: &Rc<Self>, consumer: consumers::Consumer) {
        let next = self.ready.borrow_mut().pop_front();
        if let Some(batch) = next {
            if self.batching.is_some() {
                self.sender.metrics.batched(batch.parcel.items, batch.parcel.payload.bytes());
            }
            self.start(batch, Some(consumer));
        }
    }

    fn start(self: &Rc<Self>, batch: Batch, consumer: Option<consumers::Consumer>) {
        self.sending.set(self.sending.get() + 1);
        let errand = Errand { inner: Rc::clone(self), batch, _consumer: consumer };
        if let Err(errand) = self.couriers.hand(errand) {
            spawn_local(self.couriers.courier(errand, Errand::run));
        }
    }

    async fn drain(self: &Rc<Self>, deadline: Option<Instant>) {
        self.sender.stop.raise(Level::Draining);
        self.flush();
        if self.shared.0.stored.is_some() || self.sender.successor.get().is_some() {
            // What is stored waits for the next life rather than for its turn, and what has a successor for that.
            self.give_up_ready();
        }
        self.dispatch();
        // Finishing wins over a deadline that passes at the same moment.
        if let Either::Right(_) = select(pin!(self.empty()), pin!(passed(deadline))).await {
            self.sender.stop.raise(Level::Cut);
            self.give_up_ready();
            self.empty().await;
        }
        // Nobody waits any longer for what stays in a storage.
        self.sender.stop.raise(Level::Cut);
        self.sender.endpoints.close(deadline).await;
    }

    fn give_up_ready(&self) {
        let left = std::mem::take(&mut *self.ready.borrow_mut());
        left.into_iter().for_each(|batch| self.sender.give_up(batch));
    }

    /// Ends when nothing is held. Cancel safe.
    async fn empty(&self) {
        loop {
            let mut fewer = pin!(self.fewer.notified());
            fewer.as_mut().enable();
            let busy = [&self.waiting, &self.storing, &self.sending].iter().any(|count| count.get() > 0);
            if !busy && self.ready.borrow().is_empty() {
                return;
            }
            fewer.await;
        }
    }
}

/// A batch to be sent, with the leave to do so.
struct Errand {
    inner: Rc<Inner>,
    batch: Batch,
    _consumer: Option<consumers::Consumer>,
}

impl Errand {
    async fn run(self) {
        let Errand { inner, batch, _consumer } = self;
        let _sending = Leave { inner: &inner, count: &inner.sending };
        inner.sender.deliver(batch).await;
    }
}

/// The batches being collected, one per partition with anything in it.
struct Batching {
    settings: Arc<BatchSettings>,
    partitioning: Partitioning,
    shards: RefCell<HashMap<Key, Rc<Shard>>>,
}

struct Shard {
    inner: Weak<Inner>,
    key: Key,
    batcher: RefCell<Batcher>,
    armed: Cell<bool>,
}

impl Batching {
    /// Partitions by metadata come and go with their requests, so their number is bounded by the queue.
    fn forget(&self, key: &Key) {
        if !self.partitioning.is_one() {
            self.shards.borrow_mut().remove(key);
        }
    }
}

impl Timed for Shard {
    fn armed(&self) -> &Cell<bool> {
        &self.armed
    }

    fn due(&self) -> Option<Instant> {
        self.batcher.borrow().due()
    }

    fn fire(self: &Rc<Self>) {
        let batch = self.batcher.borrow_mut().take(Trigger::Timeout);
        let (Some(batch), Some(inner)) = (batch, self.inner.upgrade()) else { return };
        if let Some(batching) = &inner.batching {
            batching.forget(&self.key);
        }
        inner.ready.borrow_mut().push_back(batch);
        inner.dispatch();
    }
}

/// Counts a task out, also when it panics.
struct Leave<'a> {
    inner: &'a Inner,
    count: &'a Cell<usize>,
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.count.set(self.count.get().saturating_sub(1));
        self.inner.fewer.notify_waiters();
    }
}

fn draining() -> Fault {
    busy(FaultCode::Draining, "the collector is shutting down")
}
