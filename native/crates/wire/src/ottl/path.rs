//! Paths: what of a record, or of what stands above it, a condition can name.

use std::borrow::Cow;

use super::eval::{Operand, Scene};
use super::lexer::{Spanned, Token, words};
use crate::signal::Signal;
use crate::view::{
    Attributes, Event, LogRecord, Metric, MetricKind, Number, Point, Profile, Record, Span, Text, Value,
};

/// What a condition is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// A resource.
    Resource,
    /// An instrumentation scope.
    Scope,
    /// A span.
    Span,
    /// An event of a span.
    SpanEvent,
    /// A log record.
    Log,
    /// A metric.
    Metric,
    /// A data point.
    DataPoint,
    /// A profile.
    Profile,
}

impl Context {
    const ALL: [Context; 8] = [
        Context::Resource,
        Context::Scope,
        Context::Span,
        Context::SpanEvent,
        Context::Log,
        Context::Metric,
        Context::DataPoint,
        Context::Profile,
    ];

    /// The context's name in configurations and paths.
    pub fn name(self) -> &'static str {
        match self {
            Context::Resource => "resource",
            Context::Scope => "scope",
            Context::Span => "span",
            Context::SpanEvent => "spanevent",
            Context::Log => "log",
            Context::Metric => "metric",
            Context::DataPoint => "datapoint",
            Context::Profile => "profile",
        }
    }

    /// The context with this name.
    pub fn named(name: &str) -> Option<Context> {
        match name {
            "instrumentation_scope" => Some(Context::Scope),
            _ => Context::ALL.into_iter().find(|context| context.name() == name),
        }
    }

    /// The signal whose items these are; none for what all signals have.
    pub fn signal(self) -> Option<Signal> {
        match self {
            Context::Resource | Context::Scope => None,
            Context::Span | Context::SpanEvent => Some(Signal::Traces),
            Context::Log => Some(Signal::Logs),
            Context::Metric | Context::DataPoint => Some(Signal::Metrics),
            Context::Profile => Some(Signal::Profiles),
        }
    }

    /// The context of conditions that are written together without one: the innermost that their paths name, or that
    /// of the signal's records.
    pub fn of_paths<'t>(texts: impl IntoIterator<Item = &'t str>, signal: Signal) -> Context {
        let words: Vec<_> = texts.into_iter().flat_map(|text| words(text).unwrap_or_default()).collect();
        let named = words.windows(2).filter_map(|pair| match pair {
            [Spanned { token: Token::Word(name), .. }, Spanned { token: Token::Sign("."), .. }] => Context::named(name),
            _ => None,
        });
        let fitting = named.filter(|context| context.signal().is_none_or(|of| of == signal));
        fitting.max_by_key(|context| context.depth()).unwrap_or(match signal {
            Signal::Traces => Context::Span,
            Signal::Metrics => Context::Metric,
            Signal::Logs => Context::Log,
            Signal::Profiles => Context::Profile,
        })
    }

    fn depth(self) -> usize {
        match self {
            Context::Resource => 0,
            Context::Scope => 1,
            Context::Span | Context::Log | Context::Metric | Context::Profile => 2,
            Context::SpanEvent | Context::DataPoint => 3,
        }
    }

    /// The context that a condition on `self` sees beside its own and what stands above all records.
    fn parent(self) -> Option<Context> {
        match self {
            Context::SpanEvent => Some(Context::Span),
            Context::DataPoint => Some(Context::Metric),
            _ => None,
        }
    }

    /// Whether a condition on `self` can name paths of `other`.
    pub(super) fn sees(self, other: Context) -> bool {
        self == other
            || self.parent() == Some(other)
            || other == Context::Resource
            || (other == Context::Scope && self != Context::Resource)
    }
}

/// A step into a map or a list.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Key {
    Name(String),
    Index(usize),
}

/// A path that exists.
#[derive(Clone, Debug)]
pub(super) struct Path {
    field: Field,
    keys: Vec<Key>,
}

