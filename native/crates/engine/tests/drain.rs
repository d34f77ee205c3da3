//! Draining and stopping: what was taken arrives, whatever hurry there is; what does not is counted.

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use support::document::{self as doc, MS};
use support::load::{self, Load, Told};
use support::{Collector, PATIENCE, Ports, eventually};
use tokio::time::Instant;

/// A collector in front of `to`: batch, then both OTLP exporters.
fn relay(to: Ports) -> Value {
    let pipelines = [
        doc::named("traces/grpc", &["otlp"], &["batch"], &["otlp_grpc"]),
        doc::named("traces/http", &["otlp"], &["batch"], &["otlp_http"]),
    ];
    let document = doc::with(doc::collector(&pipelines), "processors", &[doc::batch(500, 20 * MS, &[])]);
    let exporters = [
        doc::otlp_grpc("otlp_grpc", to.grpc, doc::queue(1000, 4), true),
        doc::otlp_http("otlp_http", to.http, doc::queue(1000, 4), true),
    ];
    doc::with(document, "exporters", &exporters)
}

#[test]
fn drain_under_load_loses_nothing() {
    let (sink, sink_ports) = Collector::running(&doc::sink());
    let (collector, ports) = Collector::running(&relay(sink_ports));
    let load = Load::start(ports);
    collector.drain(Duration::from_secs(20));
    let totals = load.end();
    assert_eq!(collector.status()["running"], false);
    // Both branches of the fan-out delivered everything that any sender was told was taken, and no more.
    let received = collector.accepted();
    assert!(received >= totals.taken && received <= totals.taken + totals.unknown, "{received} of {totals:?}");
    assert_eq!((collector.sent(), collector.dropped()), (2 * received, 0), "{totals:?}");
    assert_eq!(sink.accepted(), 2 * received, "{totals:?}");
    assert!(totals.taken > 0);
}

#[test]
fn drain_empties_a_batch_that_has_long_to_wait() {
    let (sink, sink_ports) = Collector::running(&doc::sink());
    let mut document = relay(sink_ports);
    document["processors"][0] = doc::batch(1_000_000, 3_600_000 * MS, &[]);
    let (collector, ports) = Collector::running(&document);
    assert_eq!(load::post(ports.http, 7), Told::Taken);
    assert_eq!(load::call(ports.grpc, 11), Told::Taken);
    assert_eq!(sink.accepted(), 0);
    let start = Instant::now();
    collector.drain(Duration::from_secs(30));
    assert!(start.elapsed() < Duration::from_secs(10), "took {:?}", start.elapsed());
    assert_eq!((sink.accepted(), collector.dropped()), (36, 0));
}

#[test]
fn drain_counts_what_the_deadline_cuts_off() {
    // Nobody listens there: retries go on until the deadline.
    let nobody = Ports { http: free_port(), grpc: free_port() };
    let (collector, ports) = Collector::running(&relay(nobody));
    assert_eq!(load::post(ports.http, 7), Told::Taken);
    assert_eq!(load::call(ports.grpc, 11), Told::Taken);
    collector.drain(Duration::from_millis(300));
    // Each item ends once in each branch.
    assert_eq!((collector.accepted(), collector.sent(), collector.dropped()), (18, 0, 36));
}

