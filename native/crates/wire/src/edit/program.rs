//! Actions as users write them, and the checked form that runs.

use regex::bytes::Regex;

use super::Literal;
use super::value;

/// One edit of an attribute list. Keys are compared byte by byte; if a list holds a key twice, the first counts.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Adds the attribute if it is absent.
    Insert {
        /// The attribute.
        key: String,
        /// Its value.
        from: Source,
    },
    /// Replaces the value if the attribute is present.
    Update {
        /// The attribute.
        key: String,
        /// Its new value.
        from: Source,
    },
    /// Adds the attribute or replaces its value.
    Upsert {
        /// The attribute.
        key: String,
        /// Its new value.
        from: Source,
    },
    /// Removes the attribute.
    Delete {
        /// The attribute.
        key: String,
    },
    /// Removes every attribute whose key contains a match.
    DeletePattern {
        /// A regular expression, not anchored.
        pattern: String,
    },
    /// Changes the key and keeps value and place; an attribute that has the new key is removed.
    Rename {
        /// The attribute.
        key: String,
        /// Its new key.
        to: String,
    },
    /// Replaces the value by its SHA-256 digest in lower-case hexadecimal. Strings are hashed as they are, booleans as
    /// one byte, numbers as eight bytes in little-endian order; other values and empty strings become empty.
    Hash {
        /// The attribute.
        key: String,
    },
    /// As [`Action::Hash`], for every attribute whose key contains a match.
    HashPattern {
        /// A regular expression, not anchored.
        pattern: String,
    },
    /// Matches the value, if it is a string, and upserts an attribute for each group of the pattern.
    Extract {
        /// The attribute that is read.
        key: String,
        /// A regular expression, not anchored, whose groups all have names.
        pattern: String,
    },
    /// Changes the type of the value; a value that cannot be converted stays.
    Convert {
        /// The attribute.
        key: String,
        /// The type wanted.
        to: ConvertTo,
    },
}

/// Where a value comes from. If the source has none, the action does nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// The value itself.
    Literal(Literal),
    /// Another attribute of the same list, as it is when the action runs.
    Attribute(String),
    /// The context of the request, by a key that the caller of `apply` resolves.
    Context(String),
}

/// A type to convert to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConvertTo {
    /// Signed 64-bit integer; doubles lose their fraction and stay within its range.
    Int,
    /// Double.
    Double,
    /// String; see [`Value::to_text`](crate::view::Value::to_text).
    Text,
    /// Boolean; numbers other than zero are true.
    Bool,
}

/// Why an action cannot be compiled. `action` counts from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The key is empty.
    #[error("action {action}: missing key")]
    MissingKey {
        /// Position in the list.
        action: usize,
    },
    /// The pattern is no regular expression, or too large when compiled.
    #[error("action {action}: invalid pattern: {reason}")]
    Pattern {
        /// Position in the list.
        action: usize,
        /// What the parser says.
        reason: String,
    },
    /// The pattern of an extraction has no group.
    #[error("action {action}: pattern contains no named matcher groups")]
    NoGroups {
        /// Position in the list.
        action: usize,
    },
    /// A group of an extraction has no name.
    #[error("action {action}: pattern contains at least one unnamed matcher group")]
    UnnamedGroup {
        /// Position in the list.
        action: usize,
    },
}

/// The actions, and what they can touch.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) steps: Vec<Step>,
    /// Every key that a step names, sorted.
    keys: Vec<Vec<u8>>,
    /// A bit for each length that a key has, modulo 64: tells most other keys apart without comparing them.
    key_lengths: u64,
    /// Every pattern that selects keys.
    patterns: Vec<Regex>,
    /// Keys of the context, without duplicates.
    context: Vec<String>,
}

#[derive(Debug)]
pub(super) enum Step {
    Put { key: Vec<u8>, put: Put, from: ValueFrom },
    Delete { key: Vec<u8> },
    DeletePattern { pattern: Regex },
    Rename { key: Vec<u8>, to: Vec<u8> },
    Hash { key: Vec<u8> },
    HashPattern { pattern: Regex },
    Extract { key: Vec<u8>, pattern: Regex, names: Vec<Vec<u8>> },
    Convert { key: Vec<u8>, to: ConvertTo },
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Put {
    Insert,
    Update,
    Upsert,
}

#[derive(Debug)]
pub(super) enum ValueFrom {
    /// An encoded AnyValue.
    Literal(Vec<u8>),
    Attribute(Vec<u8>),
    /// Index into the program's context keys.
    Context(usize),
}

impl Program {
    pub(super) fn compile(actions: Vec<Action>) -> Result<Self, EditError> {
        let mut program =
            Program { steps: Vec::new(), keys: Vec::new(), key_lengths: 0, patterns: Vec::new(), context: Vec::new() };
        for (index, action) in actions.into_iter().enumerate() {
            let step = program.step(index, action)?;
            program.steps.push(step);
        }
        program.keys.sort_unstable();
        program.keys.dedup();
        program.key_lengths = program.keys.iter().fold(0, |bits, key| bits | length_bit(key.len()));
        Ok(program)
    }

