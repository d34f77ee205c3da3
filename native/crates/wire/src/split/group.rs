//! Deals the items of a request out to places by a key, into one request for each place.
//!
//! What has one key moves whole. What stands above it (resource, scope, schema URLs, unknown fields) is repeated in each
//! request it reaches, once in a row of items that go to one place; items are copied once and keep their order.

use std::ops::Range;

use super::part::{Piece, encode};
use super::{Node, Part};
use crate::cursor::{Fields, Payload, bytes_field_len};
use crate::signal::Signal;
use crate::view::{Metric, Record, ResourceEntry};

/// What items that belong together have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// The trace id of a span or log record; empty if it has none.
    TraceId,
    /// The `service.name` of the resource; empty if it has none, or one that is no text.
    Service,
    /// The name of the metric.
    MetricName,
}

impl Key {
    /// Whether requests of this signal can be grouped by this key.
    pub fn fits(self, signal: Signal) -> bool {
        self.node(signal).is_some()
    }

    /// The level whose messages have one key each.
    fn node(self, signal: Signal) -> Option<Node> {
        match (self, signal) {
            // Their dictionary cannot be cut.
            (_, Signal::Profiles) => None,
            (Key::Service, _) => Some(Node::Resource),
            (Key::TraceId, Signal::Traces | Signal::Logs) => Some(Node::Item),
            (Key::MetricName, Signal::Metrics) => Some(Node::Metric),
            (Key::TraceId, Signal::Metrics) | (Key::MetricName, Signal::Traces | Signal::Logs) => None,
        }
    }

    fn of(self, signal: Signal, bytes: &[u8]) -> &[u8] {
        match self {
            Key::TraceId => match Record::new(signal, bytes) {
                Record::Span(span) => span.trace_id(),
                Record::Log(record) => record.trace_id(),
                Record::Metric(_) | Record::Profile(_) => &[],
            },
            Key::Service => {
                let name = ResourceEntry::new(signal, bytes).attributes().get("service.name");
                name.and_then(|name| name.as_text()).map(|name| name.as_bytes()).unwrap_or_default()
            }
            Key::MetricName => Metric::new(bytes).name().as_bytes(),
        }
    }
}

/// Groups the items of a checked request: `place` says where each key goes, by a small number. A request that cannot be
/// grouped by this key has the empty key as a whole.
///
/// Entries without items are left out, unless they lie in something that moves whole. Nothing is copied before
/// [`Groups::into_parts`]. Linear in the size of the request, if `place` is. Unchecked bytes lose what follows the first
/// bad field.
pub fn group(signal: Signal, bytes: &[u8], key: Key, mut place: impl FnMut(&[u8]) -> usize) -> Groups<'_> {
    let mut groups = Groups { input: bytes, headers: Vec::new(), groups: Vec::new() };
    let Some(leaf) = key.node(signal) else {
        groups.at(place(&[])).add_all(Node::Request.items(signal, bytes), bytes);
        return groups;
    };
    let mut walk = Walk { signal, key, leaf, place, path: Vec::with_capacity(4), entered: 0, groups: &mut groups };
    walk.enter(0, Node::Request, bytes);
    groups.groups.iter_mut().for_each(Group::finish);
    groups
}

/// A request dealt out to places.
#[derive(Debug)]
pub struct Groups<'a> {
    input: &'a [u8],
    /// The header fields of every level that was entered with something in it.
    headers: Vec<u8>,
    /// By place; empty ones without items.
    groups: Vec<Group>,
}

impl<'a> Groups<'a> {
    /// The places that items go to, in order.
    pub fn places(&self) -> impl Iterator<Item = usize> {
        self.filled().map(|(place, _)| place)
    }

    /// Bytes of all requests together, repeated headers included.
    pub fn bytes(&self) -> u64 {
        self.filled().map(|(_, group)| group.len as u64).sum()
    }

