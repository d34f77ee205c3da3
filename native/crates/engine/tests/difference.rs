//! What a reload leaves alone: whatever is as before, and hands on to what is as before, keeps what it holds.

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use support::document::{self as doc, MS};
use support::load::{self, Told};
use support::{Collector, eventually};

const HOUR: u64 = 3_600_000 * MS;

/// Two pipelines from one receiver on one thread: one leads through `processors` to `exporter`, the other to the
/// exporter of this id, which does nothing.
fn two_ways(processors: &[Value], exporter: &Value, other: &str) -> Value {
    let id = |component: &Value| component["id"].as_str().expect("an id").to_owned();
    let ids: Vec<String> = processors.iter().map(id).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut document = doc::collector(&[
        doc::named("traces/one", &["otlp"], &ids, &[&id(exporter)]),
        doc::named("traces/other", &["otlp"], &[], &[other]),
    ]);
    document["service"]["threads"] = json!(1);
    let document = doc::with(document, "processors", processors);
    doc::with(document, "exporters", &[exporter.clone(), doc::component(other, json!({}))])
}

/// An exporter whose queue collects ten spans, however long it takes.
fn collecting(to: SocketAddr, queue_size: u64) -> Value {
    let mut queue = doc::queue(queue_size, 2);
    queue["sizer"] = json!("items");
    queue["batch"] = json!({
        "flush_timeout": HOUR, "sizer": "items", "min_size": 10, "max_size": 0, "partition": { "metadata_keys": [] },
    });
    doc::otlp_grpc("otlp_grpc", to, queue, true)
}

/// An exporter with this queue whose destination accepts connections and never answers.
fn hanging(id: &str, queue: Value) -> Value {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let to = listener.local_addr().expect("an address");
    // Kept open to the end of the process: the kernel completes the handshakes.
    std::mem::forget(listener);
    doc::otlp_http(id, to, queue, true)
}

fn queued(collector: &Collector) -> u64 {
    collector.metric("otelcol_exporter_queue_size", &[])
}

#[test]
fn untouched_exporter_keeps_its_batch_and_sends_nothing_early() {
    let (sink, to) = Collector::running(&doc::sink());
    let exporter = collecting(to.grpc, 100);
    let (collector, ports) = Collector::running(&two_ways(&[], &exporter, "nop"));
    assert_eq!(load::post(ports.http, 4), Told::Taken);
    for other in ["nop/2", "nop/3"] {
        collector.reload(&two_ways(&[], &exporter, other));
        assert_eq!((queued(&collector), sink.accepted()), (4, 0));
        assert_eq!(collector.metric("otelcol_exporter_queue_capacity", &[]), 100, "one queue");
    }
    assert_eq!(load::post(ports.http, 6), Told::Taken);
    let sent = || collector.metric("otelcol_exporter_sent_spans", &[("exporter", "otlp_grpc")]);
    eventually("the batch is full", || sent() == 10);
    assert_eq!(sink.accepted(), 10);
    assert_eq!(collector.metric("otelcol_exporter_sent_spans", &[("exporter", "nop/3")]), 6);
    collector.drain(Duration::from_secs(10));
    assert_eq!(collector.dropped(), 0);
}

#[test]
fn changed_exporter_sends_what_it_collected() {
    let (sink, to) = Collector::running(&doc::sink());
    let (collector, ports) = Collector::running(&two_ways(&[], &collecting(to.grpc, 100), "nop"));
    assert_eq!(load::post(ports.http, 4), Told::Taken);
    collector.reload(&two_ways(&[], &collecting(to.grpc, 101), "nop"));
    collector.drain(Duration::from_secs(10));
    assert_eq!((sink.accepted(), collector.dropped()), (4, 0));
}

#[test]
fn processor_stays_while_it_and_what_follows_are_unchanged() {
    let (sink, to) = Collector::running(&doc::sink());
    let exporter = |requests| doc::otlp_grpc("otlp_grpc", to.grpc, doc::queue(requests, 2), false);
    let batch = doc::batch(10, HOUR, &[]);
    let first = doc::component("memory_limiter", json!({ "limit_bytes": 1 << 30, "spike_limit_bytes": 1 }));
    let (collector, ports) = Collector::running(&two_ways(std::slice::from_ref(&batch), &exporter(5), "nop"));
    assert_eq!(load::post(ports.http, 4), Told::Taken);
    // Something else changes, and something is put in front.
    collector.reload(&two_ways(std::slice::from_ref(&batch), &exporter(5), "nop/2"));
    collector.reload(&two_ways(&[first.clone(), batch.clone()], &exporter(5), "nop/2"));
    assert_eq!(load::post(ports.http, 3), Told::Taken);
    assert_eq!(sink.accepted(), 0);
    // What it hands on to changes, so it is emptied.
    collector.reload(&two_ways(&[first.clone(), batch], &exporter(6), "nop/2"));
    eventually("the batch is sent", || sink.accepted() == 7);
    collector.reload(&two_ways(&[first, doc::batch(2, HOUR, &[])], &exporter(6), "nop/2"));
    assert_eq!(load::post(ports.http, 2), Told::Taken);
    eventually("the new size counts", || sink.accepted() == 9);
    collector.drain(Duration::from_secs(10));
    assert_eq!((collector.accepted(), collector.dropped()), (9, 0));
}

