//! A started collector: its threads, its listeners and the graph that runs on them now.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use teleferric_buf::metrics::Metrics;
use teleferric_buf::{Ledger, Pool};
use teleferric_flow::log::Log;
use teleferric_flow::plugin::PluginPorts;
use teleferric_flow::{Overload, StoredLogs, TenantTable};
use teleferric_net::{Door, Workers};
use teleferric_parts::component::{Listening, Outputs, Shared, StartError};
use teleferric_parts::listeners::{Listeners, Name};
use teleferric_parts::receivers::otlp::dedup::DedupWindows;
use teleferric_parts::receivers::otlp::ingest::IntakeRules;
use teleferric_tasks::{catch, report_panic, spawn_supervised};
use teleferric_wire::Limits;
use tokio::sync::{Mutex, Notify};
use tokio::time::Instant;

use crate::document::Document;
use crate::events::Events;
use crate::graph;
use crate::plan::{Plan, Receiver, ReceiverPlan};
use crate::sending::Senders;
use crate::telemetry::{MemoryGauges, Totals};

/// A started collector.
pub struct Running {
    shared: Arc<Shared>,
    /// Held for as long as the graph is being changed.
    graph: Mutex<Graph>,
    /// What the host may ask at any time, also while the graph is being changed.
    seen: parking_lot::Mutex<Seen>,
    generation: AtomicU64,
    _memory_gauges: MemoryGauges,
}

struct Graph {
    up: Up,
    listeners: Listeners,
    drain_timeout: Option<Duration>,
}

/// A graph that is up on every thread.
struct Up {
    plan: Arc<Plan>,
    senders: Arc<Senders>,
    receivers: Vec<Receiver>,
}

/// What can be seen of the graph that takes data in.
#[derive(Default)]
struct Seen {
    /// The ways in without a socket.
    entries: Vec<Entry>,
    listening: Vec<Listening>,
    /// The ways in for requests that the host has received.
    doors: HashMap<Name, Door>,
}

/// A receiver of a graph, for what is handed over without a socket.
#[derive(Clone)]
pub struct Entry {
    /// The generation of the graph.
    pub generation: u64,
    /// The receiver's id.
    pub receiver: String,
    /// The rules for its requests.
    pub rules: Arc<IntakeRules>,
}

impl Seen {
    fn new(plan: &Plan, listening: &[Listening], doors: HashMap<Name, Door>) -> Self {
        let entry = |receiver: &ReceiverPlan| Entry {
            generation: plan.generation,
            receiver: receiver.id.clone(),
            rules: Arc::clone(&receiver.rules),
        };
        let entries = plan.receivers.iter().map(entry).collect();
        Seen { entries, listening: listening.to_vec(), doors }
    }
}

impl Entry {
    /// Whether it is that of `receiver`; without a name, whether it may be taken for the host's.
    fn is_of(&self, receiver: Option<&str>) -> bool {
        match receiver {
            Some(id) => self.receiver == id,
            None => self.receiver == "otlp" || self.receiver.starts_with("otlp/"),
        }
    }
}

impl Running {
    /// Builds and starts the graph of `document` on threads of its own. On failure nothing is left behind.
    ///
    /// # Errors
    /// What a component refuses, an address in use among them.
    pub async fn start(
        document: &Document,
        events: &Arc<Events>,
        metrics: &Metrics,
        totals: &Totals,
        plugins: &Arc<PluginPorts>,
    ) -> Result<(Running, Vec<Listening>), StartError> {
        let workers = start_workers(document)?;
        let shared = Arc::new(share(document, events, metrics, totals, plugins, workers));
        let memory_gauges = MemoryGauges::new(metrics, &shared);
        let mut listeners = Listeners::default();
        match bring_up(document, 1, &shared, &mut listeners, None).await {
            Ok((up, listening)) => {
                let seen = Seen::new(&up.plan, &listening, listeners.doors());
                let graph = Graph { up, listeners, drain_timeout: drain_timeout(document) };
                let running = Running {
                    shared,
                    graph: Mutex::new(graph),
                    seen: parking_lot::Mutex::new(seen),
                    generation: AtomicU64::new(1),
                    _memory_gauges: memory_gauges,
                };
                Ok((running, listening))
            }
            Err(error) => {
                drop(listeners);
                shared.workers.shutdown(Duration::ZERO);
                Err(error)
            }
        }
    }

