//! The views against prost: every getter reads what the decoded message holds.

#![allow(clippy::unwrap_used)]

mod generate;

use opentelemetry_proto::tonic::common::v1::any_value::Value as ProstValue;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets as ProstBuckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point;
use proptest::prelude::*;
use prost::Message;
use teleferric_wire::Signal;
use teleferric_wire::view::{Attributes, Buckets, MetricKind, Number, Point, Record, Request, Value};

fn same_value(ours: Value<'_>, theirs: &AnyValue) -> bool {
    match (ours, theirs.value.as_ref()) {
        (Value::Empty, None) => true,
        (Value::Text(ours), Some(ProstValue::StringValue(theirs))) => ours == theirs.as_str(),
        (Value::Bool(ours), Some(ProstValue::BoolValue(theirs))) => ours == *theirs,
        (Value::Int(ours), Some(ProstValue::IntValue(theirs))) => ours == *theirs,
        (Value::Double(ours), Some(ProstValue::DoubleValue(theirs))) => ours.to_bits() == theirs.to_bits(),
        (Value::Bytes(ours), Some(ProstValue::BytesValue(theirs))) => ours == theirs,
        (Value::Array(ours), Some(ProstValue::ArrayValue(theirs))) => {
            ours.iter().count() == theirs.values.len()
                && ours.iter().zip(&theirs.values).all(|(ours, theirs)| same_value(ours, theirs))
        }
        (Value::Map(ours), Some(ProstValue::KvlistValue(theirs))) => same_list(ours, &theirs.values),
        _ => false,
    }
}

fn same_list(ours: Attributes<'_>, theirs: &[KeyValue]) -> bool {
    ours.iter().count() == theirs.len()
        && ours.iter().zip(theirs).all(|(ours, theirs)| {
            ours.key() == theirs.key.as_str() && same_value(ours.value(), &theirs.value.clone().unwrap_or_default())
        })
}

fn same_bits(ours: impl Iterator<Item = f64>, theirs: &[f64]) -> bool {
    ours.map(f64::to_bits).eq(theirs.iter().map(|double| double.to_bits()))
}

fn same_buckets(ours: Buckets<'_>, theirs: Option<&ProstBuckets>) -> bool {
    let theirs = theirs.cloned().unwrap_or_default();
    ours.offset() == theirs.offset && ours.counts().eq(theirs.bucket_counts.iter().copied())
}

fn bits(double: Option<f64>) -> Option<u64> {
    double.map(f64::to_bits)
}

fn same_points(kind: MetricKind, points: &[Point<'_>], data: &Data) -> bool {
    macro_rules! common {
        ($data:expr, $kind:ident, $more:expr) => {
            kind == MetricKind::$kind
                && points.len() == $data.data_points.len()
                && points.iter().zip(&$data.data_points).all(|(ours, theirs)| {
                    ours.kind() == kind
                        && same_list(ours.attributes(), &theirs.attributes)
                        && ours.start_time_unix_nano() == theirs.start_time_unix_nano
                        && ours.time_unix_nano() == theirs.time_unix_nano
                        && ours.flags() == theirs.flags
                        && $more(ours, theirs)
                })
        };
    }
    let number = |ours: &Point<'_>, theirs: &NumberPoint| match (ours.number(), &theirs.value) {
        (None, None) => true,
        (Some(Number::Int(ours)), Some(number_data_point::Value::AsInt(theirs))) => ours == *theirs,
        (Some(Number::Double(ours)), Some(number_data_point::Value::AsDouble(theirs))) => {
            ours.to_bits() == theirs.to_bits()
        }
        _ => false,
    };
    match data {
        Data::Gauge(data) => common!(data, Gauge, number),
        Data::Sum(data) => common!(data, Sum, number),
        Data::Histogram(data) => common!(data, Histogram, |ours: &Point<'_>, theirs: &HistogramPoint| {
            ours.count() == theirs.count
                && bits(ours.sum()) == bits(theirs.sum)
                && bits(ours.min()) == bits(theirs.min)
                && bits(ours.max()) == bits(theirs.max)
                && ours.bucket_counts().eq(theirs.bucket_counts.iter().copied())
                && same_bits(ours.explicit_bounds(), &theirs.explicit_bounds)
        }),
        Data::ExponentialHistogram(data) => {
            common!(data, ExponentialHistogram, |ours: &Point<'_>, theirs: &ExponentialPoint| {
                ours.count() == theirs.count
                    && bits(ours.sum()) == bits(theirs.sum)
                    && bits(ours.min()) == bits(theirs.min)
                    && bits(ours.max()) == bits(theirs.max)
                    && ours.scale() == theirs.scale
                    && ours.zero_count() == theirs.zero_count
                    && ours.zero_threshold().to_bits() == theirs.zero_threshold.to_bits()
                    && same_buckets(ours.positive(), theirs.positive.as_ref())
                    && same_buckets(ours.negative(), theirs.negative.as_ref())
            })
        }
        Data::Summary(data) => common!(data, Summary, |ours: &Point<'_>, theirs: &SummaryPoint| {
            let quantiles: Vec<f64> = theirs.quantile_values.iter().flat_map(|one| [one.quantile, one.value]).collect();
            ours.count() == theirs.count
                && bits(ours.sum()) == bits(Some(theirs.sum))
                && same_bits(ours.quantiles().flat_map(|one| [one.quantile, one.value]), &quantiles)
        }),
    }
}

