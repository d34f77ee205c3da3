//! Strategies for export requests of every signal with every field and every kind of value, as prost types.
//!
//! Shared by the property tests of this crate: `mod generate;` at the top of a test file. NaN occurs, so requests are
//! compared by their encoding, not by `==`.

#![allow(dead_code)]

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::profiles::v1development::ExportProfilesServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric,
    NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint, exemplar, number_data_point,
};
use opentelemetry_proto::tonic::profiles::v1development::{
    Function, KeyValueAndUnit, Line, Link as ProfileLink, Location, Mapping, Profile, ProfilesDictionary,
    ResourceProfiles, Sample, ScopeProfiles, Stack, ValueType,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use prost::Message;
use teleferric_wire::Signal;

/// An encoded request of any shape.
pub fn request(signal: Signal) -> BoxedStrategy<Vec<u8>> {
    match signal {
        Signal::Traces => traces().prop_map(|request| request.encode_to_vec()).boxed(),
        Signal::Metrics => metrics().prop_map(|request| request.encode_to_vec()).boxed(),
        Signal::Logs => logs().prop_map(|request| request.encode_to_vec()).boxed(),
        Signal::Profiles => profiles().prop_map(|request| request.encode_to_vec()).boxed(),
    }
}

/// A signal with an encoded request.
pub fn any_request() -> BoxedStrategy<(Signal, Vec<u8>)> {
    proptest::sample::select(&Signal::ALL[..])
        .prop_flat_map(|signal| request(signal).prop_map(move |bytes| (signal, bytes)))
        .boxed()
}

/// Keys from a small set, so that edits meet them.
pub fn key() -> BoxedStrategy<String> {
    prop_oneof![
        4 => proptest::sample::select(&["a", "b", "http.method", "http.url", "service.name", "ключ"][..]).prop_map(str::to_owned),
        1 => text(),
    ]
    .boxed()
}

/// Short text, at times empty, with escapes and characters outside the basic plane.
pub fn text() -> BoxedStrategy<String> {
    prop_oneof![
        3 => "[a-zA-Z0-9/.:_-]{0,12}",
        1 => proptest::sample::select(&["", "\"\\\u{8}\n\t\u{1f}", "😀\u{2028}é", "42", "-1.5e3", "true"][..]).prop_map(str::to_owned),
        1 => vec(any::<char>(), 0..6).prop_map(String::from_iter),
    ]
    .boxed()
}

/// Every kind of double, with NaN and the infinities.
pub fn double() -> BoxedStrategy<f64> {
    prop_oneof![
        2 => proptest::num::f64::ANY,
        1 => proptest::sample::select(&[0.0, -0.0, 1.0, 1e21, 1e-7, 0.1, f64::INFINITY, f64::NEG_INFINITY, f64::NAN][..]),
    ]
    .boxed()
}

fn id(length: usize) -> BoxedStrategy<Vec<u8>> {
    prop_oneof![1 => Just(Vec::new()), 3 => vec(any::<u8>(), length)].boxed()
}

fn small_bytes() -> BoxedStrategy<Vec<u8>> {
    vec(any::<u8>(), 0..10).boxed()
}

fn int() -> BoxedStrategy<i64> {
    prop_oneof![any::<i64>(), -5_i64..300].boxed()
}

fn time() -> BoxedStrategy<u64> {
    prop_oneof![Just(0), Just(1_700_000_000_123_456_789), any::<u64>()].boxed()
}

/// Every kind of value, nested a few levels, at times empty.
pub fn value() -> BoxedStrategy<AnyValue> {
    let leaf = prop_oneof![
        3 => text().prop_map(|text| Some(Value::StringValue(text))),
        1 => any::<bool>().prop_map(|value| Some(Value::BoolValue(value))),
        1 => int().prop_map(|value| Some(Value::IntValue(value))),
        1 => double().prop_map(|value| Some(Value::DoubleValue(value))),
        1 => small_bytes().prop_map(|value| Some(Value::BytesValue(value))),
        1 => Just(None),
    ]
    .prop_map(|value| AnyValue { value });
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(|values| Value::ArrayValue(ArrayValue { values })),
            vec((key(), option::weighted(0.9, inner)), 0..3).prop_map(|members| {
                let values = members.into_iter().map(|(key, value)| KeyValue { key, value, key_strindex: 0 }).collect();
                Value::KvlistValue(KeyValueList { values })
            }),
        ]
        .prop_map(|value| AnyValue { value: Some(value) })
    })
    .boxed()
}

/// An attribute list with distinct keys, as the specification asks of senders.
pub fn attributes() -> BoxedStrategy<Vec<KeyValue>> {
    vec((key(), option::weighted(0.9, value())), 0..5)
        .prop_map(|members| {
            let mut list: Vec<KeyValue> = Vec::new();
            for (key, value) in members {
                if list.iter().all(|present| present.key != key) {
                    list.push(KeyValue { key, value, key_strindex: 0 });
                }
            }
            list
        })
        .boxed()
}

