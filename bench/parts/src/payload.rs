//! Requests as instrumented services send them: HTTP servers with some eight attributes a record, a resource for every
//! two hundred records, and two scopes in each. The same arguments give the same bytes.

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric::Data, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span, status};
use teleferric_wire::Signal;

use crate::random::Random;
use crate::request::Request;

const RECORDS_PER_RESOURCE: usize = 200;
const RECORDS_PER_SCOPE: usize = 100;
const POINTS_PER_METRIC: usize = 10;
/// One span in so many has an event.
const SPANS_PER_EVENT: usize = 2;

/// When all of it happened, in nanoseconds since 1970.
const EPOCH_NS: u64 = 1_790_000_000_000_000_000;

/// An attribute that every record of every signal has, for edits.
pub const COMMON_KEY: &str = "http.route";

const METHODS: [&str; 4] = ["GET", "GET", "POST", "PUT"];
const ROUTES: [&str; 6] =
    ["/", "/cart", "/cart/{id}", "/api/products/{id}", "/api/checkout/{order}/confirm", "/api/recommendations"];
const STATUSES: [i64; 6] = [200, 200, 200, 204, 404, 503];
const SERVICES: [&str; 5] = ["frontend", "cart", "checkout", "product-catalog", "recommendation"];
const AGENTS: [&str; 3] = [
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "python-requests/2.32.4",
];
const REGIONS: [&str; 3] = ["eu-1", "us-2", "ap-1"];

/// A request with so many spans, data points or log records.
pub fn request(signal: Signal, records: usize, seed: u64) -> Request {
    let mut random = Random::new(seed);
    let resources = sizes(records, RECORDS_PER_RESOURCE);
    match signal {
        Signal::Traces => {
            let resource_spans = resources.map(|records| resource_spans(records, &mut random)).collect();
            Request::Traces(ExportTraceServiceRequest { resource_spans })
        }
        Signal::Metrics => {
            let resource_metrics = resources.map(|points| resource_metrics(points, &mut random)).collect();
            Request::Metrics(ExportMetricsServiceRequest { resource_metrics })
        }
        Signal::Logs => {
            let resource_logs = resources.map(|records| resource_logs(records, &mut random)).collect();
            Request::Logs(ExportLogsServiceRequest { resource_logs })
        }
        Signal::Profiles => unreachable!("there are no profiles here"),
    }
}

/// The same, encoded.
pub fn bytes(signal: Signal, records: usize, seed: u64) -> Bytes {
    request(signal, records, seed).encode()
}

fn resource_spans(records: usize, random: &mut Random) -> ResourceSpans {
    ResourceSpans {
        resource: Some(resource(random)),
        scope_spans: sizes(records, RECORDS_PER_SCOPE)
            .map(|records| ScopeSpans {
                scope: Some(scope(random)),
                spans: (0..records).map(|index| span(index, random)).collect(),
                ..ScopeSpans::default()
            })
            .collect(),
        ..ResourceSpans::default()
    }
}

fn resource_metrics(points: usize, random: &mut Random) -> ResourceMetrics {
    ResourceMetrics {
        resource: Some(resource(random)),
        scope_metrics: sizes(points, RECORDS_PER_SCOPE)
            .map(|points| ScopeMetrics {
                scope: Some(scope(random)),
                metrics: sizes(points, POINTS_PER_METRIC)
                    .enumerate()
                    .map(|(index, points)| metric(index, points, random))
                    .collect(),
                ..ScopeMetrics::default()
            })
            .collect(),
        ..ResourceMetrics::default()
    }
}

fn resource_logs(records: usize, random: &mut Random) -> ResourceLogs {
    ResourceLogs {
        resource: Some(resource(random)),
        scope_logs: sizes(records, RECORDS_PER_SCOPE)
            .map(|records| ScopeLogs {
                scope: Some(scope(random)),
                log_records: (0..records).map(|_| log(random)).collect(),
                ..ScopeLogs::default()
            })
            .collect(),
        ..ResourceLogs::default()
    }
}

fn span(index: usize, random: &mut Random) -> Span {
    let route = random.pick(&ROUTES);
    let method = random.pick(&METHODS);
    let status = random.pick(&STATUSES);
    let start = time(random);
    let event = || span::Event {
        time_unix_nano: start + 1_000_000,
        name: "cache.miss".into(),
        attributes: vec![text("cache.key", "session"), number("cache.size_bytes", 4096)],
        ..span::Event::default()
    };
    let code = if status >= 500 { status::StatusCode::Error } else { status::StatusCode::Unset };
    Span {
        trace_id: random.bytes(16),
        span_id: random.bytes(8),
        parent_span_id: random.bytes(8),
        flags: 257,
        name: format!("{method} {route}"),
        kind: span::SpanKind::Server as i32,
        start_time_unix_nano: start,
        end_time_unix_nano: start + random.below(400_000_000) as u64,
        attributes: vec![
            text("http.request.method", method),
            text(COMMON_KEY, route),
            text(
                "url.full",
                &format!("https://shop.example.com{}?session={:016x}", path(route, random), random.bits()),
            ),
            number("http.response.status_code", status),
            text("server.address", "shop.example.com"),
            text("client.address", &address(random)),
            number("client.port", 32_768 + random.below(28_000) as i64),
            text("user_agent.original", random.pick(&AGENTS)),
            text("network.protocol.version", "1.1"),
        ],
        events: if index.is_multiple_of(SPANS_PER_EVENT) { vec![event()] } else { Vec::new() },
        status: Some(Status { code: code as i32, ..Status::default() }),
        ..Span::default()
    }
}