/// What a path reads, before its keys.
#[derive(Clone, Copy, Debug)]
enum Field {
    Attributes(Context),
    Text(for<'a> fn(&Scene<'a>) -> Option<Text<'a>>),
    Number(fn(&Scene<'_>) -> Option<i64>),
    Double(fn(&Scene<'_>) -> Option<f64>),
    Bool(fn(&Scene<'_>) -> Option<bool>),
    /// An id, as bytes or in hexadecimal.
    Id(for<'a> fn(&Scene<'a>) -> Option<Id<'a>>, bool),
    Body,
    BodyText,
}

impl Path {
    /// The path of these segments for conditions on `context`.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn new(context: Context, segments: &[String], keys: Vec<Key>) -> Result<Path, String> {
        let (owner, rest) = match segments {
            [first, rest @ ..] if !rest.is_empty() && Context::named(first).is_some() => {
                (Context::named(first).unwrap_or(context), rest)
            }
            all => (context, all),
        };
        if !context.sees(owner) {
            return Err(format!("conditions on {} cannot see \"{}\"", context.name(), owner.name()));
        }
        let name = rest.join(".");
        let field = field(owner, &name).ok_or_else(|| format!("no path \"{name}\" in context \"{}\"", owner.name()))?;
        if !keys.is_empty() && !matches!(field, Field::Attributes(_) | Field::Body) {
            return Err(format!("\"{name}\" has no keys"));
        }
        if let (Field::Attributes(_), Some(Key::Index(_))) = (field, keys.first()) {
            return Err("attributes are read by name".to_owned());
        }
        Ok(Path { field, keys })
    }

    /// What the path reads.
    pub(super) fn read<'a>(&self, scene: &Scene<'a>) -> Operand<'a> {
        match self.field {
            Field::Attributes(owner) => {
                let Some(attributes) = attributes(scene, owner) else { return Operand::Nil };
                follow(Value::Map(attributes), &self.keys)
            }
            Field::Body => log(scene).map_or(Operand::Nil, |log| follow(log.body(), &self.keys)),
            Field::BodyText => log(scene).map_or(Operand::Nil, |log| match log.body().to_text() {
                Cow::Borrowed(text) => Operand::Text(Cow::Borrowed(text.as_bytes())),
                Cow::Owned(text) => Operand::Text(Cow::Owned(text.into_bytes())),
            }),
            Field::Text(read) => read(scene).map_or(Operand::Nil, |text| Operand::Text(Cow::Borrowed(text.0))),
            Field::Number(read) => read(scene).map_or(Operand::Nil, Operand::Int),
            Field::Double(read) => read(scene).map_or(Operand::Nil, Operand::Double),
            Field::Bool(read) => read(scene).map_or(Operand::Nil, Operand::Bool),
            Field::Id(read, false) => read(scene).map_or(Operand::Nil, |Id(id)| Operand::Bytes(id)),
            Field::Id(read, true) => {
                read(scene).map_or(Operand::Nil, |Id(id)| Operand::Text(Cow::Owned(hexadecimal(id))))
            }
        }
    }
}

/// An id. One that is absent is all zeros, as where ids are arrays.
#[derive(Clone, Copy)]
struct Id<'a>(&'a [u8]);

impl<'a> Id<'a> {
    fn of_trace(bytes: &'a [u8]) -> Id<'a> {
        Id(if bytes.is_empty() { &[0; 16] } else { bytes })
    }

    fn of_span(bytes: &'a [u8]) -> Id<'a> {
        Id(if bytes.is_empty() { &[0; 8] } else { bytes })
    }
}

/// The value behind keys; nothing where a key leads nowhere.
fn follow<'a>(mut value: Value<'a>, keys: &[Key]) -> Operand<'a> {
    for key in keys {
        let next = match (value, key) {
            (Value::Map(map), Key::Name(name)) => map.get(name),
            (Value::Array(list), Key::Index(index)) => list.iter().nth(*index),
            _ => None,
        };
        let Some(next) = next else { return Operand::Nil };
        value = next;
    }
    Operand::from(value)
}

pub(super) fn hexadecimal(id: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    id.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]).collect()
}

pub(super) fn attributes<'a>(scene: &Scene<'a>, owner: Context) -> Option<Attributes<'a>> {
    match owner {
        Context::Resource => Some(scene.resource.attributes()),
        Context::Scope => scene.scope.map(|scope| scope.attributes()),
        Context::Span | Context::Log => scene.record.map(|record| record.attributes()),
        Context::SpanEvent => scene.event.map(|event| event.attributes()),
        Context::DataPoint => scene.point.map(|point| point.attributes()),
        Context::Metric | Context::Profile => None,
    }
}

fn log<'a>(scene: &Scene<'a>) -> Option<LogRecord<'a>> {
    if let Some(Record::Log(log)) = scene.record { Some(log) } else { None }
}

pub(super) fn span<'a>(scene: &Scene<'a>) -> Option<Span<'a>> {
    if let Some(Record::Span(span)) = scene.record { Some(span) } else { None }
}

pub(super) fn metric<'a>(scene: &Scene<'a>) -> Option<Metric<'a>> {
    if let Some(Record::Metric(metric)) = scene.record { Some(metric) } else { None }
}

fn profile<'a>(scene: &Scene<'a>) -> Option<Profile<'a>> {
    if let Some(Record::Profile(profile)) = scene.record { Some(profile) } else { None }
}

fn event<'a>(scene: &Scene<'a>) -> Option<Event<'a>> {
    scene.event
}

