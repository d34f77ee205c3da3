//! The series behind the handles: who writes to each, what dropped handles left, and where each stands.

use std::sync::Arc;

use super::handles::{self, Slot};
use super::{Catalogue, Desc, Kind, OTHER, SERIES_MAX, SeriesInfo};

/// A gauge that is asked instead of written.
pub(super) type Reader = Arc<dyn Fn() -> f64 + Send + Sync>;

#[derive(Default)]
pub(super) struct Registry {
    version: u64,
    next_id: u64,
    labelled: usize,
    /// Ascending by id.
    series: Vec<Series>,
}

struct Series {
    id: u64,
    desc: &'static Desc,
    labels: Vec<(String, String)>,
    /// What dropped handles left, place by place, as bits like in a slot.
    folded: Vec<u64>,
    folded_touched: bool,
    slots: Vec<Slot>,
    had_slots: bool,
    readers: Vec<(u64, Reader)>,
}

impl Registry {
    pub(super) fn add_slot(&mut self, desc: &'static Desc, labels: &[(&str, &str)]) -> (u64, Slot) {
        let slot = handles::new_slot(desc.kind.width());
        let series = self.find_or_add(desc, labels);
        series.slots.push(Arc::clone(&slot));
        series.had_slots = true;
        (series.id, slot)
    }

    pub(super) fn add_reader(&mut self, desc: &'static Desc, labels: &[(&str, &str)], read: Reader) -> (u64, u64) {
        self.next_id += 1;
        let id = self.next_id;
        let series = self.find_or_add(desc, labels);
        series.readers.push((id, read));
        (series.id, id)
    }

    pub(super) fn remove_slot(&mut self, series: u64, slot: &Slot) {
        let Some(found) = self.get_mut(series) else { return };
        found.slots.retain(|other| !Arc::ptr_eq(other, slot));
        found.fold(slot);
        self.remove_if_gone(series);
    }

    pub(super) fn remove_reader(&mut self, series: u64, reader: u64) -> Option<Reader> {
        let found = self.get_mut(series)?;
        let index = found.readers.iter().position(|(id, _)| *id == reader)?;
        let (_, read) = found.readers.swap_remove(index);
        self.remove_if_gone(series);
        Some(read)
    }

    pub(super) fn places(&self) -> usize {
        self.series.iter().map(|series| series.desc.kind.width()).sum()
    }

    pub(super) fn catalogue(&self) -> Catalogue {
        let mut offset = 0;
        let series = self.series.iter().map(|series| {
            let at = offset;
            offset += series.desc.kind.width();
            series.info(at)
        });
        Catalogue { version: self.version, series: series.collect() }
    }

    /// Writes the slots' sums; the readers come back with their places, to be asked without the lock.
    pub(super) fn snapshot(&self, into: &mut [f64]) -> (u64, Vec<(usize, Vec<Reader>)>) {
        let mut readers = Vec::new();
        let mut offset = 0;
        for series in &self.series {
            let end = offset + series.desc.kind.width();
            let Some(places) = into.get_mut(offset..end) else { break };
            series.write(places);
            if !series.readers.is_empty() {
                readers.push((offset, series.readers.iter().map(|(_, read)| Arc::clone(read)).collect()));
            }
            offset = end;
        }
        (self.version, readers)
    }

    fn find_or_add(&mut self, desc: &'static Desc, labels: &[(&str, &str)]) -> &mut Series {
        let index = self.position(desc, labels).unwrap_or_else(|| {
            if labels.is_empty() || self.labelled < SERIES_MAX {
                return self.add(desc, labels);
            }
            let other: Vec<_> = labels.iter().map(|(name, _)| (*name, OTHER)).collect();
            self.position(desc, &other).unwrap_or_else(|| self.add(desc, &other))
        });
        &mut self.series[index]
    }

    fn position(&self, desc: &Desc, labels: &[(&str, &str)]) -> Option<usize> {
        self.series.iter().position(|series| series.is(desc, labels))
    }

    fn add(&mut self, desc: &'static Desc, labels: &[(&str, &str)]) -> usize {
        self.version += 1;
        self.next_id += 1;
        self.labelled += usize::from(!labels.is_empty());
        self.series.push(Series {
            id: self.next_id,
            desc,
            labels: labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            folded: vec![0; desc.kind.width()],
            folded_touched: false,
            slots: Vec::new(),
            had_slots: false,
            readers: Vec::new(),
        });
        self.series.len() - 1
    }

    fn get_mut(&mut self, id: u64) -> Option<&mut Series> {
        let index = self.series.binary_search_by_key(&id, |series| series.id).ok()?;
        self.series.get_mut(index)
    }

    /// A gauge without writers says nothing, nor does a total that is counted elsewhere; totals of handles stay.
    fn remove_if_gone(&mut self, id: u64) {
        if let Ok(index) = self.series.binary_search_by_key(&id, |series| series.id)
            && let Some(series) = self.series.get(index)
            && (series.desc.kind == Kind::Gauge || !series.had_slots)
            && series.slots.is_empty()
            && series.readers.is_empty()
        {
            self.labelled -= usize::from(!series.labels.is_empty());
            self.series.remove(index);
            self.version += 1;
        }
    }
}

impl Series {
    fn is(&self, desc: &Desc, labels: &[(&str, &str)]) -> bool {
        self.desc.name == desc.name
            && self.desc.kind == desc.kind
            && self.labels.len() == labels.len()
            && self.labels.iter().zip(labels).all(|((name, value), (key, wanted))| name == key && value == wanted)
    }

    fn info(&self, offset: usize) -> SeriesInfo {
        let Desc { name, help, kind, .. } = *self.desc;
        let bounds: &[f64] = if let Kind::Histogram { bounds } = kind { bounds } else { &[] };
        SeriesInfo { name, help, kind, labels: self.labels.clone(), offset, bounds }
    }

    /// Keeps a dropped handle's totals; a gauge's part of the level is gone with it.
    fn fold(&mut self, slot: &Slot) {
        if self.desc.kind != Kind::Gauge {
            let is_sum = sum_place(self.desc.kind);
            for (at, folded) in self.folded.iter_mut().enumerate() {
                let bits = handles::place(slot, at);
                *folded = if is_sum == Some(at) {
                    (f64::from_bits(*folded) + f64::from_bits(bits)).to_bits()
                } else {
                    folded.wrapping_add(bits)
                };
            }
            self.folded_touched |= handles::is_touched(slot);
        }
    }

    fn write(&self, places: &mut [f64]) {
        let is_visible = !self.desc.lazy || self.folded_touched || self.slots.iter().any(handles::is_touched);
        let is_sum = sum_place(self.desc.kind);
        for (at, (place, folded)) in places.iter_mut().zip(&self.folded).enumerate() {
            let bits = self.slots.iter().map(|slot| handles::place(slot, at));
            *place = if is_sum == Some(at) {
                bits.fold(f64::from_bits(*folded), |sum, bits| sum + f64::from_bits(bits))
            } else {
                let total = bits.fold(*folded, u64::wrapping_add);
                if self.desc.kind == Kind::Gauge { total.cast_signed() as f64 } else { total as f64 }
            };
        }
        if let Some(first) = places.first_mut().filter(|_| !is_visible) {
            *first = f64::NAN;
        }
    }
}

/// The place that holds a floating-point sum instead of a count.
fn sum_place(kind: Kind) -> Option<usize> {
    match kind {
        Kind::Counter | Kind::Gauge => None,
        Kind::Histogram { bounds } => Some(bounds.len() + 1),
    }
}
