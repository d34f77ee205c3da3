//! Series of numbers about the collector itself: written without contention, read together as one array.
//!
//! A series is a name with labels. Every handle ([`Counter`], [`Gauge`], [`Histogram`]) has a slot of its own,
//! padded to its own cache lines and written by one thread with plain loads and stores; a reader sums the slots.
//! The registry's lock is taken when handles come and go and when a reader looks, never when a number changes.
//!
//! The [`Catalogue`] says what each place of a [`snapshot`](Metrics::snapshot) means; both carry the version of
//! the layout, so a reader asks for the catalogue again only when the version has changed. Series are bounded
//! ([`SERIES_MAX`]), and what comes after that is counted under the label value [`OTHER`].

mod handles;
mod registry;

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use handles::Seat;
pub use handles::{Counter, Gauge, Histogram};
use registry::{Reader, Registry};

/// The most series with labels a registry holds; more of them share one series per name, labelled [`OTHER`].
pub const SERIES_MAX: usize = 2_000;

/// The label value of series beyond [`SERIES_MAX`].
pub const OTHER: &str = "_other";

/// What a series is, said once as a `static`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Desc {
    /// Full metric name, as shown.
    pub name: &'static str,
    /// One sentence for people.
    pub help: &'static str,
    /// Counter, gauge or histogram.
    pub kind: Kind,
    /// Whether the series stays invisible until it is first written.
    pub lazy: bool,
}

/// The kind of a series, which also fixes how many places it takes in a snapshot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A total that only grows. One place.
    Counter,
    /// A level, summed over all writers. One place.
    Gauge,
    /// Observations by upper bound, inclusive and ascending. One place per bound and one for the rest, each
    /// counting its own bucket only (not cumulative); then the sum of the observations.
    Histogram {
        /// Upper bounds, ascending, without infinity.
        bounds: &'static [f64],
    },
}

impl Kind {
    /// Places in a snapshot.
    pub fn width(self) -> usize {
        match self {
            Kind::Counter | Kind::Gauge => 1,
            Kind::Histogram { bounds } => bounds.len() + 2,
        }
    }

    /// `counter`, `gauge` or `histogram`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram { .. } => "histogram",
        }
    }
}

/// Where each series stands in a snapshot of the same version.
#[derive(Clone, Debug, PartialEq)]
pub struct Catalogue {
    /// Changes whenever a series comes or goes.
    pub version: u64,
    /// All series in the order of their places.
    pub series: Vec<SeriesInfo>,
}

/// One series of a catalogue.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesInfo {
    /// Metric name.
    pub name: &'static str,
    /// One sentence for people.
    pub help: &'static str,
    /// Counter, gauge or histogram.
    pub kind: Kind,
    /// Label names and values.
    pub labels: Vec<(String, String)>,
    /// First place in the snapshot.
    pub offset: usize,
    /// Upper bounds of a histogram, else empty.
    pub bounds: &'static [f64],
}

/// The registry of series. Clones share it.
///
/// ```
/// use teleferric_buf::metrics::{Desc, Kind, Metrics};
///
/// static REQUESTS: Desc = Desc { name: "requests_total", help: "Requests.", kind: Kind::Counter, lazy: false };
///
/// let metrics = Metrics::new();
/// let requests = metrics.counter(&REQUESTS, &[("receiver", "otlp")]);
/// requests.add(2);
///
/// let catalogue = metrics.catalogue();
/// let mut values = vec![0.0; metrics.len()];
/// assert_eq!(metrics.snapshot(&mut values), catalogue.version);
/// assert_eq!(values[catalogue.series[0].offset], 2.0);
/// ```
#[derive(Clone, Default)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
}

impl Metrics {
    /// An empty registry.
    pub fn new() -> Metrics {
        Metrics::default()
    }

    /// A new writer of the counter `desc` with these labels. Its count stays in the series when it is dropped.
    ///
    /// # Panics
    /// If `desc` is no counter, which is a mistake in the program.
    pub fn counter(&self, desc: &'static Desc, labels: &[(&str, &str)]) -> Counter {
        assert_eq!(desc.kind, Kind::Counter, "{} is not a counter", desc.name);
        Counter::new(self.seat(desc, labels))
    }

    /// A new writer of the gauge `desc` with these labels. Its part of the level goes away when it is dropped,
    /// and the series with the last writer.
    ///
    /// # Panics
    /// If `desc` is no gauge, which is a mistake in the program.
    pub fn gauge(&self, desc: &'static Desc, labels: &[(&str, &str)]) -> Gauge {
        assert_eq!(desc.kind, Kind::Gauge, "{} is not a gauge", desc.name);
        Gauge::new(self.seat(desc, labels))
    }

