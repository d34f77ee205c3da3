//! Export requests as the rivals hold them: prost structs. One type for all signals, with the work that a collector
//! built on such structs does. Also the judge of equality in meaning: two encodings are equal if their structs are.

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::logs::v1::{ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};
use prost::Message;
use teleferric_wire::Signal;

/// A decoded request.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Spans.
    Traces(ExportTraceServiceRequest),
    /// Data points.
    Metrics(ExportMetricsServiceRequest),
    /// Log records.
    Logs(ExportLogsServiceRequest),
}

/// The signals that have structs here.
pub const SIGNALS: [Signal; 3] = [Signal::Traces, Signal::Metrics, Signal::Logs];

const NO_STRUCTS: &str = "profiles have no structs here";

impl Request {
    /// Decodes all of it.
    pub fn decode(signal: Signal, bytes: &[u8]) -> Result<Request, prost::DecodeError> {
        match signal {
            Signal::Traces => Message::decode(bytes).map(Request::Traces),
            Signal::Metrics => Message::decode(bytes).map(Request::Metrics),
            Signal::Logs => Message::decode(bytes).map(Request::Logs),
            Signal::Profiles => unreachable!("{NO_STRUCTS}"),
        }
    }

    /// Decodes OTLP/JSON by way of serde.
    pub fn from_json(signal: Signal, json: &[u8]) -> Result<Request, serde_json::Error> {
        match signal {
            Signal::Traces => serde_json::from_slice(json).map(Request::Traces),
            Signal::Metrics => serde_json::from_slice(json).map(Request::Metrics),
            Signal::Logs => serde_json::from_slice(json).map(Request::Logs),
            Signal::Profiles => unreachable!("{NO_STRUCTS}"),
        }
    }

    /// Encodes all of it.
    pub fn encode(&self) -> Bytes {
        match self {
            Request::Traces(request) => request.encode_to_vec(),
            Request::Metrics(request) => request.encode_to_vec(),
            Request::Logs(request) => request.encode_to_vec(),
        }
        .into()
    }

    /// Moves the content of `other`, a request of the same signal, behind this one's.
    pub fn append(&mut self, other: Request) {
        match (self, other) {
            (Request::Traces(into), Request::Traces(other)) => into.resource_spans.extend(other.resource_spans),
            (Request::Metrics(into), Request::Metrics(other)) => into.resource_metrics.extend(other.resource_metrics),
            (Request::Logs(into), Request::Logs(other)) => into.resource_logs.extend(other.resource_logs),
            _ => unreachable!("requests of two signals are never joined"),
        }
    }

    /// Moves the records behind the first `keep` into a request of their own and repeats what stands above the cut.
    /// Metrics, whose data points lie a level deeper, are not cut and give nothing.
    pub fn split_off(&mut self, keep: usize) -> Option<Request> {
        match self {
            Request::Traces(request) => {
                let resource_spans =
                    split_behind(&mut request.resource_spans, keep, resource_spans_len, |entry, keep| {
                        let cut = |scope: &mut ScopeSpans, keep| ScopeSpans {
                            spans: scope.spans.split_off(keep),
                            scope: scope.scope.clone(),
                            schema_url: scope.schema_url.clone(),
                        };
                        ResourceSpans {
                            scope_spans: split_behind(&mut entry.scope_spans, keep, |scope| scope.spans.len(), cut),
                            resource: entry.resource.clone(),
                            schema_url: entry.schema_url.clone(),
                        }
                    });
                Some(Request::Traces(ExportTraceServiceRequest { resource_spans }))
            }
            Request::Logs(request) => {
                let resource_logs = split_behind(&mut request.resource_logs, keep, resource_logs_len, |entry, keep| {
                    let cut = |scope: &mut ScopeLogs, keep| ScopeLogs {
                        log_records: scope.log_records.split_off(keep),
                        scope: scope.scope.clone(),
                        schema_url: scope.schema_url.clone(),
                    };
                    ResourceLogs {
                        scope_logs: split_behind(&mut entry.scope_logs, keep, |scope| scope.log_records.len(), cut),
                        resource: entry.resource.clone(),
                        schema_url: entry.schema_url.clone(),
                    }
                });
                Some(Request::Logs(ExportLogsServiceRequest { resource_logs }))
            }
            Request::Metrics(_) => None,
        }
    }

