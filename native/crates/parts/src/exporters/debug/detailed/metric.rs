//! Metrics and their points, of all five kinds.

use teleferric_wire::schema;

use super::super::lines::Lines;
use super::super::node::Node;
use super::super::text::{Double, Hex, Plain, Time, Word};
use super::{attributes, others};

pub(super) fn show(index: usize, metric: &Node<'_>, out: &mut Lines) {
    out.line(format_args!("Metric #{index}"));
    out.line(format_args!("Descriptor:"));
    out.entry("     -> Name", Plain(metric.bytes("name")));
    out.entry("     -> Description", Plain(metric.bytes("description")));
    out.entry("     -> Unit", Plain(metric.bytes("unit")));
    attributes("     -> Metadata", metric, "metadata", "          -> ", out);
    let data = metric.oneof();
    let (word, points) = match data.map(|field| field.name) {
        Some("gauge") => ("Gauge", "NumberDataPoints"),
        Some("sum") => ("Sum", "NumberDataPoints"),
        Some("histogram") => ("Histogram", "HistogramDataPoints"),
        Some("exponential_histogram") => ("ExponentialHistogram", "ExponentialHistogramDataPoints"),
        Some("summary") => ("Summary", "SummaryDataPoints"),
        Some(other) => (other, "DataPoints"),
        None => ("Empty", ""),
    };
    out.entry("     -> DataType", word);
    let known =
        ["name", "description", "unit", "metadata", "gauge", "sum", "histogram", "exponential_histogram", "summary"];
    others(metric, &known, "     -> ", out);
    let Some(data) = data.and_then(|field| metric.child(field.name)) else { return };
    let mut shown = vec!["data_points"];
    if word == "Sum" {
        out.entry("     -> IsMonotonic", data.number("is_monotonic") != 0);
        shown.push("is_monotonic");
    }
    if !matches!(word, "Gauge" | "Summary") {
        let temporality = data.number("aggregation_temporality");
        out.entry("     -> AggregationTemporality", Word(&schema::AGGREGATION_TEMPORALITY, temporality));
        shown.push("aggregation_temporality");
    }
    others(&data, &shown, "     -> ", out);
    for (index, point) in data.list("data_points").enumerate() {
        out.line(format_args!("{points} #{index}"));
        show_point(&point, out);
    }
}

/// What all kinds have stands around what one kind has.
fn show_point(point: &Node<'_>, out: &mut Lines) {
    attributes("Data point attributes", point, "attributes", "     -> ", out);
    out.entry("StartTimestamp", Time(point.number("start_time_unix_nano")));
    out.entry("Timestamp", Time(point.number("time_unix_nano")));
    let mut shown = vec!["attributes", "start_time_unix_nano", "time_unix_nano", "flags", "exemplars"];
    let message = point.message();
    let own: &[&str] = if message.is(&schema::NUMBER_DATA_POINT) {
        show_value(point, "", out);
        &["as_int", "as_double"]
    } else if message.is(&schema::SUMMARY_DATA_POINT) {
        show_summary(point, out);
        &["count", "sum", "quantile_values"]
    } else if message.is(&schema::HISTOGRAM_DATA_POINT) {
        show_distribution(point, out);
        show_explicit_buckets(point, out);
        &["count", "sum", "min", "max", "explicit_bounds", "bucket_counts"]
    } else {
        show_distribution(point, out);
        show_exponential_buckets(point, out);
        &["count", "sum", "min", "max", "scale", "zero_count", "zero_threshold", "positive", "negative"]
    };
    shown.extend(own);
    if point.has("flags") {
        out.entry("Flags", point.number("flags") as u32);
    }
    others(point, &shown, "", out);
    if message.field_by_name("exemplars").is_some() {
        show_exemplars(point, out);
    }
}

/// The value of a number point or an exemplar.
fn show_value(holder: &Node<'_>, indent: &str, out: &mut Lines) {
    let label = format!("{indent}Value");
    match holder.oneof().map(|field| field.name) {
        Some("as_int") => out.entry(&label, holder.number("as_int").cast_signed()),
        Some(_) => out.entry(&label, Double(holder.double("as_double").unwrap_or_default())),
        None => out.line(format_args!("{label}: Empty()")),
    }
}

