//! A line a record: enough to recognise it by.

use teleferric_wire::Signal;

use super::Layout;
use super::lines::Lines;
use super::node::Node;
use super::text::{Bare, Double, Hex, Plain};

/// The line of a resource.
pub(super) fn resource(layout: &Layout, index: usize, entry: &Node<'_>, out: &mut Lines) {
    out.part(format_args!("{} #{index}", layout.normal_headings.0));
    schema_url(entry, out);
    if let Some(resource) = entry.child("resource") {
        attributes(&resource, " ", out);
    }
    out.line(format_args!(""));
}

/// The line of a scope.
pub(super) fn scope(layout: &Layout, index: usize, entry: &Node<'_>, out: &mut Lines) {
    out.part(format_args!("{} #{index}", layout.normal_headings.1));
    let scope = entry.child("scope");
    if let Some(scope) = &scope {
        if scope.has("name") {
            out.part(format_args!(" {}", Plain(scope.bytes("name"))));
        }
        if scope.has("version") {
            out.part(format_args!("@{}", Plain(scope.bytes("version"))));
        }
    }
    schema_url(entry, out);
    if let Some(scope) = &scope {
        attributes(scope, " ", out);
    }
    out.line(format_args!(""));
}

/// The line of a record, or those of a metric's points.
pub(super) fn record(signal: Signal, record: &Node<'_>, out: &mut Lines) {
    match signal {
        Signal::Traces => span(record, out),
        Signal::Metrics => metric(record, out),
        Signal::Logs => log(record, out),
        Signal::Profiles => profile(record, out),
    }
}

fn schema_url(entry: &Node<'_>, out: &mut Lines) {
    if entry.has("schema_url") {
        out.part(format_args!(" [{}]", Plain(entry.bytes("schema_url"))));
    }
}

fn span(span: &Node<'_>, out: &mut Lines) {
    let (name, trace, id) = (Plain(span.bytes("name")), Hex(span.bytes("trace_id")), Hex(span.bytes("span_id")));
    out.part(format_args!("{name} {trace} {id}"));
    attributes(span, " ", out);
    out.line(format_args!(""));
}

fn log(log: &Node<'_>, out: &mut Lines) {
    if let Some(body) = log.child("body") {
        out.part(format_args!("{}", Bare(body.value())));
    }
    attributes(log, " ", out);
    out.line(format_args!(""));
}

fn profile(profile: &Node<'_>, out: &mut Lines) {
    let samples = profile.list("samples").count();
    out.line(format_args!("{} samples={samples}", Hex(profile.bytes("profile_id"))));
}

fn metric(metric: &Node<'_>, out: &mut Lines) {
    let Some(data) = metric.oneof().and_then(|field| metric.child(field.name)) else { return };
    for point in data.list("data_points") {
        out.part(format_args!("{}{{", Plain(metric.bytes("name"))));
        members(&point, "attributes", ",", out);
        out.part(format_args!("}}"));
        point_value(&point, out);
        out.line(format_args!(""));
    }
}

fn point_value(point: &Node<'_>, out: &mut Lines) {
    match point.oneof().map(|field| field.name) {
        Some("as_int") => return out.part(format_args!(" {}", point.number("as_int").cast_signed())),
        Some("as_double") => {
            return out.part(format_args!(" {}", Double(point.double("as_double").unwrap_or_default())));
        }
        _ => {}
    }
    let fields = point.message().fields;
    let known = |name: &str| fields.iter().any(|field| field.name == name);
    if !known("count") {
        return;
    }
    out.part(format_args!(" count={}", point.number("count")));
    for name in ["sum", "min", "max"] {
        if let Some(value) = known(name).then(|| point.double(name)).flatten() {
            out.part(format_args!(" {name}={}", Double(value)));
        }
    }
    if known("explicit_bounds") {
        explicit_buckets(point, out);
    }
    if known("quantile_values") {
        for quantile in point.list("quantile_values") {
            let (at, value) = (quantile.double("quantile"), quantile.double("value"));
            out.part(format_args!(" q{}={}", Double(at.unwrap_or_default()), Double(value.unwrap_or_default())));
        }
    }
}

/// Counts by upper bound; the last has none.
fn explicit_buckets(point: &Node<'_>, out: &mut Lines) {
    let mut bounds = point.numbers("explicit_bounds").into_iter();
    for count in point.numbers("bucket_counts") {
        match bounds.next() {
            Some(bound) => out.part(format_args!(" le{}={count}", Double(f64::from_bits(bound)))),
            None => out.part(format_args!(" {count}")),
        }
    }
}

fn attributes(holder: &Node<'_>, before: &str, out: &mut Lines) {
    if holder.list("attributes").next().is_some() {
        out.part(format_args!("{before}"));
        members(holder, "attributes", " ", out);
    }
}

/// `key=value` pairs.
fn members(holder: &Node<'_>, name: &str, between: &str, out: &mut Lines) {
    for (index, member) in holder.list(name).enumerate() {
        let separator = if index == 0 { "" } else { between };
        out.part(format_args!("{separator}{}=", Plain(member.bytes("key"))));
        if let Some(value) = member.child("value") {
            out.part(format_args!("{}", Bare(value.value())));
        }
    }
}