#[test]
fn stop_cuts_a_drain_short() {
    let (collector, ports) = Collector::running(&stuck());
    assert_eq!(load::post(ports.http, 5), Told::Taken);
    let drained = collector.begin_drain(None);
    assert!(drained.recv_timeout(Duration::from_millis(700)).is_err(), "drained without a destination");
    let start = Instant::now();
    collector.engine.stop();
    assert_eq!(drained.recv_timeout(PATIENCE).as_deref(), Ok(r#"{"ok":true}"#));
    assert!(start.elapsed() < Duration::from_secs(3), "took {:?}", start.elapsed());
    eventually("stopped", || collector.status()["running"] == false);
    assert_eq!((collector.accepted(), collector.sent(), collector.dropped()), (5, 0, 5));
}

#[test]
fn stop_counts_what_was_held() {
    let (collector, ports) = Collector::running(&stuck());
    assert_eq!(load::call(ports.grpc, 5), Told::Taken);
    collector.engine.stop();
    eventually("stopped", || collector.status()["running"] == false);
    assert_eq!((collector.accepted(), collector.sent(), collector.dropped()), (5, 0, 5));
}

/// The old graph cannot be emptied and has all the time it wants: the reload would never end.
#[test]
fn stop_cuts_a_reload_short() {
    let (collector, reloaded) = stuck_in_a_reload();
    let start = Instant::now();
    collector.engine.stop();
    let answer = reloaded.recv_timeout(PATIENCE).expect("an answer");
    assert!(answer.contains("CLOSED"), "{answer}");
    assert!(start.elapsed() < Duration::from_secs(3), "took {:?}", start.elapsed());
    assert_eq!((collector.accepted(), collector.sent(), collector.dropped()), (5, 0, 5));
}

#[test]
fn drain_in_a_reload_keeps_its_deadline() {
    let (collector, reloaded) = stuck_in_a_reload();
    let start = Instant::now();
    // A reload asked for before the drain is not carried out any more; both are answered.
    let second = collector.begin_reload(&stuck());
    collector.drain(Duration::from_millis(500));
    assert!(start.elapsed() < Duration::from_secs(4), "took {:?}", start.elapsed());
    for answer in [reloaded, second].map(|answer| answer.recv_timeout(PATIENCE).expect("an answer")) {
        assert!(answer.contains("CLOSED"), "{answer}");
    }
    assert_eq!((collector.status()["running"].as_bool(), collector.dropped()), (Some(false), 5));
}

#[test]
fn dropping_a_collector_in_a_reload_ends_it() {
    let (collector, reloaded) = stuck_in_a_reload();
    let start = Instant::now();
    drop(collector);
    assert!(start.elapsed() < Duration::from_secs(3), "took {:?}", start.elapsed());
    assert!(reloaded.recv_timeout(PATIENCE).is_ok());
}

#[test]
fn dropping_a_busy_collector_ends_it() {
    let (collector, ports) = Collector::running(&stuck());
    let load = Load::start(ports);
    let start = Instant::now();
    drop(collector);
    assert!(start.elapsed() < Duration::from_secs(3), "took {:?}", start.elapsed());
    assert!(load.end().taken > 0);
    assert!(matches!(load::post(ports.http, 1), Told::Broken { unsent: true, .. }));
}

#[test]
fn commands_after_the_end_are_answered() {
    let (collector, ports) = Collector::running(&doc::sink());
    collector.drain(PATIENCE);
    collector.drain(PATIENCE);
    assert_eq!(collector.try_start(&doc::sink())["error"]["code"], "CLOSED");
    assert_eq!(collector.try_reload(&doc::sink())["error"]["code"], "CLOSED");
    assert!(matches!(load::post(ports.http, 1), Told::Broken { unsent: true, .. }));
}

/// A collector whose destination accepts connections and never answers.
fn stuck() -> Value {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let to = listener.local_addr().expect("an address");
    // Kept open to the end of the process: the kernel completes the handshakes.
    std::mem::forget(listener);
    let mut exporter = doc::otlp_http("otlp_http", to, doc::queue(1000, 2), false);
    exporter["config"]["client"]["timeout"] = json!(0);
    let document = doc::collector(&[doc::traces(&["otlp"], &["batch"], &["otlp_http"])]);
    let document = doc::with(document, "processors", &[doc::batch(10, MS, &[])]);
    doc::with(document, "exporters", &[exporter])
}

/// A collector that holds five items for a destination that never answers, and a reload that waits for them.
fn stuck_in_a_reload() -> (Collector, std::sync::mpsc::Receiver<String>) {
    let mut document = stuck();
    document["service"]["drain_timeout"] = json!(0);
    let (collector, ports) = Collector::running(&document);
    assert_eq!(load::post(ports.http, 5), Told::Taken);
    document["exporters"][0]["config"]["sending_queue"]["queue_size"] = json!(1001);
    let reloaded = collector.begin_reload(&document);
    assert!(reloaded.recv_timeout(Duration::from_millis(700)).is_err(), "reloaded without a destination");
    (collector, reloaded)
}

/// A port that nobody listens on.
fn free_port() -> std::net::SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port")
}
