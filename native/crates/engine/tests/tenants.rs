//! Tenants over their quota are refused for a while, others are not; a name counts only where it is certain.

mod support;

use std::net::TcpListener;
use std::time::Duration;

use serde_json::{Value, json};
use support::document::{self as doc, MS};
use support::load::{self, Sender, Told};
use support::{Collector, Ports, eventually};
use teleferric_testkit::request;
use teleferric_wire::Signal;

const TOO_MANY: Told = Told::Refused { status: 429, hinted: true };
const RESOURCE_EXHAUSTED: Told = Told::Refused { status: 8, hinted: true };

/// `document` with a quota for each tenant whose name a proxy at `proxy` tells.
fn with_quota(mut document: Value, proxy: &str, quota: &[(&str, u64)]) -> Value {
    let mut all = json!({ "bytes_per_second": 0, "items_per_second": 0, "burst": 1000 * MS, "in_flight_bytes": 0 });
    quota.iter().for_each(|(key, value)| all[*key] = json!(value));
    document["service"]["tenants"] = json!({
        "header": "x-scope-orgid", "trusted_proxies": [proxy], "client_certificate": null, "quota": all,
        "overrides": [{ "name": "b", "quota": all }],
    });
    document
}

/// What `items` spans of `tenant` are answered over HTTP and over gRPC.
fn send(ports: Ports, tenant: &str, items: u64) -> (Told, Told) {
    let (body, headers) = (request(Signal::Traces, 0, items), [("x-scope-orgid", tenant)]);
    load::run(async {
        let http = Sender::http(ports.http).send(body.clone(), &headers).await;
        (http, Sender::grpc(ports.grpc).send(body, &headers).await)
    })
}

#[test]
fn a_tenant_over_its_rate_is_refused_for_a_while_and_another_is_not() {
    let (collector, ports) = Collector::running(&with_quota(doc::sink(), "127.0.0.0/8", &[("items_per_second", 10)]));
    assert_eq!(load::post_with(ports.http, 1000, &[("x-scope-orgid", "a")]), Told::Taken);
    assert_eq!(send(ports, "a", 1), (TOO_MANY, RESOURCE_EXHAUSTED));
    assert_eq!(send(ports, "b", 1), (Told::Taken, Told::Taken));
    let metric = |name, tenant| collector.metric(name, &[("tenant", tenant)]);
    assert_eq!(metric("teleferric_tenant_refused_requests_total", "_other"), 2);
    assert_eq!(metric("teleferric_tenant_items_total", "_other"), 1000);
    assert_eq!((metric("teleferric_tenant_items_total", "b"), collector.accepted()), (2, 1002));
    // What was used counts on after a reload, as does the number of it.
    collector.reload(&with_quota(doc::sink(), "127.0.0.1", &[("items_per_second", 11)]));
    assert_eq!(send(ports, "a", 1), (TOO_MANY, RESOURCE_EXHAUSTED));
    assert_eq!(metric("teleferric_tenant_items_total", "b"), 2);
    // Without quotas nobody is refused.
    collector.reload(&doc::sink());
    assert_eq!(send(ports, "a", 1), (Told::Taken, Told::Taken));
}

#[test]
fn whoever_is_not_trusted_cannot_choose_a_tenant() {
    let (_collector, ports) = Collector::running(&with_quota(doc::sink(), "192.0.2.1", &[("items_per_second", 10)]));
    assert_eq!(load::post_with(ports.http, 1000, &[("x-scope-orgid", "a")]), Told::Taken);
    assert_eq!(send(ports, "b", 1), (TOO_MANY, RESOURCE_EXHAUSTED));
}

#[test]
fn a_name_that_cannot_be_one_is_refused_for_good() {
    let (_collector, ports) = Collector::running(&with_quota(doc::sink(), "127.0.0.1", &[]));
    let malformed = (Told::Refused { status: 400, hinted: false }, Told::Refused { status: 3, hinted: true });
    assert_eq!(send(ports, &"x".repeat(257), 1), malformed);
}

#[test]
fn bytes_of_one_tenant_in_the_queue_are_bounded_and_others_have_room() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("an address");
    let document = doc::collector(&[doc::traces(&["otlp"], &[], &["otlp_http"])]);
    let document =
        doc::with(document, "exporters", &[doc::otlp_http("otlp_http", address, doc::queue(1000, 1), false)]);
    let (collector, ports) = Collector::running(&with_quota(document, "127.0.0.1", &[("in_flight_bytes", 4000)]));
    let mut taken = 0;
    while load::post_with(ports.http, 10, &[("x-scope-orgid", "a")]) == Told::Taken {
        taken += 1;
        assert!(taken < 100, "nothing is ever refused");
    }
    assert_eq!(send(ports, "a", 10), (TOO_MANY, RESOURCE_EXHAUSTED));
    assert_eq!(send(ports, "b", 10), (Told::Taken, Told::Taken));
    let in_flight = |tenant| collector.metric("teleferric_tenant_in_flight_bytes", &[("tenant", tenant)]);
    assert!(taken > 1 && (2000..=4000).contains(&in_flight("_other")), "{taken}: {}", in_flight("_other"));
    drop(silent);
    eventually("all is let go of", || in_flight("_other") == 0 && in_flight("b") == 0);
    collector.drain(Duration::from_secs(5));
}
