//! OTLP/JSON: lowerCamelCase names, identifiers in hex, 64-bit integers as text, enumerations as numbers.

use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyKind;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, LogsData};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as NumberKind;
use opentelemetry_proto::tonic::metrics::v1::{HistogramDataPoint, Metric, MetricsData, NumberDataPoint};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{Span, TracesData};
use serde_json::{Value, json};

pub fn traces(data: &TracesData) -> Value {
    json!({ "resourceSpans": list(&data.resource_spans, |of| json!({
        "resource": resource(&of.resource),
        "scopeSpans": list(&of.scope_spans, |of| json!({
            "scope": scope(&of.scope),
            "spans": list(&of.spans, span),
        })),
    })) })
}

pub fn metrics(data: &MetricsData) -> Value {
    json!({ "resourceMetrics": list(&data.resource_metrics, |of| json!({
        "resource": resource(&of.resource),
        "scopeMetrics": list(&of.scope_metrics, |of| json!({
            "scope": scope(&of.scope),
            "metrics": list(&of.metrics, metric),
        })),
    })) })
}

pub fn logs(data: &LogsData) -> Value {
    json!({ "resourceLogs": list(&data.resource_logs, |of| json!({
        "resource": resource(&of.resource),
        "scopeLogs": list(&of.scope_logs, |of| json!({
            "scope": scope(&of.scope),
            "logRecords": list(&of.log_records, log_record),
        })),
    })) })
}

fn span(span: &Span) -> Value {
    json!({
        "traceId": hex(&span.trace_id),
        "spanId": hex(&span.span_id),
        "parentSpanId": hex(&span.parent_span_id),
        "flags": span.flags,
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": span.start_time_unix_nano.to_string(),
        "endTimeUnixNano": span.end_time_unix_nano.to_string(),
        "attributes": list(&span.attributes, attribute),
        "status": { "code": span.status.as_ref().map_or(0, |status| status.code) },
    })
}

fn log_record(record: &LogRecord) -> Value {
    json!({
        "timeUnixNano": record.time_unix_nano.to_string(),
        "observedTimeUnixNano": record.observed_time_unix_nano.to_string(),
        "severityNumber": record.severity_number,
        "severityText": record.severity_text,
        "body": any(&record.body),
        "attributes": list(&record.attributes, attribute),
        "flags": record.flags,
        "traceId": hex(&record.trace_id),
        "spanId": hex(&record.span_id),
    })
}

/// The kinds of data that the generator makes.
fn metric(metric: &Metric) -> Value {
    let mut written = json!({ "name": metric.name, "unit": metric.unit });
    let (kind, data) = match &metric.data {
        Some(Data::Gauge(gauge)) => ("gauge", json!({ "dataPoints": list(&gauge.data_points, number_point) })),
        Some(Data::Sum(sum)) => (
            "sum",
            json!({
                "dataPoints": list(&sum.data_points, number_point),
                "aggregationTemporality": sum.aggregation_temporality,
                "isMonotonic": sum.is_monotonic,
            }),
        ),
        Some(Data::Histogram(histogram)) => (
            "histogram",
            json!({
                "dataPoints": list(&histogram.data_points, histogram_point),
                "aggregationTemporality": histogram.aggregation_temporality,
            }),
        ),
        other => unreachable!("the generator makes no such data: {other:?}"),
    };
    written[kind] = data;
    written
}

fn number_point(point: &NumberDataPoint) -> Value {
    let mut written = json!({
        "attributes": list(&point.attributes, attribute),
        "startTimeUnixNano": point.start_time_unix_nano.to_string(),
        "timeUnixNano": point.time_unix_nano.to_string(),
    });
    match point.value {
        Some(NumberKind::AsInt(value)) => written["asInt"] = value.to_string().into(),
        Some(NumberKind::AsDouble(value)) => written["asDouble"] = value.into(),
        None => {}
    }
    written
}

fn histogram_point(point: &HistogramDataPoint) -> Value {
    json!({
        "attributes": list(&point.attributes, attribute),
        "startTimeUnixNano": point.start_time_unix_nano.to_string(),
        "timeUnixNano": point.time_unix_nano.to_string(),
        "count": point.count.to_string(),
        "sum": point.sum,
        "bucketCounts": list(&point.bucket_counts, |count| count.to_string().into()),
        "explicitBounds": point.explicit_bounds,
    })
}

fn resource(resource: &Option<Resource>) -> Value {
    json!({ "attributes": list(resource.iter().flat_map(|of| &of.attributes), attribute) })
}

fn scope(scope: &Option<InstrumentationScope>) -> Value {
    scope.as_ref().map_or(json!({}), |of| json!({ "name": of.name, "version": of.version }))
}

fn attribute(attribute: &KeyValue) -> Value {
    json!({ "key": attribute.key, "value": any(&attribute.value) })
}

fn any(value: &Option<AnyValue>) -> Value {
    match value.as_ref().and_then(|of| of.value.as_ref()) {
        Some(AnyKind::StringValue(text)) => json!({ "stringValue": text }),
        Some(AnyKind::IntValue(number)) => json!({ "intValue": number.to_string() }),
        other => unreachable!("the generator makes no such value: {other:?}"),
    }
}

fn list<'a, T: 'a>(of: impl IntoIterator<Item = &'a T>, write: impl Fn(&T) -> Value) -> Value {
    of.into_iter().map(write).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::{Encoding, PayloadSpec, generate};
    use crate::signal::Signal;

    fn written(signal: Signal, items: usize) -> Value {
        let body = generate(&PayloadSpec { signal, encoding: Encoding::Json, items, seed: 1 }, 0);
        serde_json::from_slice(&body).expect("own JSON")
    }

    #[test]
    fn writes_identifiers_in_hex_and_large_integers_as_text() {
        let traces = written(Signal::Traces, 2);
        let span = &traces["resourceSpans"][0]["scopeSpans"][0]["spans"][1];
        assert_eq!(span["traceId"].as_str().map(str::len), Some(32));
        assert_eq!(span["parentSpanId"].as_str().map(str::len), Some(16));
        assert!(span["startTimeUnixNano"].is_string() && span["kind"].is_number());
        let status =
            span["attributes"].as_array().and_then(|of| of.iter().find(|of| of["key"] == "http.response.status_code"));
        assert!(status.is_some_and(|of| of["value"]["intValue"].is_string()));
    }

    #[test]
    fn writes_as_many_items_as_protobuf() {
        let logs = written(Signal::Logs, 7);
        assert_eq!(logs["resourceLogs"][0]["scopeLogs"][0]["logRecords"].as_array().map(Vec::len), Some(7));
        let metrics = written(Signal::Metrics, 70);
        let of = metrics["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array().expect("metrics");
        let points = |metric: &Value| {
            let kinds = ["gauge", "sum", "histogram"];
            kinds.iter().filter_map(|kind| metric[*kind]["dataPoints"].as_array()).map(Vec::len).sum::<usize>()
        };
        assert_eq!(of.iter().map(points).sum::<usize>(), 70);
    }
}