fn log(random: &mut Random) -> LogRecord {
    let route = random.pick(&ROUTES);
    let now = time(random);
    let took = random.below(900);
    LogRecord {
        time_unix_nano: now,
        observed_time_unix_nano: now + 50_000,
        severity_number: 9,
        severity_text: "INFO".into(),
        body: value(Value::StringValue(format!("handled {route} in {took} ms"))),
        attributes: vec![
            text("http.request.method", random.pick(&METHODS)),
            text(COMMON_KEY, route),
            number("http.response.status_code", random.pick(&STATUSES)),
            text("client.address", &address(random)),
            text("session.id", &format!("{:016x}", random.bits())),
            text("thread.name", &format!("worker-{}", random.below(16))),
            number("code.line.number", random.below(600) as i64),
            number("duration_ms", took as i64),
        ],
        flags: 1,
        trace_id: random.bytes(16),
        span_id: random.bytes(8),
        ..LogRecord::default()
    }
}

fn metric(index: usize, points: usize, random: &mut Random) -> Metric {
    let mut point = |value| NumberDataPoint {
        attributes: vec![
            text("http.method", random.pick(&METHODS)),
            text(COMMON_KEY, random.pick(&ROUTES)),
            number("status", random.pick(&STATUSES)),
            text("region", random.pick(&REGIONS)),
            text("pod", &format!("{:08x}", random.bits() as u32)),
            text("net", "ipv4"),
            number("shard", random.below(64) as i64),
            text("tls", "1.3"),
        ],
        start_time_unix_nano: EPOCH_NS,
        time_unix_nano: time(random),
        value: Some(value),
        ..NumberDataPoint::default()
    };
    let (name, data) = if index.is_multiple_of(2) {
        let data_points =
            (0..points).map(|index| point(number_data_point::Value::AsInt(1000 + index as i64))).collect();
        ("http.server.requests", Data::Sum(Sum { data_points, aggregation_temporality: 2, is_monotonic: true }))
    } else {
        let data_points =
            (0..points).map(|index| point(number_data_point::Value::AsDouble(0.125 * index as f64))).collect();
        ("http.server.load", Data::Gauge(Gauge { data_points }))
    };
    Metric { name: format!("{name}.{index}"), unit: "1".into(), data: Some(data), ..Metric::default() }
}

fn resource(random: &mut Random) -> Resource {
    let service = random.pick(&SERVICES);
    Resource {
        attributes: vec![
            text("service.name", service),
            text("service.version", "2.14.1"),
            text("service.instance.id", &format!("{:016x}", random.bits())),
            text("k8s.namespace.name", "shop"),
            text("k8s.pod.name", &format!("{service}-{:08x}", random.bits() as u32)),
            text("telemetry.sdk.language", "nodejs"),
        ],
        ..Resource::default()
    }
}

fn scope(random: &mut Random) -> InstrumentationScope {
    let name = random.pick(&["http", "net", "pg", "redis"]);
    InstrumentationScope { name: format!("instrumentation-{name}"), version: "0.203.0".into(), ..Default::default() }
}

fn path(route: &str, random: &mut Random) -> String {
    route.replace("{id}", &random.below(100_000).to_string()).replace("{order}", &format!("{:012x}", random.bits()))
}

fn address(random: &mut Random) -> String {
    format!("10.{}.{}.{}", random.below(8), random.below(256), random.below(256))
}

fn time(random: &mut Random) -> u64 {
    EPOCH_NS + random.below(5_000_000_000) as u64
}

fn text(key: &str, content: &str) -> KeyValue {
    KeyValue { key: key.into(), value: value(Value::StringValue(content.into())), ..KeyValue::default() }
}

fn number(key: &str, number: i64) -> KeyValue {
    KeyValue { key: key.into(), value: value(Value::IntValue(number)), ..KeyValue::default() }
}

fn value(value: Value) -> Option<AnyValue> {
    Some(AnyValue { value: Some(value) })
}

/// `total` in portions of at most `portion`.
fn sizes(total: usize, portion: usize) -> impl Iterator<Item = usize> {
    (0..total.div_ceil(portion)).map(move |index| portion.min(total - index * portion))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::SIGNALS;
    use teleferric_wire::{Limits, check};

    #[test]
    fn records_have_their_usual_size_and_pass_the_check() {
        for (signal, usual) in SIGNALS.into_iter().zip([500..800, 180..240, 320..400]) {
            let bytes = bytes(signal, 1000, 1);
            assert!(usual.contains(&(bytes.len() / 1000)), "{signal}: {} B a record", bytes.len() / 1000);
            assert_eq!(check(signal, &bytes, &Limits::default()).unwrap().counts().items, 1000);
        }
    }

    #[test]
    fn seeds_repeat_and_differ() {
        assert_eq!(bytes(Signal::Logs, 10, 1), bytes(Signal::Logs, 10, 1));
        assert_ne!(bytes(Signal::Logs, 10, 1), bytes(Signal::Logs, 10, 2));
    }
}
