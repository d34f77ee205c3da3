//! The room of a sending queue. Each data-plane thread keeps its own requests; the capacity and the number of
//! parallel sends are one for all of them.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::admission::busy;
use crate::fault::{Fault, FaultCode};
use crate::parcel::Parcel;

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
        match self {
            Sizer::Requests => 1,
            Sizer::Items => parcel.items,
            Sizer::Bytes => parcel.payload.bytes(),
        }
    }
}

/// `sending_queue` of an exporter, in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSettings {
    /// Room in units of `sizer`; requests being sent count until they are done.
    pub queue_size: u64,
    /// The unit.
    pub sizer: Sizer,
    /// Whether callers wait for room rather than being refused.
    pub block_on_overflow: bool,
    /// Whether callers get the outcome of the send rather than an answer when the request is in the queue.
    pub wait_for_result: bool,
    /// Sends at the same time, over all data-plane threads.
    pub num_consumers: usize,
}

/// The room shared by all threads' parts of one queue.
#[derive(Clone, Debug)]
pub struct Room {
    places: Arc<Semaphore>,
    consumers: Arc<Semaphore>,
    capacity: u64,
}

/// The place of one request in the queue, free again when dropped.
pub(crate) type Place = OwnedSemaphorePermit;

impl Room {
    /// The room `settings` ask for.
    pub fn new(settings: &QueueSettings) -> Self {
        let capacity = settings.queue_size.min(Semaphore::MAX_PERMITS as u64);
        let consumers = settings.num_consumers.clamp(1, Semaphore::MAX_PERMITS);
        Room {
            places: Arc::new(Semaphore::new(capacity as usize)),
            consumers: Arc::new(Semaphore::new(consumers)),
            capacity,
        }
    }

    /// Units taken, including requests being sent.
    pub fn used(&self) -> u64 {
        self.capacity.saturating_sub(self.places.available_permits() as u64)
    }

    /// Units there are.
    pub fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Takes `size` units, unless others wait already or there are too few.
    ///
    /// # Errors
    /// `element size too large`, for good, if the queue could never hold it; else `sending queue is full`.
    pub(crate) fn try_take(&self, size: u64) -> Result<Place, Fault> {
        let units = self.units(size)?;
        // Tokio gives units to those who wait first, so nobody is overtaken here.
        Arc::clone(&self.places).try_acquire_many_owned(units).map_err(|_| full())
    }

    /// Takes `size` units, first come first served over all threads. Cancel safe.
    ///
    /// # Errors
    /// `element size too large`, for good, if the queue could never hold it.
    pub(crate) async fn take(&self, size: u64) -> Result<Place, Fault> {
        let units = self.units(size)?;
        Arc::clone(&self.places).acquire_many_owned(units).await.map_err(|_| full())
    }

    pub(crate) fn consumers(&self) -> &Arc<Semaphore> {
        &self.consumers
    }

    fn units(&self, size: u64) -> Result<u32, Fault> {
        let fits = size <= self.capacity;
        let units = u32::try_from(size).ok().filter(|_| fits);
        units.ok_or_else(|| Fault::new(FaultCode::LargerThanQueue, "element size too large"))
    }
}

fn full() -> Fault {
    busy(FaultCode::QueueFull, "sending queue is full")
}