    /// The places with their requests, by place. None is empty.
    pub fn into_parts(self) -> impl Iterator<Item = (usize, Part)> + use<'a> {
        let Groups { input, headers, groups } = self;
        groups.into_iter().enumerate().filter(|(_, group)| group.items > 0).map(move |(place, group)| {
            let bytes = encode(group.pieces, group.len, &headers, input);
            (place, Part { bytes, items: group.items })
        })
    }

    fn filled(&self) -> impl Iterator<Item = (usize, &Group)> {
        self.groups.iter().enumerate().filter(|(_, group)| group.items > 0)
    }

    fn at(&mut self, place: usize) -> &mut Group {
        if self.groups.len() <= place {
            self.groups.resize_with(place + 1, Group::default);
        }
        self.groups.get_mut(place).expect("made above")
    }
}

/// What goes to one place.
#[derive(Debug, Default)]
struct Group {
    items: u64,
    pieces: Vec<Piece>,
    /// The messages that the last piece lies in, outermost first.
    open: Vec<Open>,
    /// The encoded length, once it is finished.
    len: usize,
}

/// A message of a group that may grow.
#[derive(Debug)]
struct Open {
    level: usize,
    number: u32,
    /// Its place in `pieces`.
    index: usize,
    /// Bytes of its content, without an open message inside it.
    len: usize,
}

impl Group {
    /// Adds a slice of the input below the messages of `path`.
    fn add(&mut self, path: &[Level<'_>], field: Range<usize>, items: u64) {
        let common = self.open.iter().zip(path).take_while(|(open, level)| open.level == level.serial).count();
        while self.open.len() > common {
            self.close();
        }
        for level in path.iter().skip(common) {
            let header = level.header.clone().unwrap_or_default();
            let open = Open { level: level.serial, number: level.number, index: self.pieces.len(), len: header.len() };
            self.open.push(open);
            self.pieces.push(Piece::Open { number: level.number, len: 0 });
            self.pieces.push(Piece::Header(header));
        }
        if let Some(open) = self.open.last_mut() {
            open.len += field.len();
        }
        match self.pieces.last_mut() {
            Some(Piece::Input(range)) if range.end == field.start => range.end = field.end,
            _ => self.pieces.push(Piece::Input(field)),
        }
        self.items += items;
    }

    /// Adds a whole request.
    fn add_all(&mut self, items: u64, bytes: &[u8]) {
        self.pieces = vec![Piece::Open { number: 0, len: bytes.len() }, Piece::Input(0..bytes.len())];
        (self.items, self.len) = (items, bytes.len());
    }

    /// Fixes the length of the innermost message and counts it in the one around it.
    fn close(&mut self) {
        let Some(closed) = self.open.pop() else { return };
        if let Some(Piece::Open { len, .. }) = self.pieces.get_mut(closed.index) {
            *len = closed.len;
        }
        match self.open.last_mut() {
            Some(parent) => parent.len += bytes_field_len(closed.number, closed.len),
            None => self.len = closed.len,
        }
    }

    fn finish(&mut self) {
        while !self.open.is_empty() {
            self.close();
        }
    }
}

/// On the way through a request.
struct Walk<'a, 'g, F> {
    signal: Signal,
    key: Key,
    /// Messages of this level have one key each.
    leaf: Node,
    place: F,
    path: Vec<Level<'a>>,
    /// Levels entered so far.
    entered: usize,
    groups: &'g mut Groups<'a>,
}

/// A message above the next item.
struct Level<'a> {
    /// Tells it from all other messages of the request.
    serial: usize,
    number: u32,
    node: Node,
    content: &'a [u8],
    /// Its header in `headers`, once something of it was added.
    header: Option<Range<usize>>,
}

