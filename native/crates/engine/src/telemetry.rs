//! The engine's own series: memory, buffers, drops and panics, beside those that the components keep.

use std::sync::Arc;

use teleferric_buf::metrics::{Desc, Kind, Metrics, Registration};
use teleferric_buf::{Ledger, PoolStats};
use teleferric_flow::{Account, DropReason};
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

/// What is counted over the whole life of a collector. The series outlast the graph: what a drain had to drop is read
/// when the drain is over.
pub struct Totals {
    account: Arc<Account>,
    _registrations: Vec<Registration>,
}

impl Totals {
    /// Nothing yet.
    pub fn new(metrics: &Metrics) -> Self {
        let account = Arc::new(Account::default());
        let panics = Arc::clone(&account);
        let mut registrations = vec![metrics.counter_fn(&PANICS, &[], move || panics.panics() as f64)];
        registrations.extend(DropReason::ALL.map(|reason| {
            let account = Arc::clone(&account);
            let labels = [("reason", reason.label())];
            metrics.counter_fn(&DROPPED, &labels, move || account.dropped(reason) as f64)
        }));
        Totals { account, _registrations: registrations }
    }

    /// Where panics and items that ended inside are counted.
    pub fn account(&self) -> Arc<Account> {
        Arc::clone(&self.account)
    }
}

/// Keeps the series about memory in the registry for as long as it lives.
pub struct MemoryGauges {
    _registrations: Vec<Registration>,
}

impl MemoryGauges {
    /// The series about the ledger and the pool of `shared`.
    pub fn new(metrics: &Metrics, shared: &Arc<Shared>) -> Self {
        let ledger = |desc: &'static Desc, read: fn(&Ledger) -> u64| {
            let ledger = Arc::clone(&shared.ledger);
            metrics.gauge_fn(desc, &[], move || read(&ledger) as f64)
        };
        let pool = |desc: &'static Desc, read: fn(&PoolStats) -> u64| {
            let pool = shared.pool.clone();
            metrics.gauge_fn(desc, &[], move || read(&pool.stats()) as f64)
        };
        let registrations = vec![
            ledger(&MEMORY_USED, Ledger::used),
            ledger(&MEMORY_LIMIT, Ledger::limit),
            ledger(&MEMORY_PEAK, Ledger::peak),
            pool(&POOL_CACHED, |stats| stats.cached_bytes() + stats.free_bytes()),
            pool(&POOL_IN_USE, PoolStats::in_use_bytes),
        ];
        MemoryGauges { _registrations: registrations }
    }
}