    /// Whether some step can read or change an attribute with this key.
    #[inline]
    pub(super) fn may_touch(&self, key: &[u8]) -> bool {
        (self.key_lengths & length_bit(key.len()) != 0
            && self.keys.binary_search_by(|known| known.as_slice().cmp(key)).is_ok())
            || self.patterns.iter().any(|pattern| pattern.is_match(key))
    }

    /// A [`length_bit`] for each length of a key that a step may touch.
    pub(super) fn key_lengths(&self) -> u64 {
        if self.patterns.is_empty() { self.key_lengths } else { u64::MAX }
    }

    /// Encoded values of the context keys, in their order.
    pub(super) fn resolve(&self, context: &dyn Fn(&str) -> Option<String>) -> Vec<Option<Vec<u8>>> {
        self.context.iter().map(|key| context(key).map(|found| value::text(found.as_bytes()))).collect()
    }

    fn step(&mut self, index: usize, action: Action) -> Result<Step, EditError> {
        Ok(match action {
            Action::Insert { key, from } => self.put(index, key, Put::Insert, from)?,
            Action::Update { key, from } => self.put(index, key, Put::Update, from)?,
            Action::Upsert { key, from } => self.put(index, key, Put::Upsert, from)?,
            Action::Delete { key } => Step::Delete { key: self.key(index, key)? },
            Action::DeletePattern { pattern } => Step::DeletePattern { pattern: self.key_pattern(index, &pattern)? },
            Action::Rename { key, to } => Step::Rename { key: self.key(index, key)?, to: self.key(index, to)? },
            Action::Hash { key } => Step::Hash { key: self.key(index, key)? },
            Action::HashPattern { pattern } => Step::HashPattern { pattern: self.key_pattern(index, &pattern)? },
            Action::Extract { key, pattern } => {
                let key = self.key(index, key)?;
                let pattern = compile_pattern(index, &pattern)?;
                let names = self.group_names(index, &pattern)?;
                Step::Extract { key, pattern, names }
            }
            Action::Convert { key, to } => Step::Convert { key: self.key(index, key)?, to },
        })
    }

    fn put(&mut self, index: usize, key: String, put: Put, from: Source) -> Result<Step, EditError> {
        let key = self.key(index, key)?;
        let from = match from {
            Source::Literal(literal) => ValueFrom::Literal(literal.encode()),
            Source::Attribute(source) => ValueFrom::Attribute(self.key(index, source)?),
            Source::Context(name) => {
                let known = self.context.iter().position(|present| *present == name);
                ValueFrom::Context(known.unwrap_or_else(|| {
                    self.context.push(name);
                    self.context.len() - 1
                }))
            }
        };
        Ok(Step::Put { key, put, from })
    }

    fn key(&mut self, action: usize, key: String) -> Result<Vec<u8>, EditError> {
        if key.is_empty() {
            return Err(EditError::MissingKey { action });
        }
        self.keys.push(key.clone().into_bytes());
        Ok(key.into_bytes())
    }

    fn key_pattern(&mut self, action: usize, pattern: &str) -> Result<Regex, EditError> {
        let pattern = compile_pattern(action, pattern)?;
        self.patterns.push(pattern.clone());
        Ok(pattern)
    }

    fn group_names(&mut self, action: usize, pattern: &Regex) -> Result<Vec<Vec<u8>>, EditError> {
        if pattern.captures_len() <= 1 {
            return Err(EditError::NoGroups { action });
        }
        pattern
            .capture_names()
            .skip(1)
            .map(|name| self.key(action, name.ok_or(EditError::UnnamedGroup { action })?.to_owned()))
            .collect()
    }
}

pub(super) fn length_bit(length: usize) -> u64 {
    1 << (length % 64)
}

fn compile_pattern(action: usize, pattern: &str) -> Result<Regex, EditError> {
    Regex::new(pattern).map_err(|error| EditError::Pattern { action, reason: error.to_string() })
}
