//! The check against prost: both accept the same generated requests and count the same; damaged bytes never panic.

#![allow(clippy::unwrap_used)]

mod generate;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::profiles::v1development::ExportProfilesServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use proptest::prelude::*;
use prost::Message;
use teleferric_wire::cursor::put_bytes;
use teleferric_wire::view::{Record, Request, Value};
use teleferric_wire::{Counts, Limits, Signal, WireError, check};

/// What prost finds in a request, or nothing if prost refuses it.
fn prost_counts(signal: Signal, bytes: &[u8]) -> Option<Counts> {
    let mut counts = Counts::default();
    match signal {
        Signal::Traces => {
            let request = ExportTraceServiceRequest::decode(bytes).ok()?;
            for resource in &request.resource_spans {
                counts.resources += 1;
                for scope in &resource.scope_spans {
                    counts.scopes += 1;
                    counts.records += scope.spans.len() as u64;
                }
            }
            counts.items = counts.records;
        }
        Signal::Logs => {
            let request = ExportLogsServiceRequest::decode(bytes).ok()?;
            for resource in &request.resource_logs {
                counts.resources += 1;
                for scope in &resource.scope_logs {
                    counts.scopes += 1;
                    counts.records += scope.log_records.len() as u64;
                }
            }
            counts.items = counts.records;
        }
        Signal::Metrics => {
            let request = ExportMetricsServiceRequest::decode(bytes).ok()?;
            for resource in &request.resource_metrics {
                counts.resources += 1;
                for scope in &resource.scope_metrics {
                    counts.scopes += 1;
                    counts.records += scope.metrics.len() as u64;
                    counts.items += scope.metrics.iter().map(|metric| points(metric.data.as_ref())).sum::<u64>();
                }
            }
        }
        Signal::Profiles => {
            let request = ExportProfilesServiceRequest::decode(bytes).ok()?;
            for resource in &request.resource_profiles {
                counts.resources += 1;
                for scope in &resource.scope_profiles {
                    counts.scopes += 1;
                    counts.records += scope.profiles.len() as u64;
                    counts.items += scope.profiles.iter().map(|profile| profile.samples.len() as u64).sum::<u64>();
                }
            }
        }
    }
    Some(counts)
}

fn points(data: Option<&Data>) -> u64 {
    let count = match data {
        None => 0,
        Some(Data::Gauge(data)) => data.data_points.len(),
        Some(Data::Sum(data)) => data.data_points.len(),
        Some(Data::Histogram(data)) => data.data_points.len(),
        Some(Data::ExponentialHistogram(data)) => data.data_points.len(),
        Some(Data::Summary(data)) => data.data_points.len(),
    };
    count as u64
}

/// Reads everything the views offer on the upper levels; the number of items seen.
fn walk_views(signal: Signal, bytes: &[u8]) -> u64 {
    let mut items = 0;
    for resource in Request::new(signal, bytes).resources() {
        resource.attributes().iter().for_each(|attribute| assert!(depth(attribute.value()) > 0));
        for scope in resource.scopes() {
            let _ = (scope.name(), scope.version(), scope.schema_url(), scope.dropped_attributes_count());
            for record in scope.records() {
                record.attributes().iter().for_each(|attribute| assert!(depth(attribute.value()) > 0));
                items += match record {
                    Record::Span(span) => {
                        let _ = (span.name(), span.status_code(), span.events().count(), span.links().count());
                        1
                    }
                    Record::Log(log) => {
                        depth(log.body());
                        1
                    }
                    Record::Metric(metric) => metric
                        .points()
                        .map(|point| {
                            let _ = (point.number(), point.bucket_counts().count(), point.explicit_bounds().count());
                            let _ = (point.positive().counts().count(), point.quantiles().count(), point.sum());
                            1
                        })
                        .sum(),
                    Record::Profile(profile) => profile.sample_count() as u64,
                };
            }
        }
    }
    items
}

