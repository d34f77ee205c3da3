//! Split against prost: putting the parts side by side gives every item back, in order, under an equal resource, scope
//! and metric; every part keeps its limits. Grouped by a key, every place has its items and no others, in order.

#![allow(clippy::unwrap_used)]

mod generate;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogram, Gauge, Histogram, Metric, ResourceMetrics, ScopeMetrics, Sum, Summary,
};
use proptest::prelude::*;
use prost::Message;
use teleferric_wire::split::{Key, Max, group, split};
use teleferric_wire::view::{Record, Request};
use teleferric_wire::{Limits, Signal, check};

/// Each item as the encoding of a request that holds it alone.
fn items(signal: Signal, bytes: &[u8]) -> Vec<Vec<u8>> {
    match signal {
        Signal::Traces => spans(bytes),
        Signal::Logs => logs(bytes),
        Signal::Metrics => points(bytes),
        Signal::Profiles => vec![bytes.to_vec()],
    }
}

fn spans(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    for mut entry in ExportTraceServiceRequest::decode(bytes).unwrap().resource_spans {
        for mut scope in std::mem::take(&mut entry.scope_spans) {
            for span in std::mem::take(&mut scope.spans) {
                let mut scope = scope.clone();
                let mut entry = entry.clone();
                scope.spans.push(span);
                entry.scope_spans.push(scope);
                out.push(ExportTraceServiceRequest { resource_spans: vec![entry] }.encode_to_vec());
            }
        }
    }
    out
}

fn logs(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    for mut entry in ExportLogsServiceRequest::decode(bytes).unwrap().resource_logs {
        for mut scope in std::mem::take(&mut entry.scope_logs) {
            for record in std::mem::take(&mut scope.log_records) {
                let mut scope = scope.clone();
                let mut entry = entry.clone();
                scope.log_records.push(record);
                entry.scope_logs.push(scope);
                out.push(ExportLogsServiceRequest { resource_logs: vec![entry] }.encode_to_vec());
            }
        }
    }
    out
}

fn points(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    for mut entry in ExportMetricsServiceRequest::decode(bytes).unwrap().resource_metrics {
        for mut scope in std::mem::take(&mut entry.scope_metrics) {
            for metric in std::mem::take(&mut scope.metrics) {
                for single in single_points(&metric) {
                    let scope = ScopeMetrics { metrics: vec![single], ..scope.clone() };
                    let entry = ResourceMetrics { scope_metrics: vec![scope], ..entry.clone() };
                    out.push(ExportMetricsServiceRequest { resource_metrics: vec![entry] }.encode_to_vec());
                }
            }
        }
    }
    out
}

fn single_points(metric: &Metric) -> Vec<Metric> {
    macro_rules! singles {
        ($data:expr, $kind:ident) => {
            $data
                .data_points
                .iter()
                .map(|point| Data::$kind($kind { data_points: vec![point.clone()], ..$data.clone() }))
                .collect::<Vec<_>>()
        };
    }
    let singles = match metric.data.as_ref() {
        None => Vec::new(),
        Some(Data::Gauge(data)) => {
            data.data_points.iter().map(|point| Data::Gauge(Gauge { data_points: vec![point.clone()] })).collect()
        }
        Some(Data::Sum(data)) => singles!(data, Sum),
        Some(Data::Histogram(data)) => singles!(data, Histogram),
        Some(Data::ExponentialHistogram(data)) => singles!(data, ExponentialHistogram),
        Some(Data::Summary(data)) => {
            data.data_points.iter().map(|point| Data::Summary(Summary { data_points: vec![point.clone()] })).collect()
        }
    };
    singles.into_iter().map(|data| Metric { data: Some(data), ..metric.clone() }).collect()
}

fn joinable() -> BoxedStrategy<(Signal, Vec<u8>)> {
    proptest::sample::select(&[Signal::Traces, Signal::Metrics, Signal::Logs][..])
        .prop_flat_map(|signal| generate::request(signal).prop_map(move |bytes| (signal, bytes)))
        .boxed()
}

fn max() -> impl Strategy<Value = Max> {
    (proptest::option::of(0_u64..12), proptest::option::of(20_u64..3_000))
        .prop_map(|(items, bytes)| Max { items, bytes })
}

