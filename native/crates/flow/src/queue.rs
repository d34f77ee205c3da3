//! The room of a sending queue. Each data-plane thread keeps its own requests, or all share a storage; the capacity and
//! the number of parallel sends are one for all of them.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use teleferric_store::Tally;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::admission::busy;
use crate::consumers::Consumers;
use crate::fault::{Fault, FaultCode};
use crate::overload::{Priorities, percent};
use crate::parcel::Parcel;
use crate::shares::{Share, Shares, Tenant};
use crate::stored::{Reserved, StoredQueue, tally_of};

/// What a queue or batch is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Sizer {
    Requests,
    Items,
    Bytes,
}

impl Sizer {
    /// The size of one parcel.
    pub fn of(self, parcel: &Parcel) -> u64 {
        self.of_tally(tally_of(parcel))
    }

    /// The size of a number of requests.
    pub(crate) fn of_tally(self, tally: Tally) -> u64 {
        match self {
            Sizer::Requests => tally.records,
            Sizer::Items => tally.items,
            Sizer::Bytes => tally.bytes,
        }
    }
}

/// Which request of a sender leaves a queue next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The oldest.
    Fifo,
    /// The newest, and the oldest now and then.
    NewestFirst,
}

/// `sending_queue` of an exporter.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueSettings {
    /// Room in units of `sizer`; requests being sent count until they are done.
    pub queue_size: u64,
    /// The unit.
    pub sizer: Sizer,
    /// Whether callers wait for room rather than being refused.
    pub block_on_overflow: bool,
    /// Whether callers get the outcome of the send rather than an answer when the request is in the queue.
    pub wait_for_result: bool,
    /// The most sends at the same time, over all data-plane threads; fewer while the destination throttles.
    pub num_consumers: usize,
    /// What is sent first of what one sender has in the queue.
    pub order: Order,
    /// The part of the room, 0 to 1, that one tenant may hold while others want some too; only in memory.
    pub queue_share: f64,
    /// What is sent before what; none: no request matters more than another.
    pub priorities: Option<Arc<Priorities>>,
}

/// The room shared by all threads' parts of one queue.
#[derive(Clone)]
pub struct Room {
    places: Places,
    sizer: Sizer,
    consumers: Consumers,
    capacity: u64,
    /// Whether callers wait for room, or what is old makes some, so that being full is nothing to be relieved of.
    may_be_full: bool,
    /// Units ever put in.
    taken: Arc<AtomicU64>,
}

/// Where the requests of a queue are, and so who knows how many there are.
#[derive(Clone)]
enum Places {
    Memory(Arc<Semaphore>, Arc<Shares>),
    /// Also what an earlier process left there.
    Stored(StoredQueue),
}

/// The place of one request in the queue, free again when dropped.
pub(crate) enum Place {
    Memory(OwnedSemaphorePermit, Option<Share>),
    Stored(Reserved),
}

/// How much room a request wants.
#[derive(Clone)]
pub(crate) struct Demand {
    tally: Tally,
    size: u32,
    tenant: Tenant,
}

impl Room {
    /// The room `settings` ask for, in memory or in `stored`.
    pub fn new(settings: &QueueSettings, stored: Option<&StoredQueue>) -> Self {
        let capacity = settings.queue_size.min(Semaphore::MAX_PERMITS as u64);
        let shares = || Shares::new(settings.queue_share, capacity);
        let memory = || Places::Memory(Arc::new(Semaphore::new(capacity as usize)), shares());
        if let Some(queue) = stored {
            queue.limit_to(capacity, settings.sizer);
        }
        Room {
            places: stored.map_or_else(memory, |queue| Places::Stored(queue.clone())),
            sizer: settings.sizer,
            consumers: Consumers::new(settings.num_consumers),
            capacity,
            may_be_full: settings.block_on_overflow || stored.is_some_and(StoredQueue::makes_room),
            taken: Arc::default(),
        }
    }

    /// Units taken, including requests being sent.
    pub fn used(&self) -> u64 {
        match &self.places {
            Places::Memory(places, _) => self.capacity.saturating_sub(places.available_permits() as u64),
            Places::Stored(queue) => queue.used(self.sizer),
        }
    }