fn point<'a>(scene: &Scene<'a>) -> Option<Point<'a>> {
    scene.point
}

fn int(number: u64) -> i64 {
    number as i64
}

fn field(owner: Context, name: &str) -> Option<Field> {
    if name == "attributes" && !matches!(owner, Context::Metric | Context::Profile) {
        return Some(Field::Attributes(owner));
    }
    match owner {
        Context::Resource => resource_field(name),
        Context::Scope => scope_field(name),
        Context::Span => span_field(name),
        Context::SpanEvent => event_field(name),
        Context::Log => log_field(name),
        Context::Metric => metric_field(name),
        Context::DataPoint => point_field(name),
        Context::Profile => match name {
            "profile_id" => {
                Some(Field::Id(|scene| profile(scene).map(|profile| Id::of_trace(profile.profile_id())), false))
            }
            "profile_id.string" => {
                Some(Field::Id(|scene| profile(scene).map(|profile| Id::of_trace(profile.profile_id())), true))
            }
            _ => None,
        },
    }
}

fn resource_field(name: &str) -> Option<Field> {
    Some(match name {
        "dropped_attributes_count" => Field::Number(|scene| Some(scene.resource.dropped_attributes_count().into())),
        "schema_url" => Field::Text(|scene| Some(scene.resource.schema_url())),
        _ => return None,
    })
}

fn scope_field(name: &str) -> Option<Field> {
    Some(match name {
        "name" => Field::Text(|scene| scene.scope.map(|scope| scope.name())),
        "version" => Field::Text(|scene| scene.scope.map(|scope| scope.version())),
        "schema_url" => Field::Text(|scene| scene.scope.map(|scope| scope.schema_url())),
        "dropped_attributes_count" => {
            Field::Number(|scene| scene.scope.map(|scope| scope.dropped_attributes_count().into()))
        }
        _ => return None,
    })
}

fn span_field(name: &str) -> Option<Field> {
    Some(match name {
        "name" => Field::Text(|scene| span(scene).map(|span| span.name())),
        "kind" => Field::Number(|scene| span(scene).map(|span| span.kind().into())),
        "status.code" => Field::Number(|scene| span(scene).map(|span| span.status_code().into())),
        "status.message" => Field::Text(|scene| span(scene).map(|span| span.status_message())),
        "trace_state" => Field::Text(|scene| span(scene).map(|span| span.trace_state())),
        "trace_id" => Field::Id(|scene| span(scene).map(|span| Id::of_trace(span.trace_id())), false),
        "trace_id.string" => Field::Id(|scene| span(scene).map(|span| Id::of_trace(span.trace_id())), true),
        "span_id" => Field::Id(|scene| span(scene).map(|span| Id::of_span(span.span_id())), false),
        "span_id.string" => Field::Id(|scene| span(scene).map(|span| Id::of_span(span.span_id())), true),
        "parent_span_id" => Field::Id(|scene| span(scene).map(|span| Id::of_span(span.parent_span_id())), false),
        "parent_span_id.string" => Field::Id(|scene| span(scene).map(|span| Id::of_span(span.parent_span_id())), true),
        "start_time_unix_nano" => Field::Number(|scene| span(scene).map(|span| int(span.start_time_unix_nano()))),
        "end_time_unix_nano" => Field::Number(|scene| span(scene).map(|span| int(span.end_time_unix_nano()))),
        "flags" => Field::Number(|scene| span(scene).map(|span| span.flags().into())),
        _ => return None,
    })
}

fn event_field(name: &str) -> Option<Field> {
    Some(match name {
        "name" => Field::Text(|scene| event(scene).map(|event| event.name())),
        "time_unix_nano" => Field::Number(|scene| event(scene).map(|event| int(event.time_unix_nano()))),
        _ => return None,
    })
}

fn log_field(name: &str) -> Option<Field> {
    Some(match name {
        "body" => Field::Body,
        "body.string" => Field::BodyText,
        "severity_number" => Field::Number(|scene| log(scene).map(|log| log.severity_number().into())),
        "severity_text" => Field::Text(|scene| log(scene).map(|log| log.severity_text())),
        "event_name" => Field::Text(|scene| log(scene).map(|log| log.event_name())),
        "time_unix_nano" => Field::Number(|scene| log(scene).map(|log| int(log.time_unix_nano()))),
        "observed_time_unix_nano" => Field::Number(|scene| log(scene).map(|log| int(log.observed_time_unix_nano()))),
        "flags" => Field::Number(|scene| log(scene).map(|log| log.flags().into())),
        "trace_id" => Field::Id(|scene| log(scene).map(|log| Id::of_trace(log.trace_id())), false),
        "trace_id.string" => Field::Id(|scene| log(scene).map(|log| Id::of_trace(log.trace_id())), true),
        "span_id" => Field::Id(|scene| log(scene).map(|log| Id::of_span(log.span_id())), false),
        "span_id.string" => Field::Id(|scene| log(scene).map(|log| Id::of_span(log.span_id())), true),
        _ => return None,
    })
}