/// Among others what it is to send to may be what was wrong with it.
#[test]
fn changed_exporter_leaves_what_it_cannot_send_to_its_successor() {
    let (sink, to) = Collector::running(&doc::sink());
    let hanging = hanging("otlp_http", doc::queue(10, 2));
    let mut document = two_ways(&[], &hanging, "nop");
    document["service"]["drain_timeout"] = json!(200 * MS);
    let (collector, ports) = Collector::running(&document);
    for _ in 0..5 {
        assert_eq!(load::post(ports.http, 4), Told::Taken);
    }
    // Smaller than what is held.
    collector.reload(&two_ways(&[], &doc::otlp_http("otlp_http", to.http, doc::queue(3, 2), true), "nop"));
    eventually("all has arrived", || sink.accepted() == 20);
    collector.drain(Duration::from_secs(10));
    assert_eq!((collector.accepted(), collector.dropped(), queued(&collector)), (20, 0, 0));
}

/// Its retries would be cut short, and what it holds lost, if it were drained.
#[test]
fn untouched_exporter_without_a_destination_goes_on_trying() {
    let exporter = hanging("otlp_http", doc::queue(10, 2));
    let (collector, ports) = Collector::running(&two_ways(&[], &exporter, "nop"));
    assert_eq!(load::post(ports.http, 4), Told::Taken);
    for other in ["nop/2", "nop"] {
        collector.reload(&two_ways(&[], &exporter, other));
    }
    // A document that cannot be had is given up without the nodes it shares with the one that runs.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").and_then(|taken| Ok((taken.local_addr()?, taken)));
    let mut refused = two_ways(&[], &exporter, "nop/2");
    doc::http_of(&mut refused)["endpoint"] = json!(taken.as_ref().expect("a port").0.to_string());
    assert_eq!(collector.try_reload(&refused)["ok"], false);
    assert_eq!((queued(&collector), collector.dropped()), (1, 0));
    assert_eq!(load::post(ports.http, 4), Told::Taken);
    assert_eq!(queued(&collector), 2);
    assert!(collector.held_bytes() > 0);
}

#[test]
fn signal_added_to_an_exporter_shares_its_breaker() {
    let (_sink, to) = Collector::running(&doc::sink());
    let exporter = doc::otlp_grpc("otlp_grpc", to.grpc, doc::queue(10, 2), false);
    let before = two_ways(&[], &exporter, "nop");
    let mut after = before.clone();
    after["service"]["pipelines"][1] = json!({
        "id": "logs", "signal": "logs", "receivers": ["otlp"], "processors": [], "exporters": ["otlp_grpc"],
    });
    let (collector, _) = Collector::running(&before);
    let breakers = || {
        let catalogue: Value = serde_json::from_str(&collector.engine.metrics_catalogue()).expect("json");
        let series = catalogue["series"].as_array().expect("a list");
        series.iter().filter(|series| series["name"] == "teleferric_circuit_breaker_state").count()
    };
    let (one_state, capacity) = (breakers(), || collector.metric("otelcol_exporter_queue_capacity", &[]));
    assert_eq!(capacity(), 10);
    collector.reload(&after);
    assert_eq!((breakers(), capacity()), (one_state, 20), "one endpoint, two queues");
    collector.reload(&before);
    assert_eq!((breakers(), capacity()), (one_state, 10));
}

#[test]
fn connector_stays_with_the_pipelines_behind_it() {
    let (sink, to) = Collector::running(&doc::sink());
    let document = |front: &[&str]| {
        let pipelines = [
            doc::named("traces/in", &["otlp"], front, &["forward"]),
            doc::named("traces/out", &["forward"], &["batch"], &["otlp_grpc"]),
        ];
        let limiter = doc::component("memory_limiter", json!({ "limit_bytes": 1 << 30, "spike_limit_bytes": 1 }));
        let mut document = doc::with(doc::collector(&pipelines), "processors", &[doc::batch(10, HOUR, &[]), limiter]);
        document["service"]["threads"] = json!(1);
        let exporter = doc::otlp_grpc("otlp_grpc", to.grpc, Value::Null, false);
        let document = doc::with(document, "exporters", &[exporter]);
        doc::with(document, "connectors", &[doc::component("forward", json!({}))])
    };
    let (collector, ports) = Collector::running(&document(&[]));
    assert_eq!(load::post(ports.http, 4), Told::Taken);
    collector.reload(&document(&["memory_limiter"]));
    assert_eq!(load::post(ports.http, 5), Told::Taken);
    assert_eq!(sink.accepted(), 0);
    assert_eq!(load::post(ports.http, 1), Told::Taken);
    eventually("the batch is full", || sink.accepted() == 10);
}