fn within(max: Max, items: u64, bytes: usize) -> bool {
    max.items.is_none_or(|limit| items <= limit) && max.bytes.is_none_or(|limit| bytes as u64 <= limit)
}

/// The key of a request that holds one item.
fn key_of(signal: Signal, key: Key, item: &[u8]) -> Vec<u8> {
    let request = Request::new(signal, item);
    let resource = request.resources().next().unwrap();
    let mut records = resource.scopes().flat_map(|scope| scope.records());
    match (key, records.next()) {
        (Key::Service, _) => {
            let name = resource.attributes().get("service.name").and_then(|name| name.as_text());
            name.map(|name| name.as_bytes().to_vec()).unwrap_or_default()
        }
        (Key::TraceId, Some(Record::Span(span))) => span.trace_id().to_vec(),
        (Key::TraceId, Some(Record::Log(record))) => record.trace_id().to_vec(),
        (Key::MetricName, Some(Record::Metric(metric))) => metric.name().as_bytes().to_vec(),
        _ => Vec::new(),
    }
}

/// Where a key goes; few places, so that they are shared.
fn place_of(key: &[u8]) -> usize {
    key.iter().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte))) % 3
}

fn key() -> impl Strategy<Value = Key> {
    proptest::sample::select(&[Key::TraceId, Key::Service, Key::MetricName][..])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn parts_side_by_side_hold_the_same_items((signal, bytes) in joinable(), first in max(), rest in max()) {
        let parts = split(signal, &bytes, first, rest);
        let joined: Vec<u8> = parts.iter().flat_map(|part| part.bytes.iter().copied()).collect();
        prop_assert_eq!(items(signal, &bytes), items(signal, &joined));
        for (index, part) in parts.iter().enumerate() {
            let counts = check(signal, &part.bytes, &Limits::default()).unwrap().counts();
            prop_assert_eq!(counts.items, part.items);
            prop_assert!(part.items > 0);
            let fits = within(rest, part.items, part.bytes.len())
                || (index == 0 && within(first, part.items, part.bytes.len()));
            prop_assert!(fits || part.items == 1, "{:?} {:?}: part {} has {} items, {} bytes", first, rest, index, part.items, part.bytes.len());
        }
    }

    #[test]
    fn an_item_limit_is_filled_exactly((signal, bytes) in joinable(), limit in 1_u64..6) {
        let max = Max { items: Some(limit), bytes: None };
        let parts = split(signal, &bytes, max, max);
        if let Some((last, full)) = parts.split_last() {
            prop_assert!(full.iter().all(|part| part.items == limit));
            prop_assert!(last.items <= limit);
        }
    }

    #[test]
    fn grouped_items_are_where_their_key_belongs((signal, bytes) in joinable(), key in key()) {
        let groups = group(signal, &bytes, key, place_of);
        let size = groups.bytes();
        let places: Vec<_> = groups.places().collect();
        let parts: Vec<_> = groups.into_parts().collect();
        prop_assert_eq!(parts.iter().map(|(_, part)| part.bytes.len() as u64).sum::<u64>(), size);
        prop_assert_eq!(parts.iter().map(|(at, _)| *at).collect::<Vec<_>>(), places);
        let place = |item: &Vec<u8>| place_of(&if key.fits(signal) { key_of(signal, key, item) } else { Vec::new() });
        let all = items(signal, &bytes);
        prop_assert_eq!(parts.iter().map(|(_, part)| part.items).sum::<u64>(), all.len() as u64);
        for (at, part) in &parts {
            prop_assert_eq!(check(signal, &part.bytes, &Limits::default()).unwrap().counts().items, part.items);
            let expected: Vec<_> = all.iter().filter(|item| place(item) == *at).cloned().collect();
            prop_assert_eq!(items(signal, &part.bytes), expected);
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), first in max(), rest in max()) {
        for signal in Signal::ALL {
            split(signal, &bytes, first, rest);
            for key in [Key::TraceId, Key::Service, Key::MetricName] {
                group(signal, &bytes, key, place_of).into_parts().for_each(drop);
            }
        }
    }
}
