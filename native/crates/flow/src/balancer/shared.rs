//! What all threads know of the backends: their names, the ring, and the shared half of the delivery to each.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use teleferric_buf::Ledger;
use teleferric_buf::metrics::Registration;
use teleferric_wire::Signal;
use teleferric_wire::split::Key;
use tokio::sync::{Mutex, watch};
use tokio::time::{sleep, timeout};

use super::ring::Ring;
use crate::contract::Exporter;
use crate::delivery::DeliveryShared;
use crate::handles::Handles;
use crate::log::Level;
use crate::metrics::register_balancer;

/// Makes one thread's instance that sends to a backend; called on that thread.
pub type MakeExporter = Box<dyn Fn() -> Result<Rc<dyn Exporter>, String> + Send + Sync>;

/// Finds out which backends there are now.
pub type Resolve = Arc<dyn Fn() -> Resolution + Send + Sync>;

type Resolution = Pin<Box<dyn Future<Output = Result<Vec<String>, String>> + Send>>;

/// Makes the way to a backend.
pub type MakeLane = Box<dyn Fn(&str) -> Result<Lane, String> + Send + Sync>;

/// The way to one backend.
pub struct Lane {
    /// The shared half of its delivery.
    pub delivery: DeliveryShared,
    /// Makes what sends there.
    pub make: MakeExporter,
}

/// Where a changing list of backends comes from.
#[derive(Clone)]
pub struct Resolver {
    /// Finds the backends; an empty list is as good as an error.
    pub resolve: Resolve,
    /// From one look to the next.
    pub interval: Duration,
    /// The longest a look may take.
    pub timeout: Duration,
}

/// What an exporter that balances load is made of.
pub struct BalancerSettings {
    /// What belongs together.
    pub key: Key,
    /// The backends to begin with.
    pub backends: Vec<String>,
    /// What changes them, if anything does.
    pub resolver: Option<Resolver>,
    /// Makes the way to a backend; called once for each that comes.
    pub lane: MakeLane,
    /// The byte budget of the process.
    pub ledger: Arc<Ledger>,
}

/// What the threads of an exporter that balances load share. Clones are the same one.
#[derive(Clone)]
pub struct BalancerShared(Arc<SharedState>);

struct SharedState {
    settings: BalancerSettings,
    handles: Handles,
    backends: watch::Sender<Arc<Backends>>,
    /// Held by the thread that resolves.
    turn: Mutex<()>,
    counts: Arc<Counts>,
    _series: [Registration; 4],
}

/// What is told of the backends.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) backends: AtomicU64,
    pub(crate) updates: AtomicU64,
    pub(crate) resolved: AtomicU64,
    pub(crate) failed: AtomicU64,
}

/// The backends at one time.
#[derive(Default)]
pub(super) struct Backends {
    pub(super) ring: Ring,
    /// By name.
    pub(super) list: Vec<Arc<Backend>>,
}

pub(super) struct Backend {
    pub(super) name: String,
    pub(super) lane: Lane,
}

impl BalancerShared {
    /// Prepares balancing of `signal` for the exporter with this id.
    ///
    /// # Errors
    /// What is wrong with one of the backends.
    pub fn new(exporter: &str, signal: Signal, settings: BalancerSettings, handles: Handles) -> Result<Self, String> {
        let counts = Arc::new(Counts::default());
        let resolver = if settings.resolver.is_some() { "dns" } else { "static" };
        let shared = BalancerShared(Arc::new(SharedState {
            _series: register_balancer(&handles.metrics, exporter, signal, resolver, &counts),
            backends: watch::Sender::default(),
            turn: Mutex::new(()),
            counts,
            settings,
            handles,
        }));
        let first = shared.0.settings.backends.clone();
        if !first.is_empty() {
            shared.update(first)?;
            shared.0.counts.resolved.fetch_add(1, Ordering::Relaxed);
        }
        Ok(shared)
    }

    /// Looks which backends there are, if they may change. One that cannot be found out leaves the list as it was.
    pub async fn resolve(&self) {
        let Some(resolver) = &self.0.settings.resolver else { return };
        let found = timeout(resolver.timeout, (resolver.resolve)()).await;
        let found = found.unwrap_or_else(|_| Err("the resolver's timeout passed".to_owned()));
        let found = found.and_then(|names| if names.is_empty() { Err("no backends".to_owned()) } else { Ok(names) });
        let counts = &self.0.counts;
        let count = if found.is_ok() { &counts.resolved } else { &counts.failed };
        count.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = found.and_then(|names| self.update(names)) {
            self.0.handles.log.emit(Level::Warn, "failed to resolve", &[("error", error.as_str().into())]);
        }
    }

    /// Keeps the list up to date, as long as no other thread does. Never ends if the list can change.
    pub(super) async fn keep_resolved(&self) {
        let Some(Resolver { interval, .. }) = &self.0.settings.resolver else { return };
        let _turn = self.0.turn.lock().await;
        loop {
            sleep(*interval).await;
            self.resolve().await;
        }
    }

    /// Makes `names` the backends. Those that were there before stay as they are.
    fn update(&self, mut names: Vec<String>) -> Result<(), String> {
        names.sort_unstable();
        names.dedup();
        let before = Arc::clone(&self.0.backends.borrow());
        if before.list.iter().map(|backend| &backend.name).eq(&names) {
            return Ok(());
        }
        let ring = Ring::new(&names);
        let list: Result<Vec<_>, String> = names
            .into_iter()
            .map(|name| match before.list.iter().find(|backend| backend.name == name) {
                Some(known) => Ok(Arc::clone(known)),
                None => Ok(Arc::new(Backend { lane: (self.0.settings.lane)(&name)?, name })),
            })
            .collect();
        let list = list?;
        let count = list.len() as u64;
        self.0.counts.backends.store(count, Ordering::Relaxed);
        self.0.counts.updates.fetch_add(1, Ordering::Relaxed);
        self.0.backends.send_replace(Arc::new(Backends { ring, list }));
        if self.0.settings.resolver.is_some() {
            self.0.handles.log.emit(Level::Info, "Backends changed.", &[("backends", count.into())]);
        }
        Ok(())
    }

    pub(super) fn settings(&self) -> &BalancerSettings {
        &self.0.settings
    }

    pub(super) fn handles(&self) -> &Handles {
        &self.0.handles
    }

    pub(super) fn backends(&self) -> watch::Receiver<Arc<Backends>> {
        self.0.backends.subscribe()
    }
}
