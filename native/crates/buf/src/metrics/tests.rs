//! What a reader sees while handles come, write and go.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::*;

static REQUESTS: Desc = Desc { name: "requests_total", help: "Requests.", kind: Kind::Counter, lazy: false };
static REFUSED: Desc = Desc { name: "refused_total", help: "Refusals.", kind: Kind::Counter, lazy: true };
static OPEN: Desc = Desc { name: "open", help: "Open connections.", kind: Kind::Gauge, lazy: false };
static LATENCY: Desc =
    Desc { name: "latency_seconds", help: "Latency.", kind: Kind::Histogram { bounds: &[0.1, 1.0, 10.0] }, lazy: true };

const A: &[(&str, &str)] = &[("receiver", "a")];
const B: &[(&str, &str)] = &[("receiver", "b")];

fn read(metrics: &Metrics) -> Vec<f64> {
    let mut places = vec![-1.0; metrics.len()];
    metrics.snapshot(&mut places);
    places
}

#[test]
fn handles_of_one_series_are_summed_and_survive_their_drop() {
    let metrics = Metrics::new();
    let first = metrics.counter(&REQUESTS, A);
    let second = metrics.counter(&REQUESTS, A);
    let other = metrics.counter(&REQUESTS, B);
    first.add(3);
    second.add(4);
    other.add(10);
    assert_eq!(read(&metrics), [7.0, 10.0]);

    let version = metrics.catalogue().version;
    drop(first);
    drop(second);
    metrics.counter(&REQUESTS, A).add(1);
    assert_eq!(read(&metrics), [8.0, 10.0]);
    assert_eq!(metrics.catalogue().version, version, "the layout did not change");
}

#[test]
fn lazy_series_shows_nothing_until_touched_and_zero_touches_it() {
    let metrics = Metrics::new();
    let refused = metrics.counter(&REFUSED, &[]);
    assert!(read(&metrics)[0].is_nan());
    assert_eq!(metrics.value("refused_total", &[]), None);
    refused.add(0);
    assert_eq!(metrics.value("refused_total", &[]), Some(0.0));
    drop(refused);
    assert_eq!(metrics.value("refused_total", &[]), Some(0.0), "still visible after its handle");
}

#[test]
fn gauge_is_the_sum_of_its_parts_and_goes_with_the_last() {
    let metrics = Metrics::new();
    let kept = metrics.counter(&REQUESTS, &[]);
    let (left, right) = (metrics.gauge(&OPEN, &[]), metrics.gauge(&OPEN, &[]));
    left.add(5);
    left.sub(7);
    right.set(10);
    assert_eq!((left.get(), metrics.value("open", &[])), (-2, Some(8.0)));
    drop(right);
    assert_eq!(metrics.value("open", &[]), Some(-2.0));
    let version = metrics.catalogue().version;
    drop(left);
    assert_eq!(metrics.value("open", &[]), None);
    assert_eq!(metrics.len(), 1);
    assert!(metrics.catalogue().version > version);
    kept.add(1);
    assert_eq!(read(&metrics), [1.0]);
}

#[test]
fn histogram_counts_each_bucket_by_itself_and_keeps_the_sum() {
    let metrics = Metrics::new();
    let latency = metrics.histogram(&LATENCY, A);
    assert_eq!(metrics.len(), 5);
    assert!(read(&metrics)[0].is_nan());
    [0.1, 0.05, 0.5, 100.0, f64::NAN].iter().for_each(|value| latency.record(*value));
    drop(latency);
    let again = metrics.histogram(&LATENCY, A);
    again.record(2.0);
    let places = read(&metrics);
    assert_eq!(places[..4], [2.0, 1.0, 1.0, 1.0]);
    assert!((places[4] - 102.65).abs() < 1e-9);
    assert_eq!((again.count(), metrics.value("latency_seconds", A)), (1, Some(5.0)));
}

#[test]
fn wide_histogram_spans_lines() {
    static BOUNDS: [f64; 40] = {
        let mut bounds = [0.0; 40];
        let mut i = 0;
        while i < 40 {
            bounds[i] = i as f64;
            i += 1;
        }
        bounds
    };
    static WIDE: Desc = Desc { name: "wide", help: "Wide.", kind: Kind::Histogram { bounds: &BOUNDS }, lazy: false };
    let metrics = Metrics::new();
    let wide = metrics.histogram(&WIDE, &[]);
    (0..=40).for_each(|value| wide.record(f64::from(value)));
    let places = read(&metrics);
    assert_eq!(places[..41], [1.0; 41]);
    assert_eq!(places[41], 820.0);
}

