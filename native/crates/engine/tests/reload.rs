//! Reloading: whatever changes, senders notice nothing and nothing is lost; what cannot be changed to leaves the old
//! graph as it was.

mod support;

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use support::document::{self as doc, MS};
use support::load::{self, Load, Told};
use support::{Collector, Ports, eventually, free_ports};
use teleferric_testkit::request;
use teleferric_wire::Signal;

/// A collector in front of `to`, listening on `at` so that the next document can name the same addresses.
fn relay(to: Ports, at: Ports) -> Value {
    let mut document = doc::collector(&[doc::traces(&["otlp"], &["batch"], &["otlp_grpc"])]);
    document["receivers"][0] = doc::otlp("otlp", &at.http.to_string(), &at.grpc.to_string());
    let document = doc::with(document, "processors", &[doc::batch(200, 10 * MS, &[])]);
    doc::with(document, "exporters", &[doc::otlp_grpc("otlp_grpc", to.grpc, doc::queue(1000, 4), true)])
}

/// Twenty reloads under the load that `start` begins, the `n`th to what `change` makes of the document.
fn reload_under_load(start: fn(Ports) -> Load, change: impl Fn(u64, &mut Value)) {
    let (sink, sink_ports) = Collector::running(&doc::sink());
    let at = free_ports();
    let (collector, ports) = Collector::running(&relay(sink_ports, at));
    let load = start(ports);
    for round in 0..20 {
        let mut document = relay(sink_ports, at);
        change(round, &mut document);
        let now = collector.reload(&document);
        assert_eq!((now.http, now.grpc), (ports.http, ports.grpc));
        load.flows();
    }
    let totals = load.end();
    collector.drain(Duration::from_secs(20));
    assert_eq!((totals.refused, totals.unknown), (0, 0), "{totals:?}");
    assert_eq!((collector.accepted(), collector.refused()), (totals.taken, 0));
    assert_eq!((collector.sent(), collector.dropped()), (totals.taken, 0));
    assert_eq!(sink.accepted(), totals.taken);
}

#[test]
fn reloads_of_the_same_document_go_unnoticed() {
    reload_under_load(Load::start, |_, _| {});
}

#[test]
fn reloads_that_change_stages_go_unnoticed() {
    reload_under_load(Load::start, |round, document| {
        document["processors"][0]["config"]["send_batch_size"] = json!(50 + round * 37);
        if round % 2 == 0 {
            document["service"]["pipelines"][0]["processors"] = json!([]);
            document["exporters"][0]["config"]["sending_queue"] = Value::Null;
        }
    });
}

#[test]
fn reloads_that_change_the_grpc_listener_go_unnoticed() {
    reload_under_load(Load::start, |round, document| {
        doc::grpc_of(document)["max_concurrent_streams"] = json!(100 + round)
    });
}

#[test]
fn reloads_that_change_the_http_listener_go_unnoticed() {
    reload_under_load(Load::start, |round, document| {
        doc::http_of(document)["max_request_body_size"] = json!((1 << 20) + round);
    });
}

/// The head and half of the body come before the reload, the rest after it.
#[test]
fn request_that_outlasts_a_reload_is_taken() {
    let (sink, sink_ports) = Collector::running(&doc::sink());
    let at = free_ports();
    let (collector, ports) = Collector::running(&relay(sink_ports, at));
    let body = request(Signal::Traces, 0, 30);
    let (first, rest) = body.split_at(body.len() / 2);
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = std::net::TcpStream::connect(ports.http).expect("a connection");
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(first)).expect("room in the socket");
    eventually("half a request is held", || collector.held_bytes() > 0);
    let mut document = relay(sink_ports, at);
    document["processors"][0]["config"]["send_batch_size"] = json!(100);
    collector.reload(&document);
    stream.write_all(rest).expect("room in the socket");
    let mut answer = [0; 15];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(std::str::from_utf8(&answer), Ok("HTTP/1.1 200 OK"));
    collector.drain(Duration::from_secs(10));
    assert_eq!(sink.accepted(), 30);
}

#[test]
fn data_from_the_host_flows_through_reloads() {
    let (sink, sink_ports) = Collector::running(&doc::sink());
    let at = free_ports();
    let (collector, ports) = Collector::running(&relay(sink_ports, at));
    let body = request(Signal::Traces, 0, 10);
    let over = AtomicBool::new(false);
    let taken = std::thread::scope(|scope| {
        let host = scope.spawn(|| {
            let mut taken = 0;
            while !over.load(Ordering::Relaxed) {
                let told = collector.ingest("traces", "proto", &body);
                assert_eq!(told["outcome"], "accepted", "{told}");
                let status = collector.status();
                assert_eq!(status["listeners"].as_array().map(Vec::len), Some(2), "{status}");
                taken += 10;
            }
            taken
        });
        for _ in 0..20 {
            collector.reload(&relay(sink_ports, at));
        }
        over.store(true, Ordering::Relaxed);
        host.join().expect("the host's thread does not panic")
    });
    assert_eq!(load::post(ports.http, 1), Told::Taken);
    collector.drain(Duration::from_secs(10));
    assert_eq!((sink.accepted(), collector.dropped()), (taken + 1, 0));
}