impl<'a, F: FnMut(&[u8]) -> usize> Walk<'a, '_, F> {
    fn enter(&mut self, number: u32, node: Node, content: &'a [u8]) {
        self.path.push(Level { serial: self.entered, number, node, content, header: None });
        self.entered += 1;
        for field in Fields::new(content) {
            let (Some(child), Payload::Bytes(inner)) = (node.child(self.signal, field.number), field.payload) else {
                continue;
            };
            if child != self.leaf {
                self.enter(field.number, child, inner);
                continue;
            }
            let items = child.items(self.signal, inner);
            if items > 0 {
                self.add(field.raw, inner, items);
            }
        }
        self.path.pop();
    }

    fn add(&mut self, raw: &[u8], content: &[u8], items: u64) {
        for level in self.path.iter_mut().filter(|level| level.header.is_none()) {
            let start = self.groups.headers.len();
            let fields = level.node.header_fields(self.signal, level.content);
            fields.for_each(|field| self.groups.headers.extend_from_slice(field));
            level.header = Some(start..self.groups.headers.len());
        }
        let place = (self.place)(self.key.of(self.signal, content));
        let start = raw.as_ptr().addr().saturating_sub(self.groups.input.as_ptr().addr());
        self.groups.at(place).add(&self.path, start..start + raw.len(), items);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cursor::put_bytes;

    fn field(number: u32, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        put_bytes(number, bytes, &mut out);
        out
    }

    /// A trace request of one resource and scope with spans of these traces.
    fn spans(traces: &[&[u8]]) -> Vec<u8> {
        let spans: Vec<u8> = traces.iter().flat_map(|trace| field(2, &field(1, trace))).collect();
        let scope = [field(3, b"scope url"), spans].concat();
        field(1, &[field(78, b"unknown"), field(2, &scope)].concat())
    }

    fn parts(request: &[u8], key: Key, place: impl FnMut(&[u8]) -> usize) -> Vec<(usize, Part)> {
        group(Signal::Traces, request, key, place).into_parts().collect()
    }

    #[test]
    fn each_place_gets_its_items_in_order_under_one_header() {
        let request = spans(&[b"a", b"b", b"a", b"c", b"b"]);
        let place = |id: &[u8]| usize::from(id == b"b") * 2;
        let expected = vec![
            (0, Part { bytes: spans(&[b"a", b"a", b"c"]), items: 3 }),
            (2, Part { bytes: spans(&[b"b", b"b"]), items: 2 }),
        ];
        let groups = group(Signal::Traces, &request, Key::TraceId, place);
        assert_eq!(groups.places().collect::<Vec<_>>(), [0, 2]);
        assert_eq!(groups.bytes(), expected.iter().map(|(_, part)| part.bytes.len() as u64).sum::<u64>());
        assert_eq!(groups.into_parts().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_request_for_one_place_is_told_before_anything_is_copied() {
        let request = spans(&[b"a", b"b"]);
        let places = |bytes, key, place: fn(&[u8]) -> usize| -> Vec<usize> {
            group(Signal::Traces, bytes, key, place).places().collect()
        };
        assert_eq!(places(&request, Key::TraceId, |_| 3), [3]);
        assert_eq!(places(&request, Key::MetricName, <[u8]>::len), [0]);
        assert_eq!(places(&[], Key::TraceId, |_| 3), [0_usize; 0]);
    }

    #[test]
    fn resources_move_whole_by_their_service_and_empty_ones_are_left_out() {
        let named = |value: &[u8]| field(1, &field(1, &[field(1, b"service.name"), field(2, value)].concat()));
        let entry = |value: &[u8]| field(1, &[named(value), field(2, &field(2, &field(1, b"t")))].concat());
        let (shop, number) = (entry(&field(1, b"shop")), entry(&[24, 7]));
        let empty = field(1, &named(&field(1, b"shop")));
        let request = [&*shop, &*number, &*empty, &*shop].concat();
        let expected =
            vec![(0, Part { bytes: number, items: 1 }), (4, Part { bytes: [&*shop, &*shop].concat(), items: 2 })];
        assert_eq!(parts(&request, Key::Service, <[u8]>::len), expected);
    }
}
