//! Request counters, gauges and duration histograms. Items are data points.

use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
};

use super::content::Content;

pub fn resource_metrics(content: &mut Content, items: usize) -> ResourceMetrics {
    let (resource, scope) = (content.resource(), content.scope());
    let metrics = (0..items.div_ceil(POINTS_A_METRIC))
        .map(|nth| metric(content, nth, POINTS_A_METRIC.min(items - nth * POINTS_A_METRIC)))
        .collect();
    ResourceMetrics {
        resource,
        scope_metrics: vec![ScopeMetrics { scope, metrics, ..ScopeMetrics::default() }],
        ..ResourceMetrics::default()
    }
}

/// Two counters and a gauge to a histogram.
fn metric(content: &mut Content, nth: usize, points: usize) -> Metric {
    let (name, unit) = METRICS[nth % METRICS.len()];
    let data = match nth % 4 {
        2 => Data::Gauge(Gauge { data_points: (0..points).map(|_| number_point(content)).collect() }),
        3 => Data::Histogram(Histogram {
            data_points: (0..points).map(|_| histogram_point(content)).collect(),
            aggregation_temporality: CUMULATIVE,
        }),
        _ => Data::Sum(Sum {
            data_points: (0..points).map(|_| number_point(content)).collect(),
            aggregation_temporality: CUMULATIVE,
            is_monotonic: true,
        }),
    };
    Metric { name: name.to_owned(), unit: unit.to_owned(), data: Some(data), ..Metric::default() }
}

fn number_point(content: &mut Content) -> NumberDataPoint {
    let route = content.route();
    NumberDataPoint {
        attributes: content.attributes(route),
        start_time_unix_nano: content.time_unix_nano,
        time_unix_nano: content.next_time(),
        value: Some(Value::AsInt(content.below(100_000) as i64)),
        ..NumberDataPoint::default()
    }
}

fn histogram_point(content: &mut Content) -> HistogramDataPoint {
    let route = content.route();
    let bucket_counts: Vec<u64> = (0..=BOUNDS_MS.len()).map(|_| content.below(50)).collect();
    HistogramDataPoint {
        attributes: content.attributes(route),
        start_time_unix_nano: content.time_unix_nano,
        time_unix_nano: content.next_time(),
        count: bucket_counts.iter().sum(),
        sum: Some(content.below(1_000_000) as f64 / 8.0),
        bucket_counts,
        explicit_bounds: BOUNDS_MS.to_vec(),
        ..HistogramDataPoint::default()
    }
}

/// The attributes of every data point of a metric.
#[cfg(test)]
pub fn attributes_of(metric: &Metric) -> Vec<Vec<opentelemetry_proto::tonic::common::v1::KeyValue>> {
    match &metric.data {
        Some(Data::Gauge(Gauge { data_points }) | Data::Sum(Sum { data_points, .. })) => {
            data_points.iter().map(|point| point.attributes.clone()).collect()
        }
        Some(Data::Histogram(data)) => data.data_points.iter().map(|point| point.attributes.clone()).collect(),
        _ => Vec::new(),
    }
}

const POINTS_A_METRIC: usize = 20;
const CUMULATIVE: i32 = 2;
const METRICS: [(&str, &str); 4] = [
    ("http.server.requests", "{request}"),
    ("http.server.response.body.bytes", "By"),
    ("http.server.active_requests", "{request}"),
    ("http.server.request.duration", "ms"),
];
const BOUNDS_MS: [f64; 8] = [5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0];
