//! Attribute edits on the wire: a list of actions, compiled once, applied to borrowed requests by splicing.
//!
//! Only the attributes an action names are read. What no action touches (unknown fields, other attributes, their
//! order) keeps its bytes; around a change, only the length prefixes of the messages above it are rewritten. Actions
//! run one after the other on each list and mean what they mean to the Collector's `attributes` and `resource`
//! processors; see the compatibility contract, processor `attributes`.

mod list;
mod literal;
mod program;

mod value;

pub use literal::Literal;
pub use program::{Action, ConvertTo, EditError, Source};

pub use crate::splice::Edited;

use self::list::{Holder, List};
use self::program::Program;
use crate::cursor::{Fields, Occurrences, Payload};
use crate::numbers::{self, data, log, resource, resource_entry, scope_entry, span};
use crate::signal::Signal;
use crate::splice::Splices;
use crate::view::{MetricKind, Record, ResourceEntry, ScopeEntry};

/// Whose attributes are edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Resources.
    Resource,
    /// Spans, log records, or data points. Profiles have no such attributes and stay as they are.
    Record,
}

/// Chooses what is edited. It sees the request as it was before any edit; each method is asked only below what the one
/// above it chose.
pub trait Select {
    /// Whether anything in this resource entry is edited.
    fn resource(&self, _resource: &ResourceEntry<'_>) -> bool {
        true
    }

    /// Whether any record in this scope entry is edited. Not asked for [`Target::Resource`].
    fn scope(&self, _resource: &ResourceEntry<'_>, _scope: &ScopeEntry<'_>) -> bool {
        true
    }

    /// Whether this record is edited; for metrics, all of its points. Not asked for [`Target::Resource`].
    fn record(&self, _resource: &ResourceEntry<'_>, _scope: &ScopeEntry<'_>, _record: &Record<'_>) -> bool {
        true
    }
}

/// Chooses everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Everything;

impl Select for Everything {}

/// A compiled list of actions for one target.
#[derive(Debug)]
pub struct Edits {
    target: Target,
    program: Program,
}

impl Edits {
    /// Compiles actions.
    ///
    /// # Errors
    /// [`EditError`] names the first action that cannot work, by its position.
    ///
    /// # Examples
    /// ```
    /// use teleferric_wire::Signal;
    /// use teleferric_wire::edit::{Action, Edits, Everything, Literal, Source, Target};
    ///
    /// let stamp = Action::Upsert { key: "env".into(), from: Source::Literal(Literal::Text("prod".into())) };
    /// let edits = Edits::compile(Target::Resource, vec![stamp])?;
    /// let request = [0x0a, 0x02, 0x12, 0x00]; // a resource entry with an empty scope entry
    /// let edited = edits.apply(Signal::Logs, &request, &Everything, &|_| None);
    /// assert_eq!(edited.map(|edited| edited.to_vec()).as_deref(), Some(&b"\x0a\x13\x0a\x0f\x0a\x0d\x0a\x03env\x12\x06\x0a\x04prod\x12\x00"[..]));
    /// # Ok::<(), teleferric_wire::edit::EditError>(())
    /// ```
    pub fn compile(target: Target, actions: Vec<Action>) -> Result<Self, EditError> {
        Ok(Self { target, program: Program::compile(actions)? })
    }

    /// Edits a checked request. `None` means that nothing changed and the request can be used as it is.
    ///
    /// `context` resolves [`Source::Context`] keys; each is asked at most once per call. One pass over what is
    /// selected; small allocations for hashed, converted and extracted values only, the result is written where the
    /// caller wants it. Unchecked bytes are safe; what follows their first bad field is left alone.
    pub fn apply<'v>(
        &self,
        signal: Signal,
        bytes: &'v [u8],
        select: &impl Select,
        context: &dyn Fn(&str) -> Option<String>,
    ) -> Option<Edited<'v>> {
        let context = self.program.resolve(context);
        let mut editor =
            Editor { signal, select, list: List::new(&self.program, &context), splices: Splices::new(bytes) };
        for (raw, content) in Occurrences::new(bytes, numbers::RESOURCES) {
            let entry = ResourceEntry::new(signal, content);
            if select.resource(&entry) {
                let open = editor.splices.open(raw, content);
                match self.target {
                    Target::Resource => editor.resource(content),
                    Target::Record => editor.scopes(&entry, content),
                }
                editor.splices.close(open);
            }
        }
        editor.splices.finish()
    }
}

struct Editor<'v, 'p, S> {
    signal: Signal,
    select: &'p S,
    list: List<'p>,
    splices: Splices<'v>,
}

impl<'v: 'p, 'p, S: Select> Editor<'v, 'p, S> {
    /// Edits the resource of an entry, which may be absent or come in pieces.
    fn resource(&mut self, entry: &'v [u8]) {
        let holders: smallvec::SmallVec<[Holder<'v>; 1]> =
            Occurrences::new(entry, resource_entry::RESOURCE).map(|(raw, content)| Holder { raw, content }).collect();
        self.list.edit(&holders, resource::ATTRIBUTES, &mut self.splices);
        if holders.is_empty() {
            self.list.insert_holder(entry, resource_entry::RESOURCE, resource::ATTRIBUTES, &mut self.splices);
        }
    }

    fn scopes(&mut self, resource: &ResourceEntry<'v>, entry: &'v [u8]) {
        for (raw, content) in Occurrences::new(entry, resource_entry::SCOPES) {
            let scope = ScopeEntry::new(self.signal, content);
            if self.select.scope(resource, &scope) {
                let open = self.splices.open(raw, content);
                self.records(resource, &scope, content);
                self.splices.close(open);
            }
        }
    }

    fn records(&mut self, resource: &ResourceEntry<'v>, scope: &ScopeEntry<'v>, entry: &'v [u8]) {
        for (raw, content) in Occurrences::new(entry, scope_entry::RECORDS) {
            if !self.select.record(resource, scope, &Record::new(self.signal, content)) {
                continue;
            }
            match self.signal {
                Signal::Traces => self.item(raw, content, span::ATTRIBUTES),
                Signal::Logs => self.item(raw, content, log::ATTRIBUTES),
                Signal::Metrics => self.metric(raw, content),
                Signal::Profiles => {}
            }
        }
    }

    fn metric(&mut self, raw: &'v [u8], content: &'v [u8]) {
        let metric = self.splices.open(raw, content);
        for field in Fields::new(content) {
            let (Some(kind), Payload::Bytes(content)) = (MetricKind::of_field(field.number), field.payload) else {
                continue;
            };
            let open = self.splices.open(field.raw, content);
            for (raw, content) in Occurrences::new(content, data::POINTS) {
                self.item(raw, content, kind.attributes_field());
            }
            self.splices.close(open);
        }
        self.splices.close(metric);
    }

    fn item(&mut self, raw: &'v [u8], content: &'v [u8], attributes: u32) {
        self.list.edit(&[Holder { raw, content }], attributes, &mut self.splices);
    }
}

#[cfg(test)]
mod tests;