#[test]
fn asked_gauges_are_summed_and_may_use_the_registry() {
    let metrics = Metrics::new();
    let counter = metrics.counter(&REQUESTS, &[]);
    counter.add(2);
    let inner = metrics.clone();
    let first = metrics.gauge_fn(&OPEN, A, move || inner.value("requests_total", &[]).map_or(0.0, |_| 1.5));
    assert_eq!(metrics.catalogue().series[1].offset, 1);
    drop(first);
    let first = metrics.gauge_fn(&OPEN, A, || 1.5);
    let owned = parking_lot::Mutex::new(metrics.counter(&REQUESTS, B));
    let second = metrics.gauge_fn(&OPEN, A, move || {
        owned.lock().add(1);
        2.0
    });
    assert_eq!(metrics.value("open", A), Some(3.5));
    drop(first);
    drop(second);
    assert_eq!(metrics.value("open", A), None);
    assert_eq!(metrics.value("requests_total", B), Some(1.0), "the handle inside the closure was folded");
}

#[test]
fn asked_totals_add_to_counted_ones_and_leave_nothing() {
    let metrics = Metrics::new();
    let asked = metrics.counter_fn(&REQUESTS, A, || 7.0);
    assert_eq!(metrics.value("requests_total", A), Some(7.0));
    drop(asked);
    assert!(metrics.is_empty());
    let _asked = metrics.counter_fn(&REQUESTS, A, || 7.0);
    metrics.counter(&REQUESTS, A).add(2);
    assert_eq!(metrics.value("requests_total", A), Some(9.0));
}

#[test]
fn catalogue_names_every_place() {
    let metrics = Metrics::new();
    let _latency = metrics.histogram(&LATENCY, A);
    let _open = metrics.gauge(&OPEN, &[]);
    let catalogue = metrics.catalogue();
    assert_eq!(catalogue.series[0].bounds, [0.1, 1.0, 10.0]);
    assert_eq!(catalogue.series[0].labels, [("receiver".to_owned(), "a".to_owned())]);
    assert_eq!((catalogue.series[1].offset, catalogue.series[1].kind.name()), (5, "gauge"));
    assert_eq!(catalogue.series[1].help, "Open connections.");
}

#[test]
fn short_array_gets_what_fits_and_long_one_keeps_its_tail() {
    let metrics = Metrics::new();
    let first = metrics.counter(&REQUESTS, A);
    let _latency = metrics.histogram(&LATENCY, A);
    let _asked = metrics.gauge_fn(&OPEN, &[], || 4.0);
    first.add(9);
    let mut short = [0.0; 3];
    metrics.snapshot(&mut short);
    assert_eq!(short, [9.0, 0.0, 0.0]);
    let mut long = [-1.0; 9];
    metrics.snapshot(&mut long);
    assert_eq!((long[6], long[7]), (4.0, -1.0));
}

#[test]
#[cfg_attr(miri, ignore = "compares thousands of labels, which takes minutes under Miri")]
fn series_past_the_bound_share_one_named_other() {
    let metrics = Metrics::new();
    let count = SERIES_MAX + 5;
    let handles: Vec<_> = (0..count)
        .map(|i| {
            let counter = metrics.counter(&REQUESTS, &[("receiver", &i.to_string())]);
            counter.add(1);
            counter
        })
        .collect();
    let unlabelled = metrics.counter(&REFUSED, &[]);
    assert_eq!(metrics.len(), SERIES_MAX + 2);
    assert_eq!(metrics.value("requests_total", &[("receiver", OTHER)]), Some(5.0));
    drop((handles, unlabelled));
}

#[test]
fn reader_sees_every_write_of_running_threads_in_the_end() {
    let metrics = Metrics::new();
    let rounds = if cfg!(miri) { 200 } else { 50_000 };
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|_| {
                let counter = metrics.counter(&REQUESTS, A);
                scope.spawn(move || (0..rounds).for_each(|_| counter.add(1)))
            })
            .collect();
        let reader = scope.spawn(|| {
            let mut last = 0.0;
            while !done.load(Ordering::Relaxed) {
                let now = metrics.value("requests_total", A).unwrap();
                assert!(now >= last, "a counter went from {last} to {now}");
                last = now;
            }
        });
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap();
    });
    assert_eq!(metrics.value("requests_total", A), Some(f64::from(4 * rounds)));
}
