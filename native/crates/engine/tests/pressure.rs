//! Full queues, spent memory, destinations that fail and code that panics: each is answered as the contract says,
//! counted, and over when its cause is.

mod support;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use support::document as doc;
use support::load::{self, Load, Told};
use support::{Collector, eventually};

const UNAVAILABLE: u32 = 14;

/// A destination that takes connections and says nothing until it is closed.
struct Silent {
    address: SocketAddr,
    _listener: TcpListener,
}

impl Silent {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        Silent { address: listener.local_addr().expect("an address"), _listener: listener }
    }
}

fn relay(processors: &[Value], exporters: &[Value]) -> Value {
    let ids = |list: &[Value]| list.iter().map(|one| one["id"].as_str().expect("an id").to_owned()).collect::<Vec<_>>();
    let (processor_ids, exporter_ids) = (ids(processors), ids(exporters));
    let processor_ids: Vec<_> = processor_ids.iter().map(String::as_str).collect();
    let exporter_ids: Vec<_> = exporter_ids.iter().map(String::as_str).collect();
    let document = doc::collector(&[doc::traces(&["otlp"], &processor_ids, &exporter_ids)]);
    doc::with(doc::with(document, "processors", processors), "exporters", exporters)
}

#[test]
fn full_queue_refuses_for_now_and_is_counted() {
    let silent = Silent::new();
    let (collector, ports) =
        Collector::running(&relay(&[], &[doc::otlp_http("otlp_http", silent.address, doc::queue(3, 1), true)]));
    for _ in 0..3 {
        assert_eq!(load::post(ports.http, 10), Told::Taken);
    }
    assert_eq!(collector.metric("otelcol_exporter_queue_size", &[]), 3);
    assert!(matches!(load::post(ports.http, 10), Told::Refused { status: 503, .. }));
    assert!(matches!(load::call(ports.grpc, 7), Told::Refused { status: UNAVAILABLE, .. }));
    let enqueue_failed = collector.metric("otelcol_exporter_enqueue_failed_spans", &[("exporter", "otlp_http")]);
    assert_eq!((enqueue_failed, collector.refused(), collector.accepted()), (17, 17, 30));
    drop(silent);
    collector.drain(Duration::from_secs(5));
    // What was taken and never sent is counted; what was refused is not counted again.
    assert_eq!((collector.sent(), collector.dropped(), collector.refused()), (0, 30, 17));
}

#[test]
fn memory_limiter_refuses_until_memory_is_free_again() {
    let silent = Silent::new();
    let limiter = doc::component("memory_limiter", json!({ "limit_bytes": 30_000, "spike_limit_bytes": 10_000 }));
    let exporter = doc::otlp_http("otlp_http", silent.address, doc::queue(1000, 1), false);
    let (collector, ports) = Collector::running(&relay(&[limiter], &[exporter]));
    let mut taken = 0;
    let refusal = loop {
        match load::post(ports.http, 50) {
            Told::Taken => taken += 50,
            refused => break refused,
        }
        assert!(taken < 5_000, "nothing is ever refused");
    };
    assert_eq!(refusal, Told::Refused { status: 503, hinted: true });
    let limited = collector.metric("otelcol_processor_memory_limiter_refused_spans", &[]);
    assert!(taken > 0 && limited == 50, "{taken} taken, {limited} refused");
    assert_eq!(load::call(ports.grpc, 50), Told::Refused { status: UNAVAILABLE, hinted: true });
    drop(silent);
    eventually("memory is free once the destination is gone", || load::post(ports.http, 50) == Told::Taken);
    collector.drain(Duration::from_secs(5));
    assert_eq!(collector.accepted(), collector.dropped());
}

#[test]
fn spent_ledger_refuses_and_recovers() {
    let mut document = relay(&[], &[doc::nop()]);
    document["service"]["memory_limit_bytes"] = json!(4096);
    let (collector, ports) = Collector::running(&document);
    assert_eq!(load::post(ports.http, 100), Told::Refused { status: 503, hinted: true });
    assert_eq!(load::call(ports.grpc, 100), Told::Refused { status: UNAVAILABLE, hinted: true });
    assert_eq!((load::post(ports.http, 1), load::call(ports.grpc, 1)), (Told::Taken, Told::Taken));
    eventually("nothing is held", || collector.held_bytes() == 0);
}

#[test]
fn senders_learn_the_failure_of_one_of_two_destinations() {
    let (sink, sink_ports) = Collector::running(&doc::sink());
    let nobody = Silent::new().address;
    let exporters = [
        doc::otlp_grpc("otlp_grpc", sink_ports.grpc, Value::Null, false),
        doc::otlp_http("otlp_http", nobody, Value::Null, false),
    ];
    let (collector, ports) = Collector::running(&relay(&[], &exporters));
    assert!(matches!(load::post(ports.http, 10), Told::Refused { status: 503, .. }));
    assert!(matches!(load::call(ports.grpc, 5), Told::Refused { status: UNAVAILABLE, .. }));
    // The other destination has it all the same.
    assert_eq!((sink.accepted(), collector.sent()), (15, 15));
    assert_eq!(collector.metric("otelcol_exporter_send_failed_spans", &[("exporter", "otlp_http")]), 15);
    assert_eq!((collector.accepted(), collector.refused(), collector.dropped()), (0, 15, 0));
    eventually("nothing is held", || collector.held_bytes() == 0);
}

