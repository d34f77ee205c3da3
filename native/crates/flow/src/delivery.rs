//! The stage in front of an exporter, in the Collector's order: queue, batch, in-flight count, retry,
//! endpoint, circuit breaker, timeout, send.
//!
//! Each data-plane thread has its own [`Delivery`], with its own requests, batches and timers. What is one for the
//! exporter (the room of the queue, the number of parallel sends, the gauges) is in [`DeliveryShared`].

mod batching;
mod dispatch;
mod drain;
mod shared;
mod storing;

use std::cell::{Cell, OnceCell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use teleferric_tasks::{spawn_local, spawn_supervised};
use tokio::time::Instant;

use crate::ack::AckLevel;
use crate::admission::busy;
use crate::batch::Batch;
use crate::budget::Budget;
use crate::contract::{Consumer, LocalFuture, Stage};
use crate::courier::Couriers;
use crate::endpoints::{Destination, Endpoints};
use crate::epochs::Epochs;
use crate::fault::{Fault, FaultCode};
use crate::feed::Feed;
use crate::metrics::ExporterMetrics;
use crate::overload::Class;
use crate::parcel::Parcel;
use crate::queue::{Demand, Order, Place, Room, full};
use crate::reply::{Outcome, caller_gone};
use crate::retry::Jitter;
use crate::sender::Sender;
use crate::stop::{Level, Stop};
use crate::timer::passed;
use crate::turns::{Flow, Turn, Turns};
use batching::Batching;
use dispatch::Errand;
use drain::{Leave, draining};
use shared::SharedState;
use storing::Member;

pub use shared::{DeliverySettings, DeliveryShared, QueueBatchSettings, Storage};
pub use storing::StoredBranch;
pub(crate) use storing::join_stored;

/// One thread's part of the delivery to an exporter. Made, called and dropped on that thread, inside its `LocalSet`.
pub struct Delivery(Rc<Inner>);

pub(crate) struct Inner {
    shared: DeliveryShared,
    pub(crate) sender: Sender,
    batching: Option<Batching>,
    /// Batches that wait for one of the parallel sends.
    ready: RefCell<Turns>,
    /// Whether a task waits to send the next of `ready`.
    dispatching: Cell<bool>,
    /// Callers of this thread that wait for room.
    waiting: Epochs,
    /// Requests of this thread that are on their way into the storage.
    storing: Epochs,
    /// Batches of this thread that are ready or being sent.
    sending: Epochs,
    /// Tasks of this thread that have sent and can send again.
    couriers: Couriers<Errand>,
}

impl Delivery {
    /// This thread's part; `destination` has this thread's instances.
    pub fn new(shared: &DeliveryShared, destination: impl Into<Destination>) -> Self {
        let SharedState { exporter: id, signal, labels, settings, breaker, handles, stored, .. } = &*shared.0;
        let labels: Vec<(&str, &str)> = labels.iter().map(|(name, value)| (&**name, &**value)).collect();
        let queues_in_memory = settings.queue.is_some() && stored.is_none();
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
            metrics: ExporterMetrics::new(&handles.metrics, id, *signal, &labels, queues_in_memory, handles.detailed),
            jitter: Jitter::new(),
            stop: Stop::new(),
            successor: OnceCell::new(),
            held_items: Cell::new(0),
        };
        let batching = settings.batch.as_ref().map(Batching::new);
        let queue = settings.queue.as_ref();
        let order = queue.map_or(Order::Fifo, |queue| queue.order);
        let by_class = queue.is_some_and(|queue| queue.priorities.is_some());
        let inner = Rc::new(Inner {
            shared: shared.clone(),
            sender,
            batching,
            ready: RefCell::new(Turns::new(order, by_class)),
            dispatching: Cell::new(false),
            waiting: Epochs::default(),
            storing: Epochs::default(),
            sending: Epochs::default(),
            couriers: Couriers::new(),
        });
        if let Some(storage) = stored {
            let feed = Feed::new(storage.clone(), Rc::clone(&inner));
            spawn_supervised("storage.feed", async move || feed.run().await);
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
            let batch = Batch { epoch: inner.sending.enter(), ..Batch::from(parcel) };
            inner.start(batch, None);
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
            inner.shared.0.room.as_ref().map(|room| room.demand(&parcel).and_then(|demand| room.try_take(&demand)));
        match taken {
            Some(Ok(place)) => inner.admit(parcel, place),
            Some(Err(_)) if inner.shared.0.stored.is_none() => inner.take(parcel),
            _ => self.consume(parcel),
        }
    }

    /// Callers that wait for room have not been let in, and what lies in a storage has arrived.
    fn flush(&self) -> LocalFuture<'_, ()> {
        let inner = &self.0;
        Box::pin(async {
            inner.ready_all();
            inner.dispatch();
            let held = if inner.shared.0.stored.is_some() { &inner.storing } else { &inner.sending };
            held.passed().await;
            inner.sender.endpoints.flush();
        })
    }

    fn held_items(&self) -> u64 {
        if self.0.shared.0.stored.is_some() { 0 } else { self.0.sender.held_items.get() }
    }

    /// Refuses callers that wait for room, cuts retry waits, sends each request held once more and closes the
    /// exporter. What is left at the deadline is refused, or counted as dropped if it was acknowledged.
    fn drain(&self, deadline: Option<Instant>) -> LocalFuture<'_, ()> {
        Box::pin(self.0.drain(deadline))
    }
}