fn resource() -> BoxedStrategy<Option<Resource>> {
    let entity = (text(), text(), vec(text(), 0..3), vec(text(), 0..2)).prop_map(
        |(schema_url, r#type, id_keys, description_keys)| EntityRef { schema_url, r#type, id_keys, description_keys },
    );
    let resource = (attributes(), any::<u32>(), vec(entity, 0..2)).prop_map(
        |(attributes, dropped_attributes_count, entity_refs)| Resource {
            attributes,
            dropped_attributes_count,
            entity_refs,
        },
    );
    option::weighted(0.8, resource).boxed()
}

fn scope() -> BoxedStrategy<Option<InstrumentationScope>> {
    let scope =
        (text(), text(), attributes(), 0_u32..3).prop_map(|(name, version, attributes, dropped_attributes_count)| {
            InstrumentationScope { name, version, attributes, dropped_attributes_count }
        });
    option::weighted(0.8, scope).boxed()
}

/// Trace requests.
pub fn traces() -> BoxedStrategy<ExportTraceServiceRequest> {
    let scope_spans = (scope(), vec(span(), 0..5), text()).prop_map(|(scope, spans, schema_url)| ScopeSpans {
        scope,
        spans,
        schema_url,
    });
    let resource_spans = (resource(), vec(scope_spans, 0..3), text())
        .prop_map(|(resource, scope_spans, schema_url)| ResourceSpans { resource, scope_spans, schema_url });
    vec(resource_spans, 0..4).prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans }).boxed()
}

/// Spans with events, links and status.
pub fn span() -> BoxedStrategy<Span> {
    let event = (time(), text(), attributes(), 0_u32..2).prop_map(
        |(time_unix_nano, name, attributes, dropped_attributes_count)| Event {
            time_unix_nano,
            name,
            attributes,
            dropped_attributes_count,
        },
    );
    let link = (id(16), id(8), text(), attributes(), any::<u32>()).prop_map(
        |(trace_id, span_id, trace_state, attributes, flags)| Link {
            trace_id,
            span_id,
            trace_state,
            attributes,
            dropped_attributes_count: flags % 2,
            flags,
        },
    );
    let status = (text(), -1_i32..4).prop_map(|(message, code)| Status { message, code });
    let ids = (id(16), id(8), id(8), text(), any::<u32>());
    let times = (time(), time(), 0_i32..7);
    let lists = (attributes(), vec(event, 0..2), vec(link, 0..2), option::of(status), 0_u32..3);
    (ids, text(), times, lists)
        .prop_map(|((trace_id, span_id, parent_span_id, trace_state, flags), name, times, lists)| {
            let (start_time_unix_nano, end_time_unix_nano, kind) = times;
            let (attributes, events, links, status, dropped) = lists;
            Span {
                trace_id,
                span_id,
                trace_state,
                parent_span_id,
                flags,
                name,
                kind,
                start_time_unix_nano,
                end_time_unix_nano,
                attributes,
                dropped_attributes_count: dropped,
                events,
                dropped_events_count: dropped / 2,
                links,
                dropped_links_count: dropped,
                status,
            }
        })
        .boxed()
}

/// Log requests.
pub fn logs() -> BoxedStrategy<ExportLogsServiceRequest> {
    let scope_logs = (scope(), vec(log_record(), 0..5), text())
        .prop_map(|(scope, log_records, schema_url)| ScopeLogs { scope, log_records, schema_url });
    let resource_logs = (resource(), vec(scope_logs, 0..3), text())
        .prop_map(|(resource, scope_logs, schema_url)| ResourceLogs { resource, scope_logs, schema_url });
    vec(resource_logs, 0..4).prop_map(|resource_logs| ExportLogsServiceRequest { resource_logs }).boxed()
}

/// Log records and events.
pub fn log_record() -> BoxedStrategy<LogRecord> {
    let head = (time(), time(), 0_i32..26, text(), option::of(value()));
    let tail = (attributes(), 0_u32..3, any::<u32>(), id(16), id(8), text());
    (head, tail)
        .prop_map(|(head, tail)| {
            let (time_unix_nano, observed_time_unix_nano, severity_number, severity_text, body) = head;
            let (attributes, dropped_attributes_count, flags, trace_id, span_id, event_name) = tail;
            LogRecord {
                time_unix_nano,
                observed_time_unix_nano,
                severity_number,
                severity_text,
                body,
                attributes,
                dropped_attributes_count,
                flags,
                trace_id,
                span_id,
                event_name,
            }
        })
        .boxed()
}

