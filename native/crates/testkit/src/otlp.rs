//! OTLP requests as an SDK would send them, with numbered items so that a test can follow each one.

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::profiles::v1development::ExportProfilesServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric, number_data_point,
};
use opentelemetry_proto::tonic::profiles::v1development::{
    Profile, ProfilesDictionary, ResourceProfiles, Sample, ScopeProfiles,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use teleferric_wire::Signal;

/// The shape of a request.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// Items in all.
    pub items: u64,
    /// The number of the first item; the others follow.
    pub first: u64,
    /// Items per scope; a resource has two scopes.
    pub per_scope: u64,
    /// Extra bytes in each item.
    pub padding: usize,
}

/// A request of `items` items numbered from `first`.
pub fn request(signal: Signal, first: u64, items: u64) -> Bytes {
    Request { items, first, per_scope: 10, padding: 0 }.encode(signal)
}

/// Data points per metric.
const POINTS: usize = 3;

impl Request {
    /// The request message of `signal`.
    pub fn encode(&self, signal: Signal) -> Bytes {
        let numbers: Vec<u64> = (self.first..self.first + self.items).collect();
        let per_scope = usize::try_from(self.per_scope).unwrap().max(1);
        let scopes: Vec<&[u64]> = numbers.chunks(per_scope).collect();
        let resources = scopes.chunks(2);
        let bytes = match signal {
            Signal::Traces => {
                let resource_spans = resources.map(|scopes| self.spans(scopes)).collect();
                ExportTraceServiceRequest { resource_spans }.encode_to_vec()
            }
            Signal::Metrics => {
                let resource_metrics = resources.map(|scopes| self.metrics(scopes)).collect();
                ExportMetricsServiceRequest { resource_metrics }.encode_to_vec()
            }
            Signal::Logs => {
                let resource_logs = resources.map(|scopes| self.logs(scopes)).collect();
                ExportLogsServiceRequest { resource_logs }.encode_to_vec()
            }
            Signal::Profiles => ExportProfilesServiceRequest {
                resource_profiles: resources.map(profiles).collect(),
                dictionary: Some(ProfilesDictionary { string_table: vec![String::new()], ..Default::default() }),
            }
            .encode_to_vec(),
        };
        Bytes::from(bytes)
    }

    fn spans(&self, scopes: &[&[u64]]) -> ResourceSpans {
        let span = |number: &u64| Span {
            trace_id: u128::from(number + 1).to_be_bytes().to_vec(),
            span_id: (number + 1).to_be_bytes().to_vec(),
            name: number.to_string(),
            kind: 2,
            start_time_unix_nano: 1_700_000_000_000_000_000 + number,
            end_time_unix_nano: 1_700_000_000_005_000_000 + number,
            attributes: self.attributes(),
            ..Default::default()
        };
        ResourceSpans {
            resource: resource(scopes),
            scope_spans: scopes
                .iter()
                .map(|numbers| ScopeSpans {
                    scope: scope(),
                    spans: numbers.iter().map(span).collect(),
                    schema_url: SCHEMA_URL.into(),
                })
                .collect(),
            schema_url: SCHEMA_URL.into(),
        }
    }

    fn metrics(&self, scopes: &[&[u64]]) -> ResourceMetrics {
        let point = |number: &u64| NumberDataPoint {
            time_unix_nano: 1_700_000_000_000_000_000,
            value: Some(number_data_point::Value::AsInt(i64::try_from(*number).unwrap())),
            attributes: self.attributes(),
            ..Default::default()
        };
        let metric = |numbers: &[u64]| Metric {
            name: "queue.depth".into(),
            unit: "{request}".into(),
            data: Some(metric::Data::Gauge(Gauge { data_points: numbers.iter().map(point).collect() })),
            ..Default::default()
        };
        ResourceMetrics {
            resource: resource(scopes),
            scope_metrics: scopes
                .iter()
                .map(|numbers| ScopeMetrics {
                    scope: scope(),
                    metrics: numbers.chunks(POINTS).map(metric).collect(),
                    schema_url: SCHEMA_URL.into(),
                })
                .collect(),
            schema_url: SCHEMA_URL.into(),
        }
    }

    fn logs(&self, scopes: &[&[u64]]) -> ResourceLogs {
        let record = |number: &u64| LogRecord {
            time_unix_nano: 1_700_000_000_000_000_000 + number,
            severity_number: 9,
            severity_text: "INFO".into(),
            body: Some(text(&number.to_string())),
            attributes: self.attributes(),
            ..Default::default()
        };
        ResourceLogs {
            resource: resource(scopes),
            scope_logs: scopes
                .iter()
                .map(|numbers| ScopeLogs {
                    scope: scope(),
                    log_records: numbers.iter().map(record).collect(),
                    schema_url: SCHEMA_URL.into(),
                })
                .collect(),
            schema_url: SCHEMA_URL.into(),
        }
    }