    /// Calls `edit` with the attributes of every span, data point or log record.
    pub fn each_record(&mut self, mut edit: impl FnMut(&mut Vec<KeyValue>)) {
        match self {
            Request::Traces(request) => {
                let scopes = request.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans);
                scopes.flat_map(|scope| &mut scope.spans).for_each(|span| edit(&mut span.attributes));
            }
            Request::Logs(request) => {
                let scopes = request.resource_logs.iter_mut().flat_map(|resource| &mut resource.scope_logs);
                scopes.flat_map(|scope| &mut scope.log_records).for_each(|record| edit(&mut record.attributes));
            }
            Request::Metrics(request) => {
                let scopes = request.resource_metrics.iter_mut().flat_map(|resource| &mut resource.scope_metrics);
                let data = scopes.flat_map(|scope| &mut scope.metrics).filter_map(|metric| metric.data.as_mut());
                data.for_each(|data| each_point(data, &mut edit));
            }
        }
    }

    /// How many records it holds.
    pub fn records(&self) -> usize {
        let mut records = 0;
        self.clone().each_record(|_| records += 1);
        records
    }
}

fn each_point(data: &mut Data, edit: &mut impl FnMut(&mut Vec<KeyValue>)) {
    match data {
        Data::Gauge(gauge) => gauge.data_points.iter_mut().for_each(|point| edit(&mut point.attributes)),
        Data::Sum(sum) => sum.data_points.iter_mut().for_each(|point| edit(&mut point.attributes)),
        Data::Histogram(data) => data.data_points.iter_mut().for_each(|point| edit(&mut point.attributes)),
        Data::ExponentialHistogram(data) => data.data_points.iter_mut().for_each(|point| edit(&mut point.attributes)),
        Data::Summary(data) => data.data_points.iter_mut().for_each(|point| edit(&mut point.attributes)),
    }
}

/// Moves what lies behind the first `keep` records out of `list`; `cut` does the same to the entry in between.
fn split_behind<T>(
    list: &mut Vec<T>,
    keep: usize,
    records: impl Fn(&T) -> usize,
    cut: impl FnOnce(&mut T, usize) -> T,
) -> Vec<T> {
    let mut left = keep;
    let reaches = |entry: &T| {
        let records = records(entry);
        let reached = left < records;
        left -= if reached { 0 } else { records };
        reached
    };
    match (list.iter().position(reaches), left) {
        (None, _) => Vec::new(),
        (Some(index), 0) => list.split_off(index),
        (Some(index), left) => {
            let tail = list.split_off(index + 1);
            let rest = cut(&mut list[index], left);
            std::iter::once(rest).chain(tail).collect()
        }
    }
}

fn resource_spans_len(entry: &ResourceSpans) -> usize {
    entry.scope_spans.iter().map(|scope| scope.spans.len()).sum()
}

fn resource_logs_len(entry: &ResourceLogs) -> usize {
    entry.scope_logs.iter().map(|scope| scope.log_records.len()).sum()
}

/// Whether two encodings mean the same: one message after decoding, whatever the order of fields and attributes.
///
/// # Errors
/// A text that says how they differ.
pub fn equal_in_meaning(signal: Signal, one: &[u8], other: &[u8]) -> Result<(), String> {
    let decode = |name: &str, bytes: &[u8]| {
        let mut request = Request::decode(signal, bytes).map_err(|error| format!("the {name} encoding: {error}"))?;
        request.each_record(|attributes| attributes.sort_by(|a, b| a.key.cmp(&b.key)));
        Ok::<_, String>(request)
    };
    let (one, other) = (decode("first", one)?, decode("second", other)?);
    if one == other {
        return Ok(());
    }
    let (records, others) = (one.records(), other.records());
    Err(format!("{signal} of {records} and {others} records differ in meaning"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload;

    #[test]
    fn splitting_keeps_records_and_repeats_what_is_above() {
        for signal in [Signal::Traces, Signal::Logs] {
            let whole = payload::request(signal, 1000, 1);
            for keep in [0, 1, 399, 400, 401, 999, 1000] {
                let mut first = whole.clone();
                let second = first.split_off(keep).unwrap();
                assert_eq!((first.records(), second.records()), (keep, 1000 - keep), "{signal} at {keep}");
                let joined = [first.encode(), second.encode()].concat();
                assert_eq!(Request::decode(signal, &joined).unwrap().records(), 1000);
            }
        }
    }

    #[test]
    fn meaning_ignores_order_of_attributes_and_nothing_else() {
        for signal in SIGNALS {
            let request = payload::request(signal, 3, 1);
            let altered = |edit: fn(&mut Vec<KeyValue>)| {
                let mut altered = request.clone();
                altered.each_record(edit);
                equal_in_meaning(signal, &request.encode(), &altered.encode())
            };
            assert_eq!(altered(|attributes| attributes.reverse()), Ok(()));
            assert!(altered(|attributes| drop(attributes.pop())).unwrap_err().contains("differ"));
            assert!(altered(|attributes| attributes[0].value = None).is_err());
            assert!(equal_in_meaning(signal, &request.encode(), b"\x0a\x7f").unwrap_err().contains("second"));
        }
    }

    #[test]
    fn every_record_is_visited() {
        for signal in SIGNALS {
            assert_eq!(payload::request(signal, 57, 1).records(), 57);
        }
    }
}
