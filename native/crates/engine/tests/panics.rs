//! Panics injected into every task by name: the process lives, the collector goes on or says that it cannot, and what
//! was taken is delivered or counted.

mod support;

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use support::document::{self as doc, MS};
use support::load::{self, ITEMS, Load, Told};
use support::{Collector, Ports, answer, eventually, free_ports};
use teleferric_tasks::failpoints;
use teleferric_testkit::request;
use teleferric_wire::Signal;

/// Pipelines with what they need, in front of a sink, with a folder for what they write.
type Scene = fn(Ports, &Path) -> Value;

/// Tasks that come by under load, or when the collector starts, and go on or are begun anew after a panic.
const CASES: &[(&str, Scene, &[&str])] = &[
    (
        "listeners",
        direct,
        &["request", "listen.accept", "listen.command", "listen.connection", "listen.discard", "listen.hub"],
    ),
    ("host", direct, &["ingest", "ingest.take", "overload.watch", "worker"]),
    ("batches", batched, &["batch.answer", "stage", "timer"]),
    ("queues", queued, &["delivery.send", "exporter", "queue.admission", "queue.dispatch"]),
    ("grpc", direct, &["client.http2", "client.refresh", "client.subchannel"]),
    ("http", over_http, &["client.dial", "client.http1", "file.flush"]),
    ("storage", stored, &["storage.admission", "storage.append", "storage.feed"]),
    ("levels", failing_over, &["failover.attempt"]),
];

/// As [`CASES`], of tasks that come by as the collector starts.
const EARLY_CASES: &[(&str, Scene, &[&str])] = &[
    ("connect", direct, &["otlp_grpc.connect"]),
    ("backends", balanced, &["balancer.follow", "balancer.resolve"]),
    ("pools", over_http, &["client.sweep", "listener.watch"]),
];

/// Tasks of a reload, which takes place or is refused, and of the listeners that it replaces.
const RELOAD_CASES: &[&str] = &[
    "control",
    "control.reload",
    "graph.bring_up",
    "graph.build",
    "graph.drain",
    "graph.supersede",
    "listen.drain",
    "listener.drain",
];

/// Tasks of the end, which is come to all the same.
const END_CASES: &[&str] = &["control.drain", "graph.drain", "graph.forget", "stage.drain"];

/// Tasks that come by when another has panicked.
const BESIDE: &[(&str, &str)] = &[("client.dial", "client.http1"), ("client.subchannel", "client.http2")];

/// Those with a test of their own, here or elsewhere.
const OWN_CASES: &[(&str, &str)] = &[
    ("balancer.leave", "flow/tests/balancer.rs"),
    ("client.settle", "net/tests/client_pool.rs"),
    ("control.start", "engine/tests/panics.rs"),
    ("control.thread", "engine/tests/panics.rs"),
    ("engine.drop", "engine/tests/panics.rs"),
    ("flush", "engine/tests/panics.rs"),
    ("flush.thread", "engine/tests/panics.rs"),
    ("generator", "engine/tests/panics.rs"),
    ("listen", "engine/tests/panics.rs"),
    ("listen.exchange", "net/tests/server_door_panics.rs"),
    ("listen.host", "net/tests/server_door_panics.rs"),
    ("listen.serve", "engine/tests/panics.rs"),
    ("plugin.batch", "flow/tests/plugin_panics.rs"),
    ("storage.log", "engine/tests/panics.rs"),
    ("worker.thread", "engine/tests/panics.rs"),
];

#[test]
fn a_panic_in_a_task_costs_little_and_nothing_that_was_taken() {
    for (_, scene, names) in CASES {
        goes_on(*scene, &[], names);
    }
}

#[test]
fn a_panic_in_a_task_of_the_start_is_outlived() {
    for (_, scene, names) in EARLY_CASES {
        goes_on(*scene, names, &[]);
    }
}

