//! The ways through the graph: connectors between pipelines, receivers and exporters that several pipelines share,
//! request metadata on its way to the batcher, and data that the host hands in.

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use support::document::{self as doc, MS};
use support::load::{self, Told};
use support::{Collector, eventually};
use teleferric_testkit::request;
use teleferric_wire::Signal;

#[test]
fn forward_joins_pipelines() {
    let (sink, sink_ports) = Collector::running(&doc::sink());
    let pipelines = [
        doc::named("traces/in", &["otlp"], &[], &["forward"]),
        doc::named("traces/batched", &["forward"], &["batch"], &["otlp_grpc"]),
        doc::named("traces/direct", &["forward"], &[], &["nop"]),
    ];
    let document = doc::with(doc::collector(&pipelines), "processors", &[doc::batch(100, 10_000 * MS, &[])]);
    let exporters = [doc::nop(), doc::otlp_grpc("otlp_grpc", sink_ports.grpc, Value::Null, false)];
    let document = doc::with(document, "exporters", &exporters);
    let document = doc::with(document, "connectors", &[doc::component("forward", json!({}))]);
    let (collector, ports) = Collector::running(&document);
    assert_eq!((load::post(ports.http, 9), load::call(ports.grpc, 4)), (Told::Taken, Told::Taken));
    assert_eq!(collector.metric("otelcol_exporter_sent_spans", &[("exporter", "nop")]), 13);
    assert_eq!(sink.accepted(), 0, "the batch is not full");
    // The drain empties the pipeline behind the connector too.
    collector.drain(Duration::from_secs(10));
    assert_eq!((sink.accepted(), collector.accepted(), collector.dropped()), (13, 13, 0));
}

#[test]
fn exporter_in_two_pipelines_is_one_exporter() {
    let (sink, sink_ports) = Collector::running(&doc::sink());
    let pipelines = [
        doc::named("traces/a", &["otlp"], &[], &["otlp_grpc"]),
        doc::named("traces/b", &["otlp"], &[], &["otlp_grpc"]),
    ];
    let exporters = [doc::otlp_grpc("otlp_grpc", sink_ports.grpc, doc::queue(10, 2), false)];
    let (collector, ports) = Collector::running(&doc::with(doc::collector(&pipelines), "exporters", &exporters));
    assert_eq!(load::post(ports.http, 6), Told::Taken);
    assert_eq!(collector.metric("otelcol_exporter_queue_capacity", &[]), 10);
    collector.drain(Duration::from_secs(10));
    assert_eq!((sink.accepted(), collector.accepted(), collector.sent()), (12, 6, 12));
}

#[test]
fn metadata_keeps_the_batches_of_senders_apart() {
    let (sink, sink_ports) = Collector::running(&doc::sink());
    let mut document = doc::collector(&[doc::traces(&["otlp"], &["batch"], &["otlp_grpc"])]);
    // One thread: partitions belong to threads.
    document["service"]["threads"] = json!(1);
    doc::http_of(&mut document)["include_metadata"] = json!(true);
    let document = doc::with(document, "processors", &[doc::batch(20, 3_600_000 * MS, &["x-tenant"])]);
    let exporters = [doc::otlp_grpc("otlp_grpc", sink_ports.grpc, Value::Null, false)];
    let (collector, ports) = Collector::running(&doc::with(document, "exporters", &exporters));
    let post = |tenant: &str| load::post_with(ports.http, 12, &[("x-tenant", tenant)]);
    assert_eq!((post("a"), post("b")), (Told::Taken, Told::Taken));
    assert_eq!(collector.metric("otelcol_processor_batch_metadata_cardinality", &[]), 2);
    // Together they would fill a batch; apart they do not.
    assert_eq!(sink.accepted(), 0);
    assert_eq!(post("a"), Told::Taken);
    eventually("the batch of the first is full", || sink.accepted() == 24);
    // More tenants than the limit are refused, for good.
    assert_eq!(post("c"), Told::Refused { status: 500, hinted: false });
    assert_eq!(load::call(ports.grpc, 5), Told::Refused { status: 13, hinted: false }, "without metadata is one more");
    collector.drain(Duration::from_secs(10));
    assert_eq!((sink.accepted(), collector.accepted(), collector.refused()), (36, 36, 17));
}

#[test]
fn signals_without_a_pipeline_are_not_served() {
    let (collector, ports) = Collector::running(&doc::sink());
    assert_eq!(collector.ingest("logs", "json", b"{}")["outcome"], "refused");
    assert_eq!(collector.ingest("traces", "proto", &request(Signal::Traces, 0, 8))["outcome"], "accepted");
    assert_eq!(collector.ingest("traces", "proto", &[0x0a])["code"], "malformed");
    assert_eq!(load::post(ports.http, 2), Told::Taken);
    assert_eq!(collector.accepted(), 10);
    assert_eq!(collector.metric("otelcol_receiver_accepted_spans", &[("transport", "node")]), 8);
    eventually("nothing is held", || collector.held_bytes() == 0);
    collector.drain(Duration::from_secs(5));
    assert_eq!(collector.ingest("traces", "json", b"{}")["code"], "draining");
}

#[test]
fn both_receivers_feed_a_pipeline() {
    let mut document = doc::sink();
    document["service"]["pipelines"][0]["receivers"] = json!(["otlp", "otlp/2"]);
    let document = doc::with(document, "receivers", &[doc::otlp("otlp/2", "127.0.0.1:0", "127.0.0.1:0")]);
    let collector = Collector::new();
    let started = collector.try_start(&document);
    let listeners = started["listeners"].as_array().expect("a list");
    assert_eq!(listeners.len(), 4);
    for listener in listeners.iter().filter(|listener| listener["protocol"] == "http") {
        let address = listener["address"].as_str().and_then(|address| address.parse().ok()).expect("an address");
        assert_eq!(load::post(address, 3), Told::Taken);
        let id = listener["component"].as_str().expect("an id");
        assert_eq!(collector.metric("otelcol_receiver_accepted_spans", &[("receiver", id)]), 3);
    }
}
