//! One thread's deliveries to the backends, and the dealing of requests among them.

use std::cell::{Cell, OnceCell, RefCell};
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use teleferric_tasks::spawn_supervised;
use teleferric_wire::Signal;
use teleferric_wire::split::{Groups, Key, group};
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::Instant;

use super::shared::{Backends, BalancerShared};
use crate::ack::AckLevel;
use crate::admission::busy;
use crate::contract::{Consumer, Exporter, LocalFuture, Stage};
use crate::delivery::Delivery;
use crate::endpoints::Destination;
use crate::fault::{Fault, FaultCode};
use crate::hold::Hold;
use crate::log::Level;
use crate::parcel::{Context, Parcel};
use crate::payload::Payload;
use crate::reply::{Outcome, Reply};
use crate::retry::Jitter;

/// How long a backend that is gone may keep a request that is under way to it.
const LEAVE_MAX: Duration = Duration::from_secs(30);

/// Deals requests out to the backends. A consumer if nothing stands in front of it, else an exporter.
pub(super) struct Router {
    shared: BalancerShared,
    /// For one attempt of the exporter as a whole; zero is no limit.
    timeout: Duration,
    /// Whether something in front waits for what becomes of each request.
    is_awaited: bool,
    table: RefCell<Rc<Table>>,
    /// Deliveries to backends that are gone, which are being emptied.
    leaving: Cell<usize>,
    left: Notify,
    successor: OnceCell<Rc<dyn Stage>>,
    random: Jitter,
    me: Weak<Router>,
}

/// The backends at one time, with this thread's delivery to each, by the same index.
struct Table {
    backends: Arc<Backends>,
    lanes: Vec<Rc<Delivery>>,
}

/// What one backend gets of a request.
#[derive(Default)]
struct Share {
    payload: Payload,
    items: u64,
}

impl Router {
    pub(super) fn new(shared: &BalancerShared, timeout: Duration, is_awaited: bool) -> Result<Rc<Self>, String> {
        let backends = Arc::clone(&shared.backends().borrow());
        let table = Table::new(backends, None)?;
        Ok(Rc::new_cyclic(|me| Router {
            shared: shared.clone(),
            timeout,
            is_awaited,
            table: RefCell::new(Rc::new(table)),
            leaving: Cell::new(0),
            left: Notify::new(),
            successor: OnceCell::new(),
            random: Jitter::new(),
            me: me.clone(),
        }))
    }

    /// Follows the list of backends until the router is gone.
    pub(super) async fn follow(router: &Weak<Self>, backends: &mut watch::Receiver<Arc<Backends>>) {
        // What came since the router was made counts as a change, and so does what a panic kept it from.
        backends.mark_changed();
        while backends.changed().await.is_ok() {
            let Some(router) = router.upgrade() else { return };
            let changed = Arc::clone(&backends.borrow_and_update());
            router.adopt(changed);
        }
    }

    /// The deliveries of this thread.
    pub(super) fn lanes(&self) -> Vec<Rc<Delivery>> {
        self.table.borrow().lanes.clone()
    }

    /// Takes the list of backends. What waits for one that is not in it any more is dealt out anew.
    fn adopt(&self, backends: Arc<Backends>) {
        let before = Rc::clone(&self.table.borrow());
        if Arc::ptr_eq(&before.backends, &backends) {
            return;
        }
        let table = match Table::new(backends, Some(&before)) {
            Ok(table) => Rc::new(table),
            Err(error) => {
                let fields = [("error", error.as_str().into())];
                return self.shared.handles().log.emit(Level::Error, "failed to reach new backends", &fields);
            }
        };
        *self.table.borrow_mut() = Rc::clone(&table);
        let Some(me) = self.me.upgrade() else { return };
        for lane in &before.lanes {
            if !table.lanes.iter().any(|kept| Rc::ptr_eq(kept, lane)) {
                let lane = Rc::clone(lane);
                lane.leave_to(Rc::clone(&me) as Rc<dyn Stage>);
                self.leaving.set(self.leaving.get() + 1);
                let leaving = Leaving(Rc::clone(&me));
                spawn_supervised("balancer.leave", async move || leaving.empty(&lane).await);
            }
        }
    }

