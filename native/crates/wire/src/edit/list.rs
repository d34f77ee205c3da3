//! One attribute list while actions run on it: only the attributes that some action can touch.

use std::borrow::Cow;

use super::program::{Program, Put, Step, ValueFrom, length_bit};
use super::value;
use crate::cursor::{Fields, Selected, WireType, bytes_field_len, put_bytes, put_tag, put_varint};
use crate::numbers::key_value;
use crate::splice::Splices;
use crate::view::{Attribute, Value};

/// A message that holds a list, or a piece of one.
#[derive(Clone, Copy)]
pub(super) struct Holder<'v> {
    /// The whole field.
    pub(super) raw: &'v [u8],
    /// The field without tag and length.
    pub(super) content: &'v [u8],
}

/// Working space, used for one list after the other. Everything it borrows lives as long as the call.
pub(super) struct List<'v> {
    program: &'v Program,
    /// Encoded values of the program's context keys.
    context: &'v [Option<Vec<u8>>],
    entries: Vec<Entry<'v>>,
}

struct Entry<'v> {
    key: &'v [u8],
    /// The bytes of its AnyValue; none if the field is absent.
    value: Option<Cow<'v, [u8]>>,
    /// Where it stood; none if an action inserted it.
    origin: Option<Origin<'v>>,
    state: State,
}

#[derive(Clone, Copy)]
struct Origin<'v> {
    /// The index of the holder.
    holder: usize,
    raw: &'v [u8],
    content: &'v [u8],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Kept,
    Changed,
    Removed,
}

impl<'v> List<'v> {
    pub(super) fn new(program: &'v Program, context: &'v [Option<Vec<u8>>]) -> Self {
        Self { program, context, entries: Vec::new() }
    }

    /// Runs the program on the list in field `number` of the holders and records the changes. New attributes go to
    /// the end of the last holder.
    pub(super) fn edit(&mut self, holders: &[Holder<'v>], number: u32, splices: &mut Splices<'_>) {
        self.entries.clear();
        for (index, holder) in holders.iter().enumerate() {
            self.gather(index, holder.content, number);
        }
        for step in &self.program.steps {
            self.run(step);
        }
        if self.entries.iter().all(|entry| entry.state == State::Kept) {
            return;
        }
        for (index, holder) in holders.iter().enumerate() {
            let open = splices.open(holder.raw, holder.content);
            self.emit_changes(index, number, splices);
            if index + 1 == holders.len() && self.has_inserted() {
                splices.insert_after(holder.content, |out| self.write_inserted(number, out));
            }
            splices.close(open);
        }
    }

    /// Writes the attributes that the last [`List::edit`] inserted, for a list that had no holder: as a new field
    /// `holder` at the start of `parent`.
    pub(super) fn insert_holder(&self, parent: &[u8], holder: u32, number: u32, splices: &mut Splices<'_>) {
        if self.has_inserted() {
            let mut content = Vec::new();
            self.write_inserted(number, &mut content);
            splices.insert_before(parent, |out| put_bytes(holder, &content, out));
        }
    }

    fn gather(&mut self, holder: usize, content: &'v [u8], number: u32) {
        let lengths = self.program.key_lengths();
        let untouched = move |content: &[u8]| {
            let length = Attribute::new(content).plain_key().map(<[u8]>::len);
            length.is_some_and(|length| lengths & length_bit(length) == 0)
        };
        for (raw, content) in Selected::new(content, number, untouched) {
            let (key, value) = Attribute::new(content).parts();
            if self.program.may_touch(key) {
                self.entries.push(Entry {
                    key,
                    value: value.map(Cow::Borrowed),
                    origin: Some(Origin { holder, raw, content }),
                    state: State::Kept,
                });
            }
        }
    }

    fn run(&mut self, step: &'v Step) {
        match step {
            Step::Put { key, put, from } => self.put(key, *put, from),
            Step::Delete { key } => {
                if let Some(entry) = self.find(key) {
                    entry.state = State::Removed;
                }
            }
            Step::DeletePattern { pattern } => {
                self.live().filter(|entry| pattern.is_match(entry.key)).for_each(|entry| entry.state = State::Removed);
            }
            Step::Rename { key, to } => self.rename(key, to),
            Step::Hash { key } => {
                if let Some(entry) = self.find(key) {
                    entry.set(Cow::Owned(value::hash(entry.value())));
                }
            }
            Step::HashPattern { pattern } => {
                self.live()
                    .filter(|entry| pattern.is_match(entry.key))
                    .for_each(|entry| entry.set(Cow::Owned(value::hash(entry.value()))));
            }
            Step::Extract { key, pattern, names } => self.extract(key, pattern, names),
            Step::Convert { key, to } => {
                if let Some(entry) = self.find(key)
                    && let Some(converted) = value::convert(entry.value(), *to)
                {
                    entry.set(Cow::Owned(converted));
                }
            }
        }
    }

    fn put(&mut self, key: &'v [u8], put: Put, from: &'v ValueFrom) {
        let present = self.find(key).is_some();
        let wanted = match put {
            Put::Insert => !present,
            Put::Update => present,
            Put::Upsert => true,
        };
        if !wanted {
            return;
        }
        let value = match from {
            ValueFrom::Literal(bytes) => Some(Cow::Borrowed(&bytes[..])),
            ValueFrom::Context(index) => self.context.get(*index).and_then(Option::as_deref).map(Cow::Borrowed),
            ValueFrom::Attribute(source) => self.find(source).map(|entry| entry.value.clone().unwrap_or_default()),
        };
        if let Some(value) = value {
            self.upsert(key, value);
        }
    }

    fn upsert(&mut self, key: &'v [u8], value: Cow<'v, [u8]>) {
        match self.find(key) {
            Some(entry) => entry.set(value),
            None => self.entries.push(Entry { key, value: Some(value), origin: None, state: State::Changed }),
        }
    }

    /// Gives an attribute another key, in its place; an attribute that has that key goes.
    fn rename(&mut self, key: &[u8], to: &'v [u8]) {
        if key == to || self.find(key).is_none() {
            return;
        }
        if let Some(entry) = self.find(to) {
            entry.state = State::Removed;
        }
        if let Some(entry) = self.find(key) {
            entry.key = to;
            entry.state = State::Changed;
        }
    }

    fn extract(&mut self, key: &[u8], pattern: &regex::bytes::Regex, names: &'v [Vec<u8>]) {
        let Some(source) = self.find(key).and_then(|entry| entry.value.clone()) else { return };
        let Value::Text(text) = Value::of(&source) else { return };
        let Some(captures) = pattern.captures(text.as_bytes()) else { return };
        for (index, name) in names.iter().enumerate() {
            let group = captures.get(index + 1).map(|group| group.as_bytes()).unwrap_or_default();
            self.upsert(name, Cow::Owned(value::text(group)));
        }
    }

    /// The first attribute with this key.
    fn find(&mut self, key: &[u8]) -> Option<&mut Entry<'v>> {
        self.live().find(|entry| entry.key == key)
    }