/// What a request takes beside its bytes for as long as it waits in memory: its place, its context, the duty to answer, and
/// what its buffer is larger than it. It counts in the byte ledger, or many small requests would take memory uncounted.
const WAITING_BYTES: u64 = 1024;

impl Inner {
    fn enqueue(self: &Rc<Self>, room: &Room, mut parcel: Parcel) {
        let Some(queue) = &self.shared.0.settings.queue else { return };
        if self.shared.0.stored.is_none()
            && let Err(exhausted) = parcel.permit.try_grow(WAITING_BYTES)
        {
            return self.reject(parcel, busy(FaultCode::MemoryPressure, "").with_message(exhausted.to_string()));
        }
        let demand = match room.demand(&parcel) {
            Ok(demand) => demand,
            Err(fault) => return self.reject(parcel, fault),
        };
        // Who waits already goes first.
        let taken = if self.waiting.count() == 0 { room.try_take(&demand).map_err(Some) } else { Err(None) };
        match taken {
            Ok(place) => self.admit(parcel, place),
            Err(Some(fault)) if !queue.block_on_overflow => self.reject(parcel, fault),
            Err(_) => {
                let waiting = Leave::enter(self, |inner| &inner.waiting);
                spawn_local("queue.admission", Inner::wait_for_room(waiting, room.clone(), demand, parcel));
            }
        }
    }

    /// Waits for room, and admits the parcel then.
    async fn wait_for_room(waiting: Leave, room: Room, demand: Demand, parcel: Parcel) {
        let inner = &waiting.inner;
        let taken = {
            let (admission_ends, gone) = (parcel.admission_ends(), poll_fn(|cx| parcel.reply.poll_abandoned(cx)));
            match select(pin!(inner.room_in_time(&room, &demand, admission_ends)), gone).await {
                Either::Left((taken, _)) => taken,
                Either::Right(_) => Some(Err(caller_gone())),
            }
        };
        match taken {
            Some(Ok(place)) => inner.admit(parcel, place),
            Some(Err(fault)) => inner.reject(parcel, fault),
            None => match inner.sender.successor.get() {
                Some(successor) => successor.consume(parcel),
                None => inner.reject(parcel, draining()),
            },
        }
    }

    /// Waits for room, a drain, or the end of the time for admission, in this order of preference. None is a drain.
    async fn room_in_time(
        &self,
        room: &Room,
        demand: &Demand,
        admission_ends: Option<Instant>,
    ) -> Option<Result<Place, Fault>> {
        let stopped = pin!(self.sender.stop.reached(Level::Draining));
        let patience = pin!(passed(admission_ends));
        match select(pin!(room.take(demand)), select(stopped, patience)).await {
            Either::Left((taken, _)) => Some(taken),
            Either::Right((Either::Left(_), _)) => None,
            Either::Right((Either::Right(_), _)) => Some(Err(full())),
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
        let (place, share) = match place {
            Place::Memory(place, share) => (place, share),
            Place::Stored(reserved) => {
                let member = Member { inner: Rc::clone(self), reserved };
                return storing::start(std::iter::once(member).collect(), parcel);
            }
        };
        self.hold(&parcel);
        self.sender.metrics.enqueued(parcel.items, parcel.payload.bytes());
        parcel.permit.attach(Arc::new(place));
        share.into_iter().for_each(|share| parcel.permit.attach(Arc::new(share)));
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
            None => self.send_in_turn(Batch::from(parcel), |Batch { parcel, .. }| Turn {
                class: self.class_of(parcel),
                flow: Flow::of(&parcel.context),
            }),
        }
    }

    /// How much a parcel matters, if that counts.
    fn class_of(&self, parcel: &Parcel) -> Option<Class> {
        let priorities = self.shared.0.settings.queue.as_ref()?.priorities.as_ref()?;
        Some(parcel.context.class.unwrap_or_else(|| priorities.class(parcel.signal, &parcel.payload)))
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
        self.sender.hold(parcel.items);
    }
}
