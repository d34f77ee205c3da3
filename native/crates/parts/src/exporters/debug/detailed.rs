//! Every field of every record, in the shape the Collector gives them.
//!
//! Fields that the layout below does not name are added by their own name, so a field of a newer schema shows too.

mod metric;

use teleferric_wire::Signal;
use teleferric_wire::schema::{self, Field, Kind};

use super::Layout;
use super::lines::Lines;
use super::node::{Node, unzigzag};
use super::profile;
use super::text::{Double, Hex, Plain, Time, Typed, Word};

/// The heading of a resource with its attributes.
pub(super) fn resource(layout: &Layout, index: usize, entry: &Node<'_>, out: &mut Lines) {
    out.line(format_args!("{} #{index}", layout.resource_heading));
    out.entry("Resource SchemaURL", Plain(entry.bytes("schema_url")));
    if let Some(resource) = entry.child("resource") {
        attributes("Resource attributes", &resource, "attributes", "     -> ", out);
        out.count("Resource DroppedAttributesCount", resource.number("dropped_attributes_count"));
        others(&resource, &["attributes", "dropped_attributes_count"], "     -> ", out);
    }
    others(entry, &["resource", "schema_url", layout.scopes], "", out);
}

/// The heading of a scope with its attributes.
pub(super) fn scope(layout: &Layout, index: usize, entry: &Node<'_>, out: &mut Lines) {
    out.line(format_args!("{} #{index}", layout.scope_heading));
    out.entry(&format!("{} SchemaURL", layout.scope_heading), Plain(entry.bytes("schema_url")));
    if let Some(scope) = entry.child("scope") {
        let (name, version) = (Plain(scope.bytes("name")), Plain(scope.bytes("version")));
        out.line(format_args!("InstrumentationScope {name} {version}"));
        attributes("InstrumentationScope attributes", &scope, "attributes", "     -> ", out);
        out.count("InstrumentationScope DroppedAttributesCount", scope.number("dropped_attributes_count"));
        others(&scope, &["name", "version", "attributes", "dropped_attributes_count"], "     -> ", out);
    }
    others(entry, &["scope", "schema_url", layout.records], "", out);
}

/// One record.
pub(super) fn record(signal: Signal, index: usize, record: &Node<'_>, out: &mut Lines) {
    match signal {
        Signal::Traces => span(index, record, out),
        Signal::Metrics => metric::show(index, record, out),
        Signal::Logs => log(index, record, out),
        Signal::Profiles => profile::show(index, record, out),
    }
}

fn span(index: usize, span: &Node<'_>, out: &mut Lines) {
    out.line(format_args!("Span #{index}"));
    out.entry("    Trace ID       ", Hex(span.bytes("trace_id")));
    out.entry("    Parent ID      ", Hex(span.bytes("parent_span_id")));
    out.entry("    ID             ", Hex(span.bytes("span_id")));
    out.entry("    Name           ", Plain(span.bytes("name")));
    out.entry("    Kind           ", Word(&schema::SPAN_SPAN_KIND, span.number("kind")));
    if span.has("trace_state") {
        out.entry("    TraceState     ", Plain(span.bytes("trace_state")));
    }
    out.entry("    Start time     ", Time(span.number("start_time_unix_nano")));
    out.entry("    End time       ", Time(span.number("end_time_unix_nano")));
    let status = span.child("status");
    let (code, message) =
        status.as_ref().map_or((0, &[][..]), |status| (status.number("code"), status.bytes("message")));
    out.entry("    Status code    ", Word(&schema::STATUS_STATUS_CODE, code));
    out.entry("    Status message ", Plain(message));
    out.count("    Flags          ", span.number("flags"));
    out.count("    DroppedAttributesCount", span.number("dropped_attributes_count"));
    out.count("    DroppedEventsCount", span.number("dropped_events_count"));
    out.count("    DroppedLinksCount", span.number("dropped_links_count"));
    others(span, SPAN_FIELDS, "    ", out);
    attributes("Attributes", span, "attributes", "     -> ", out);
    for (index, event) in span.list("events").enumerate() {
        if index == 0 {
            out.line(format_args!("Events:"));
        }
        span_event(index, &event, out);
    }
    for (index, link) in span.list("links").enumerate() {
        if index == 0 {
            out.line(format_args!("Links:"));
        }
        span_link(index, &link, out);
    }
}

