//! Cuts a request into requests of bounded size, or deals its items out by a key, without decoding items.
//!
//! Whole resources move first, then whole scopes, then records, then data points. What stands above a cut (resource,
//! scope, schema URLs, a metric's own fields, unknown fields) is repeated in every part it reaches; items are copied
//! once and keep their order. Dropped counts are part of what is repeated. Joining the parts gives the items back, each
//! under an equal resource and scope.

mod group;
mod part;

pub use self::group::{Groups, Key, group};
use self::part::PartBuilder;
use crate::cursor::{Fields, Payload, RawField};
use crate::numbers::{self, data, profile, resource_entry, scope_entry};
use crate::signal::Signal;
use crate::view::MetricKind;

/// The most a part may hold; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Max {
    /// Spans, data points or log records.
    pub items: Option<u64>,
    /// Encoded bytes of the part, repeated headers included.
    pub bytes: Option<u64>,
}

/// A request cut from a larger one. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The encoded request.
    pub bytes: Vec<u8>,
    /// Its items.
    pub items: u64,
}

/// Cuts a checked request. The first part is held to `first`, which is smaller when a batch is half full, all others to
/// `rest`; if not even the first item fits `first`, the first part is cut for `rest` too.
///
/// - Entries without items are left out, unless they lie in something that moves whole; a request without items gives
///   no part.
/// - An item above the byte limit travels alone and over the limit. So does a metric whose data is given twice.
/// - Profiles are given back whole, because their dictionary cannot be cut.
/// - Headers may be repeated up to sixteen times the size of the request (and a mebibyte); what is left of a request
///   that wants more goes over the limits, so that a hostile header cannot multiply memory.
///
/// Linear in the size of the request and of the parts. Unchecked bytes lose what follows the first bad field.
pub fn split(signal: Signal, bytes: &[u8], first: Max, rest: Max) -> Vec<Part> {
    let items = Node::Request.items(signal, bytes);
    let whole = || Part { bytes: bytes.to_vec(), items };
    if !signal.joinable() {
        return vec![whole()];
    }
    if items == 0 {
        return Vec::new();
    }
    if holds(first, items, bytes.len()) {
        return vec![whole()];
    }
    let mut splitter = Splitter { signal, max: first, rest, part: PartBuilder::new(bytes), parts: Vec::new() };
    splitter.part.enter(0, Node::Request.header_fields(signal, bytes));
    splitter.walk(Node::Request, bytes);
    splitter.finish_part();
    splitter.parts
}

fn holds(max: Max, items: u64, bytes: usize) -> bool {
    max.items.is_none_or(|limit| items <= limit) && max.bytes.is_none_or(|limit| bytes as u64 <= limit)
}

struct Splitter<'a> {
    signal: Signal,
    /// The limit of the part being built.
    max: Max,
    rest: Max,
    part: PartBuilder<'a>,
    parts: Vec<Part>,
}

impl<'a> Splitter<'a> {
    /// Places the children of a message whose header was entered.
    fn walk(&mut self, node: Node, bytes: &'a [u8]) {
        for field in Fields::new(bytes) {
            let (Some(child), Payload::Bytes(content)) = (node.child(self.signal, field.number), field.payload) else {
                continue;
            };
            let items = child.items(self.signal, content);
            if items > 0 {
                self.place(child, field, content, items);
            }
        }
    }

    fn place(&mut self, node: Node, field: RawField<'a>, content: &'a [u8], items: u64) {
        if self.fits(field.raw, items) {
            return self.part.add(field.raw, items);
        }
        if node.is_divisible(content) {
            self.part.enter(field.number, node.header_fields(self.signal, content));
            self.walk(node, content);
            return self.part.leave();
        }
        self.finish_part();
        let fits = self.fits(field.raw, items);
        self.part.add(field.raw, items);
        if !fits {
            self.finish_part();
        }
    }

    fn fits(&self, raw: &[u8], items: u64) -> bool {
        self.part.is_exhausted() || holds(self.max, self.part.items() + items, self.part.len_with(raw.len()))
    }

    /// Ends the current part, if it holds anything; the next one is held to `rest`.
    fn finish_part(&mut self) {
        self.parts.extend(self.part.finish());
        self.max = self.rest;
    }
}

/// A level of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Request,
    Resource,
    Scope,
    Metric,
    /// `Gauge` and its kin.
    Data,
    Profile,
    Item,
}

impl Node {
    /// What a field of this message is, if it leads to items.
    #[inline]
    fn child(self, signal: Signal, number: u32) -> Option<Node> {
        match self {
            Node::Request => (number == numbers::RESOURCES).then_some(Node::Resource),
            Node::Resource => (number == resource_entry::SCOPES).then_some(Node::Scope),
            Node::Scope if number != scope_entry::RECORDS => None,
            Node::Scope => Some(match signal {
                Signal::Traces | Signal::Logs => Node::Item,
                Signal::Metrics => Node::Metric,
                Signal::Profiles => Node::Profile,
            }),
            Node::Metric => MetricKind::of_field(number).map(|_| Node::Data),
            Node::Data => (number == data::POINTS).then_some(Node::Item),
            Node::Profile => (number == profile::SAMPLES).then_some(Node::Item),
            Node::Item => None,
        }
    }

    fn items(self, signal: Signal, bytes: &[u8]) -> u64 {
        if self == Node::Item {
            return 1;
        }
        Fields::new(bytes)
            .map(|field| match (self.child(signal, field.number), field.payload) {
                (Some(child), Payload::Bytes(content)) => child.items(signal, content),
                _ => 0,
            })
            .sum()
    }

    /// Whether a message of this level can be cut. A metric with two data fields is really the last of them, and a
    /// part with the first alone would bring that back to life.
    fn is_divisible(self, bytes: &[u8]) -> bool {
        match self {
            Node::Item => false,
            Node::Metric => {
                Fields::new(bytes).filter(|field| MetricKind::of_field(field.number).is_some()).take(2).count() == 1
            }
            _ => true,
        }
    }

    /// The fields that every part repeats.
    fn header_fields(self, signal: Signal, bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
        Fields::new(bytes).filter(move |field| self.child(signal, field.number).is_none()).map(|field| field.raw)
    }
}

#[cfg(test)]
mod tests;