/// Lets `early` panic once as the collector starts, and each of `names` once under load.
fn goes_on(scene: Scene, early: &[&'static str], names: &[&'static str]) {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    let (sink, to) = Collector::running(&doc::sink());
    let document = scene(to, folder.path());
    early.iter().for_each(|name| failpoints::arm(name, 0, 1));
    let (collector, ports) = Collector::running(&document);
    let load = Load::start_without_keep_alive(ports);
    let hit = |name: &str| {
        eventually(name, || {
            poke(&collector, ports);
            !failpoints::is_armed(name)
        });
    };
    early.iter().for_each(|name| hit(name));
    let mut armed = early.len() as u64;
    for name in names {
        let beside = BESIDE.iter().filter(|(task, _)| task == name).map(|(_, other)| *other);
        for task in [*name].into_iter().chain(beside) {
            failpoints::arm(task, 0, 1);
            armed += 1;
        }
        hit(name);
        load.flows();
    }
    let totals = load.end();
    // What lies in a storage when a collector ends stays there, so this comes first.
    let branches = document["exporters"].as_array().expect("a list").len() as u64;
    let ended = || collector.sent() + collector.dropped();
    eventually("all that was taken is delivered or counted", || ended() >= branches * collector.accepted());
    collector.drain(Duration::from_secs(20));
    let all: HashSet<String> = early.iter().chain(names).map(|name| (*name).to_owned()).collect();
    let (told, failed) = [&collector, &sink].map(told).into_iter().fold((HashSet::new(), 0), |(mut all, sum), told| {
        all.extend(told.0);
        (all, sum + told.1)
    });
    assert_eq!((told, failed), (all.clone(), 0));
    let panics = [&collector, &sink].map(|one| one.metric("teleferric_panics_total", &[]));
    assert_eq!(panics.iter().sum::<u64>(), armed);
    // A connection takes the requests on it along, and a batch those in it.
    let broken = totals.refused + totals.unknown;
    assert!(broken <= 10 * ITEMS * all.len() as u64, "{all:?}: {totals:?}");
    assert!(collector.accepted() >= totals.taken, "{all:?}: {totals:?}");
}

/// What brings tasks about that the load does not.
fn poke(collector: &Collector, ports: Ports) {
    let told = collector.ingest("traces", "proto", &request(Signal::Traces, 0, 1));
    assert!(told["outcome"] == "accepted" || told["outcome"] == "refused", "{told}");
    // A body that nobody reads.
    let mut raw = TcpStream::connect(ports.http).expect("a connection");
    raw.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    let head = "POST /nowhere HTTP/1.1\r\nhost: here\r\ncontent-length: 10\r\n\r\n";
    // Any end of the connection will do.
    let _ = raw.write_all(head.as_bytes()).and_then(|()| raw.read(&mut [0; 12])).and_then(|_| raw.write_all(&[0; 10]));
}

/// The tasks that a collector has told of, and how many failures.
fn told(collector: &Collector) -> (HashSet<String>, usize) {
    let events = collector.events();
    let panics = events.iter().filter(|event| event["msg"].as_str().or(event["message"].as_str()) == Some(PANICKED));
    let tasks = panics.filter_map(|event| event["fields"]["task"].as_str()).map(str::to_owned).collect();
    (tasks, events.iter().filter(|event| event["kind"] == "fatal").count())
}

/// Waits until a collector has told of one task, and of so many failures: whoever waited for what the task held may learn
/// of its end before.
fn is_told(collector: &Collector, task: &str, failures: usize) {
    let (mut tasks, mut failed) = (HashSet::new(), 0);
    eventually(task, || {
        let (more, again) = told(collector);
        tasks.extend(more);
        failed += again;
        !tasks.is_empty() && failed >= failures
    });
    assert_eq!((tasks, failed), (HashSet::from([task.to_owned()]), failures));
}

const PANICKED: &str = "a task panicked and was ended";

#[test]
fn a_panic_in_a_reload_leaves_a_collector_that_works() {
    let _turn = turn();
    let (sink, to) = Collector::running(&doc::sink());
    let at = free_ports();
    let document = |round: usize| {
        let mut document = doc::collector(&[doc::traces(&["otlp"], &["batch"], &["otlp_grpc"])]);
        document["receivers"][0] = doc::otlp("otlp", &at.http.to_string(), &at.grpc.to_string());
        doc::http_of(&mut document)["max_request_body_size"] = json!((1 << 20) + round);
        let document = doc::with(document, "processors", &[doc::batch(200 + round as u64, 10 * MS, &[])]);
        doc::with(document, "exporters", &[doc::otlp_grpc("otlp_grpc", to.grpc, doc::queue(1000, 4), true)])
    };
    let (collector, ports) = Collector::running(&document(0));
    let load = Load::start(ports);
    for (index, name) in RELOAD_CASES.iter().enumerate() {
        failpoints::arm(name, 0, 1);
        let answered = collector.try_reload(&document(2 * index + 1));
        let refused = matches!(answered["error"]["code"].as_str(), Some("INTERNAL" | "START_FAILED"));
        assert!(answered["ok"] == true || refused, "{name}: {answered}");
        eventually(name, || !failpoints::is_armed(name));
        load.flows();
        collector.reload(&document(2 * index + 2));
        load.flows();
    }
    let totals = load.end();
    collector.drain(Duration::from_secs(20));
    let all: HashSet<_> = RELOAD_CASES.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(told(&collector), (all, 0));
    let accepted = collector.accepted();
    let ended = collector.sent() + collector.dropped();
    assert!(accepted >= totals.taken && ended >= accepted, "{ended} of {accepted}, {totals:?}");
    assert!(sink.accepted() >= collector.sent());
}

