//! The check of protobuf requests, against prost; and of requests that pass it, what views, cuts and edits promise.

use std::sync::OnceLock;

use teleferric_wire::edit::{Action, ConvertTo, Edits, Everything, Literal, Source, Target};
use teleferric_wire::split::{Key, Max, group, split};
use teleferric_wire::view::{Attributes, Record, Request, Value};
use teleferric_wire::{Limits, Signal, WireError, check};

use crate::oracle;

/// Two bytes say what is done, the rest is the request.
pub fn run(data: &[u8]) {
    let Some(([first, second], bytes)) = data.split_first_chunk() else { return };
    let signal = crate::signal(*first);
    // Views promise to survive anything.
    let seen = look_at(signal, bytes);
    let limits = Limits::default();
    let ours = check(signal, bytes, &limits);
    let theirs = oracle::read(signal, bytes);
    let request = match (&ours, &theirs) {
        (Ok(request), Ok(theirs)) => {
            assert_eq!(request.counts().resources, theirs.counts.resources);
            // Of two members of a oneof prost keeps the last.
            assert!(request.counts().items >= theirs.counts.items);
            assert_eq!(request.counts().items, seen);
            request
        }
        (Ok(request), Err(error)) => {
            // prost wants UTF-8, which is not our business, and allows for fewer levels.
            let error = error.to_string();
            assert!(error.contains("UTF-8") || error.contains("recursion"), "prost: {error}");
            assert_eq!(request.counts().items, seen);
            request
        }
        (Err(error), Ok(_)) => {
            assert!(only_ours(error, bytes), "check: {error}");
            return;
        }
        (Err(_), Err(_)) => return,
    };
    let exact = Limits { max_items: request.counts().items, ..limits };
    assert!(check(signal, bytes, &exact).is_ok(), "the item limit is exact");
    let items = theirs.ok().map(|theirs| theirs.items);
    cut(signal, bytes, seen, items.as_deref(), *second);
    deal(signal, bytes, seen, *second);
    edit(signal, bytes, seen, items.is_some(), first >> 2);
}

/// Whether we are meant to be stricter than prost, which takes ids of any length, steps over groups (which OTLP never
/// had) and knows no limits.
fn only_ours(error: &WireError, bytes: &[u8]) -> bool {
    const START_GROUP: u8 = 3;
    match error {
        WireError::IdLength { .. } => true,
        WireError::BadTag { offset } => bytes.get(*offset).is_some_and(|tag| tag & 7 == START_GROUP),
        error => error.is_limit(),
    }
}

/// The parts are valid, within their limits, and hold the items in their order.
fn cut(signal: Signal, bytes: &[u8], items: u64, expected: Option<&[Vec<u8>]>, how: u8) {
    let size = u64::from(how >> 2) + 1;
    let max = match how & 3 {
        0 => Max { items: Some(size), bytes: None },
        1 => Max { items: None, bytes: Some(size * 8) },
        2 => Max { items: Some(size), bytes: Some(size * 32) },
        _ => Max { items: Some(size), bytes: Some(64) },
    };
    let first = Max { items: max.items.map(|items| items.div_ceil(2)), bytes: max.bytes.map(|bytes| bytes / 2) };
    let parts = split(signal, bytes, first, max);
    let mut joined = Vec::new();
    for part in &parts {
        let request = check(signal, &part.bytes, &Limits::default()).expect("a part is a request");
        assert_eq!(request.counts().items, part.items);
        if signal.joinable() {
            assert!(part.items > 0, "a part is not empty");
            joined.extend_from_slice(&part.bytes);
        } else {
            assert_eq!(part.bytes, bytes);
            return;
        }
    }
    assert_eq!(parts.iter().map(|part| part.items).sum::<u64>(), items);
    let request = check(signal, &joined, &Limits::default()).expect("requests side by side are a request");
    assert_eq!(request.counts().items, items);
    if let Some(expected) = expected {
        let read = oracle::read(signal, &joined).expect("what prost reads whole it reads in parts");
        assert_eq!(read.items, expected, "the same items in the same order");
    }
}

/// What each place gets is valid, and together they have all items.
fn deal(signal: Signal, bytes: &[u8], items: u64, how: u8) {
    let places = usize::from(how) + 1;
    for key in [Key::TraceId, Key::Service, Key::MetricName] {
        let place = |id: &[u8]| id.iter().fold(0_usize, |sum, byte| sum * 31 % 4093 + usize::from(*byte)) % places;
        let mut dealt = 0;
        for (_, part) in group(signal, bytes, key, place).into_parts() {
            let request = check(signal, &part.bytes, &Limits::default()).expect("a part is a request");
            assert_eq!(request.counts().items, part.items);
            assert!(part.items > 0, "a part is not empty");
            dealt += part.items;
        }
        assert_eq!(dealt, items);
    }
}