fn metric_field(name: &str) -> Option<Field> {
    Some(match name {
        "name" => Field::Text(|scene| metric(scene).map(|metric| metric.name())),
        "description" => Field::Text(|scene| metric(scene).map(|metric| metric.description())),
        "unit" => Field::Text(|scene| metric(scene).map(|metric| metric.unit())),
        "type" => Field::Number(|scene| metric(scene).map(|metric| metric_type(metric.kind()))),
        "aggregation_temporality" => Field::Number(|scene| {
            let metric = metric(scene)?;
            let has =
                matches!(metric.kind()?, MetricKind::Sum | MetricKind::Histogram | MetricKind::ExponentialHistogram);
            has.then(|| metric.temporality().into())
        }),
        "is_monotonic" => Field::Bool(|scene| {
            let metric = metric(scene)?;
            (metric.kind()? == MetricKind::Sum).then(|| metric.is_monotonic())
        }),
        _ => return None,
    })
}

/// The number that the Collector gives a kind: what `METRIC_DATA_TYPE_…` words stand for.
fn metric_type(kind: Option<MetricKind>) -> i64 {
    match kind {
        None => 0,
        Some(MetricKind::Gauge) => 1,
        Some(MetricKind::Sum) => 2,
        Some(MetricKind::Histogram) => 3,
        Some(MetricKind::ExponentialHistogram) => 4,
        Some(MetricKind::Summary) => 5,
    }
}

fn point_field(name: &str) -> Option<Field> {
    Some(match name {
        // The one that a point does not have is 0.
        "value_int" => Field::Number(|scene| match point(scene)?.number()? {
            Number::Int(int) => Some(int),
            Number::Double(_) => Some(0),
        }),
        "value_double" => Field::Double(|scene| match point(scene)?.number()? {
            Number::Double(double) => Some(double),
            Number::Int(_) => Some(0.0),
        }),
        "count" => Field::Number(|scene| point(scene).map(|point| int(point.count()))),
        "sum" => Field::Double(|scene| point(scene)?.sum()),
        "flags" => Field::Number(|scene| point(scene).map(|point| point.flags().into())),
        "start_time_unix_nano" => Field::Number(|scene| point(scene).map(|point| int(point.start_time_unix_nano()))),
        "time_unix_nano" => Field::Number(|scene| point(scene).map(|point| int(point.time_unix_nano()))),
        _ => return None,
    })
}

/// The number behind a word such as `SEVERITY_NUMBER_WARN`.
pub(super) fn word(name: &str) -> Option<i64> {
    if let Some(level) = name.strip_prefix("SEVERITY_NUMBER_") {
        const LEVELS: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
        if level == "UNSPECIFIED" {
            return Some(0);
        }
        let (place, rest) =
            LEVELS.iter().enumerate().find_map(|(place, word)| Some((place, level.strip_prefix(word)?)))?;
        let step = match rest {
            "" => 0,
            "2" => 1,
            "3" => 2,
            "4" => 3,
            _ => return None,
        };
        return Some(place as i64 * 4 + 1 + step);
    }
    WORDS.iter().find(|(word, _)| *word == name).map(|(_, number)| *number)
}

const WORDS: [(&str, i64); 18] = [
    ("SPAN_KIND_UNSPECIFIED", 0),
    ("SPAN_KIND_INTERNAL", 1),
    ("SPAN_KIND_SERVER", 2),
    ("SPAN_KIND_CLIENT", 3),
    ("SPAN_KIND_PRODUCER", 4),
    ("SPAN_KIND_CONSUMER", 5),
    ("STATUS_CODE_UNSET", 0),
    ("STATUS_CODE_OK", 1),
    ("STATUS_CODE_ERROR", 2),
    ("METRIC_DATA_TYPE_NONE", 0),
    ("METRIC_DATA_TYPE_GAUGE", 1),
    ("METRIC_DATA_TYPE_SUM", 2),
    ("METRIC_DATA_TYPE_HISTOGRAM", 3),
    ("METRIC_DATA_TYPE_EXPONENTIAL_HISTOGRAM", 4),
    ("METRIC_DATA_TYPE_SUMMARY", 5),
    ("AGGREGATION_TEMPORALITY_UNSPECIFIED", 0),
    ("AGGREGATION_TEMPORALITY_DELTA", 1),
    ("AGGREGATION_TEMPORALITY_CUMULATIVE", 2),
];
