//! What a component is given and what it gives back, by kind.
//!
//! A configured component is built once as a *part* that all data-plane threads share, and then makes one instance
//! for every thread: instances are never shared and need no locks.

use std::cell::OnceCell;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use teleferric_buf::metrics::Metrics;
use teleferric_buf::{Ledger, Pool};
use teleferric_flow::log::Log;
use teleferric_flow::plugin::PluginPorts;
use teleferric_flow::{
    Account, BreakerSettings, Consumer, DeliverySettings, EndpointPolicy, Exporter, Fault, FaultCode, Gate, Handles,
    LocalFuture, Overload, Resolver, Stage, StoredLogs, TenantTable,
};
use teleferric_net::Workers;
use teleferric_wire::split::Key;
use teleferric_wire::{Limits, Signal};
use tokio::time::Instant;

use crate::listeners::Listeners;
use crate::receivers::otlp::dedup::DedupWindows;
use crate::receivers::otlp::ingest::IntakeRules;

/// What all components of one collector share.
pub struct Shared {
    /// The registry of metric series.
    pub metrics: Metrics,
    /// Log lines on their way to the control plane.
    pub log: Log,
    /// The program that this collector lives in.
    pub host: Arc<dyn Host>,
    /// The byte budget of the process.
    pub ledger: Arc<Ledger>,
    /// What is refused while too much comes.
    pub overload: Arc<Overload>,
    /// What tenants have used.
    pub tenants: Arc<TenantTable>,
    /// Where batches wait for plugins.
    pub plugins: Arc<PluginPorts>,
    /// Buffers.
    pub pool: Pool,
    /// Items that ended inside.
    pub account: Arc<Account>,
    /// Limits on what a request may contain.
    pub limits: Limits,
    /// Connections one listener may have open.
    pub max_connections: usize,
    /// Name and version sent to other servers.
    pub user_agent: String,
    /// Whether the metrics of telemetry level `detailed` are wanted.
    pub detailed: bool,
    /// Logs on disk that queues lie in.
    pub storages: StoredLogs,
    /// What receivers remember of requests that were taken.
    pub dedup_windows: DedupWindows,
    /// The data-plane threads.
    pub workers: Arc<Workers>,
}

impl Shared {
    /// The handles that a stage of flow wants, logging in the name of a component.
    pub fn handles(&self, kind: &str, id: &str, signal: Signal) -> Handles {
        Handles {
            log: self.log.with(&[
                ("otelcol.component.id", id),
                ("otelcol.component.kind", kind),
                ("otelcol.signal", signal.name()),
            ]),
            metrics: self.metrics.clone(),
            detailed: self.detailed,
            account: self.account.part(id, signal),
            pool: self.pool.clone(),
        }
    }
}