/// The edited request is valid and holds as many items; what nothing matches stays as it is.
fn edit(signal: Signal, bytes: &[u8], items: u64, readable: bool, which: u8) {
    static EDITS: OnceLock<Vec<Edits>> = OnceLock::new();
    let edits = EDITS.get_or_init(every_edit);
    let context = |key: &str| (key != "absent").then(|| key.to_owned());
    let edit = &edits[usize::from(which) % edits.len()];
    let Some(edited) = edit.apply(signal, bytes, &Everything, &context) else { return };
    let edited = edited.to_vec();
    let request = check(signal, &edited, &Limits::default()).expect("an edited request is a request");
    assert_eq!(request.counts().items, items);
    if readable {
        oracle::read(signal, &edited).expect("prost reads the edited request as well");
    }
}

/// Lists of actions on the keys of the corpus.
fn every_edit() -> Vec<Edits> {
    let text = |text: &str| text.to_owned();
    let literal = |literal| Source::Literal(literal);
    let map = Literal::Map(vec![(text("k"), Literal::Array(vec![Literal::Int(-1), Literal::Double(0.5)]))]);
    let single = [
        Action::Insert { key: text("new"), from: literal(map) },
        Action::Update { key: text("a"), from: literal(Literal::Bytes(vec![0; 200])) },
        Action::Upsert { key: text("a"), from: Source::Attribute(text("b")) },
        Action::Upsert { key: text("b"), from: Source::Context(text("tenant")) },
        Action::Update { key: text("b"), from: Source::Context(text("absent")) },
        Action::Delete { key: text("a") },
        Action::DeletePattern { pattern: text("^[a-m]") },
        Action::Rename { key: text("a"), to: text("b") },
        Action::HashPattern { pattern: text(".") },
        Action::Extract { key: text("b"), pattern: text("(?P<a>.)(?P<new>.*)") },
        Action::Convert { key: text("a"), to: ConvertTo::Int },
        Action::Convert { key: text("a"), to: ConvertTo::Double },
        Action::Convert { key: text("a"), to: ConvertTo::Text },
        Action::Convert { key: text("b"), to: ConvertTo::Bool },
    ];
    let compile = |target, actions| Edits::compile(target, actions).expect("these compile");
    let targets = [Target::Record, Target::Resource];
    let mut edits: Vec<_> =
        single.iter().flat_map(|action| targets.map(|target| compile(target, vec![action.clone()]))).collect();
    edits.extend(targets.map(|target| compile(target, single.to_vec())));
    edits
}

/// Reads all that the views offer; the number of items seen.
fn look_at(signal: Signal, bytes: &[u8]) -> u64 {
    let mut items = 0;
    for resource in Request::new(signal, bytes).resources() {
        let _ = (resource.schema_url().lossy(), resource.dropped_attributes_count());
        look_at_attributes(&resource.attributes());
        for scope in resource.scopes() {
            let _ = (scope.name().lossy(), scope.version(), scope.schema_url(), scope.dropped_attributes_count());
            look_at_attributes(&scope.attributes());
            items += scope.records().map(|record| look_at_record(&record)).sum::<u64>();
        }
    }
    items
}

fn look_at_record(record: &Record<'_>) -> u64 {
    look_at_attributes(&record.attributes());
    match record {
        Record::Span(span) => {
            let _ = (span.trace_id(), span.span_id(), span.parent_span_id(), span.name().lossy(), span.kind());
            let _ = (span.status_code(), span.status_message().to_str(), span.trace_state(), span.flags());
            let _ = (span.start_time_unix_nano(), span.end_time_unix_nano());
            span.events().for_each(|event| look_at_attributes(&event.attributes()));
            span.links().for_each(|link| look_at_attributes(&link.attributes()));
            1
        }
        Record::Log(log) => {
            look_at_value(log.body());
            let _ = (log.severity_number(), log.severity_text(), log.event_name(), log.trace_id(), log.span_id());
            1
        }
        Record::Metric(metric) => {
            let _ = (metric.name(), metric.unit(), metric.kind(), metric.temporality(), metric.is_monotonic());
            look_at_attributes(&metric.metadata());
            let look = |point: teleferric_wire::view::Point<'_>| {
                look_at_attributes(&point.attributes());
                let _ = (point.number(), point.count(), point.sum(), point.min(), point.max(), point.flags());
                let _ = (point.bucket_counts().count(), point.explicit_bounds().count(), point.quantiles().count());
                let _ = (point.positive().counts().count(), point.negative().offset(), point.scale());
            };
            metric.points().map(look).count() as u64
        }
        Record::Profile(profile) => {
            let _ = profile.profile_id();
            profile.sample_count() as u64
        }
    }
}

fn look_at_attributes(attributes: &Attributes<'_>) {
    let _ = (attributes.get("a"), attributes.is_empty());
    for attribute in attributes.iter() {
        let _ = attribute.key().lossy();
        look_at_value(attribute.value());
    }
}

/// Values of unchecked requests nest as deep as the bytes allow, and reading them takes a level of the stack each.
fn look_at_value(value: Value<'_>) {
    look_below(value, 128);
}

fn look_below(value: Value<'_>, levels: u32) {
    let Some(levels) = levels.checked_sub(1) else { return };
    match value {
        Value::Array(array) => array.iter().for_each(|value| look_below(value, levels)),
        Value::Map(map) => map.iter().for_each(|member| look_below(member.value(), levels)),
        scalar => drop(scalar.to_text()),
    }
}