    fn live(&mut self) -> impl Iterator<Item = &mut Entry<'v>> {
        self.entries.iter_mut().filter(|entry| entry.state != State::Removed)
    }

    fn emit_changes(&self, holder: usize, number: u32, splices: &mut Splices<'_>) {
        for entry in &self.entries {
            let Some(origin) = entry.origin.filter(|origin| origin.holder == holder) else { continue };
            match entry.state {
                State::Kept => {}
                State::Removed => splices.replace(origin.raw, |_| ()),
                State::Changed => splices.replace(origin.raw, |out| entry.write(number, out)),
            }
        }
    }

    fn inserted(&self) -> impl Iterator<Item = &Entry<'v>> {
        self.entries.iter().filter(|entry| entry.origin.is_none() && entry.state != State::Removed)
    }

    fn has_inserted(&self) -> bool {
        self.inserted().next().is_some()
    }

    fn write_inserted(&self, number: u32, out: &mut Vec<u8>) {
        self.inserted().for_each(|entry| entry.write(number, out));
    }
}

impl<'v> Entry<'v> {
    fn value(&self) -> Value<'_> {
        Value::of(self.value.as_deref().unwrap_or_default())
    }

    fn set(&mut self, value: Cow<'v, [u8]>) {
        if self.value.as_deref() != Some(&*value) {
            self.value = Some(value);
            self.state = State::Changed;
        }
    }

    /// Appends the attribute as a field; what else its KeyValue held goes along.
    fn write(&self, number: u32, out: &mut Vec<u8>) {
        let others = || {
            Fields::new(self.origin.map(|origin| origin.content).unwrap_or_default())
                .filter(|field| !matches!(field.number, key_value::KEY | key_value::VALUE))
                .map(|field| field.raw)
        };
        let value_len = self.value.as_ref().map_or(0, |value| bytes_field_len(key_value::VALUE, value.len()));
        let len =
            bytes_field_len(key_value::KEY, self.key.len()) + value_len + others().map(<[u8]>::len).sum::<usize>();
        put_tag(number, WireType::Delimited, out);
        put_varint(len as u64, out);
        put_bytes(key_value::KEY, self.key, out);
        if let Some(value) = &self.value {
            put_bytes(key_value::VALUE, value, out);
        }
        others().for_each(|field| out.extend_from_slice(field));
    }
}