#[test]
fn a_panic_at_the_end_ends_the_collector_all_the_same() {
    for name in END_CASES {
        let _turn = turn();
        let (_sink, to) = Collector::running(&doc::sink());
        let folder = tempfile::tempdir().expect("a folder");
        let (collector, ports) = Collector::running(&queued(to, folder.path()));
        assert_eq!(load::post(ports.http, 5), Told::Taken);
        failpoints::arm(name, 0, 1);
        collector.drain(Duration::from_secs(20));
        eventually(name, || !failpoints::is_armed(name));
        eventually("told", || {
            told(&collector).0.contains(*name) || collector.metric("teleferric_panics_total", &[]) == 1
        });
        assert_eq!(collector.status()["running"], false);
        assert_eq!(collector.accepted(), 5);
    }
}

#[test]
fn a_panic_in_a_start_is_the_answer_and_the_next_start_works() {
    let _turn = turn();
    let collector = Collector::new();
    failpoints::arm("control.start", 0, 1);
    assert_eq!(collector.try_start(&doc::sink())["error"]["code"], "INTERNAL");
    let ports = collector.start(&doc::sink());
    assert_eq!(load::post(ports.http, 5), Told::Taken);
}

#[test]
fn a_panic_in_the_end_of_a_forgotten_collector_stays_inside() {
    let _turn = turn();
    teleferric_tasks::set_hook(Some(std::sync::Arc::new(|_| ())));
    let (collector, _) = Collector::running(&doc::sink());
    teleferric_tasks::set_hook(Some(std::sync::Arc::new(|_| ())));
    failpoints::arm("engine.drop", 0, 1);
    drop(collector);
    teleferric_tasks::set_hook(None);
    assert!(!failpoints::is_armed("engine.drop"));
}

#[test]
fn commands_to_a_control_thread_that_is_gone_are_answered() {
    let _turn = turn();
    failpoints::arm("control.thread", 0, 1);
    let collector = Collector::new();
    let answered = collector.try_start(&doc::sink());
    assert!(matches!(answered["error"]["code"].as_str(), Some("INTERNAL" | "CLOSED")), "{answered}");
    assert_eq!(collector.status()["running"], false);
    collector.drain(Duration::ZERO);
    is_told(&collector, "control.thread", 1);
}

#[test]
fn a_data_plane_thread_that_is_gone_fails_the_start() {
    let _turn = turn();
    let collector = Collector::new();
    failpoints::arm("worker.thread", 0, 1);
    assert_eq!(collector.try_start(&doc::sink())["error"]["code"], "START_FAILED");
    is_told(&collector, "worker.thread", 1);
    collector.start(&doc::sink());
}

#[test]
fn a_flush_that_panics_says_so() {
    for name in ["flush", "flush.thread"] {
        let _turn = turn();
        let (collector, _) = Collector::running(&doc::sink());
        failpoints::arm(name, 0, 1);
        let flushed = || answer(|done| collector.engine.flush(None, done));
        assert_eq!(flushed()["error"]["code"], "INTERNAL");
        is_told(&collector, name, 0);
        assert_eq!(flushed(), json!({ "ok": true, "remaining_items": 0 }));
        collector.drain(Duration::from_secs(5));
        assert_eq!(flushed()["remaining_items"], 0);
    }
}

#[test]
fn a_listener_that_is_lost_is_a_failure() {
    for name in ["listen", "listen.serve"] {
        let _turn = turn();
        let collector = Collector::new();
        failpoints::arm(name, 0, 1);
        collector.start(&doc::sink());
        is_told(&collector, name, 1);
        collector.drain(Duration::from_secs(5));
    }
}

