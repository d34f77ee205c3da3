//! From one configuration document to a running graph: build, start, reload, drain, stop, and what the host may ask
//! meanwhile. The addon is a thin shell around [`Engine`].

#![forbid(unsafe_code)]

mod balancing;
mod control;
mod destinations;
pub mod document;
mod events;
mod exchange;
mod flush;
mod gates;
mod graph;
mod ingest;
mod node;
mod plan;
mod plugins;
mod running;
mod sending;
mod storage;
mod telemetry;

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde_json::json;
use teleferric_buf::metrics::Metrics;
use teleferric_flow::log::{Level, Log};
use teleferric_flow::plugin::PluginPorts;
use teleferric_parts::component::Host;
use teleferric_tasks::{PanicHook, fence, set_hook, spawn_thread};
use tokio::sync::mpsc;
use tokio::time::Instant;

use control::{Command, Reply, Shown};
use events::Events;
pub use exchange::{Answer, Exchange};
pub use ingest::Ingest;
pub use plugins::{PluginWork, PluginWorker};
use telemetry::Totals;

/// Takes the JSON answer of a command, on any thread, exactly once.
pub type Done = Box<dyn FnOnce(String) + Send>;

/// One collector as its host sees it. All methods return at once; dropping it ends everything.
pub struct Engine {
    commands: mpsc::UnboundedSender<Command>,
    events: Arc<Events>,
    metrics: Metrics,
    /// Kept beyond the control thread: what a drain had to drop is read after it.
    totals: Arc<Totals>,
    plugins: plugins::Listed,
    shown: Arc<Shown>,
    control: Option<thread::JoinHandle<()>>,
}

