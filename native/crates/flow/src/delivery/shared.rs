//! How the requests of an exporter are delivered, and what the deliveries of all data-plane threads share.

use std::sync::Arc;
use std::time::Duration;

use teleferric_buf::Ledger;
use teleferric_buf::metrics::Registration;
use teleferric_wire::Signal;

use crate::batcher::BatchSettings;
use crate::budget::BudgetShared;
use crate::credentials::Credentials;
use crate::guard::EndpointBreaker;
use crate::handles::Handles;
use crate::metrics::register_queue;
use crate::partition::Partitioning;
use crate::queue::{QueueSettings, Room};
use crate::retry::RetrySettings;
use crate::stored::{StorageSettings, StoredQueue};

/// How an exporter's requests are delivered.
#[derive(Clone, Debug)]
pub struct DeliverySettings {
    /// `sending_queue`; without it the sender waits for the outcome.
    pub queue: Option<QueueSettings>,
    /// `sending_queue.batch`, only beside a queue.
    pub batch: Option<QueueBatchSettings>,
    /// `retry_on_failure`, if enabled.
    pub retry: Option<RetrySettings>,
    /// `timeout` of one attempt; zero is no limit.
    pub timeout: Duration,
    /// `sending_queue.storage`, only beside a queue; without it that is in memory.
    pub storage: Option<StorageSettings>,
}

/// `sending_queue.batch` of an exporter.
#[derive(Clone, Debug)]
pub struct QueueBatchSettings {
    /// Sizes and flush timeout.
    pub batch: BatchSettings,
    /// `partition.metadata_keys`.
    pub partitioning: Partitioning,
}

/// Where the requests of a queue lie on disk.
#[derive(Clone)]
pub struct Storage {
    /// The queue.
    pub queue: StoredQueue,
    /// How long a request is kept; zero is for ever.
    pub max_age: Duration,
    /// What requests that are being sent are counted in.
    pub ledger: Arc<Ledger>,
}

impl Storage {
    /// Whether a request that was written down may stay in memory for as long as its turn is near: not while memory
    /// runs short, nor while the log is so full that its readers are far behind.
    pub(super) fn may_keep(&self) -> bool {
        self.ledger.used() <= self.ledger.limit() / 2 && self.queue.log_fill_percent() < PERSIST_ONLY_PERCENT
    }
}

/// How full a log is when nothing that goes there stays in memory any more: where level 3 of degradation begins.
const PERSIST_ONLY_PERCENT: u64 = 95;

/// What the deliveries of all threads to one exporter share. Clones are the same one.
#[derive(Clone)]
pub struct DeliveryShared(pub(super) Arc<SharedState>);

pub(super) struct SharedState {
    pub(super) exporter: Box<str>,
    pub(super) signal: Signal,
    pub(super) labels: Vec<(Box<str>, Box<str>)>,
    pub(super) settings: DeliverySettings,
    pub(super) breaker: Option<EndpointBreaker>,
    pub(super) handles: Handles,
    pub(super) room: Option<Room>,
    pub(super) stored: Option<Storage>,
    pub(super) credentials: Arc<Credentials>,
    pub(super) budget: Option<Arc<BudgetShared>>,
    _gauges: Option<[Registration; 4]>,
}

impl DeliveryShared {
    /// Prepares delivery of `signal` to the exporter with this id. `labels` are added to its counters, such as
    /// `server_address`. `breaker` is that of its endpoint, if it has just one. `stored` is where the queue lies, if not in
    /// memory.
    pub fn new(
        exporter: &str,
        signal: Signal,
        labels: &[(&str, &str)],
        settings: DeliverySettings,
        breaker: Option<EndpointBreaker>,
        stored: Option<Storage>,
        handles: Handles,
    ) -> Self {
        let queue = stored.as_ref().map(|stored| &stored.queue);
        let room = settings.queue.as_ref().map(|settings| Room::new(settings, queue));
        let credentials = Arc::new(Credentials::new());
        let gauges = room.as_ref().map(|room| register_queue(&handles.metrics, exporter, signal, room, &credentials));
        DeliveryShared(Arc::new(SharedState {
            exporter: exporter.into(),
            signal,
            labels: labels.iter().map(|(name, value)| (Box::from(*name), Box::from(*value))).collect(),
            budget: settings.retry.as_ref().map(|retry| BudgetShared::new(retry.budget)),
            settings,
            breaker,
            handles,
            room,
            stored,
            credentials,
            _gauges: gauges,
        }))
    }

    /// The room of the queue, if there is one.
    pub fn room(&self) -> Option<&Room> {
        self.0.room.as_ref()
    }

    /// Whether it keeps requests or tries them again, rather than only passing them on.
    pub(crate) fn keeps_or_retries(&self) -> bool {
        self.0.settings.queue.is_some() || self.0.settings.retry.is_some()
    }

    /// For one attempt; zero is no limit.
    pub(crate) fn timeout(&self) -> Duration {
        self.0.settings.timeout
    }

    /// Units in the queue over all threads, including requests being sent; zero without a queue.
    pub fn queue_size(&self) -> u64 {
        self.0.room.as_ref().map_or(0, Room::used)
    }
}