fn depth(value: Value<'_>) -> u32 {
    match value {
        Value::Array(array) => 1 + array.iter().map(depth).max().unwrap_or(0),
        Value::Map(map) => 1 + map.iter().map(|member| depth(member.value())).max().unwrap_or(0),
        _ => 1,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn counts_agree_with_prost_and_with_the_views((signal, bytes) in generate::any_request()) {
        let request = check(signal, &bytes, &Limits::default()).expect("a generated request is valid");
        prop_assert_eq!(Some(request.counts()), prost_counts(signal, &bytes));
        prop_assert_eq!(request.counts().items, walk_views(signal, &bytes));
    }

    #[test]
    fn the_item_limit_is_exact((signal, bytes) in generate::any_request()) {
        let items = check(signal, &bytes, &Limits::default()).unwrap().counts().items;
        let exact = Limits { max_items: items, ..Limits::default() };
        prop_assert!(check(signal, &bytes, &exact).is_ok());
        if let Some(less) = items.checked_sub(1) {
            let error = check(signal, &bytes, &Limits { max_items: less, ..exact }).unwrap_err();
            prop_assert_eq!(error, WireError::TooManyItems { limit: less });
        }
    }

    #[test]
    fn damaged_requests_never_panic_and_are_valid_to_us_only_if_prost_can_read_them(
        (signal, mut bytes) in generate::any_request(),
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4),
    ) {
        if !bytes.is_empty() {
            for (at, byte) in damage {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
        }
        walk_views(signal, &bytes);
        let ours = check(signal, &bytes, &Limits::default());
        match prost_counts(signal, &bytes) {
            // prost keeps ids of any length, so we may refuse more; and of two members of a oneof it keeps the last.
            Some(theirs) => if let Ok(ours) = ours {
                prop_assert_eq!(ours.counts().resources, theirs.resources);
                prop_assert!(ours.counts().items >= theirs.items);
            } else {
                let refused_here_only = matches!(ours, Err(WireError::IdLength { .. }));
                prop_assert!(refused_here_only, "{:?}", ours.map(|_| ()));
            },
            // prost checks UTF-8, which is not our business.
            None => if ours.is_ok() {
                prop_assert!(prost_fails_on_text(signal, &bytes));
            },
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for signal in Signal::ALL {
            let _ = check(signal, &bytes, &Limits::default());
            walk_views(signal, &bytes);
        }
    }
}

proptest! {
    // Each case tries every length.
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn cut_requests_are_refused_but_between_resources((signal, bytes) in generate::any_request()) {
        let mut whole = 0;
        for end in 0..bytes.len() {
            let cut = &bytes[..end];
            walk_views(signal, cut);
            whole += u64::from(check(signal, cut, &Limits::default()).is_ok());
        }
        let resources = check(signal, &bytes, &Limits::default()).unwrap().counts().resources;
        // A cut is valid only where a top-level field ends; the dictionary of profiles is one such field.
        prop_assert!(whole <= resources + 1, "{whole} cuts accepted, {resources} resources");
    }
}

fn prost_fails_on_text(signal: Signal, bytes: &[u8]) -> bool {
    let error = match signal {
        Signal::Traces => ExportTraceServiceRequest::decode(bytes).err(),
        Signal::Metrics => ExportMetricsServiceRequest::decode(bytes).err(),
        Signal::Logs => ExportLogsServiceRequest::decode(bytes).err(),
        Signal::Profiles => ExportProfilesServiceRequest::decode(bytes).err(),
    };
    error.is_some_and(|error| error.to_string().contains("UTF-8"))
}

/// A log request whose body nests `levels` values, each an array or a map of one member.
fn nested(levels: usize, map: bool) -> Vec<u8> {
    // Built from inside out in one reversed buffer, so that a million levels stay linear.
    let mut reversed: Vec<u8> = Vec::new();
    let mut close = |number: u32| {
        let mut prefix = Vec::new();
        put_bytes(number, &[], &mut prefix);
        prefix.pop();
        teleferric_wire::cursor::put_varint(reversed.len() as u64, &mut prefix);
        reversed.extend(prefix.into_iter().rev());
    };
    for _ in 1..levels {
        if map {
            close(2);
            close(1);
            close(6);
        } else {
            close(1);
            close(5);
        }
    }
    for number in [5, 2, 2, 1] {
        close(number);
    }
    reversed.reverse();
    reversed
}

fn on_small_stack(test: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(512 * 1024).spawn(test).unwrap().join().unwrap();
}

#[test]
fn deep_values_are_refused_on_a_small_stack() {
    on_small_stack(|| {
        for map in [false, true] {
            for levels in [129, 1_000, 10_000, 100_000, 1_000_000] {
                let error = check(Signal::Logs, &nested(levels, map), &Limits::default()).unwrap_err();
                assert_eq!(error, WireError::TooDeep { limit: 128 }, "{levels} levels");
            }
            for levels in [1, 64, 100, 128] {
                assert!(check(Signal::Logs, &nested(levels, map), &Limits::default()).is_ok(), "{levels} levels");
            }
        }
    });
}

#[test]
fn the_greatest_depth_that_can_be_configured_fits_a_small_stack() {
    on_small_stack(|| {
        let limits = Limits { max_depth: u32::MAX, ..Limits::default() };
        let ceiling = Limits::MAX_DEPTH_CEILING as usize;
        for map in [false, true] {
            assert!(check(Signal::Logs, &nested(ceiling, map), &limits).is_ok());
            let error = check(Signal::Logs, &nested(ceiling + 1, map), &limits).unwrap_err();
            assert_eq!(error, WireError::TooDeep { limit: Limits::MAX_DEPTH_CEILING });
        }
    });
}

#[test]
fn millions_of_empty_items_are_refused_by_the_item_limit() {
    for (signal, path) in [
        (Signal::Traces, &[2, 1][..]),
        (Signal::Logs, &[2, 1]),
        (Signal::Metrics, &[5, 2, 2, 1]),
        (Signal::Profiles, &[2, 2, 1]),
    ] {
        let number = if signal == Signal::Metrics { 0x0a } else { 0x12 };
        let bomb = path.iter().fold([number, 0].repeat(2_000_000), |inner, number| {
            let mut out = Vec::new();
            put_bytes(*number, &inner, &mut out);
            out
        });
        let error = check(signal, &bomb, &Limits::default()).unwrap_err();
        assert_eq!(error, WireError::TooManyItems { limit: 1_000_000 }, "{signal}");
    }
}
