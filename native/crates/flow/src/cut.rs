//! Cuts the payload of one parcel into portions that fill batches, touching only the chunks that straddle a limit.

use bytes::Bytes;
use smallvec::SmallVec;
use teleferric_wire::Signal;
use teleferric_wire::split::{Max, split};
use teleferric_wire::{Limits, check};

use crate::parcel::Parcel;
use crate::queue::Sizer;

/// Bytes of one parcel that go into one batch.
#[derive(Debug)]
pub(crate) struct Portion {
    pub(crate) chunks: SmallVec<[Bytes; 1]>,
    pub(crate) items: u64,
    /// In units of the sizer.
    pub(crate) size: u64,
}

/// Where in a row of batches the next chunk goes.
pub(crate) struct Cutter {
    signal: Signal,
    sizer: Sizer,
    /// Units a batch may have.
    max: u64,
    /// Units left in the batch being filled.
    room: u64,
    portions: Vec<Portion>,
    /// Whether the last portion takes more chunks.
    filling: bool,
}

impl Cutter {
    /// Fills a batch with `room` units left, then batches of `max`.
    pub(crate) fn new(signal: Signal, sizer: Sizer, max: u64, room: u64) -> Self {
        Cutter { signal, sizer, max, room, portions: Vec::new(), filling: false }
    }

    /// The portions of `parcel`, in order. Together they have its items, and each goes into another batch.
    pub(crate) fn cut(&mut self, parcel: &Parcel) -> Vec<Portion> {
        if self.sizer == Sizer::Requests {
            let chunks = parcel.payload.chunks().iter().cloned().collect();
            return vec![Portion { chunks, items: parcel.items, size: 1 }];
        }
        let chunks = parcel.payload.chunks();
        let mut uncounted = parcel.items;
        for (index, chunk) in chunks.iter().enumerate() {
            let is_last = index + 1 == chunks.len();
            // The last chunk has what the others leave, so a single one is not counted again.
            let items = if is_last { uncounted } else { self.count(chunk).min(uncounted) };
            uncounted -= items;
            self.place(chunk, items);
        }
        std::mem::take(&mut self.portions)
    }

    fn place(&mut self, chunk: &Bytes, items: u64) {
        let size = self.size(chunk, items);
        if size <= self.room {
            self.put(chunk.clone(), items, size);
            return;
        }
        let parts = split(self.signal, chunk, self.limit(self.room), self.limit(self.max));
        if parts.is_empty() {
            // No items to cut: it goes along whole, in a batch of its own if need be.
            self.put(chunk.clone(), items, size);
        }
        for part in parts {
            let bytes = Bytes::from(part.bytes);
            let size = self.size(&bytes, part.items);
            self.put(bytes, part.items, size);
        }
    }

    /// Adds bytes to the batch being filled if they fit, else to the next.
    fn put(&mut self, bytes: Bytes, items: u64, size: u64) {
        if size > self.room {
            self.filling = false;
            self.room = self.max;
        }
        self.room = self.room.saturating_sub(size);
        match self.portions.last_mut().filter(|_| self.filling) {
            Some(portion) => {
                portion.chunks.push(bytes);
                portion.items = portion.items.saturating_add(items);
                portion.size = portion.size.saturating_add(size);
            }
            None => self.portions.push(Portion { chunks: SmallVec::from_iter([bytes]), items, size }),
        }
        self.filling = true;
    }

    fn size(&self, chunk: &Bytes, items: u64) -> u64 {
        match self.sizer {
            Sizer::Requests => 1,
            Sizer::Items => items,
            Sizer::Bytes => chunk.len() as u64,
        }
    }

    fn limit(&self, units: u64) -> Max {
        match self.sizer {
            Sizer::Requests => Max::default(),
            Sizer::Items => Max { items: Some(units), bytes: None },
            Sizer::Bytes => Max { items: None, bytes: Some(units) },
        }
    }

    /// Chunks were checked when they came in, so this fails for none of them.
    fn count(&self, chunk: &Bytes) -> u64 {
        let limits = Limits { max_items: u64::MAX, max_depth: u32::MAX, max_attributes: 0 };
        check(self.signal, chunk, &limits).map_or(0, |request| request.counts().items)
    }
}
