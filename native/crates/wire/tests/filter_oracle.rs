//! Filtering against prost: leaving bytes out gives what decoding, removing and encoding gives.

#![allow(clippy::unwrap_used)]

mod generate;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use proptest::prelude::*;
use prost::Message;
use teleferric_wire::filter::{Filter, OnError, Rule};
use teleferric_wire::ottl::{Condition, Context};
use teleferric_wire::{Limits, Signal, check};

fn value<'a>(list: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    list.iter().find(|member| member.key == key)?.value.as_ref()?.value.as_ref()
}

fn of_resource<'a>(resource: &'a Option<Resource>, key: &str) -> Option<&'a Value> {
    value(&resource.as_ref()?.attributes, key)
}

/// Keeps what `keep` says, then whether the list is still worth keeping: not if that emptied it.
fn sift<T>(list: &mut Vec<T>, keep: impl FnMut(&mut T) -> bool) -> bool {
    let was_empty = list.is_empty();
    list.retain_mut(keep);
    was_empty || !list.is_empty()
}

type OfLog = fn(&Option<Resource>, &LogRecord) -> bool;
const OF_LOGS: [(&str, OfLog); 6] = [
    (r#"attributes["a"] != nil"#, |_, log| value(&log.attributes, "a").is_some()),
    ("severity_number < SEVERITY_NUMBER_WARN", |_, log| log.severity_number < 13),
    (r#"IsString(attributes["b"]) or trace_id.string != "00000000000000000000000000000000""#, |_, log| {
        matches!(value(&log.attributes, "b"), Some(Value::StringValue(_))) || log.trace_id.iter().any(|byte| *byte != 0)
    }),
    (r#"resource.attributes["a"] == nil and severity_text != """#, |resource, log| {
        of_resource(resource, "a").is_none() && !log.severity_text.is_empty()
    }),
    (r#"not (IsInt(body) or attributes["a"] == true)"#, |_, log| {
        let body = log.body.as_ref().and_then(|body| body.value.as_ref());
        !matches!(body, Some(Value::IntValue(_))) && value(&log.attributes, "a") != Some(&Value::BoolValue(true))
    }),
    (r#"attributes["a"] > 0"#, |_, log| match value(&log.attributes, "a") {
        Some(Value::IntValue(int)) => *int > 0,
        Some(Value::DoubleValue(double)) => *double > 0.0,
        _ => false,
    }),
];

type OfSpan = fn(&Span) -> bool;
const OF_SPANS: [(&str, OfSpan); 3] = [
    ("kind == SPAN_KIND_SERVER", |span| span.kind == 2),
    (r#"attributes["a"] == nil"#, |span| value(&span.attributes, "a").is_none()),
    ("status.code == STATUS_CODE_ERROR or IsRootSpan()", |span| {
        span.status.as_ref().is_some_and(|status| status.code == 2) || span.parent_span_id.iter().all(|byte| *byte == 0)
    }),
];

fn filter(signal: Signal, rules: &[(Context, &str)]) -> Filter {
    let rules = rules.iter().map(|(context, text)| {
        let condition = Condition::parse(text, *context).unwrap();
        Rule { context: *context, condition, on_error: OnError::Propagate }
    });
    Filter::new(signal, rules.collect())
}

/// What is left of `bytes`, checked and counted.
fn left(filter: &Filter, signal: Signal, bytes: &[u8]) -> Vec<u8> {
    let filtered = filter.apply(bytes).unwrap();
    let left = filtered.edited.map_or_else(|| bytes.to_vec(), |edited| edited.to_vec());
    assert_eq!(check(signal, &left, &Limits::default()).unwrap().counts().items, filtered.items);
    left
}

proptest! {
    #[test]
    fn logs(request in generate::logs(), which in 0..OF_LOGS.len()) {
        let (text, holds) = OF_LOGS[which];
        let bytes = left(&filter(Signal::Logs, &[(Context::Log, text)]), Signal::Logs, &request.encode_to_vec());
        let mut expected = request;
        sift(&mut expected.resource_logs, |entry| {
            let resource = &entry.resource;
            sift(&mut entry.scope_logs, |scope| sift(&mut scope.log_records, |log| !holds(resource, log)))
        });
        // As bytes, in which a NaN equals itself.
        prop_assert_eq!(ExportLogsServiceRequest::decode(&bytes[..]).unwrap().encode_to_vec(), expected.encode_to_vec(), "{}", text);
    }

    #[test]
    fn traces(request in generate::traces(), which in 0..OF_SPANS.len()) {
        let (text, holds) = OF_SPANS[which];
        let rules = [(Context::Span, text), (Context::SpanEvent, r#"attributes["a"] == nil"#)];
        let bytes = left(&filter(Signal::Traces, &rules), Signal::Traces, &request.encode_to_vec());
        let mut expected = request;
        sift(&mut expected.resource_spans, |entry| {
            sift(&mut entry.scope_spans, |scope| {
                sift(&mut scope.spans, |span| {
                    span.events.retain(|event| value(&event.attributes, "a").is_some());
                    !holds(span)
                })
            })
        });
        // As bytes, in which a NaN equals itself.
        prop_assert_eq!(ExportTraceServiceRequest::decode(&bytes[..]).unwrap().encode_to_vec(), expected.encode_to_vec(), "{}", text);
    }

    #[test]
    fn metrics(request in generate::metrics()) {
        let rules = [(Context::DataPoint, r#"attributes["a"] == nil"#), (Context::Resource, r#"attributes["b"] != nil"#)];
        let bytes = left(&filter(Signal::Metrics, &rules), Signal::Metrics, &request.encode_to_vec());
        fn keep<P>(points: &mut Vec<P>, attributes: fn(&P) -> &[KeyValue]) -> bool {
            sift(points, |point| value(attributes(point), "a").is_some())
        }
        let mut expected = request;
        sift(&mut expected.resource_metrics, |entry| {
            let kept = sift(&mut entry.scope_metrics, |scope| {
                sift(&mut scope.metrics, |metric| match &mut metric.data {
                    None => true,
                    Some(Data::Gauge(data)) => keep(&mut data.data_points, |point| &point.attributes),
                    Some(Data::Sum(data)) => keep(&mut data.data_points, |point| &point.attributes),
                    Some(Data::Histogram(data)) => keep(&mut data.data_points, |point| &point.attributes),
                    Some(Data::ExponentialHistogram(data)) => keep(&mut data.data_points, |point| &point.attributes),
                    Some(Data::Summary(data)) => keep(&mut data.data_points, |point| &point.attributes),
                })
            });
            kept && of_resource(&entry.resource, "b").is_none()
        });
        // As bytes, in which a NaN equals itself.
        prop_assert_eq!(ExportMetricsServiceRequest::decode(&bytes[..]).unwrap().encode_to_vec(), expected.encode_to_vec());
    }
}