    /// Puts the graph of `document` in the place of the running one: what has changed is built beside the old, listeners
    /// that both have stay open, then what only the old one had is drained. The memory limit follows the document;
    /// threads and the limits on what senders may do stay as they were.
    ///
    /// # Errors
    /// What a component refuses; the old graph then goes on as if nothing had been asked.
    pub async fn reload(&self, document: &Document) -> Result<Vec<Listening>, StartError> {
        let mut graph = self.graph.lock().await;
        let Graph { up, listeners, .. } = &mut *graph;
        let generation = self.generation.fetch_add(1, Ordering::Relaxed) + 1;
        let (new, listening) = bring_up(document, generation, &self.shared, listeners, Some(up)).await?;
        *self.seen.lock() = Seen::new(&new.plan, &listening, listeners.doors());
        self.shared.ledger.set_limit(document.service.memory_limit_bytes);
        let old = std::mem::replace(up, new);
        let deadline = graph.drain_timeout.map(|limit| Instant::now() + limit);
        graph.drain_timeout = drain_timeout(document);
        let old_generation = old.plan.generation;
        on_all(
            &self.shared.workers,
            "graph.supersede",
            move || async move { graph::supersede(old_generation, generation) },
        )
        .await;
        for (_, receiver) in &old.receivers {
            receiver.stop(deadline).await;
        }
        graph.listeners.retire(deadline).await;
        drain_stages(&self.shared.workers, old_generation, deadline).await;
        Ok(listening)
    }

    /// Stops taking data in, delivers what is held by `deadline`, then ends the threads.
    pub async fn drain(&self, deadline: Option<Instant>) {
        let mut graph = self.graph.lock().await;
        *self.seen.lock() = Seen::default();
        for (_, receiver) in &graph.up.receivers {
            receiver.stop(deadline).await;
        }
        // Requests under way may wait for the very stages that the drain empties, so after a head start both go on
        // together.
        graph.listeners.stop_accepting();
        let closed = Notify::new();
        let listeners = async {
            graph.listeners.close(deadline).await;
            closed.notify_one();
        };
        let stages = async {
            // Either way the stages come next.
            let _ = tokio::time::timeout(LISTENER_HEAD_START, closed.notified()).await;
            on_all(&self.shared.workers, "graph.drain", move || graph::drain_all(deadline)).await;
        };
        tokio::join!(listeners, stages);
        drop(graph);
        self.end(Duration::from_millis(100));
    }

    /// Ends all threads; what they still hold is refused or counted as dropped.
    pub fn end(&self, grace: Duration) {
        for worker in 0..self.shared.workers.len() {
            let generations = 1..=self.generation.load(Ordering::Relaxed);
            self.shared.workers.spawn_on(
                worker,
                "graph.forget",
                move || async move { generations.for_each(graph::forget) },
            );
        }
        self.shared.workers.shutdown(grace);
    }

    /// What all components share.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The way in without a socket: that of `receiver`, else of the first `otlp` receiver. Nothing if there is none, or
    /// once the graph is drained.
    pub fn entry(&self, receiver: Option<&str>) -> Option<Entry> {
        self.seen.lock().entries.iter().find(|entry| entry.is_of(receiver)).cloned()
    }

    /// The way in for requests to a listener that the host has received. Nothing if there is no such listener, or once
    /// the graph is drained.
    pub fn door(&self, name: &Name) -> Option<Door> {
        self.seen.lock().doors.get(name).cloned()
    }

    /// Where the collector listens.
    pub fn listening(&self) -> Vec<Listening> {
        self.seen.lock().listening.clone()
    }
}

/// How long running requests alone get before the stages behind them are emptied too.
const LISTENER_HEAD_START: Duration = Duration::from_millis(500);

fn start_workers(document: &Document) -> Result<Arc<Workers>, StartError> {
    let threads = match document.service.threads {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        written => written as usize,
    };
    Workers::start(threads, "teleferric")
        .map_err(|error| StartError::new(format!("cannot start data-plane threads: {error}")))
}

