//! What stands in a scope entry: spans, log records, metrics, profiles.

use super::{Attributes, Metric, Text, Value, last, messages, nested_number, nested_text, number, text};
use crate::cursor::Payload;
use crate::numbers::{event, link, log, profile, span, status};
use crate::signal::Signal;

/// A record of any signal.
#[derive(Clone, Copy, Debug)]
pub enum Record<'a> {
    /// A span.
    Span(Span<'a>),
    /// A metric, which holds data points.
    Metric(Metric<'a>),
    /// A log record or event.
    Log(LogRecord<'a>),
    /// A profile, which holds samples.
    Profile(Profile<'a>),
}

impl<'a> Record<'a> {
    pub(crate) fn new(signal: Signal, bytes: &'a [u8]) -> Self {
        match signal {
            Signal::Traces => Record::Span(Span { bytes }),
            Signal::Metrics => Record::Metric(Metric::new(bytes)),
            Signal::Logs => Record::Log(LogRecord { bytes }),
            Signal::Profiles => Record::Profile(Profile { bytes }),
        }
    }

    /// The record's own attributes: none for metrics, whose points have them, and for profiles, which use indices.
    pub fn attributes(&self) -> Attributes<'a> {
        match self {
            Record::Span(span) => span.attributes(),
            Record::Log(log) => log.attributes(),
            Record::Metric(_) | Record::Profile(_) => Attributes::none(),
        }
    }
}

/// A span.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a> {
    bytes: &'a [u8],
}

impl<'a> Span<'a> {
    /// 16 bytes, or none.
    pub fn trace_id(&self) -> &'a [u8] {
        text(self.bytes, span::TRACE_ID).0
    }

    /// 8 bytes, or none.
    pub fn span_id(&self) -> &'a [u8] {
        text(self.bytes, span::SPAN_ID).0
    }

    /// 8 bytes, or none for a root.
    pub fn parent_span_id(&self) -> &'a [u8] {
        text(self.bytes, span::PARENT_SPAN_ID).0
    }

    /// W3C trace state.
    pub fn trace_state(&self) -> Text<'a> {
        text(self.bytes, span::TRACE_STATE)
    }

    /// The operation.
    pub fn name(&self) -> Text<'a> {
        text(self.bytes, span::NAME)
    }

    /// `SpanKind` as a number; 0 is unspecified.
    pub fn kind(&self) -> i32 {
        number(self.bytes, span::KIND) as i32
    }

    /// Nanoseconds since 1970.
    pub fn start_time_unix_nano(&self) -> u64 {
        number(self.bytes, span::START_TIME)
    }

    /// Nanoseconds since 1970.
    pub fn end_time_unix_nano(&self) -> u64 {
        number(self.bytes, span::END_TIME)
    }

    /// W3C trace flags and the remote bits.
    pub fn flags(&self) -> u32 {
        number(self.bytes, span::FLAGS) as u32
    }

    /// 0 unset, 1 ok, 2 error.
    pub fn status_code(&self) -> i32 {
        nested_number(self.bytes, span::STATUS, status::CODE) as i32
    }

    /// Why the status is an error.
    pub fn status_message(&self) -> Text<'a> {
        nested_text(self.bytes, span::STATUS, status::MESSAGE)
    }

    /// The span's attributes.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::of(self.bytes, span::ATTRIBUTES)
    }

    /// Events in order.
    pub fn events(&self) -> impl Iterator<Item = Event<'a>> + Clone + use<'a> {
        messages(self.bytes, span::EVENTS).map(|bytes| Event { bytes })
    }

    /// Links in order.
    pub fn links(&self) -> impl Iterator<Item = Link<'a>> + Clone + use<'a> {
        messages(self.bytes, span::LINKS).map(|bytes| Link { bytes })
    }
}

/// Something that happened during a span.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    bytes: &'a [u8],
}

impl<'a> Event<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Nanoseconds since 1970.
    pub fn time_unix_nano(&self) -> u64 {
        number(self.bytes, event::TIME)
    }

    /// The event's name.
    pub fn name(&self) -> Text<'a> {
        text(self.bytes, event::NAME)
    }

    /// The event's attributes.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::of(self.bytes, event::ATTRIBUTES)
    }
}

/// A pointer to another span.
#[derive(Clone, Copy, Debug)]
pub struct Link<'a> {
    bytes: &'a [u8],
}

impl<'a> Link<'a> {
    /// 16 bytes, or none.
    pub fn trace_id(&self) -> &'a [u8] {
        text(self.bytes, link::TRACE_ID).0
    }

    /// 8 bytes, or none.
    pub fn span_id(&self) -> &'a [u8] {
        text(self.bytes, link::SPAN_ID).0
    }

    /// The link's attributes.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::of(self.bytes, link::ATTRIBUTES)
    }
}

/// A log record or event.
#[derive(Clone, Copy, Debug)]
pub struct LogRecord<'a> {
    bytes: &'a [u8],
}

impl<'a> LogRecord<'a> {
    /// When it happened, in nanoseconds since 1970; 0 if unknown.
    pub fn time_unix_nano(&self) -> u64 {
        number(self.bytes, log::TIME)
    }

    /// When OpenTelemetry saw it, in nanoseconds since 1970.
    pub fn observed_time_unix_nano(&self) -> u64 {
        number(self.bytes, log::OBSERVED_TIME)
    }

    /// 1 to 24; 0 is unspecified.
    pub fn severity_number(&self) -> i32 {
        number(self.bytes, log::SEVERITY_NUMBER) as i32
    }

    /// The severity in the words of its source.
    pub fn severity_text(&self) -> Text<'a> {
        text(self.bytes, log::SEVERITY_TEXT)
    }

    /// The body.
    pub fn body(&self) -> Value<'a> {
        Value::of(last(self.bytes, log::BODY).map(Payload::bytes).unwrap_or_default())
    }

    /// The record's attributes.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::of(self.bytes, log::ATTRIBUTES)
    }

    /// W3C trace flags.
    pub fn flags(&self) -> u32 {
        number(self.bytes, log::FLAGS) as u32
    }

    /// 16 bytes, or none.
    pub fn trace_id(&self) -> &'a [u8] {
        text(self.bytes, log::TRACE_ID).0
    }

    /// 8 bytes, or none.
    pub fn span_id(&self) -> &'a [u8] {
        text(self.bytes, log::SPAN_ID).0
    }

    /// Set for events.
    pub fn event_name(&self) -> Text<'a> {
        text(self.bytes, log::EVENT_NAME)
    }
}

/// A profile.
#[derive(Clone, Copy, Debug)]
pub struct Profile<'a> {
    bytes: &'a [u8],
}

impl<'a> Profile<'a> {
    /// 16 bytes, or none.
    pub fn profile_id(&self) -> &'a [u8] {
        text(self.bytes, profile::PROFILE_ID).0
    }

    /// How many samples it holds.
    pub fn sample_count(&self) -> usize {
        messages(self.bytes, profile::SAMPLES).count()
    }
}