const SPAN_FIELDS: &[&str] = &[
    "trace_id",
    "parent_span_id",
    "span_id",
    "name",
    "kind",
    "trace_state",
    "start_time_unix_nano",
    "end_time_unix_nano",
    "status",
    "flags",
    "dropped_attributes_count",
    "dropped_events_count",
    "dropped_links_count",
    "attributes",
    "events",
    "links",
];

fn span_event(index: usize, event: &Node<'_>, out: &mut Lines) {
    out.line(format_args!("SpanEvent #{index}"));
    out.entry("     -> Name", Plain(event.bytes("name")));
    out.entry("     -> Timestamp", Time(event.number("time_unix_nano")));
    out.entry("     -> DroppedAttributesCount", event.number("dropped_attributes_count"));
    others(event, &["name", "time_unix_nano", "dropped_attributes_count", "attributes"], "     -> ", out);
    attributes("     -> Attributes", event, "attributes", "          -> ", out);
}

fn span_link(index: usize, link: &Node<'_>, out: &mut Lines) {
    out.line(format_args!("SpanLink #{index}"));
    out.entry("     -> Trace ID", Hex(link.bytes("trace_id")));
    out.entry("     -> ID", Hex(link.bytes("span_id")));
    out.entry("     -> TraceState", Plain(link.bytes("trace_state")));
    out.count("     -> Flags", link.number("flags"));
    out.entry("     -> DroppedAttributesCount", link.number("dropped_attributes_count"));
    let shown = ["trace_id", "span_id", "trace_state", "flags", "dropped_attributes_count", "attributes"];
    others(link, &shown, "     -> ", out);
    attributes("     -> Attributes", link, "attributes", "          -> ", out);
}

fn log(index: usize, log: &Node<'_>, out: &mut Lines) {
    out.line(format_args!("LogRecord #{index}"));
    out.entry("ObservedTimestamp", Time(log.number("observed_time_unix_nano")));
    out.entry("Timestamp", Time(log.number("time_unix_nano")));
    out.entry("SeverityText", Plain(log.bytes("severity_text")));
    let severity = log.number("severity_number");
    out.line(format_args!("SeverityNumber: {}({})", Word(&schema::SEVERITY_NUMBER, severity), severity as i32));
    if log.has("event_name") {
        out.entry("EventName", Plain(log.bytes("event_name")));
    }
    match log.child("body") {
        Some(body) => out.entry("Body", Typed(body.value())),
        None => out.line(format_args!("Body: Empty()")),
    }
    attributes("Attributes", log, "attributes", "     -> ", out);
    out.count("DroppedAttributesCount", log.number("dropped_attributes_count"));
    out.entry("Trace ID", Hex(log.bytes("trace_id")));
    out.entry("Span ID", Hex(log.bytes("span_id")));
    out.entry("Flags", log.number("flags"));
    others(log, LOG_FIELDS, "", out);
}

const LOG_FIELDS: &[&str] = &[
    "observed_time_unix_nano",
    "time_unix_nano",
    "severity_text",
    "severity_number",
    "event_name",
    "body",
    "attributes",
    "dropped_attributes_count",
    "trace_id",
    "span_id",
    "flags",
];

/// A list of attributes under a heading, if it has any.
pub(super) fn attributes(heading: &str, holder: &Node<'_>, name: &str, indent: &str, out: &mut Lines) {
    for (index, attribute) in holder.list(name).enumerate() {
        if index == 0 {
            out.line(format_args!("{heading}:"));
        }
        show_attribute(&attribute, indent, out);
    }
}