/// Metric requests over all five kinds and metrics without data.
pub fn metrics() -> BoxedStrategy<ExportMetricsServiceRequest> {
    let scope_metrics = (scope(), vec(metric(), 0..4), text()).prop_map(|(scope, metrics, schema_url)| ScopeMetrics {
        scope,
        metrics,
        schema_url,
    });
    let resource_metrics = (resource(), vec(scope_metrics, 0..3), text())
        .prop_map(|(resource, scope_metrics, schema_url)| ResourceMetrics { resource, scope_metrics, schema_url });
    vec(resource_metrics, 0..3).prop_map(|resource_metrics| ExportMetricsServiceRequest { resource_metrics }).boxed()
}

/// One metric.
pub fn metric() -> BoxedStrategy<Metric> {
    let data = prop_oneof![
        vec(number_point(), 0..4).prop_map(|data_points| Data::Gauge(Gauge { data_points })),
        (vec(number_point(), 0..4), 0_i32..3, any::<bool>()).prop_map(
            |(data_points, aggregation_temporality, is_monotonic)| {
                Data::Sum(Sum { data_points, aggregation_temporality, is_monotonic })
            }
        ),
        (vec(histogram_point(), 0..4), 0_i32..3).prop_map(|(data_points, aggregation_temporality)| {
            Data::Histogram(Histogram { data_points, aggregation_temporality })
        }),
        (vec(exponential_point(), 0..4), 0_i32..3).prop_map(|(data_points, aggregation_temporality)| {
            Data::ExponentialHistogram(ExponentialHistogram { data_points, aggregation_temporality })
        }),
        vec(summary_point(), 0..4).prop_map(|data_points| Data::Summary(Summary { data_points })),
    ];
    (text(), text(), text(), attributes(), option::weighted(0.9, data))
        .prop_map(|(name, description, unit, metadata, data)| Metric { name, description, unit, metadata, data })
        .boxed()
}

fn exemplar() -> BoxedStrategy<Exemplar> {
    let value = prop_oneof![double().prop_map(exemplar::Value::AsDouble), int().prop_map(exemplar::Value::AsInt)];
    (attributes(), time(), id(8), id(16), option::of(value))
        .prop_map(|(filtered_attributes, time_unix_nano, span_id, trace_id, value)| Exemplar {
            filtered_attributes,
            time_unix_nano,
            span_id,
            trace_id,
            value,
        })
        .boxed()
}

fn number_point() -> BoxedStrategy<NumberDataPoint> {
    let value = prop_oneof![
        double().prop_map(number_data_point::Value::AsDouble),
        int().prop_map(number_data_point::Value::AsInt)
    ];
    (attributes(), time(), time(), vec(exemplar(), 0..2), 0_u32..2, option::of(value))
        .prop_map(|(attributes, start_time_unix_nano, time_unix_nano, exemplars, flags, value)| NumberDataPoint {
            attributes,
            start_time_unix_nano,
            time_unix_nano,
            exemplars,
            flags,
            value,
        })
        .boxed()
}

fn histogram_point() -> BoxedStrategy<HistogramDataPoint> {
    let optional = || option::of(double());
    let head = (attributes(), time(), time(), any::<u64>(), vec(any::<u64>(), 0..4), vec(double(), 0..4));
    (head, vec(exemplar(), 0..2), any::<u32>(), optional(), optional(), optional())
        .prop_map(|(head, exemplars, flags, sum, min, max)| {
            let (attributes, start_time_unix_nano, time_unix_nano, count, bucket_counts, explicit_bounds) = head;
            HistogramDataPoint {
                attributes,
                start_time_unix_nano,
                time_unix_nano,
                count,
                sum,
                bucket_counts,
                explicit_bounds,
                exemplars,
                flags,
                min,
                max,
            }
        })
        .boxed()
}

fn exponential_point() -> BoxedStrategy<ExponentialHistogramDataPoint> {
    let buckets = || {
        option::of(
            (any::<i32>(), vec(any::<u64>(), 0..4))
                .prop_map(|(offset, bucket_counts)| Buckets { offset, bucket_counts }),
        )
    };
    let optional = || option::of(double());
    let head = (attributes(), time(), time(), any::<u64>(), any::<i32>(), any::<u64>());
    (head, buckets(), buckets(), vec(exemplar(), 0..2), optional(), optional(), optional(), double())
        .prop_map(|(head, positive, negative, exemplars, sum, min, max, zero_threshold)| {
            let (attributes, start_time_unix_nano, time_unix_nano, count, scale, zero_count) = head;
            ExponentialHistogramDataPoint {
                attributes,
                start_time_unix_nano,
                time_unix_nano,
                count,
                sum,
                scale,
                zero_count,
                positive,
                negative,
                flags: 0,
                exemplars,
                min,
                max,
                zero_threshold,
            }
        })
        .boxed()
}

