//! Senders that do not wait for their answer: what was done for them stops, and counts as refused once.

mod support;

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};
use support::document::{self as doc, MS};
use support::load::{self, Sender, Told};
use support::{Collector, Ports, eventually};
use teleferric_testkit::request;
use teleferric_wire::Signal;

/// A collector that waits five minutes for the answer of a destination that never gives one.
fn stuck(silent: &TcpListener) -> (Collector, Ports) {
    let address = silent.local_addr().expect("an address");
    let mut exporter = doc::otlp_http("otlp_http", address, Value::Null, true);
    exporter["config"]["client"]["timeout"] = json!(300_000 * MS);
    let document = doc::collector(&[doc::traces(&["otlp"], &[], &["otlp_http"])]);
    Collector::running(&doc::with(document, "exporters", &[exporter]))
}

fn silent() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("a port")
}

fn in_flight(collector: &Collector) -> u64 {
    collector.metric("otelcol_exporter_in_flight_requests", &[])
}

/// Nothing is left of a request of `items` but the account of it.
fn assert_refused_once(collector: &Collector, items: u64) {
    eventually("the work for it stops", || in_flight(collector) == 0 && collector.held_bytes() == 0);
    eventually("it is counted", || collector.refused() == items);
    let failed = collector.metric("otelcol_exporter_send_failed_spans", &[]);
    assert_eq!((failed, collector.accepted(), collector.sent(), collector.dropped()), (items, 0, 0, 0));
    assert_eq!(collector.metric("teleferric_breaker_state", &[]), 0);
}

#[test]
fn work_for_a_call_stops_at_its_deadline() {
    let silent = silent();
    let (collector, ports) = stuck(&silent);
    let told = load::run(async {
        let body = request(Signal::Traces, 0, 7);
        Sender::grpc(ports.grpc).send_within(body, &[], Duration::from_millis(200)).await
    });
    assert_ne!(told, Told::Taken);
    assert_refused_once(&collector, 7);
}

#[test]
fn work_for_a_call_stops_when_it_is_cancelled() {
    let silent = silent();
    let (collector, ports) = stuck(&silent);
    load::run(async {
        let sender = Sender::grpc(ports.grpc);
        let call = tokio::task::spawn_local(async move { sender.send(request(Signal::Traces, 0, 7), &[]).await });
        while in_flight(&collector) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        call.abort();
        let _ = call.await;
    });
    assert_refused_once(&collector, 7);
}

#[test]
fn work_for_a_request_stops_when_its_connection_is_closed() {
    let silent = silent();
    let (collector, ports) = stuck(&silent);
    let body = request(Signal::Traces, 0, 7);
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut client = TcpStream::connect(ports.http).expect("a connection");
    client.write_all(&[head.as_bytes(), &body].concat()).expect("is sent");
    eventually("it is on its way", || in_flight(&collector) == 1);
    drop(client);
    assert_refused_once(&collector, 7);
}