fn show_attribute(attribute: &Node<'_>, indent: &str, out: &mut Lines) {
    out.part(format_args!("{indent}"));
    match attribute.number("key_strindex") {
        0 => out.part(format_args!("{}", Plain(attribute.bytes("key")))),
        index => out.part(format_args!("StrIndex({})", index as i32)),
    }
    match attribute.child("value") {
        Some(value) => out.line(format_args!(": {}", Typed(value.value()))),
        None => out.line(format_args!(": Empty()")),
    }
}

/// All fields that were sent and are not `shown`, by their own names.
pub(super) fn others(node: &Node<'_>, shown: &[&str], indent: &str, out: &mut Lines) {
    for field in node.message().fields.iter().filter(|field| !shown.contains(&field.name)) {
        match field.kind {
            Kind::Message(inner) => other_messages(node, field, inner.is(&schema::ANY_VALUE), indent, out),
            _ if field.repeated => other_list(node, field, indent, out),
            _ if node.has(field.name) => {
                out.part(format_args!("{indent}{}: ", field.name));
                scalar(field.kind, node.number(field.name), node.bytes(field.name), out);
                out.line(format_args!(""));
            }
            _ => {}
        }
    }
}

fn other_messages(node: &Node<'_>, field: &Field, is_value: bool, indent: &str, out: &mut Lines) {
    let deeper = format!("    {indent}");
    let mut show = |index: Option<usize>, inner: &Node<'_>| {
        if is_value {
            return out.line(format_args!("{indent}{}: {}", field.name, Typed(inner.value())));
        }
        if inner.message().is(&schema::KEY_VALUE) {
            return show_attribute(inner, indent, out);
        }
        match index {
            Some(index) => out.line(format_args!("{indent}{} #{index}", field.name)),
            None => out.line(format_args!("{indent}{}:", field.name)),
        }
        others(inner, &[], &deeper, out);
    };
    if field.repeated {
        node.list(field.name).enumerate().for_each(|(index, inner)| show(Some(index), &inner));
    } else if let Some(inner) = node.child(field.name) {
        show(None, &inner);
    }
}

fn other_list(node: &Node<'_>, field: &Field, indent: &str, out: &mut Lines) {
    let numeric = field.is_packable();
    let numbers = if numeric { node.numbers(field.name) } else { Vec::new() };
    let texts: Vec<&[u8]> = if numeric { Vec::new() } else { node.texts(field.name).collect() };
    if numbers.is_empty() && texts.is_empty() {
        return;
    }
    out.part(format_args!("{indent}{}: [", field.name));
    let elements = numbers.iter().map(|number| (*number, &[][..])).chain(texts.into_iter().map(|text| (0, text)));
    for (index, (number, text)) in elements.enumerate() {
        if index > 0 {
            out.part(format_args!(", "));
        }
        scalar(field.kind, number, text, out);
    }
    out.line(format_args!("]"));
}

/// A value from its bits or its bytes.
fn scalar(kind: Kind, bits: u64, bytes: &[u8], out: &mut Lines) {
    match kind {
        Kind::Double => out.part(format_args!("{}", Double(f64::from_bits(bits)))),
        Kind::Fixed64 | Kind::Uint64 => out.part(format_args!("{bits}")),
        Kind::Sfixed64 | Kind::Int64 => out.part(format_args!("{}", bits.cast_signed())),
        Kind::Fixed32 | Kind::Uint32 => out.part(format_args!("{}", bits as u32)),
        Kind::Int32 => out.part(format_args!("{}", bits as i32)),
        Kind::Sint32 => out.part(format_args!("{}", unzigzag(bits))),
        Kind::Bool => out.part(format_args!("{}", bits != 0)),
        Kind::Enum(table) => out.part(format_args!("{}", Word(table, bits))),
        Kind::String => out.part(format_args!("{}", Plain(bytes))),
        Kind::Bytes | Kind::TraceId | Kind::SpanId | Kind::ProfileId => out.part(format_args!("{}", Hex(bytes))),
        Kind::Message(_) => {}
    }
}