#[test]
fn balance_holds_when_some_is_refused_and_some_is_dropped() {
    let (sink, sink_ports) = Collector::running(&doc::sink());
    let nobody = Silent::new().address;
    let exporters = [
        doc::otlp_grpc("otlp_grpc", sink_ports.grpc, doc::queue(2, 1), true),
        doc::otlp_http("otlp_http", nobody, doc::queue(2, 1), false),
    ];
    let (collector, ports) = Collector::running(&relay(&[], &exporters));
    let load = Load::start(ports);
    eventually("something is dropped", || collector.dropped() > 0);
    load.flows();
    let totals = load.end();
    eventually("queues are empty", || collector.metric("otelcol_exporter_queue_size", &[]) == 0);
    eventually("nothing is held", || collector.held_bytes() == 0);
    assert_eq!(totals.unknown, 0, "{totals:?}");
    assert_eq!((collector.accepted(), collector.refused()), (totals.taken, totals.refused));
    let of = |name: &str, exporter: &str| collector.metric(name, &[("exporter", exporter)]);
    let received = totals.taken + totals.refused;
    for exporter in ["otlp_grpc", "otlp_http"] {
        let sent = of("otelcol_exporter_sent_spans", exporter);
        let failed = of("otelcol_exporter_send_failed_spans", exporter);
        let unqueued = of("otelcol_exporter_enqueue_failed_spans", exporter);
        assert_eq!(sent + failed + unqueued, received, "{exporter}: {sent} + {failed} + {unqueued}");
    }
    assert_eq!(sink.accepted(), of("otelcol_exporter_sent_spans", "otlp_grpc"));
    assert_eq!(collector.dropped(), of("otelcol_exporter_send_failed_spans", "otlp_http"));
}

/// The wake-up of the host runs wherever something is logged: one that panics stands for any component that does.
#[test]
fn panic_on_a_data_plane_thread_ends_one_request_alone() {
    let armed = Arc::new(AtomicBool::new(false));
    let collector = Collector::waking({
        let armed = Arc::clone(&armed);
        move || assert!(!armed.swap(false, Ordering::Relaxed), "a panic of the test's own")
    });
    let nobody = Silent::new().address;
    let document = relay(&[], &[doc::otlp_http("otlp_http", nobody, Value::Null, false)]);
    let ports = collector.start(&document);
    collector.events();
    armed.store(true, Ordering::Relaxed);
    // The exporter's failure is logged, and that panics.
    assert!(matches!(load::post(ports.http, 10), Told::Refused { status: 503, .. }));
    assert!(!armed.load(Ordering::Relaxed), "nothing panicked");
    // Everything goes on.
    for _ in 0..4 {
        assert!(matches!(load::post(ports.http, 10), Told::Refused { status: 503, .. }));
        assert!(matches!(load::call(ports.grpc, 10), Told::Refused { status: UNAVAILABLE, .. }));
    }
    eventually("nothing is held", || collector.held_bytes() == 0);
    collector.drain(Duration::from_secs(5));
    assert_eq!((collector.accepted(), collector.refused(), collector.dropped()), (0, 90, 0));
}

/// As above, with the panic inside a batch on its way to a full queue.
#[test]
fn panic_behind_a_batch_leaves_the_batcher_working() {
    let armed = Arc::new(AtomicBool::new(false));
    let collector = Collector::waking({
        let armed = Arc::clone(&armed);
        move || assert!(!armed.swap(false, Ordering::Relaxed), "a panic of the test's own")
    });
    let silent = Silent::new();
    let exporter = doc::otlp_http("otlp_http", silent.address, doc::queue(1, 1), true);
    let mut document = relay(&[doc::batch(1, 0, &[])], &[exporter]);
    document["service"]["threads"] = json!(1);
    let ports = collector.start(&document);
    assert_eq!(load::post(ports.http, 10), Told::Taken);
    collector.events();
    armed.store(true, Ordering::Relaxed);
    // The queue is full now: this one is answered by the batcher and then dropped, with a line in the log.
    load::post(ports.http, 10);
    eventually("the log panicked", || !armed.load(Ordering::Relaxed));
    for _ in 0..5 {
        assert_eq!(load::post(ports.http, 10), Told::Taken);
    }
    assert_eq!(collector.metric("teleferric_panics_total", &[]), 1);
    drop(silent);
    collector.drain(Duration::from_secs(5));
    assert_eq!((collector.accepted(), collector.sent(), collector.dropped()), (70, 0, 70));
}