fn share(
    document: &Document,
    events: &Arc<Events>,
    metrics: &Metrics,
    totals: &Totals,
    plugins: &Arc<PluginPorts>,
    workers: Arc<Workers>,
) -> Shared {
    let limits = &document.service.limits;
    let ledger = Ledger::new(document.service.memory_limit_bytes);
    let log = Log::new(Arc::clone(events) as _, &[]);
    let overload = Overload::new(Arc::clone(&ledger), log.clone(), metrics);
    let watched = Arc::downgrade(&overload);
    // Ends with the overload control.
    spawn_supervised("overload.watch", async move || Overload::watch(watched.clone()).await);
    Shared {
        metrics: metrics.clone(),
        log,
        host: Arc::clone(events) as _,
        ledger,
        overload,
        tenants: TenantTable::new(metrics),
        plugins: Arc::clone(plugins),
        pool: Pool::default(),
        account: totals.account(),
        limits: Limits {
            max_items: limits.max_items,
            max_depth: limits.max_depth,
            max_attributes: limits.max_attributes,
        },
        max_connections: limits.max_connections as usize,
        user_agent: document.service.user_agent.clone(),
        detailed: document.service.telemetry_level == "detailed",
        storages: StoredLogs::default(),
        dedup_windows: DedupWindows::default(),
        workers,
    }
}

fn drain_timeout(document: &Document) -> Option<Duration> {
    let timeout = document.service.drain_timeout;
    (!timeout.is_zero()).then_some(timeout)
}

/// Builds on every thread what the graph of `document` has and `before` has not, and starts its receivers. On failure
/// nothing of it is left.
async fn bring_up(
    document: &Document,
    generation: u64,
    shared: &Arc<Shared>,
    listeners: &mut Listeners,
    before: Option<&Up>,
) -> Result<(Up, Vec<Listening>), StartError> {
    let built = catch("graph.bring_up", try_bring_up(document, generation, shared, listeners, before)).await;
    let built = built.unwrap_or_else(|payload| {
        report_panic("graph.bring_up", &payload);
        Err(StartError::new("internal error"))
    });
    if built.is_err() {
        listeners.roll_back();
        drain_stages(&shared.workers, generation, Some(Instant::now())).await;
    }
    built
}

async fn try_bring_up(
    document: &Document,
    generation: u64,
    shared: &Arc<Shared>,
    listeners: &mut Listeners,
    before: Option<&Up>,
) -> Result<(Up, Vec<Listening>), StartError> {
    let (plan, receivers) = Plan::build(document, generation, shared, before.map(|before| &*before.plan))?;
    let senders = Senders::new(&plan, shared, before.map(|before| &*before.senders)).await?;
    let up = Up { plan: Arc::new(plan), senders: Arc::new(senders), receivers };
    build_on_all(&up.plan, &up.senders, shared).await?;
    let listening = start_receivers(&up.receivers, generation, listeners).await?;
    Ok((up, listening))
}

async fn build_on_all(plan: &Arc<Plan>, senders: &Arc<Senders>, shared: &Arc<Shared>) -> Result<(), StartError> {
    for worker in 0..shared.workers.len() {
        let (plan, senders) = (Arc::clone(plan), Arc::clone(senders));
        shared
            .workers
            .run_on(worker, "graph.build", move || async move { graph::build(&plan, &senders) })
            .await
            .map_err(|error| StartError::new(error.to_string()))??;
    }
    Ok(())
}

async fn start_receivers(
    receivers: &[Receiver],
    generation: u64,
    listeners: &mut Listeners,
) -> Result<Vec<Listening>, StartError> {
    let mut listening = Vec::new();
    listeners.begin();
    for (id, receiver) in receivers {
        let receiver_id = id.clone();
        let outputs: Outputs = Arc::new(move || graph::outputs(generation, &receiver_id));
        match receiver.start(outputs, listeners) {
            Ok(addresses) => listening.extend(addresses),
            Err(error) => return Err(StartError::new(format!("receivers::{id}: {error}"))),
        }
    }
    listeners.commit().await;
    Ok(listening)
}

async fn drain_stages(workers: &Arc<Workers>, generation: u64, deadline: Option<Instant>) {
    on_all(workers, "graph.drain", move || graph::drain(generation, deadline)).await;
}

/// Does this on all threads at once.
async fn on_all<W: Future<Output = ()> + 'static>(
    workers: &Arc<Workers>,
    name: &'static str,
    work: impl Fn() -> W + Clone + Send + 'static,
) {
    let jobs: Vec<_> = (0..workers.len()).map(|worker| workers.run_on(worker, name, work.clone())).collect();
    for job in jobs {
        // A worker that is gone has no graph.
        let _ = job.await;
    }
}
