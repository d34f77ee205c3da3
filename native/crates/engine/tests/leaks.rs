//! Starting and stopping again and again leaves no thread, descriptor or memory. One test, alone in its file: it counts
//! what the whole process has.

#![cfg(target_os = "linux")]

mod support;

use std::time::Duration;

use support::document as doc;
use support::load::{self, Told};
use support::{Collector, descriptors, eventually, resident_bytes, threads};

/// Resident memory that 150 rounds may add; a leak of one graph or runtime a round would add several times as much.
const GROWTH_BYTES_MAX: u64 = 6 << 20;

#[test]
fn two_hundred_lives_leave_nothing() {
    let (sink, sink_ports) = Collector::running(&doc::sink());
    let document = doc::collector(&[doc::traces(&["otlp"], &["batch"], &["otlp_grpc", "otlp_http"])]);
    let document = doc::with(document, "processors", &[doc::batch(10, 1_000_000, &[])]);
    let exporters = [
        doc::otlp_grpc("otlp_grpc", sink_ports.grpc, doc::queue(10, 2), true),
        doc::otlp_http("otlp_http", sink_ports.http, doc::queue(10, 2), true),
    ];
    let document = doc::with(document, "exporters", &exporters);
    let mut taken_address = document.clone();
    doc::http_of(&mut taken_address)["endpoint"] = sink_ports.http.to_string().into();

    let mut before = None;
    for round in 0..200 {
        if round == 50 {
            settle(&sink);
            before = Some((threads(), descriptors(), resident_bytes()));
        }
        let collector = Collector::new();
        // A start that fails half-way: gRPC listens by then.
        assert_eq!(collector.try_start(&taken_address)["ok"], false);
        // Not at once: those of the life before may still be ending.
        let most = before.map_or(usize::MAX, |before| before.0 + 1);
        eventually("only the control thread is left", || threads() <= most);
        let ports = collector.start(&document);
        if round % 5 == 0 {
            assert_eq!(load::post(ports.http, 3), Told::Taken);
            collector.reload(&document);
        }
        match round % 4 {
            0 => collector.drain(Duration::from_secs(10)),
            1 => collector.engine.stop(),
            2 => drop(collector.begin_drain(None)),
            _ => {}
        }
    }
    let before = before.expect("there were fifty rounds");
    settle(&sink);
    eventually("no thread or descriptor is left", || threads() <= before.0 && descriptors() <= before.1);
    let growth = resident_bytes().saturating_sub(before.2);
    assert!(growth <= GROWTH_BYTES_MAX, "grew by {growth} bytes");
}

/// Waits until the sink has let go of its clients' connections.
fn settle(sink: &Collector) {
    assert_eq!(sink.status()["running"], true);
    let mut last = (0, 0);
    eventually("the numbers stand still", || {
        std::thread::sleep(Duration::from_millis(100));
        let now = (threads(), descriptors());
        std::mem::replace(&mut last, now) == now
    });
}