type NumberPoint = opentelemetry_proto::tonic::metrics::v1::NumberDataPoint;
type HistogramPoint = opentelemetry_proto::tonic::metrics::v1::HistogramDataPoint;
type ExponentialPoint = opentelemetry_proto::tonic::metrics::v1::ExponentialHistogramDataPoint;
type SummaryPoint = opentelemetry_proto::tonic::metrics::v1::SummaryDataPoint;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn upper_levels_and_spans_read_the_same(theirs in generate::traces()) {
        let bytes = theirs.encode_to_vec();
        let ours: Vec<_> = Request::new(Signal::Traces, &bytes).resources().collect();
        prop_assert_eq!(ours.len(), theirs.resource_spans.len());
        for (ours, theirs) in ours.iter().zip(&theirs.resource_spans) {
            let resource = theirs.resource.clone().unwrap_or_default();
            prop_assert!(same_list(ours.attributes(), &resource.attributes));
            prop_assert_eq!(ours.dropped_attributes_count(), resource.dropped_attributes_count);
            prop_assert!(ours.schema_url() == theirs.schema_url.as_str());
            for (ours, theirs) in ours.scopes().zip(&theirs.scope_spans) {
                let scope = theirs.scope.clone().unwrap_or_default();
                prop_assert!(ours.name() == scope.name.as_str() && ours.version() == scope.version.as_str());
                prop_assert!(same_list(ours.attributes(), &scope.attributes));
                prop_assert_eq!(ours.dropped_attributes_count(), scope.dropped_attributes_count);
                prop_assert!(ours.schema_url() == theirs.schema_url.as_str());
                prop_assert_eq!(ours.records().count(), theirs.spans.len());
                for (ours, theirs) in ours.records().zip(&theirs.spans) {
                    let Record::Span(ours) = ours else { panic!("a trace request holds spans") };
                    prop_assert_eq!(ours.trace_id(), &theirs.trace_id[..]);
                    prop_assert_eq!(ours.span_id(), &theirs.span_id[..]);
                    prop_assert_eq!(ours.parent_span_id(), &theirs.parent_span_id[..]);
                    prop_assert!(ours.name() == theirs.name.as_str() && ours.trace_state() == theirs.trace_state.as_str());
                    prop_assert_eq!((ours.kind(), ours.flags()), (theirs.kind, theirs.flags));
                    prop_assert_eq!(ours.start_time_unix_nano(), theirs.start_time_unix_nano);
                    prop_assert_eq!(ours.end_time_unix_nano(), theirs.end_time_unix_nano);
                    let status = theirs.status.clone().unwrap_or_default();
                    prop_assert_eq!(ours.status_code(), status.code);
                    prop_assert!(ours.status_message() == status.message.as_str());
                    prop_assert!(same_list(ours.attributes(), &theirs.attributes));
                    for (ours, theirs) in ours.events().zip(&theirs.events) {
                        prop_assert_eq!(ours.time_unix_nano(), theirs.time_unix_nano);
                        prop_assert!(ours.name() == theirs.name.as_str());
                        prop_assert!(same_list(ours.attributes(), &theirs.attributes));
                    }
                    for (ours, theirs) in ours.links().zip(&theirs.links) {
                        prop_assert_eq!((ours.trace_id(), ours.span_id()), (&theirs.trace_id[..], &theirs.span_id[..]));
                        prop_assert!(same_list(ours.attributes(), &theirs.attributes));
                    }
                }
            }
        }
    }

    #[test]
    fn log_records_read_the_same(theirs in generate::logs()) {
        let bytes = theirs.encode_to_vec();
        let request = Request::new(Signal::Logs, &bytes);
        let ours = request.resources().flat_map(|entry| entry.scopes()).flat_map(|scope| scope.records());
        let theirs = theirs.resource_logs.iter().flat_map(|entry| &entry.scope_logs).flat_map(|scope| &scope.log_records);
        for (ours, theirs) in ours.zip(theirs) {
            let Record::Log(ours) = ours else { panic!("a log request holds log records") };
            prop_assert_eq!(ours.time_unix_nano(), theirs.time_unix_nano);
            prop_assert_eq!(ours.observed_time_unix_nano(), theirs.observed_time_unix_nano);
            prop_assert_eq!((ours.severity_number(), ours.flags()), (theirs.severity_number, theirs.flags));
            prop_assert!(ours.severity_text() == theirs.severity_text.as_str());
            prop_assert!(ours.event_name() == theirs.event_name.as_str());
            prop_assert_eq!((ours.trace_id(), ours.span_id()), (&theirs.trace_id[..], &theirs.span_id[..]));
            prop_assert!(same_value(ours.body(), &theirs.body.clone().unwrap_or_default()));
            prop_assert!(same_list(ours.attributes(), &theirs.attributes));
        }
    }

    #[test]
    fn metrics_and_points_read_the_same(theirs in generate::metric()) {
        // A scope entry with this one metric, by hand.
        let mut bytes = theirs.encode_to_vec();
        // prost does not write -0.0 where presence is not told.
        let theirs = Metric::decode(&bytes[..]).unwrap();
        for number in [2, 2, 1] {
            let mut outer = Vec::new();
            teleferric_wire::cursor::put_bytes(number, &bytes, &mut outer);
            bytes = outer;
        }
        let request = Request::new(Signal::Metrics, &bytes);
        let record = request.resources().flat_map(|entry| entry.scopes()).flat_map(|scope| scope.records()).next();
        let Some(Record::Metric(ours)) = record else { panic!("a metric request holds metrics") };
        prop_assert!(ours.name() == theirs.name.as_str() && ours.unit() == theirs.unit.as_str());
        prop_assert!(ours.description() == theirs.description.as_str());
        prop_assert!(same_list(ours.metadata(), &theirs.metadata));
        prop_assert_eq!(ours.kind().is_some(), theirs.data.is_some());
        let points: Vec<_> = ours.points().collect();
        if let (Some(kind), Some(data)) = (ours.kind(), &theirs.data) {
            prop_assert!(same_points(kind, &points, data), "{:?}", data);
            let (temporality, monotonic) = match data {
                Data::Gauge(_) | Data::Summary(_) => (0, false),
                Data::Sum(data) => (data.aggregation_temporality, data.is_monotonic),
                Data::Histogram(data) => (data.aggregation_temporality, false),
                Data::ExponentialHistogram(data) => (data.aggregation_temporality, false),
            };
            prop_assert_eq!((ours.temporality(), ours.is_monotonic()), (temporality, monotonic));
        }
    }
}
