//! What the tests of whole collectors share: a collector driven by blocking calls, the documents it runs, senders that
//! keep it busy, and what the system says about the process.

#![allow(dead_code, reason = "each test file uses its own part")]

pub mod document;
pub mod load;

use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use serde_json::{Value, json};
use teleferric_engine::{Done, Engine, Ingest};
use tokio::time::Instant;

/// A collector driven by blocking calls.
pub struct Collector {
    pub engine: Engine,
}

/// Where a started collector listens.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    pub http: SocketAddr,
    pub grpc: SocketAddr,
}

impl Collector {
    /// Not started yet.
    pub fn new() -> Self {
        Collector::waking(|| {})
    }

    /// Not started yet; `wake` hears of events.
    pub fn waking(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Collector { engine: Engine::new(Arc::new(wake)).expect("a thread") }
    }

    /// A collector that runs `document`.
    pub fn running(document: &Value) -> (Self, Ports) {
        let collector = Collector::new();
        let ports = collector.start(document);
        (collector, ports)
    }

    /// Starts and panics if that fails.
    pub fn start(&self, document: &Value) -> Ports {
        ports(&self.try_start(document))
    }

    pub fn try_start(&self, document: &Value) -> Value {
        answer(|done| self.engine.start(document.to_string(), done))
    }

    /// Reloads and panics if that fails.
    pub fn reload(&self, document: &Value) -> Ports {
        ports(&self.try_reload(document))
    }

    pub fn try_reload(&self, document: &Value) -> Value {
        answer(|done| self.engine.reload(document.to_string(), done))
    }

    /// Hands over a request as the host does, and waits for what becomes of it.
    pub fn ingest(&self, signal: &str, encoding: &str, body: &[u8]) -> Value {
        let head = json!({ "signal": signal, "encoding": encoding, "metadata": [] }).to_string();
        let ingest = Ingest::parse(&head).expect("known words");
        answer(|done| self.engine.ingest(ingest, body, done))
    }

    pub fn drain(&self, limit: Duration) {
        assert_eq!(answer(|done| self.engine.drain(Some(limit), done))["ok"], true);
    }

    /// A drain whose end is told to the receiver.
    pub fn begin_drain(&self, limit: Option<Duration>) -> mpsc::Receiver<String> {
        begin(|done| self.engine.drain(limit, done))
    }

    /// A reload whose end is told to the receiver.
    pub fn begin_reload(&self, document: &Value) -> mpsc::Receiver<String> {
        begin(|done| self.engine.reload(document.to_string(), done))
    }

    pub fn status(&self) -> Value {
        serde_json::from_str(&self.engine.status()).expect("json")
    }

    /// The sum of the shown series `name` whose labels include `labels`.
    pub fn metric(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        loop {
            let catalogue: Value = serde_json::from_str(&self.engine.metrics_catalogue()).expect("json");
            let length = catalogue["length"].as_u64().expect("a length");
            let mut numbers = vec![0.0; usize::try_from(length).expect("small")];
            if self.engine.metrics_snapshot(&mut numbers) != catalogue["version"].as_u64().expect("a version") {
                continue;
            }
            let series = catalogue["series"].as_array().expect("a list");
            let wanted = |one: &&Value| {
                one["name"] == name && labels.iter().all(|(label, value)| one["labels"][label] == *value)
            };
            let number =
                |one: &Value| numbers[usize::try_from(one["offset"].as_u64().expect("a place")).expect("small")];
            let sum: f64 = series.iter().filter(wanted).map(number).filter(|number| !number.is_nan()).sum();
            return sum as u64;
        }
    }

    /// Spans whose senders were told that they were taken.
    pub fn accepted(&self) -> u64 {
        self.metric("otelcol_receiver_accepted_spans", &[])
    }

    /// Spans whose senders were told that they were not taken.
    pub fn refused(&self) -> u64 {
        self.metric("otelcol_receiver_refused_spans", &[])
    }

    /// Spans that a destination took.
    pub fn sent(&self) -> u64 {
        self.metric("otelcol_exporter_sent_spans", &[])
    }

    /// Items lost after their sender was told that they were taken.
    pub fn dropped(&self) -> u64 {
        self.metric("teleferric_dropped_items_total", &[])
    }

    /// Payload bytes held.
    pub fn held_bytes(&self) -> u64 {
        self.metric("teleferric_memory_used_bytes", &[])
    }

    /// The events since the last call.
    pub fn events(&self) -> Vec<Value> {
        let taken: Value = serde_json::from_str(&self.engine.take_events()).expect("json");
        taken["events"].as_array().expect("a list").clone()
    }
}

/// Gives one command, whose answer comes out of the receiver.
fn begin(command: impl FnOnce(Done)) -> mpsc::Receiver<String> {
    let (done, answered) = mpsc::channel();
    // Who gave the command may have stopped waiting.
    command(Box::new(move |text| done.send(text).unwrap_or(())));
    answered
}

/// Waits for the answer of one command.
pub fn answer(command: impl FnOnce(Done)) -> Value {
    let text = begin(command).recv_timeout(PATIENCE).expect("every command is answered");
    serde_json::from_str(&text).expect("json")
}

fn ports(answer: &Value) -> Ports {
    assert_eq!(answer["ok"], true, "{answer}");
    let listeners = answer["listeners"].as_array().expect("a list");
    let at = |protocol: &str| {
        let listener = listeners.iter().find(|listener| listener["protocol"] == protocol);
        let address = listener.and_then(|listener| listener["address"].as_str());
        address.map_or(SocketAddr::from(([127, 0, 0, 1], 0)), |address| address.parse().expect("an address"))
    };
    Ports { http: at("http"), grpc: at("grpc") }
}

/// Addresses that nobody listens at, as far as anybody can tell.
pub fn free_ports() -> Ports {
    // Both at once, so that they differ.
    let listeners = [0, 1].map(|_| std::net::TcpListener::bind("127.0.0.1:0").expect("a port"));
    let [http, grpc] = listeners.each_ref().map(|listener| listener.local_addr().expect("an address"));
    assert_ne!(http, grpc);
    Ports { http, grpc }
}

/// Threads of this process.
pub fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").expect("proc").count()
}

/// Open descriptors of this process.
pub fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("proc").count()
}

/// Resident memory of this process, bytes.
pub fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("proc");
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).expect("a number") * 4096
}

/// Waits until `holds`, and panics with `what` if that takes too long.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Longer than anything here takes on a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