impl Engine {
    /// A collector that is not started. `wake` is called from any thread when [`Engine::take_events`] has something.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn new(wake: Arc<dyn Fn() + Send + Sync>) -> io::Result<Engine> {
        let (commands, queue) = mpsc::unbounded_channel();
        let events = Events::new(wake);
        let metrics = Metrics::new();
        let totals = Arc::new(Totals::new(&metrics));
        let shown = Arc::new(Shown::default());
        let ports = Arc::new(PluginPorts::new(&metrics));
        let plugins = plugins::Listed::new(&ports, &shown);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let (its_events, its_metrics) = (Arc::clone(&events), metrics.clone());
        let (its_totals, its_shown) = (Arc::clone(&totals), Arc::clone(&shown));
        let obey = move || {
            let work = control::obey(queue, its_events, its_metrics, its_totals, ports, its_shown);
            tokio::task::LocalSet::new().block_on(&runtime, work);
        };
        // For all threads of this collector, each of which the control thread begins.
        set_hook(Some(panic_hook(&events, &totals)));
        // Commands are answered as they are dropped with it.
        let control = spawn_thread("control.thread", "teleferric-control".to_owned(), obey, || {});
        set_hook(None);
        Ok(Engine { commands, events, metrics, totals, plugins, shown, control: Some(control?) })
    }

    /// Builds and starts the graph of a configuration document.
    pub fn start(&self, config: String, done: Done) {
        self.send(Command::Start(config, Reply::by(done)));
    }

    /// Puts the graph of another document in the place of the running one.
    pub fn reload(&self, config: String, done: Done) {
        self.send(Command::Reload(config, Reply::by(done)));
    }

    /// Stops taking data in, delivers what is held within `limit` (none: however long it takes) and ends.
    pub fn drain(&self, limit: Option<Duration>, done: Done) {
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        self.send(Command::Drain(deadline, Reply::by(done)));
    }

    /// Sends batches that are being collected, and answers when everything has left memory that was held when this was
    /// called, or `limit` is over (none: however long it takes). Data goes on coming.
    pub fn flush(&self, limit: Option<Duration>, done: Done) {
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        flush::start(&self.shown, deadline, done);
    }

    /// Ends now.
    pub fn stop(&self) {
        self.send(Command::Stop);
    }

    /// Takes a request body as if it had come to a receiver. The bytes are copied before this returns.
    pub fn ingest(&self, request: Ingest, body: &[u8], done: Done) {
        ingest::take(self.shown.running(), request, body, done);
    }

    /// Hands over a request that the host has received; its body follows through the exchange. `head` is JSON:
    /// `{receiver, protocol, method, target, headers, peer, declared, context}`, of which the last three may be null and
    /// `headers` is a list of names and values by turns. `then` is told the answer on another thread, or that there is
    /// none because the exchange was dropped or the collector ends.
    ///
    /// # Errors
    /// A sentence about a head that cannot be read.
    pub fn exchange(&self, head: &str, then: impl FnOnce(Option<Answer>) + Send + 'static) -> Result<Exchange, String> {
        exchange::begin(self.shown.running().as_deref(), head, then)
    }

    /// What threads of the host name this collector by when they begin to work for its plugins.
    pub fn plugin_host(&self) -> u64 {
        self.plugins.number()
    }

    /// Takes its seat from a worker that has ended, or will: what it has in hand fails with this message.
    pub fn vacate_plugin(&self, port: &str, seat: u64, message: &str) {
        self.plugins.ports().open(port).vacate(seat, message);
    }

    /// Forgets a port that no component uses any more.
    pub fn close_plugin(&self, port: &str) {
        self.plugins.ports().close(port);
    }

    /// Counts a worker of a component that was started in the place of another.
    pub fn count_plugin_restart(&self, component: &str) {
        self.plugins.ports().count_restart(component);
    }

    /// The metric series, as JSON.
    pub fn metrics_catalogue(&self) -> String {
        let catalogue = self.metrics.catalogue();
        let series: Vec<_> = catalogue
            .series
            .iter()
            .map(|series| {
                let labels: serde_json::Map<_, _> =
                    series.labels.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
                json!({
                    "name": series.name,
                    "help": series.help,
                    "type": series.kind.name(),
                    "labels": labels,
                    "offset": series.offset,
                    "bounds": series.bounds,
                })
            })
            .collect();
        let length: usize = catalogue.series.iter().map(|series| series.kind.width()).sum();
        json!({ "version": catalogue.version, "length": length, "series": series }).to_string()
    }

    /// Writes all numbers into `into` and returns the version of the catalogue that they follow.
    pub fn metrics_snapshot(&self, into: &mut [f64]) -> u64 {
        self.metrics.snapshot(into)
    }

    /// Log lines and other events since the last call, as JSON.
    pub fn take_events(&self) -> String {
        self.events.take()
    }

    /// What was dropped since the last call, as JSON.
    pub fn take_drops(&self) -> String {
        let drops = self.totals.account().take_drops();
        let rows: Vec<_> = drops
            .iter()
            .map(|drops| {
                let (component, signal) = drops.by.as_ref().map(|(id, signal)| (&**id, signal.name())).unzip();
                json!({ "component": component, "signal": signal, "reason": drops.reason.label(), "items": drops.items })
            })
            .collect();
        json!(rows).to_string()
    }

    /// Listeners and threads of the running collector, as JSON.
    pub fn status(&self) -> String {
        match self.shown.running() {
            None => json!({ "running": false }).to_string(),
            Some(running) => json!({
                "running": true,
                "threads": running.shared().workers.len(),
                "listeners": control::listeners(&running.listening()),
                "memory_used_bytes": running.shared().ledger.used(),
                "memory_limit_bytes": running.shared().ledger.limit(),
            })
            .to_string(),
        }
    }

    fn send(&self, command: Command) {
        if let Err(mpsc::error::SendError(command)) = self.commands.send(command) {
            control::refuse(command);
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // The host's garbage collector may be what drops it, which no panic may reach.
        fence("engine.drop", || {
            self.stop();
            let (closed, _) = mpsc::unbounded_channel();
            drop(std::mem::replace(&mut self.commands, closed));
            if let Some(control) = self.control.take() {
                // The thread ends once the commands are carried out; its panics were told where they happened.
                let _ = control.join();
            }
        });
    }
}

/// Counts panics and tells the host of them; of a task that does nothing but panic as of a component that has failed.
fn panic_hook(events: &Arc<Events>, totals: &Totals) -> PanicHook {
    let (events, account) = (Arc::clone(events), totals.account());
    let log = Log::new(Arc::clone(&events) as _, &[]);
    Arc::new(move |report| {
        account.count_panic();
        let fields = [("task", report.task.into()), ("panic", report.message.as_str().into())];
        log.emit(Level::Error, "a task panicked and was ended", &fields);
        if report.failed {
            let message = format!("it panicked: {}", report.message);
            events.tell("fatal", json!({ "component": report.task, "message": message }));
        }
    })
}

/// Answers a question about a storage on disk, in JSON both ways; see `storage`. Blocks while it reads the disk.
pub fn storage(request: &str) -> String {
    storage::answer(request)
}

/// The component types that this core can build, as JSON: kind → types.
pub fn components() -> String {
    teleferric_parts::registry::components().to_string()
}