    fn attributes(&self) -> Vec<KeyValue> {
        let mut attributes = vec![attribute("http.request.method", "GET")];
        if self.padding > 0 {
            attributes.push(attribute("padding", &"x".repeat(self.padding)));
        }
        attributes
    }
}

fn profiles(scopes: &[&[u64]]) -> ResourceProfiles {
    let sample = |number: &u64| Sample { timestamps_unix_nano: vec![*number], values: vec![1], ..Default::default() };
    ResourceProfiles {
        resource: resource(scopes),
        scope_profiles: scopes
            .iter()
            .map(|numbers| ScopeProfiles {
                scope: scope(),
                profiles: vec![Profile { samples: numbers.iter().map(sample).collect(), ..Default::default() }],
                schema_url: SCHEMA_URL.into(),
            })
            .collect(),
        schema_url: SCHEMA_URL.into(),
    }
}

/// The numbers of all items in `chunks`, in order.
///
/// # Panics
/// If a chunk is no request of the signal, or its items were not made by [`Request`].
pub fn item_labels(signal: Signal, chunks: &[Bytes]) -> Vec<u64> {
    chunks.iter().flat_map(|chunk| labels(signal, chunk)).collect()
}

fn labels(signal: Signal, chunk: &Bytes) -> Vec<u64> {
    match signal {
        Signal::Traces => {
            let request = ExportTraceServiceRequest::decode(&chunk[..]).unwrap();
            let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
            scopes.flat_map(|scope| scope.spans).map(|span| span.name.parse().unwrap()).collect()
        }
        Signal::Metrics => {
            let request = ExportMetricsServiceRequest::decode(&chunk[..]).unwrap();
            let scopes = request.resource_metrics.into_iter().flat_map(|resource| resource.scope_metrics);
            scopes.flat_map(|scope| scope.metrics).flat_map(points).collect()
        }
        Signal::Logs => {
            let request = ExportLogsServiceRequest::decode(&chunk[..]).unwrap();
            let scopes = request.resource_logs.into_iter().flat_map(|resource| resource.scope_logs);
            scopes.flat_map(|scope| scope.log_records).map(|record| body(&record)).collect()
        }
        Signal::Profiles => {
            let request = ExportProfilesServiceRequest::decode(&chunk[..]).unwrap();
            let scopes = request.resource_profiles.into_iter().flat_map(|resource| resource.scope_profiles);
            let samples = scopes.flat_map(|scope| scope.profiles).flat_map(|profile| profile.samples);
            samples.map(|sample| sample.timestamps_unix_nano[0]).collect()
        }
    }
}

fn points(metric: Metric) -> Vec<u64> {
    let Some(metric::Data::Gauge(gauge)) = metric.data else { panic!("not a gauge of ours") };
    let number = |point: &NumberDataPoint| match point.value {
        Some(number_data_point::Value::AsInt(number)) => u64::try_from(number).unwrap(),
        _ => panic!("not a point of ours"),
    };
    gauge.data_points.iter().map(number).collect()
}

fn body(record: &LogRecord) -> u64 {
    match record.body.as_ref().and_then(|body| body.value.as_ref()) {
        Some(any_value::Value::StringValue(text)) => text.parse().unwrap(),
        _ => panic!("not a record of ours"),
    }
}

const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.37.0";

fn resource(scopes: &[&[u64]]) -> Option<Resource> {
    let number = scopes.first().and_then(|numbers| numbers.first()).copied().unwrap_or(0);
    let attributes = vec![attribute("service.name", "checkout"), attribute("host.name", &format!("host-{number}"))];
    Some(Resource { attributes, ..Default::default() })
}

fn scope() -> Option<InstrumentationScope> {
    Some(InstrumentationScope { name: "testkit".into(), version: "1.0".into(), ..Default::default() })
}

fn attribute(key: &str, value: &str) -> KeyValue {
    KeyValue { key: key.into(), value: Some(text(value)), ..Default::default() }
}

fn text(value: &str) -> AnyValue {
    AnyValue { value: Some(any_value::Value::StringValue(value.into())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_the_items_asked_for() {
        for signal in Signal::ALL {
            let bytes = Request { items: 57, first: 1000, per_scope: 7, padding: 5 }.encode(signal);
            assert_eq!(item_labels(signal, std::slice::from_ref(&bytes)), (1000..1057).collect::<Vec<_>>());
            let checked = teleferric_wire::check(signal, &bytes, &teleferric_wire::Limits::default()).unwrap();
            assert_eq!((checked.counts().items, checked.counts().scopes), (57, 9));
        }
    }
}