#[test]
fn a_log_that_is_gone_refuses_and_the_next_process_delivers_what_it_has() {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    let document = |to| {
        let mut document = stored(to, folder.path());
        for exporter in document["exporters"].as_array_mut().expect("a list") {
            exporter["config"]["sending_queue"]["queue_size"] = json!(1000);
        }
        document
    };
    let (collector, ports) = Collector::running(&document(free_ports()));
    assert_eq!((0..3).map(|_| load::post(ports.http, 5)).collect::<Vec<_>>(), [Told::Taken, Told::Taken, Told::Taken]);
    failpoints::arm("storage.log", 0, 1);
    let mut taken = 15;
    eventually("the log is gone", || {
        let told = load::post(ports.http, 5);
        taken += if told == Told::Taken { 5 } else { 0 };
        told == Told::Refused { status: 503, hinted: true }
    });
    is_told(&collector, "storage.log", 1);
    eventually("it is shown", || collector.metric("teleferric_storage_read_only", &[]) == 1);
    collector.drain(Duration::from_secs(5));
    drop(collector);
    let (sink, to) = Collector::running(&doc::sink());
    let (next, _) = Collector::running(&document(to));
    eventually("delivered", || sink.accepted() >= 2 * taken);
    next.drain(Duration::from_secs(5));
}

#[test]
fn a_sender_of_the_generator_that_is_gone_does_not_keep_the_others_from_their_end() {
    let _turn = turn();
    let config = json!({
        "signals": ["traces"], "rate": null, "count": 100, "duration": null, "batch": 1, "workers": 2, "seed": 1,
        "error_ratio": 0.0,
    });
    let mut document =
        doc::with(doc::collector(&[doc::traces(&["generator"], &[], &["nop"])]), "exporters", &[doc::nop()]);
    document["receivers"] = json!([doc::component("generator", config)]);
    let collector = Collector::new();
    failpoints::arm("generator", 0, 1);
    collector.start(&document);
    eventually("it is done", || collector.events().iter().any(|event| event["kind"] == "generator_done"));
}

/// A task without a case here, or one that is begun past the guard, is found in the sources.
#[test]
fn every_task_has_a_case() {
    let cases = CASES.iter().chain(EARLY_CASES).flat_map(|(_, _, names)| *names).copied();
    let own = OWN_CASES.iter().map(|(name, _)| *name);
    let cases: HashSet<&str> =
        cases.chain(RELOAD_CASES.iter().copied()).chain(END_CASES.iter().copied()).chain(own).collect();
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a folder");
    let mut tasks = HashSet::new();
    for name in ["engine", "flow", "net", "node", "parts", "store"] {
        for file in sources(&crates.join(name).join("src")) {
            let text = std::fs::read_to_string(&file).expect("a source");
            // Tests are at the end.
            let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            for past in ["tokio::spawn", "task::spawn_local", "thread::spawn", "thread::Builder", "catch_unwind("] {
                assert!(!text.contains(past), "{}: {past} goes past the guard of teleferric-tasks", file.display());
            }
            names_in(text, &mut tasks)
                .unwrap_or_else(|call| panic!("{}: a task without a name: {call}", file.display()));
        }
    }
    let cases: HashSet<String> = cases.into_iter().map(str::to_owned).collect();
    let without: Vec<_> = tasks.difference(&cases).collect();
    let gone: Vec<_> = cases.difference(&tasks).collect();
    assert!(without.is_empty() && gone.is_empty(), "without a case: {without:?}; cases without a task: {gone:?}");
    for (name, file) in OWN_CASES {
        let text = std::fs::read_to_string(crates.join(file)).expect("a test");
        assert!(text.contains(&format!("\"{name}\"")), "{file} has no case for {name}");
    }
}

/// Adds the names of the tasks that a source begins.
///
/// # Errors
/// A call that names none.
fn names_in(text: &str, into: &mut HashSet<String>) -> Result<(), String> {
    const CALLS: &[&str] = &[
        "spawn_local(",
        "spawn_local_or(",
        "spawn_or(",
        "spawn_supervised(",
        "spawn_thread(",
        "supervise(",
        "catch(",
        "fence(",
        "failpoint(",
        "fenced(",
        "spawn_on(",
        "run_on(",
        "on_all(",
    ];
    for call in CALLS {
        for (at, _) in text.match_indices(call) {
            let before = &text[..at];
            let starts = before.chars().next_back().is_none_or(|c| !c.is_alphanumeric() && c != '_');
            let is_method = before.ends_with('.') && !call.ends_with("_on(");
            if !starts || is_method || before.ends_with("fn ") {
                continue;
            }
            let rest = &text[at + call.len()..];
            let arguments = &rest[..rest.find(['{', ';']).unwrap_or(rest.len())];
            match arguments.split('"').nth(1) {
                Some(name) => drop(into.insert(name.to_owned())),
                None if arguments.contains("name,") => {}
                None => return Err(format!("{call}{}", arguments.lines().next().unwrap_or_default())),
            }
        }
    }
    Ok(())
}