    /// A new writer of the histogram `desc` with these labels. Its observations stay when it is dropped.
    ///
    /// # Panics
    /// If `desc` is no histogram, which is a mistake in the program.
    pub fn histogram(&self, desc: &'static Desc, labels: &[(&str, &str)]) -> Histogram {
        let Kind::Histogram { bounds } = desc.kind else { panic!("{} is not a histogram", desc.name) };
        Histogram::new(self.seat(desc, labels), bounds)
    }

    /// Adds a gauge that is asked when a snapshot is taken, on the reader's thread and without the registry's
    /// lock. Several for one series are summed; NaN from one makes the series invisible. It lives as long as the
    /// returned registration.
    ///
    /// # Panics
    /// If `desc` is no gauge, which is a mistake in the program.
    pub fn gauge_fn(
        &self,
        desc: &'static Desc,
        labels: &[(&str, &str)],
        read: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Registration {
        assert_eq!(desc.kind, Kind::Gauge, "{} is not a gauge", desc.name);
        self.reader(desc, labels, read)
    }

    /// As [`gauge_fn`](Metrics::gauge_fn) for a total that is counted elsewhere and only grows. The total stays
    /// with whoever counts it: without a registration the series is gone.
    ///
    /// # Panics
    /// If `desc` is no counter, which is a mistake in the program.
    pub fn counter_fn(
        &self,
        desc: &'static Desc,
        labels: &[(&str, &str)],
        read: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Registration {
        assert_eq!(desc.kind, Kind::Counter, "{} is not a counter", desc.name);
        self.reader(desc, labels, read)
    }

    fn reader(
        &self,
        desc: &'static Desc,
        labels: &[(&str, &str)],
        read: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Registration {
        let (series, reader) = self.registry.lock().add_reader(desc, labels, Arc::new(read));
        Registration { metrics: self.clone(), series, reader }
    }

    /// What each place of a snapshot means.
    pub fn catalogue(&self) -> Catalogue {
        self.registry.lock().catalogue()
    }

    /// Writes every series to its places and returns the version of the layout, which must be the catalogue's for
    /// the places to mean anything. NaN in the first place of a series says that it is not to be shown yet. What
    /// does not fit is left out; what is longer than [`len`](Metrics::len) stays as it was.
    ///
    /// Each number is read once while writers go on: numbers of one snapshot may lie a few writes apart.
    pub fn snapshot(&self, into: &mut [f64]) -> u64 {
        let (version, readers) = self.registry.lock().snapshot(into);
        for (offset, read) in readers {
            if let Some(place) = into.get_mut(offset) {
                let base = if place.is_nan() { 0.0 } else { *place };
                *place = base + read.iter().map(|read| read()).sum::<f64>();
            }
        }
        version
    }

    /// Places a snapshot takes now.
    pub fn len(&self) -> usize {
        self.registry.lock().places()
    }

    /// Whether no series exists.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of one series, or the number of observations of a histogram; none if there is no such series or
    /// it is not shown yet. Reads everything, so it is for tests and status pages.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let catalogue = self.catalogue();
        let mut places = vec![f64::NAN; self.len()];
        self.snapshot(&mut places);
        let same = |series: &SeriesInfo| {
            series.name == name
                && series.labels.len() == labels.len()
                && series.labels.iter().zip(labels).all(|((k, v), (key, value))| k == key && v == value)
        };
        let series = catalogue.series.iter().find(|series| same(series))?;
        let counted = match series.kind {
            Kind::Counter | Kind::Gauge => 1,
            Kind::Histogram { bounds } => bounds.len() + 1,
        };
        let value = places.get(series.offset..series.offset + counted)?.iter().sum::<f64>();
        (!value.is_nan()).then_some(value)
    }

    fn seat(&self, desc: &'static Desc, labels: &[(&str, &str)]) -> Seat {
        let (series, slot) = self.registry.lock().add_slot(desc, labels);
        Seat::new(self.clone(), series, slot)
    }

    /// Folds the slot of a dropped handle into its series.
    fn leave(&self, series: u64, slot: &handles::Slot) {
        self.registry.lock().remove_slot(series, slot);
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("places", &self.len()).finish()
    }
}

/// Keeps a [`gauge_fn`](Metrics::gauge_fn) in the registry; dropping it takes it out.
#[must_use = "dropping a registration removes its gauge"]
pub struct Registration {
    metrics: Metrics,
    series: u64,
    reader: u64,
}

impl Drop for Registration {
    fn drop(&mut self) {
        // Bound to a name so that the closure, which may own handles, is dropped after the lock is released.
        let removed: Option<Reader> = self.metrics.registry.lock().remove_reader(self.series, self.reader);
        drop(removed);
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration").field("series", &self.series).finish()
    }
}

#[cfg(test)]
mod tests;