    /// Ends when the deliveries to backends that are gone are empty. Cancel safe.
    pub(super) async fn all_left(&self) {
        loop {
            let mut left = pin!(self.left.notified());
            left.as_mut().enable();
            if self.leaving.get() == 0 {
                return;
            }
            left.await;
        }
    }

    /// Deals a request out; `hand` gives a delivery its share.
    fn deal(&self, mut parcel: Parcel, hand: impl Fn(&Delivery, Parcel)) {
        if parcel.items == 0 {
            return parcel.reply.settle(Outcome::Accepted);
        }
        let table = Rc::clone(&self.table.borrow());
        let dealt = match (&table.lanes[..], self.successor.get()) {
            ([], Some(successor)) => return successor.take_over(parcel),
            ([], None) => return parcel.reply.refuse(busy(FaultCode::DownstreamTemporary, "no backend is known yet")),
            ([only], _) => return hand(only, parcel),
            _ => table.deal(&parcel, self.shared.settings().key, &self.random),
        };
        let shares = match dealt {
            Dealt::Whole(lane) => return hand(lane, parcel),
            Dealt::Shares(shares) => shares,
        };
        let bytes: u64 = shares.iter().map(|(_, share)| share.payload.bytes()).sum();
        // The shares take the place of what was received, and repeat what stands above their items.
        if let Err(error) = parcel.permit.try_grow(bytes.saturating_sub(parcel.payload.bytes())) {
            return parcel.reply.refuse(Fault::new(FaultCode::MemoryPressure, error.to_string()));
        }
        let items: Vec<u64> = shares.iter().map(|(_, share)| share.items).collect();
        let replies = parcel.reply.split_items(&items);
        drop(parcel.payload);
        for ((lane, Share { payload, items }), reply) in shares.into_iter().zip(replies) {
            let share = Parcel {
                signal: parcel.signal,
                payload,
                items,
                permit: parcel.permit.share(),
                arrived: parcel.arrived,
                deadline: parcel.deadline,
                // Shares differ from one attempt to the next if the backends do.
                batch_id: None,
                context: Arc::clone(&parcel.context),
                reply,
            };
            hand(lane, share);
        }
    }

    /// When an attempt that begins now must be over.
    fn deadline(&self, parcel: &Parcel) -> Option<Instant> {
        let limit = (!self.timeout.is_zero()).then(|| Instant::now().checked_add(self.timeout)).flatten();
        [limit, parcel.deadline].into_iter().flatten().min()
    }

    /// A second parcel with the bytes of `parcel`, in memory of its own, whose outcome is awaited.
    fn attempt(&self, parcel: &Parcel, reply: Reply) -> Result<Parcel, Fault> {
        let refused = |error: &dyn std::fmt::Display| Fault::new(FaultCode::MemoryPressure, error.to_string());
        let permit = self.shared.settings().ledger.try_reserve(parcel.payload.bytes()).map_err(|e| refused(&e))?;
        // Only what a backend has taken may leave the queue in front.
        let context = Context { ack: Some(AckLevel::Delivered), ..(*parcel.context).clone() };
        Ok(Parcel {
            signal: parcel.signal,
            payload: parcel.payload.clone(),
            items: parcel.items,
            permit: Hold::from(permit),
            arrived: parcel.arrived,
            deadline: self.deadline(parcel),
            batch_id: parcel.batch_id.clone(),
            context: Arc::new(context),
            reply,
        })
    }
}

impl Consumer for Router {
    fn consume(&self, mut parcel: Parcel) {
        if !self.is_awaited {
            parcel.deadline = self.deadline(&parcel);
        }
        self.deal(parcel, |lane, share| lane.consume(share));
    }
}

impl Stage for Router {
    fn leave_to(&self, successor: Rc<dyn Stage>) {
        self.lanes().iter().for_each(|lane| lane.leave_to(Rc::clone(&successor)));
        // A second one would come after the first was drained, and so after this one.
        let _ = self.successor.set(successor);
    }

