//! The numbers about tenants: those with a quota of their own by name, all others together.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use foldhash::HashMap;
use parking_lot::Mutex;
use teleferric_buf::metrics::{Desc, Kind, Metrics, Registration};

/// What is counted under one label.
#[derive(Default)]
pub(super) struct Series {
    pub(super) bytes: AtomicU64,
    pub(super) items: AtomicU64,
    pub(super) refused_requests: AtomicU64,
    pub(super) in_flight_bytes: AtomicU64,
    shown: Mutex<Vec<Registration>>,
}

/// The series of all labels that a configuration in use has.
pub(super) struct SeriesTable {
    metrics: Metrics,
    by_label: Mutex<HashMap<Box<str>, Weak<Series>>>,
}

impl SeriesTable {
    pub(super) fn new(metrics: &Metrics) -> Self {
        SeriesTable { metrics: metrics.clone(), by_label: Mutex::default() }
    }

    /// The series under `label`, the one that another configuration uses if there is one.
    pub(super) fn of(&self, label: &str) -> Arc<Series> {
        let mut by_label = self.by_label.lock();
        if let Some(series) = by_label.get(label).and_then(Weak::upgrade) {
            return series;
        }
        by_label.retain(|_, series| series.strong_count() > 0);
        let series = Arc::new(Series::default());
        series.show(&self.metrics, label);
        by_label.insert(label.into(), Arc::downgrade(&series));
        series
    }
}

impl Series {
    fn show(self: &Arc<Self>, metrics: &Metrics, label: &str) {
        let labels = [("tenant", label)];
        // Weak, as the registrations belong to what they read.
        let read = |number: fn(&Series) -> &AtomicU64| {
            let series = Arc::downgrade(self);
            move || series.upgrade().map_or(0.0, |series| number(&series).load(Ordering::Relaxed) as f64)
        };
        *self.shown.lock() = vec![
            metrics.counter_fn(&BYTES, &labels, read(|series| &series.bytes)),
            metrics.counter_fn(&ITEMS, &labels, read(|series| &series.items)),
            metrics.counter_fn(&REFUSED, &labels, read(|series| &series.refused_requests)),
            metrics.gauge_fn(&IN_FLIGHT, &labels, read(|series| &series.in_flight_bytes)),
        ];
    }
}

static BYTES: Desc = Desc {
    name: "teleferric_tenant_bytes_total",
    help: "Uncompressed bytes of requests that a tenant's quota let in.",
    kind: Kind::Counter,
    lazy: false,
};

static ITEMS: Desc = Desc {
    name: "teleferric_tenant_items_total",
    help: "Items of requests that a tenant's quota let in.",
    kind: Kind::Counter,
    lazy: false,
};

static REFUSED: Desc = Desc {
    name: "teleferric_tenant_refused_requests_total",
    help: "Requests refused because their tenant was over its quota.",
    kind: Kind::Counter,
    lazy: false,
};

static IN_FLIGHT: Desc = Desc {
    name: "teleferric_tenant_in_flight_bytes",
    help: "Bytes of a tenant's requests that are in the collector.",
    kind: Kind::Gauge,
    lazy: false,
};