    /// Units there are.
    pub fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Units that have left since it was made, but for what a storage held then.
    pub(crate) fn left(&self) -> u64 {
        self.taken.load(Ordering::Relaxed).saturating_sub(self.used())
    }

    /// Whether the requests lie on disk.
    pub fn is_stored(&self) -> bool {
        matches!(self.places, Places::Stored(_))
    }

    /// How full it is; none if it may well be full, or if it is so small that being nearly full is its normal state.
    pub(crate) fn fill_percent(&self) -> Option<u64> {
        let counts = !self.may_be_full && self.capacity >= UNITS_MIN;
        counts.then(|| percent(self.used(), self.capacity))
    }

    /// How full the log is that it lies in, if it does.
    pub(crate) fn log_fill_percent(&self) -> Option<u64> {
        match &self.places {
            Places::Memory(_, _) => None,
            Places::Stored(queue) => Some(queue.log_fill_percent()),
        }
    }

    /// What `parcel` wants.
    ///
    /// # Errors
    /// `element size too large`, for good, if the queue could never hold it.
    pub(crate) fn demand(&self, parcel: &Parcel) -> Result<Demand, Fault> {
        let tally = tally_of(parcel);
        let size = self.sizer.of_tally(tally);
        let fits = size <= self.capacity;
        let size = u32::try_from(size).ok().filter(|_| fits);
        let size = size.ok_or_else(|| Fault::new(FaultCode::LargerThanQueue, "element size too large"))?;
        Ok(Demand { tally, size, tenant: parcel.context.tenant.clone() })
    }

    /// Takes room, unless others wait already or there is too little.
    ///
    /// # Errors
    /// `sending queue is full`, for all or for this tenant.
    pub(crate) fn try_take(&self, demand: &Demand) -> Result<Place, Fault> {
        let taken = match &self.places {
            // Tokio gives units to those who wait first, so nobody is overtaken here.
            Places::Memory(places, shares) => {
                let share = self.share(shares, demand)?;
                let place = Arc::clone(places).try_acquire_many_owned(demand.size);
                place.ok().map(|place| Place::Memory(place, share))
            }
            Places::Stored(queue) => queue.try_reserve(demand.tally, self.sizer, self.capacity).map(Place::Stored),
        };
        self.noted(demand, taken).ok_or_else(full)
    }

    /// Takes room, in memory first come first served over all threads; who waits counts in the share of its tenant.
    /// Cancel safe.
    ///
    /// # Errors
    /// The tenant has its share already, or the queue is closed.
    pub(crate) async fn take(&self, demand: &Demand) -> Result<Place, Fault> {
        match &self.places {
            Places::Memory(places, shares) => {
                let share = self.share(shares, demand)?;
                let place = Arc::clone(places).acquire_many_owned(demand.size).await;
                self.noted(demand, place.ok().map(|place| Place::Memory(place, share))).ok_or_else(full)
            }
            Places::Stored(queue) => loop {
                let mut less = pin!(queue.less());
                less.as_mut().enable();
                if let Ok(place) = self.try_take(demand) {
                    return Ok(place);
                }
                less.await;
            },
        }
    }

    fn share(&self, shares: &Arc<Shares>, demand: &Demand) -> Result<Option<Share>, Fault> {
        let taken = shares.take(&demand.tenant, demand.size.into(), self.used());
        taken.map_err(|_| busy(FaultCode::QueueFull, "sending queue is full for this tenant"))
    }

    fn noted(&self, demand: &Demand, place: Option<Place>) -> Option<Place> {
        if place.is_some() {
            self.taken.fetch_add(u64::from(demand.size), Ordering::Relaxed);
        }
        place
    }

    pub(crate) fn consumers(&self) -> &Consumers {
        &self.consumers
    }
}

/// The least capacity of which a part can be kept for what matters more.
const UNITS_MIN: u64 = 20;

pub(crate) fn full() -> Fault {
    busy(FaultCode::QueueFull, "sending queue is full")
}