/// The sources below a folder that are no tests.
fn sources(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|end| end == "rs")
            && path.file_stem().is_some_and(|stem| stem != "tests")
        {
            found.push(path);
        }
    }
    found
}

/// Failpoints are one for the process: tests take turns.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    failpoints::disarm();
    turn
}

fn direct(to: Ports, _: &Path) -> Value {
    let mut exporter = doc::otlp_grpc("otlp_grpc", to.grpc, Value::Null, true);
    exporter["config"]["pool"]["dns_refresh"] = json!(10 * MS);
    doc::with(doc::collector(&[doc::traces(&["otlp"], &[], &["otlp_grpc"])]), "exporters", &[exporter])
}

fn batched(to: Ports, _: &Path) -> Value {
    let document = doc::collector(&[doc::traces(&["otlp"], &["batch"], &["otlp_grpc"])]);
    let document = doc::with(document, "processors", &[doc::batch(1000, 5 * MS, &[])]);
    doc::with(document, "exporters", &[doc::otlp_grpc("otlp_grpc", to.grpc, Value::Null, true)])
}

fn queued(to: Ports, _: &Path) -> Value {
    let mut queue = doc::queue(1, 1);
    queue["block_on_overflow"] = json!(true);
    let document = doc::collector(&[doc::traces(&["otlp"], &[], &["otlp_grpc"])]);
    doc::with(document, "exporters", &[doc::otlp_grpc("otlp_grpc", to.grpc, queue, true)])
}

fn over_http(to: Ports, folder: &Path) -> Value {
    let file = json!({
        "path": folder.join("out.json"), "format": "json", "compression": "", "compression_params": { "level": 0 },
        "append": false, "rotation": null, "flush_interval": 5 * MS, "group_by": null, "create_directory": false,
        "directory_permissions": "755",
    });
    let mut http = doc::otlp_http("otlp_http", to.http, Value::Null, true);
    http["config"]["client"]["idle_conn_timeout"] = json!(20 * MS);
    let document = doc::collector(&[doc::traces(&["otlp"], &[], &["otlp_http", "file"])]);
    doc::with(document, "exporters", &[http, doc::component("file", file)])
}

/// Two exporters whose queues share a log.
fn stored(to: Ports, folder: &Path) -> Value {
    let mut queue = doc::queue(2, 2);
    queue["block_on_overflow"] = json!(true);
    queue["storage"] = json!({
        "directory": folder, "create_directory": true, "directory_permissions": 0o750, "timeout": 1_000 * MS,
        "max_age": 0, "segment_bytes": 1 << 20, "max_bytes": 64 << 20, "reserve_free_percent": 0, "sync": false,
        "dead_letter_bytes": null, "lag_policy": "block", "on_full": "refuse", "on_corruption": "quarantine",
        "scrub_bytes_per_second": 0, "encryption": null,
    });
    let document = doc::collector(&[doc::traces(&["otlp"], &[], &["otlp_http", "otlp_grpc"])]);
    let exporters =
        [doc::otlp_http("otlp_http", to.http, queue.clone(), true), doc::otlp_grpc("otlp_grpc", to.grpc, queue, true)];
    doc::with(document, "exporters", &exporters)
}

fn failing_over(to: Ports, _: &Path) -> Value {
    let pipelines = [
        doc::named("traces/in", &["otlp"], &[], &["failover"]),
        doc::named("traces/first", &["failover"], &[], &["otlp_grpc"]),
    ];
    let document =
        doc::with(doc::collector(&pipelines), "exporters", &[doc::otlp_grpc("otlp_grpc", to.grpc, Value::Null, true)]);
    let config = json!({ "priority_levels": [["traces/first"]], "retry_interval": 1_000 * MS });
    doc::with(document, "connectors", &[doc::component("failover", config)])
}

fn balanced(to: Ports, _: &Path) -> Value {
    let mut backend = doc::otlp_grpc("otlp_grpc", to.grpc, Value::Null, false)["config"].clone();
    backend["client"]["endpoint"] = json!("");
    let dns = json!({
        "hostname": "localhost", "port": to.grpc.port().to_string(), "interval": 20 * MS, "timeout": 1_000 * MS,
    });
    let retry = backend["retry_on_failure"].clone();
    let config = json!({
        "routing_key": "", "resolver": { "hostnames": [], "dns": dns }, "backend": backend, "timeout": 0,
        "retry_on_failure": retry, "sending_queue": null,
    });
    let document = doc::collector(&[doc::traces(&["otlp"], &[], &["load_balancing"])]);
    doc::with(document, "exporters", &[doc::component("load_balancing", config)])
}
