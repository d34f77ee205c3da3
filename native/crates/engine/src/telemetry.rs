//! The engine's own series: memory, buffers, drops and panics, beside those that the components keep.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use teleferric_buf::metrics::{Desc, Kind, Metrics, Registration};
use teleferric_buf::{Ledger, PoolStats};
use teleferric_flow::DropReason;
use teleferric_parts::component::Shared;

static MEMORY_USED: Desc = gauge("teleferric_memory_used_bytes", "Payload bytes held in the byte ledger.");
static MEMORY_LIMIT: Desc = gauge("teleferric_memory_limit_bytes", "Payload bytes that the byte ledger allows.");
static MEMORY_PEAK: Desc = gauge("teleferric_memory_peak_bytes", "Most payload bytes ever held at once.");
static POOL_CACHED: Desc = gauge("teleferric_pool_cached_bytes", "Bytes of free buffers kept for the next request.");
static POOL_IN_USE: Desc = gauge("teleferric_pool_in_use_bytes", "Bytes of buffers in use.");
static DROPPED: Desc =
    counter("teleferric_dropped_items_total", "Items that ended inside the collector, after their sender was told OK.");
static PANICS: Desc = counter("teleferric_panics_total", "Panics caught in the native core.");

const fn gauge(name: &'static str, help: &'static str) -> Desc {
    Desc { name, help, kind: Kind::Gauge, lazy: false }
}

const fn counter(name: &'static str, help: &'static str) -> Desc {
    Desc { name, help, kind: Kind::Counter, lazy: false }
}

/// A count that any thread may raise.
#[derive(Clone, Default)]
pub struct Tally(Arc<AtomicU64>);

impl Tally {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }
}

/// Keeps the engine's own series in the registry for as long as it lives.
#[derive(Default)]
pub struct OwnMetrics {
    panics: Tally,
    registrations: Vec<Registration>,
}

impl OwnMetrics {
    /// The series that exist before the first thread does.
    pub fn new(metrics: &Metrics) -> Self {
        let panics = Tally::default();
        let read = panics.clone();
        let shown = metrics.counter_fn(&PANICS, &[], move || read.0.load(Ordering::Relaxed) as f64);
        OwnMetrics { panics, registrations: vec![shown] }
    }

    /// Where panics are counted.
    pub fn panics(&self) -> Tally {
        self.panics.clone()
    }

    /// Adds the series about what components share.
    #[must_use]
    pub fn with(mut self, metrics: &Metrics, shared: &Arc<Shared>) -> Self {
        let ledger = |desc: &'static Desc, read: fn(&Ledger) -> u64| {
            let ledger = Arc::clone(&shared.ledger);
            metrics.gauge_fn(desc, &[], move || read(&ledger) as f64)
        };
        let pool = |desc: &'static Desc, read: fn(&PoolStats) -> u64| {
            let pool = shared.pool.clone();
            metrics.gauge_fn(desc, &[], move || read(&pool.stats()) as f64)
        };
        self.registrations.extend([
            ledger(&MEMORY_USED, Ledger::used),
            ledger(&MEMORY_LIMIT, Ledger::limit),
            ledger(&MEMORY_PEAK, Ledger::peak),
            pool(&POOL_CACHED, |stats| stats.cached_bytes() + stats.free_bytes()),
            pool(&POOL_IN_USE, PoolStats::in_use_bytes),
        ]);
        self.registrations.extend(DropReason::ALL.map(|reason| {
            let account = Arc::clone(&shared.account);
            let labels = [("reason", reason.label())];
            metrics.counter_fn(&DROPPED, &labels, move || account.dropped(reason) as f64)
        }));
        self
    }
}