/// The program that this collector lives in. It owns its streams and its process: the core writes to none and ends
/// nothing, it only tells.
pub trait Host: Send + Sync {
    /// Hands over text that the `debug` exporter prints to `target` (`log`, `stdout`, `stderr` or a path), with
    /// fields for a log line. `false`: no room now, try again.
    fn print(&self, target: &str, text: &str, fields: &[(&'static str, u64)]) -> bool;

    /// Tells of something that happened: `fatal` when a component cannot go on, or a component's own word.
    fn tell(&self, kind: &'static str, facts: serde_json::Value);
}

/// Why a component cannot be built or started, in the words of the one who runs the collector.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct StartError(pub String);

impl StartError {
    /// An error with this text.
    pub fn new(text: impl Into<String>) -> Self {
        StartError(text.into())
    }
}

/// The refusal of a request for want of memory.
pub(crate) fn pressure(error: &dyn std::fmt::Display) -> Fault {
    Fault::new(FaultCode::MemoryPressure, error.to_string())
}

/// Tells the host of a worker at `port` that has not answered in time.
pub(crate) fn on_stuck(shared: &Arc<Shared>, port: &str) -> Box<dyn Fn(u64) + Send + Sync> {
    let (host, port) = (Arc::clone(&shared.host), port.to_owned());
    Box::new(move |seat| host.tell("plugin_stuck", serde_json::json!({ "port": port, "seat": seat })))
}

/// The instance of an exporter for one signal, before queue, retry and timeout are put in front of it.
pub struct ExporterPart {
    /// Where it sends to.
    pub destination: DestinationPart,
    /// What stands in front of it.
    pub delivery: DeliverySettings,
    /// Labels of its metrics beside `exporter`.
    pub labels: Vec<(&'static str, String)>,
}

impl ExporterPart {
    /// An exporter without a network between it and where its data goes.
    pub fn local(make: MakeExporter, delivery: DeliverySettings) -> Self {
        let endpoint = EndpointPart { make, address: String::new(), breaker: None, priority: 0, weight: 1 };
        ExporterPart { destination: DestinationPart::One(endpoint), delivery, labels: Vec::new() }
    }
}

/// Where an exporter sends to.
pub enum DestinationPart {
    /// One endpoint.
    One(EndpointPart),
    /// Several that stand in for each other.
    Pool(Vec<EndpointPart>, EndpointPolicy),
    /// Several that have a part of the data each.
    Balanced(BalancedPart),
}

/// Backends that have a part of the data each.
pub struct BalancedPart {
    /// What belongs together.
    pub key: Key,
    /// The backends to begin with.
    pub backends: Vec<String>,
    /// What changes them, if anything does.
    pub resolver: Option<Resolver>,
    /// Makes the exporter to a backend, and the id that this one goes by.
    pub lane: MakeLane,
}

/// Makes the exporter to a backend.
pub type MakeLane = Arc<dyn Fn(&str) -> Result<(String, ExporterPart), StartError> + Send + Sync>;

/// One endpoint of an exporter. All signals that an exporter sends to an address share its circuit breaker.
pub struct EndpointPart {
    /// Makes the instance that sends there.
    pub make: MakeExporter,
    /// Host and port, or the path of a socket; empty where there is no network.
    pub address: String,
    /// When its breaker opens and closes, if it has one.
    pub breaker: Option<BreakerSettings>,
    /// Lower is better; only told apart from others.
    pub priority: u32,
    /// Share among those of its priority.
    pub weight: u32,
}

/// Makes the instance of one data-plane thread; called on that thread.
pub type MakeExporter = Box<dyn Fn() -> Result<Rc<dyn Exporter>, StartError> + Send + Sync>;

/// A configured processor or connector: makes the stage that hands on to `next`.
pub trait StagePart: Send + Sync {
    /// The instance of one data-plane thread; called on that thread.
    fn stage(&self, next: Rc<dyn Consumer>) -> Rc<dyn Stage>;
}

/// A configured connector, by what it hands on to.
pub enum ConnectorPart {
    /// All pipelines behind it.
    All(Box<dyn StagePart>),
    /// Levels of pipelines, by their ids, that stand in for each other; the best level first.
    Levels(Vec<Vec<String>>, Box<dyn LevelsPart>),
}

/// A configured connector that chooses among levels of pipelines.
pub trait LevelsPart: Send + Sync {
    /// The instance of one data-plane thread, in front of `levels`; called on that thread.
    fn stage(&self, levels: Vec<Rc<dyn Consumer>>) -> Rc<dyn Stage>;
}

/// Finds, on a data-plane thread, what a receiver hands its data to.
pub type Outputs = Arc<dyn Fn() -> LocalOutputs + Send + Sync>;

/// The consumers of one receiver on one data-plane thread, by signal. Clones are the same ones.
#[derive(Clone, Default)]
pub struct LocalOutputs {
    outputs: [Option<Output>; Signal::ALL.len()],
    successor: Rc<OnceCell<LocalOutputs>>,
}

/// Where requests of one signal go, and the gate in front of it.
#[derive(Clone)]
struct Output {
    consumer: Rc<dyn Consumer>,
    gate: Arc<Gate>,
}

impl LocalOutputs {
    /// The consumer of `signal`, if a pipeline takes it. After a reload it is one of the graph that runs then, so that
    /// a request which began before goes where its successors go.
    pub fn get(&self, signal: Signal) -> Option<&Rc<dyn Consumer>> {
        self.output(signal).map(|output| &output.consumer)
    }

    /// What says whether the consumer of `signal` takes more at the moment.
    pub fn gate(&self, signal: Signal) -> Option<&Gate> {
        self.output(signal).map(|output| &*output.gate)
    }

    fn output(&self, signal: Signal) -> Option<&Output> {
        match self.successor.get() {
            Some(successor) => successor.output(signal),
            None => self.outputs.get(signal.index()).and_then(Option::as_ref),
        }
    }

    /// Sets the consumer of `signal` and the gate in front of it.
    pub fn set(&mut self, signal: Signal, consumer: Rc<dyn Consumer>, gate: Arc<Gate>) {
        if let Some(slot) = self.outputs.get_mut(signal.index()) {
            *slot = Some(Output { consumer, gate });
        }
    }

    /// Leaves everything that comes from now on to `successor`. The first call counts.
    pub fn leave_to(&self, successor: LocalOutputs) {
        // A second successor would be one of a graph that is gone.
        let _ = self.successor.set(successor);
    }
}

/// Where a receiver listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listening {
    /// The receiver's id.
    pub component: String,
    /// `grpc` or `http`.
    pub protocol: &'static str,
    /// The address taken; none if the host has the socket.
    pub address: Option<Address>,
}

/// An address of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A TCP address.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Address::Tcp(address) => address.fmt(f),
            Address::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

/// A configured receiver.
pub trait ReceiverPart: Send + Sync {
    /// Starts taking data in. Listeners come from `listeners`, which hands over those that an earlier graph held.
    fn start(&self, outputs: Outputs, listeners: &mut Listeners) -> Result<Vec<Listening>, StartError>;

    /// The rules for what is handed over by the host.
    fn intake_rules(&self) -> Arc<IntakeRules> {
        Arc::default()
    }

    /// Ends what is not a listener (a generator, say), no later than `deadline`.
    fn stop(&self, deadline: Option<Instant>) -> LocalFuture<'_, ()> {
        let _ = deadline;
        Box::pin(async {})
    }
}