fn summary_point() -> BoxedStrategy<SummaryDataPoint> {
    let quantile = (double(), double()).prop_map(|(quantile, value)| ValueAtQuantile { quantile, value });
    (attributes(), time(), time(), any::<u64>(), double(), vec(quantile, 0..3), 0_u32..2)
        .prop_map(|(attributes, start_time_unix_nano, time_unix_nano, count, sum, quantile_values, flags)| {
            SummaryDataPoint { attributes, start_time_unix_nano, time_unix_nano, count, sum, quantile_values, flags }
        })
        .boxed()
}

/// Profile requests with a dictionary whose indices need not resolve.
pub fn profiles() -> BoxedStrategy<ExportProfilesServiceRequest> {
    let scope_profiles = (scope(), vec(profile(), 0..3), text())
        .prop_map(|(scope, profiles, schema_url)| ScopeProfiles { scope, profiles, schema_url });
    let resource_profiles = (resource(), vec(scope_profiles, 0..3), text())
        .prop_map(|(resource, scope_profiles, schema_url)| ResourceProfiles { resource, scope_profiles, schema_url });
    (vec(resource_profiles, 0..3), option::weighted(0.8, dictionary()))
        .prop_map(|(resource_profiles, dictionary)| ExportProfilesServiceRequest { resource_profiles, dictionary })
        .boxed()
}

fn profile() -> BoxedStrategy<Profile> {
    let unit = || option::of((any::<i32>(), 0_i32..5).prop_map(value_type));
    let sample = (0_i32..9, vec(any::<i32>(), 0..3), 0_i32..3, vec(int(), 0..3), vec(time(), 0..3)).prop_map(
        |(stack_index, attribute_indices, link_index, values, timestamps_unix_nano)| Sample {
            stack_index,
            attribute_indices,
            link_index,
            values,
            timestamps_unix_nano,
        },
    );
    let head = (unit(), vec(sample, 0..4), time(), any::<u64>(), unit(), int());
    let tail = (id(16), 0_u32..3, text(), small_bytes(), vec(0_i32..9, 0..3));
    (head, tail)
        .prop_map(|(head, tail)| {
            let (sample_type, samples, time_unix_nano, duration_nano, period_type, period) = head;
            let (profile_id, dropped, original_payload_format, original_payload, attribute_indices) = tail;
            Profile {
                sample_type,
                samples,
                time_unix_nano,
                duration_nano,
                period_type,
                period,
                profile_id,
                dropped_attributes_count: dropped,
                original_payload_format,
                original_payload,
                attribute_indices,
            }
        })
        .boxed()
}

fn value_type((type_strindex, unit_strindex): (i32, i32)) -> ValueType {
    ValueType { type_strindex, unit_strindex }
}

fn dictionary() -> BoxedStrategy<ProfilesDictionary> {
    let mapping = (any::<u64>(), any::<u64>(), any::<u64>(), 0_i32..9, vec(0_i32..9, 0..3)).prop_map(
        |(memory_start, memory_limit, file_offset, filename_strindex, attribute_indices)| Mapping {
            memory_start,
            memory_limit,
            file_offset,
            filename_strindex,
            attribute_indices,
        },
    );
    let line =
        (0_i32..9, int(), int()).prop_map(|(function_index, line, column)| Line { function_index, line, column });
    let location = (0_i32..9, any::<u64>(), vec(line, 0..2), vec(0_i32..9, 0..3)).prop_map(
        |(mapping_index, address, lines, attribute_indices)| Location {
            mapping_index,
            address,
            lines,
            attribute_indices,
        },
    );
    let function = (0_i32..9, 0_i32..9, 0_i32..9, int()).prop_map(
        |(name_strindex, system_name_strindex, filename_strindex, start_line)| Function {
            name_strindex,
            system_name_strindex,
            filename_strindex,
            start_line,
        },
    );
    let link = (id(16), id(8)).prop_map(|(trace_id, span_id)| ProfileLink { trace_id, span_id });
    let attribute = (0_i32..9, option::of(value()), 0_i32..9)
        .prop_map(|(key_strindex, value, unit_strindex)| KeyValueAndUnit { key_strindex, value, unit_strindex });
    let stack = vec(0_i32..9, 0..4).prop_map(|location_indices| Stack { location_indices });
    (
        vec(mapping, 0..2),
        vec(location, 0..2),
        vec(function, 0..2),
        vec(link, 0..2),
        vec(text(), 0..4),
        vec(attribute, 0..2),
        vec(stack, 0..2),
    )
        .prop_map(
            |(
                mapping_table,
                location_table,
                function_table,
                link_table,
                string_table,
                attribute_table,
                stack_table,
            )| {
                ProfilesDictionary {
                    mapping_table,
                    location_table,
                    function_table,
                    link_table,
                    string_table,
                    attribute_table,
                    stack_table,
                }
            },
        )
        .boxed()
}