fn show_summary(point: &Node<'_>, out: &mut Lines) {
    out.entry("Count", point.number("count"));
    out.entry("Sum", Double(point.double("sum").unwrap_or_default()));
    for (index, quantile) in point.list("quantile_values").enumerate() {
        let (at, value) = (quantile.double("quantile"), quantile.double("value"));
        let (at, value) = (Double(at.unwrap_or_default()), Double(value.unwrap_or_default()));
        out.line(format_args!("QuantileValue #{index}: Quantile {at}, Value {value}"));
        others(&quantile, &["quantile", "value"], "     -> ", out);
    }
}

/// Count, and what may be absent.
fn show_distribution(point: &Node<'_>, out: &mut Lines) {
    out.entry("Count", point.number("count"));
    for (label, name) in [("Sum", "sum"), ("Min", "min"), ("Max", "max")] {
        if let Some(value) = point.double(name) {
            out.entry(label, Double(value));
        }
    }
}

fn show_explicit_buckets(point: &Node<'_>, out: &mut Lines) {
    for (index, bound) in point.numbers("explicit_bounds").into_iter().enumerate() {
        out.line(format_args!("ExplicitBounds #{index}: {}", Double(f64::from_bits(bound))));
    }
    for (index, count) in point.numbers("bucket_counts").into_iter().enumerate() {
        out.line(format_args!("Buckets #{index}, Count: {count}"));
    }
}

fn show_exponential_buckets(point: &Node<'_>, out: &mut Lines) {
    let scale = point.sint("scale");
    out.entry("Scale", scale);
    out.entry("ZeroThreshold", Double(point.double("zero_threshold").unwrap_or_default()));
    if let Some(negative) = point.child("negative") {
        out.entry("Negative offset", negative.sint("offset"));
        let counts = negative.numbers("bucket_counts");
        for (index, count) in counts.into_iter().enumerate().rev() {
            let (lower, upper) = bounds(scale, negative.sint("offset"), index);
            out.line(format_args!("Bucket [-{}, -{}), Count: {count}", Double(upper), Double(lower)));
        }
    }
    out.entry("ZeroCount", point.number("zero_count"));
    if let Some(positive) = point.child("positive") {
        out.entry("Positive offset", positive.sint("offset"));
        let counts = positive.numbers("bucket_counts");
        for (index, count) in counts.into_iter().enumerate() {
            let (lower, upper) = bounds(scale, positive.sint("offset"), index);
            out.line(format_args!("Bucket ({}, {}], Count: {count}", Double(lower), Double(upper)));
        }
    }
}

/// The bounds of the bucket that stands at `index` of a list which begins at `offset`: powers of 2^(2^-scale).
fn bounds(scale: i32, offset: i32, index: usize) -> (f64, f64) {
    let at = f64::from(offset) + index as f64;
    let width = (-f64::from(scale)).exp2();
    ((at * width).exp2(), ((at + 1.0) * width).exp2())
}

fn show_exemplars(point: &Node<'_>, out: &mut Lines) {
    for (index, exemplar) in point.list("exemplars").enumerate() {
        if index == 0 {
            out.line(format_args!("Exemplars:"));
        }
        out.line(format_args!("Exemplar #{index}"));
        out.entry("     -> Trace ID", Hex(exemplar.bytes("trace_id")));
        out.entry("     -> Span ID", Hex(exemplar.bytes("span_id")));
        out.entry("     -> Timestamp", Time(exemplar.number("time_unix_nano")));
        show_value(&exemplar, "     -> ", out);
        let shown = ["trace_id", "span_id", "time_unix_nano", "as_int", "as_double", "filtered_attributes"];
        others(&exemplar, &shown, "     -> ", out);
        attributes("     -> FilteredAttributes", &exemplar, "filtered_attributes", "          -> ", out);
    }
}
