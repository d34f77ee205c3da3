//! The writing side: one slot per handle, one handle per writer.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Metrics;

/// The cells of one handle: whether it was written, then its places. Written by one thread at a time (the handle
/// is not `Sync`), read by any.
pub(super) type Slot = Arc<[Line]>;

/// Two cache lines, because the neighbour of a line is fetched with it; nothing else shares them.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Line([AtomicU64; CELLS_PER_LINE]);

const CELLS_PER_LINE: usize = 16;
const TOUCHED: usize = 0;
const FIRST: usize = 1;

/// An empty slot of `width` places.
pub(super) fn new_slot(width: usize) -> Slot {
    (0..(FIRST + width).div_ceil(CELLS_PER_LINE)).map(|_| Line::default()).collect()
}

/// Whether anything was written to the slot.
pub(super) fn is_touched(slot: &Slot) -> bool {
    cell(slot, TOUCHED).is_some_and(|touched| touched.load(Ordering::Relaxed) != 0)
}

/// The bits in a place of the slot.
pub(super) fn place(slot: &Slot, place: usize) -> u64 {
    cell(slot, FIRST + place).map_or(0, |cell| cell.load(Ordering::Relaxed))
}

#[inline]
fn cell(slot: &[Line], index: usize) -> Option<&AtomicU64> {
    slot.get(index / CELLS_PER_LINE).and_then(|line| line.0.get(index % CELLS_PER_LINE))
}

/// A place in a series: its slot, and the way back on drop.
pub(super) struct Seat {
    slot: Slot,
    series: u64,
    metrics: Metrics,
    /// Makes handles `!Sync`, so that a slot has one writer at a time.
    one_writer: PhantomData<Cell<()>>,
}

impl Seat {
    pub(super) fn new(metrics: Metrics, series: u64, slot: Slot) -> Seat {
        Seat { slot, series, metrics, one_writer: PhantomData }
    }

    /// Changes one place. A load and a store instead of an atomic addition are enough for a single writer.
    #[inline]
    fn update(&self, place: usize, change: impl FnOnce(u64) -> u64) {
        if let Some(cell) = cell(&self.slot, FIRST + place) {
            cell.store(change(cell.load(Ordering::Relaxed)), Ordering::Relaxed);
        }
        if let Some(touched) = cell(&self.slot, TOUCHED) {
            touched.store(1, Ordering::Relaxed);
        }
    }

    fn fmt(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(name).field("series", &self.series).field("value", &place(&self.slot, 0)).finish()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.metrics.leave(self.series, &self.slot);
    }
}

/// Writes one total. Dropping it keeps the count in the series.
pub struct Counter(Seat);

impl Counter {
    pub(super) fn new(seat: Seat) -> Counter {
        Counter(seat)
    }

    /// Adds `count`; zero makes a lazy series visible.
    #[inline]
    pub fn add(&self, count: u64) {
        self.0.update(0, |value| value.wrapping_add(count));
    }

    /// What this handle has counted.
    pub fn get(&self) -> u64 {
        place(&self.0.slot, 0)
    }
}

/// Writes one handle's part of a level. Dropping it takes that part out of the series.
pub struct Gauge(Seat);

impl Gauge {
    pub(super) fn new(seat: Seat) -> Gauge {
        Gauge(seat)
    }

    /// Raises this handle's part.
    #[inline]
    pub fn add(&self, by: i64) {
        self.0.update(0, |value| value.cast_signed().wrapping_add(by).cast_unsigned());
    }

    /// Lowers this handle's part.
    #[inline]
    pub fn sub(&self, by: i64) {
        self.0.update(0, |value| value.cast_signed().wrapping_sub(by).cast_unsigned());
    }

    /// Sets this handle's part.
    #[inline]
    pub fn set(&self, to: i64) {
        self.0.update(0, |_| to.cast_unsigned());
    }

    /// This handle's part.
    pub fn get(&self) -> i64 {
        place(&self.0.slot, 0).cast_signed()
    }
}

/// Writes observations by bucket. Dropping it keeps them in the series.
pub struct Histogram {
    seat: Seat,
    bounds: &'static [f64],
}

impl Histogram {
    pub(super) fn new(seat: Seat, bounds: &'static [f64]) -> Histogram {
        Histogram { seat, bounds }
    }

    /// Counts one observation; NaN is left out.
    #[inline]
    pub fn record(&self, value: f64) {
        if !value.is_nan() {
            self.seat.update(self.bounds.partition_point(|bound| *bound < value), |count| count.wrapping_add(1));
            self.seat.update(self.bounds.len() + 1, |sum| (f64::from_bits(sum) + value).to_bits());
        }
    }

    /// Observations of this handle.
    pub fn count(&self) -> u64 {
        (0..=self.bounds.len()).map(|bucket| place(&self.seat.slot, bucket)).sum()
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt("Counter", f)
    }
}

impl fmt::Debug for Gauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt("Gauge", f)
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.seat.fmt("Histogram", f)
    }
}