#[test]
fn reload_takes_up_new_addresses_and_gives_up_old_ones() {
    let (collector, first) = Collector::running(&doc::sink());
    let next = free_ports();
    let mut document = doc::sink();
    document["receivers"][0] = doc::otlp("otlp", &next.http.to_string(), &next.grpc.to_string());
    let second = collector.reload(&document);
    assert_eq!((second.http, second.grpc), (next.http, next.grpc));
    assert_eq!((load::post(second.http, 1), load::call(second.grpc, 1)), (Told::Taken, Told::Taken));
    assert!(matches!(load::post(first.http, 1), Told::Broken { unsent: true, .. }));
    // What is gone can be taken by others, what is there cannot.
    assert!(std::net::TcpListener::bind(first.http).is_ok());
    assert!(std::net::TcpListener::bind(second.http).is_err());
}

#[test]
fn refused_reload_leaves_the_old_graph() {
    let (sink, sink_ports) = Collector::running(&doc::sink());
    let at = free_ports();
    let (collector, ports) = Collector::running(&relay(sink_ports, at));
    let load = Load::start(ports);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().map(|address| (taken, address.to_string())).expect("an address");
    let good = relay(sink_ports, at);
    let bad = |change: &dyn Fn(&mut Value)| {
        let mut document = good.clone();
        change(&mut document);
        document
    };
    let documents = [
        ("INVALID_CONFIG", bad(&|document| document["service"]["threads"] = json!("two"))),
        ("INVALID_CONFIG", bad(&|document| document["extra"] = json!(1))),
        ("START_FAILED", bad(&|document| document["exporters"][0]["type"] = json!("carrier_pigeon"))),
        ("START_FAILED", bad(&|document| document["processors"][0]["config"]["timeout"] = json!(-1))),
        ("START_FAILED", bad(&|document| document["service"]["pipelines"][0]["exporters"] = json!(["missing"]))),
        ("START_FAILED", bad(&|document| doc::http_of(document)["endpoint"] = json!(taken.1))),
        (
            "START_FAILED",
            bad(&|document| document["exporters"][0]["config"]["sending_queue"]["storage"] = no_storage()),
        ),
        // The listener before the one that cannot be had was changed too.
        (
            "START_FAILED",
            bad(&|document| {
                doc::grpc_of(document)["max_concurrent_streams"] = json!(7);
                doc::http_of(document)["endpoint"] = json!(taken.1);
            }),
        ),
    ];
    for (code, document) in &documents {
        let refused = collector.try_reload(document);
        assert_eq!(refused["ok"], false);
        assert_eq!(refused["error"]["code"], *code, "{refused}");
        assert!(refused["error"]["message"].as_str().is_some_and(|message| !message.is_empty()));
        load.flows();
    }
    // The graph that stayed can still be reloaded and drained.
    collector.reload(&good);
    load.flows();
    let totals = load.end();
    collector.drain(Duration::from_secs(20));
    assert_eq!((totals.refused, totals.unknown), (0, 0), "{totals:?}");
    assert_eq!((sink.accepted(), collector.dropped()), (totals.taken, 0));
}

#[test]
fn address_in_use_is_said_in_plain_words() {
    let (_first, ports) = Collector::running(&doc::sink());
    let second = Collector::new();
    let mut document = doc::sink();
    document["receivers"][0] = doc::otlp("otlp", &ports.http.to_string(), "127.0.0.1:0");
    let refused = second.try_start(&document);
    assert_eq!(refused["error"]["code"], "START_FAILED");
    let message = refused["error"]["message"].as_str().expect("words");
    assert!(message.contains("receivers::otlp") && message.contains("address already in use"), "{message}");
    assert!(message.contains(&ports.http.to_string()), "{message}");
    // The one that failed can be started after all.
    second.start(&doc::sink());
}

#[test]
fn reloads_leave_totals_and_one_set_of_gauges() {
    let (_sink, sink_ports) = Collector::running(&doc::sink());
    let at = free_ports();
    let (collector, ports) = Collector::running(&relay(sink_ports, at));
    let mut sent = 0;
    for round in 0..10 {
        assert_eq!(load::post(ports.http, 3), Told::Taken);
        sent += 3;
        let mut document = relay(sink_ports, at);
        document["exporters"][0]["config"]["sending_queue"]["queue_size"] = json!(round + 1);
        collector.reload(&document);
        assert_eq!((collector.accepted(), collector.sent()), (sent, sent), "round {round}");
        assert_eq!(collector.metric("otelcol_exporter_queue_capacity", &[]), round + 1);
        assert_eq!(collector.metric("otelcol_exporter_in_flight_requests", &[]), 0);
    }
    eventually("nothing is held", || collector.held_bytes() == 0);
}

/// A storage in a folder that is not there and may not be made.
fn no_storage() -> Value {
    json!({
        "directory": "/nonexistent/teleferric", "create_directory": false, "directory_permissions": 0o750,
        "timeout": 0, "max_age": 0, "segment_bytes": 1 << 20, "max_bytes": 8 << 20, "reserve_free_percent": 0,
        "sync": true, "dead_letter_bytes": null, "lag_policy": "block", "on_full": "refuse",
        "on_corruption": "quarantine", "scrub_bytes_per_second": 0, "encryption": null,
    })
}
