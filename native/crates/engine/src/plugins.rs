//! The way of the host's threads to the batches of plugins. A thread names the collector by a number, because the object
//! that stands for it belongs to another thread.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::json;
use teleferric_flow::plugin::{FailureReason, PluginBatch, PluginPorts, PluginSeat};
use teleferric_flow::{Context, Retry};

use crate::Done;
use crate::control::Shown;
use crate::ingest::{self, Ingest};

/// Every collector of the process.
static COLLECTORS: LazyLock<Mutex<HashMap<u64, Found>>> = LazyLock::new(Mutex::default);
static NUMBERS: AtomicU64 = AtomicU64::new(1);

/// What workers find of a collector.
struct Found {
    ports: Weak<PluginPorts>,
    shown: Weak<Shown>,
}

/// A collector that workers can find, until this is dropped.
pub struct Listed {
    number: u64,
    ports: Arc<PluginPorts>,
}

impl Listed {
    /// Lists a collector by its ports, and what is shown of it.
    pub fn new(ports: &Arc<PluginPorts>, shown: &Arc<Shown>) -> Self {
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let found = Found { ports: Arc::downgrade(ports), shown: Arc::downgrade(shown) };
        COLLECTORS.lock().insert(number, found);
        Listed { number, ports: Arc::clone(ports) }
    }

    /// What workers name it by.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Its ports.
    pub fn ports(&self) -> &PluginPorts {
        &self.ports
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        COLLECTORS.lock().remove(&self.number);
    }
}

/// A thread of the host that works on the batches of one plugin. Dropping it fails those it has in hand.
pub struct PluginWorker {
    seat: PluginSeat,
    shown: Weak<Shown>,
}

/// A batch to work on.
pub struct PluginWork {
    /// What it is answered by.
    pub number: u64,
    /// `traces`, `metrics`, `logs` or `profiles`.
    pub signal: &'static str,
    /// Spans, data points, log records or samples.
    pub items: u64,
    /// Who sent it, as JSON `{tenant, peer, metadata}`; empty if nothing is known.
    pub context: String,
    /// The request.
    pub body: Vec<u8>,
}

/// Why the work on a batch failed, as the host writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Failure {
    message: String,
    stack: Option<String>,
    kind: FailureKind,
    /// Whether the same batch would fail again.
    permanent: bool,
    /// When to try again, milliseconds.
    delay_ms: Option<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum FailureKind {
    Thrown,
    Malformed,
    Timeout,
}

impl PluginWorker {
    /// Begins to work at a port of a collector; `wake` is called from any thread when there is something to fetch after
    /// nothing was. None: there is no such collector any more.
    pub fn begin(collector: u64, port: &str, wake: impl Fn() + Send + 'static) -> Option<Self> {
        let (ports, shown) = {
            let collectors = COLLECTORS.lock();
            let Found { ports, shown } = collectors.get(&collector)?;
            (ports.upgrade()?, Weak::clone(shown))
        };
        Some(PluginWorker { seat: ports.open(port).sit(wake), shown })
    }

    /// Takes a request that the plugin of a receiver has received. The bytes are copied before this returns.
    pub fn emit(&self, request: Ingest, body: &[u8], done: Done) {
        let running = self.shown.upgrade().and_then(|shown| shown.running());
        ingest::take(running, request, body, done);
    }

    /// What the collector knows this worker by.
    pub fn seat(&self) -> u64 {
        self.seat.number()
    }

    /// The next batch; its bytes are copied here.
    pub fn fetch(&self) -> Option<PluginWork> {
        let (number, PluginBatch { signal, items, payload, context }) = self.seat.fetch()?;
        let body = payload.chunks().concat();
        Some(PluginWork { number, signal: signal.name(), items, context: describe(&context), body })
    }

    /// Answers that the batch is well as it is.
    pub fn keep(&self, number: u64) {
        self.seat.keep(number);
    }

    /// Answers that nothing of the batch is left.
    pub fn drop_batch(&self, number: u64) {
        self.seat.drop_batch(number);
    }

    /// Answers with another request, which is checked and copied here.
    pub fn replace(&self, number: u64, request: &[u8]) {
        self.seat.replace(number, request);
    }

    /// Answers that the work failed: JSON `{message, stack, kind, permanent, delayMs}`.
    ///
    /// # Errors
    /// A sentence about what cannot be read.
    pub fn fail(&self, number: u64, failure: &str) -> Result<(), String> {
        let failure: Failure = serde_json::from_str(failure).map_err(|error| format!("no failure: {error}"))?;
        let reason = match failure.kind {
            FailureKind::Thrown => FailureReason::Thrown,
            FailureKind::Malformed => FailureReason::Malformed,
            FailureKind::Timeout => FailureReason::Timeout,
        };
        let delay = failure.delay_ms.and_then(|ms| Duration::try_from_secs_f64(ms / 1000.0).ok());
        let retry = match delay {
            _ if failure.permanent => Retry::Never,
            Some(delay) => Retry::After(delay),
            None => Retry::Backoff,
        };
        self.seat.fail(number, reason, failure.message, failure.stack, retry);
        Ok(())
    }
}

fn describe(Context { metadata, peer, tenant, .. }: &Context) -> String {
    if metadata.is_empty() && peer.is_none() && tenant.is_none() {
        return String::new();
    }
    json!({ "tenant": tenant.as_deref(), "peer": peer.map(|peer| peer.to_string()), "metadata": metadata }).to_string()
}
