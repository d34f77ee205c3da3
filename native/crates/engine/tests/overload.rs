//! Load is shed from the least important on: refused with a wait, counted, and only until there is room again.

mod support;

use std::net::TcpListener;

use serde_json::{Value, json};
use support::document as doc;
use support::load::{self, Told};
use support::{Collector, Ports, eventually};

/// A collector whose destination says nothing, and so whose queue fills memory of `memory_bytes`.
fn stuck(silent: &TcpListener, memory_bytes: u64, shed: bool) -> Value {
    let address = silent.local_addr().expect("an address");
    let exporter = doc::otlp_http("otlp_http", address, doc::queue(10_000, 1), false);
    let document = doc::collector(&[doc::traces(&["otlp"], &[], &["otlp_http"])]);
    let mut document = doc::with(document, "exporters", &[exporter]);
    document["service"]["overload"]["memory_bytes"] = json!(memory_bytes);
    document["service"]["overload"]["shed"] = json!(shed);
    document
}

/// Sends small requests until so many bytes are held.
fn fill(collector: &Collector, ports: Ports, bytes: u64) {
    while collector.held_bytes() < bytes {
        assert_eq!(load::post(ports.http, 5), Told::Taken);
    }
}

#[test]
fn spans_without_errors_are_refused_before_memory_is_full_and_taken_once_it_is_free() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (collector, ports) = Collector::running(&stuck(&silent, 50_000, true));
    fill(&collector, ports, 43_000);
    eventually("the level is entered", || collector.metric("teleferric_degradation_level", &[]) == 2);
    // Only what has been read can be told apart, so these were counted.
    assert_eq!(load::post(ports.http, 50), Told::Refused { status: 503, hinted: true });
    assert_eq!(load::call(ports.grpc, 7), Told::Refused { status: 14, hinted: true });
    assert_eq!(collector.metric("teleferric_shed_requests_total", &[("class", "2")]), 2);
    assert_eq!((collector.refused(), collector.metric("otelcol_exporter_enqueue_failed_spans", &[])), (57, 0));
    let told = collector.events().into_iter().filter(|event| event.to_string().contains("overloaded")).count();
    // A look may come while the first mark is passed already and the second is not.
    assert!((1..=2).contains(&told), "one line for each change, not {told}");
    drop(silent);
    eventually("there is room again", || load::post(ports.http, 1) == Told::Taken);
}

#[test]
fn a_whole_signal_that_is_shed_is_refused_unread() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut document = stuck(&silent, 50_000, true);
    let rule = json!({ "class": 3, "signals": ["traces"], "severity": 1, "resource_attributes": [] });
    document["service"]["overload"]["priorities"] = json!([rule]);
    let (collector, ports) = Collector::running(&document);
    fill(&collector, ports, 36_000);
    eventually("the level is entered", || collector.metric("teleferric_degradation_level", &[]) == 1);
    assert_eq!(load::post(ports.http, 50), Told::Refused { status: 503, hinted: true });
    assert_eq!(load::call(ports.grpc, 50), Told::Refused { status: 14, hinted: true });
    assert_eq!(collector.metric("teleferric_shed_requests_total", &[("class", "3")]), 2);
    assert_eq!(collector.refused(), 0, "what was not read has no items to count");
}

#[test]
fn nothing_is_shed_where_that_is_off() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (collector, ports) = Collector::running(&stuck(&silent, 1000, false));
    assert_eq!(load::post(ports.http, 50), Told::Taken);
    eventually("the level shows", || collector.metric("teleferric_degradation_level", &[]) == 4);
    assert_eq!((load::post(ports.http, 50), load::call(ports.grpc, 50)), (Told::Taken, Told::Taken));
}
