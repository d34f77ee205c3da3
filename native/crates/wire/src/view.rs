//! Borrowed views on a request: resources, scopes, records, data points, attributes and values, read where they lie.
//!
//! A view decodes what is asked of it and allocates nothing. It relies on [`check`](crate::check()) for completeness, never for
//! safety: over unchecked bytes it shows less and does not panic. Where protobuf merges repeated occurrences of one
//! message, lists are read across all of them and of a scalar the last one counts.

mod metric;
mod record;
mod to_text;
mod value;

pub use metric::{Buckets, Metric, MetricKind, Number, Point, Quantile};
pub use record::{Event, Link, LogRecord, Profile, Record, Span};
pub use value::{Array, Attribute, Attributes, Text, Value};

use crate::check::ValidRequest;
use crate::cursor::{Fields, Occurrences, Payload};
use crate::numbers::{self, resource, resource_entry, scope, scope_entry};
use crate::signal::Signal;

/// An export request.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    signal: Signal,
    bytes: &'a [u8],
}

impl<'a> Request<'a> {
    /// A view on bytes that were checked earlier. Unchecked bytes are safe, and may look shorter than they are.
    pub fn new(signal: Signal, bytes: &'a [u8]) -> Self {
        Self { signal, bytes }
    }

    /// Resource entries in order.
    pub fn resources(&self) -> impl Iterator<Item = ResourceEntry<'a>> + Clone + use<'a> {
        let signal = self.signal;
        messages(self.bytes, numbers::RESOURCES).map(move |bytes| ResourceEntry { signal, bytes })
    }
}

impl<'a> From<&ValidRequest<'a>> for Request<'a> {
    fn from(request: &ValidRequest<'a>) -> Self {
        Self::new(request.signal(), request.bytes())
    }
}

/// A resource with its scopes: `ResourceSpans` and its kin.
#[derive(Clone, Copy, Debug)]
pub struct ResourceEntry<'a> {
    signal: Signal,
    bytes: &'a [u8],
}

impl<'a> ResourceEntry<'a> {
    pub(crate) fn new(signal: Signal, bytes: &'a [u8]) -> Self {
        Self { signal, bytes }
    }

    /// The resource's attributes.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::inside(self.bytes, resource_entry::RESOURCE, resource::ATTRIBUTES)
    }

    /// How many attributes the sender dropped from the resource.
    pub fn dropped_attributes_count(&self) -> u32 {
        nested_number(self.bytes, resource_entry::RESOURCE, resource::DROPPED_ATTRIBUTES_COUNT) as u32
    }

    /// The schema of the resource alone; not inherited by scopes.
    pub fn schema_url(&self) -> Text<'a> {
        text(self.bytes, resource_entry::SCHEMA_URL)
    }

    /// Scope entries in order.
    pub fn scopes(&self) -> impl Iterator<Item = ScopeEntry<'a>> + Clone + use<'a> {
        let signal = self.signal;
        messages(self.bytes, resource_entry::SCOPES).map(move |bytes| ScopeEntry { signal, bytes })
    }
}

/// A scope with its records: `ScopeSpans` and its kin.
#[derive(Clone, Copy, Debug)]
pub struct ScopeEntry<'a> {
    signal: Signal,
    bytes: &'a [u8],
}

impl<'a> ScopeEntry<'a> {
    pub(crate) fn new(signal: Signal, bytes: &'a [u8]) -> Self {
        Self { signal, bytes }
    }

    /// The scope's name.
    pub fn name(&self) -> Text<'a> {
        nested_text(self.bytes, scope_entry::SCOPE, scope::NAME)
    }

    /// The scope's version.
    pub fn version(&self) -> Text<'a> {
        nested_text(self.bytes, scope_entry::SCOPE, scope::VERSION)
    }

    /// The scope's attributes.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::inside(self.bytes, scope_entry::SCOPE, scope::ATTRIBUTES)
    }

    /// How many attributes the sender dropped from the scope.
    pub fn dropped_attributes_count(&self) -> u32 {
        nested_number(self.bytes, scope_entry::SCOPE, scope::DROPPED_ATTRIBUTES_COUNT) as u32
    }

    /// The schema of the scope and its records.
    pub fn schema_url(&self) -> Text<'a> {
        text(self.bytes, scope_entry::SCHEMA_URL)
    }

    /// Spans, metrics, log records or profiles in order.
    pub fn records(&self) -> impl Iterator<Item = Record<'a>> + Clone + use<'a> {
        let signal = self.signal;
        messages(self.bytes, scope_entry::RECORDS).map(move |bytes| Record::new(signal, bytes))
    }
}

/// Every length-delimited occurrence of a field.
pub(crate) fn messages(bytes: &[u8], number: u32) -> impl Iterator<Item = &[u8]> + Clone {
    Occurrences::new(bytes, number).map(|(_, message)| message)
}

/// The last occurrence of a field.
fn last(bytes: &[u8], number: u32) -> Option<Payload<'_>> {
    Fields::new(bytes).filter(|field| field.number == number).last().map(|field| field.payload)
}

fn text(bytes: &[u8], number: u32) -> Text<'_> {
    Text(last(bytes, number).map(Payload::bytes).unwrap_or_default())
}

fn number(bytes: &[u8], field: u32) -> u64 {
    last(bytes, field).map(Payload::number).unwrap_or_default()
}

fn double(bytes: &[u8], field: u32) -> Option<f64> {
    last(bytes, field).map(|payload| f64::from_bits(payload.number()))
}

fn nested_text(bytes: &[u8], message: u32, field: u32) -> Text<'_> {
    Text(nested(bytes, message, field).map(Payload::bytes).unwrap_or_default())
}

fn nested_number(bytes: &[u8], message: u32, field: u32) -> u64 {
    nested(bytes, message, field).map(Payload::number).unwrap_or_default()
}

fn nested(bytes: &[u8], message: u32, field: u32) -> Option<Payload<'_>> {
    messages(bytes, message).filter_map(|message| last(message, field)).last()
}

#[cfg(test)]
mod tests;