    /// Parcels of backends that are gone, and of a router whose place this one took.
    fn take_over(&self, parcel: Parcel) {
        self.deal(parcel, |lane, share| lane.take_over(share));
    }
}

impl Exporter for Router {
    fn send<'a>(&'a self, parcel: &'a Parcel) -> LocalFuture<'a, Outcome> {
        Box::pin(async move {
            let (sender, answer) = oneshot::channel();
            // Nobody listens any more if the attempt was given up.
            let reply = Reply::to(move |outcome| sender.send(outcome).unwrap_or_default());
            match self.attempt(parcel, reply) {
                Ok(attempt) => self.deal(attempt, |lane, share| lane.consume(share)),
                Err(fault) => return Outcome::Refused(fault),
            }
            let abandoned = || Fault::new(FaultCode::Abandoned, "request was dropped inside the collector");
            answer.await.unwrap_or_else(|_| Outcome::Refused(abandoned()))
        })
    }
}

/// Where a request goes.
enum Dealt<'t> {
    /// All of it to one backend, as it is.
    Whole(&'t Delivery),
    Shares(Vec<(&'t Delivery, Share)>),
}

impl Table {
    /// `before` has the deliveries of backends that stay.
    fn new(backends: Arc<Backends>, before: Option<&Table>) -> Result<Self, String> {
        let lanes: Result<Vec<_>, String> = backends
            .list
            .iter()
            .map(|backend| {
                let known = before.and_then(|before| {
                    let place = before.backends.list.iter().position(|known| Arc::ptr_eq(known, backend))?;
                    before.lanes.get(place)
                });
                match known {
                    Some(lane) => Ok(Rc::clone(lane)),
                    None => {
                        let exporter = (backend.lane.make)()?;
                        Ok(Rc::new(Delivery::new(&backend.lane.delivery, Destination::One(exporter))))
                    }
                }
            })
            .collect();
        Ok(Table { lanes: lanes?, backends })
    }

    fn deal(&self, parcel: &Parcel, key: Key, random: &Jitter) -> Dealt<'_> {
        let spare = random.next().to_bits().to_le_bytes();
        let can_be_free = parcel.signal == Signal::Logs && key == Key::TraceId;
        let place = |id: &[u8]| {
            // A log record outside of any trace may go anywhere, those of a request together.
            let is_free = can_be_free && id.iter().all(|byte| *byte == 0);
            self.backends.ring.find(if is_free { &spare } else { id }).unwrap_or_default()
        };
        let chunks = parcel.payload.chunks();
        let groups: Vec<Groups<'_>> = chunks.iter().map(|chunk| group(parcel.signal, chunk, key, place)).collect();
        if let Some(lane) = only_place(&groups).and_then(|place| self.lanes.get(place)) {
            return Dealt::Whole(lane);
        }
        let mut shares: Vec<Share> = Vec::new();
        shares.resize_with(self.lanes.len(), Share::default);
        for groups in groups {
            for (place, part) in groups.into_parts() {
                if let Some(share) = shares.get_mut(place) {
                    share.items += part.items;
                    share.payload.push(Bytes::from(part.bytes));
                }
            }
        }
        let filled = shares.into_iter().zip(&self.lanes).filter(|(share, _)| share.items > 0);
        Dealt::Shares(filled.map(|(share, lane)| (&**lane, share)).collect())
    }
}

/// The place that everything goes to, if that is one.
fn only_place(groups: &[Groups<'_>]) -> Option<usize> {
    let mut places = groups.iter().flat_map(Groups::places);
    let first = places.next()?;
    places.all(|place| place == first).then_some(first)
}

/// A delivery to a backend that is gone, counted while this lives.
struct Leaving(Rc<Router>);

impl Leaving {
    async fn empty(&self, lane: &Delivery) {
        lane.drain(Instant::now().checked_add(LEAVE_MAX)).await;
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.leaving.set(self.0.leaving.get().saturating_sub(1));
        self.0.left.notify_waiters();
    }
}
