//! Asking a condition about one item.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::parser::{Comparison, Expr, Term, Test};
use super::path::{hexadecimal, metric, span};
use crate::view::{Array, Attributes, Event, Point, Record, ResourceEntry, ScopeEntry, Value};

/// An item with what stands above it.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    pub(super) resource: ResourceEntry<'a>,
    pub(super) scope: Option<ScopeEntry<'a>>,
    pub(super) record: Option<Record<'a>>,
    pub(super) event: Option<Event<'a>>,
    pub(super) point: Option<Point<'a>>,
}

impl<'a> Scene<'a> {
    /// A resource alone.
    pub fn of(resource: ResourceEntry<'a>) -> Scene<'a> {
        Scene { resource, scope: None, record: None, event: None, point: None }
    }

    /// With a scope of the resource.
    #[must_use]
    pub fn scope(self, scope: ScopeEntry<'a>) -> Scene<'a> {
        Scene { scope: Some(scope), ..self }
    }

    /// With a record of the scope.
    #[must_use]
    pub fn record(self, record: Record<'a>) -> Scene<'a> {
        Scene { record: Some(record), ..self }
    }

    /// With an event of the span.
    #[must_use]
    pub fn event(self, event: Event<'a>) -> Scene<'a> {
        Scene { event: Some(event), ..self }
    }

    /// With a data point of the metric.
    #[must_use]
    pub fn point(self, point: Point<'a>) -> Scene<'a> {
        Scene { point: Some(point), ..self }
    }
}

/// A function could not be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{function} cannot take {found}")]
pub struct EvalError {
    /// The function.
    pub function: &'static str,
    /// What it was given.
    pub found: &'static str,
}

/// A value as conditions see it.
#[derive(Clone, Debug)]
pub(super) enum Operand<'a> {
    Nil,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Cow<'a, [u8]>),
    Bytes(&'a [u8]),
    Map(Attributes<'a>),
    List(Array<'a>),
}

impl<'a> From<Value<'a>> for Operand<'a> {
    fn from(value: Value<'a>) -> Self {
        match value {
            Value::Empty | Value::TextIndex(_) => Operand::Nil,
            Value::Text(text) => Operand::Text(Cow::Borrowed(text.0)),
            Value::Bool(value) => Operand::Bool(value),
            Value::Int(int) => Operand::Int(int),
            Value::Double(double) => Operand::Double(double),
            Value::Array(list) => Operand::List(list),
            Value::Map(map) => Operand::Map(map),
            Value::Bytes(bytes) => Operand::Bytes(bytes),
        }
    }
}

impl Operand<'_> {
    fn kind(&self) -> &'static str {
        match self {
            Operand::Nil => "nil",
            Operand::Bool(_) => "a boolean",
            Operand::Int(_) => "an integer",
            Operand::Double(_) => "a double",
            Operand::Text(_) => "a string",
            Operand::Bytes(_) => "bytes",
            Operand::Map(_) => "a map",
            Operand::List(_) => "a list",
        }
    }

    /// The order of two values of comparable types; `None` if they are not, or one is no number.
    fn order(&self, other: &Operand<'_>) -> Option<Ordering> {
        match (self, other) {
            (Operand::Bool(a), Operand::Bool(b)) => Some(a.cmp(b)),
            (Operand::Int(a), Operand::Int(b)) => Some(a.cmp(b)),
            (Operand::Int(a), Operand::Double(b)) => (*a as f64).partial_cmp(b),
            (Operand::Double(a), Operand::Int(b)) => a.partial_cmp(&(*b as f64)),
            (Operand::Double(a), Operand::Double(b)) => a.partial_cmp(b),
            (Operand::Text(a), Operand::Text(b)) => Some(a.cmp(b)),
            (Operand::Bytes(a), Operand::Bytes(b)) => Some(a.cmp(b)),
            (Operand::Nil, Operand::Nil) => Some(Ordering::Equal),
            // Equal or not, but in no order.
            (Operand::Map(_), Operand::Map(_)) | (Operand::List(_), Operand::List(_)) => {
                (self.to_text() == other.to_text()).then_some(Ordering::Equal)
            }
            _ => None,
        }
    }

    /// The text that patterns are matched against.
    fn to_text(&self) -> Cow<'_, [u8]> {
        let value = match self {
            Operand::Text(text) => return Cow::Borrowed(text),
            Operand::Nil => Value::Empty,
            Operand::Bool(value) => Value::Bool(*value),
            Operand::Int(int) => Value::Int(*int),
            Operand::Double(double) => Value::Double(*double),
            Operand::Bytes(bytes) => return Cow::Owned(hexadecimal(bytes)),
            Operand::Map(map) => Value::Map(*map),
            Operand::List(list) => Value::Array(*list),
        };
        Cow::Owned(value.to_text().into_owned().into_bytes())
    }
}

impl Expr {
    pub(super) fn holds(&self, scene: &Scene<'_>) -> Result<bool, EvalError> {
        Ok(match self {
            Expr::Always(value) => *value,
            Expr::Not(expr) => !expr.holds(scene)?,
            Expr::All(parts) => {
                for part in parts {
                    if !part.holds(scene)? {
                        return Ok(false);
                    }
                }
                true
            }
            Expr::Any(parts) => {
                for part in parts {
                    if part.holds(scene)? {
                        return Ok(true);
                    }
                }
                false
            }
            Expr::Compare(comparison, left, right) => comparison.holds(&left.value(scene)?, &right.value(scene)?),
            Expr::Test(test) => test.holds(scene)?,
        })
    }
}

impl Comparison {
    /// Values of different types are not equal, and in no order.
    fn holds(self, left: &Operand<'_>, right: &Operand<'_>) -> bool {
        let order = left.order(right);
        match self {
            Comparison::Equal => order == Some(Ordering::Equal),
            Comparison::NotEqual => order != Some(Ordering::Equal),
            Comparison::Less => order.is_some_and(Ordering::is_lt),
            Comparison::LessOrEqual => order.is_some_and(Ordering::is_le),
            Comparison::Greater => order.is_some_and(Ordering::is_gt),
            Comparison::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
        }
    }
}

impl Term {
    fn value<'a>(&'a self, scene: &Scene<'a>) -> Result<Operand<'a>, EvalError> {
        Ok(match self {
            Term::Nil => Operand::Nil,
            Term::Bool(value) => Operand::Bool(*value),
            Term::Int(int) => Operand::Int(*int),
            Term::Double(double) => Operand::Double(*double),
            Term::Text(text) => Operand::Text(Cow::Borrowed(text.as_bytes())),
            Term::Bytes(bytes) => Operand::Bytes(bytes),
            Term::Path(path) => path.read(scene),
            Term::Len(of) => Operand::Int(len(&of.value(scene)?)?),
            Term::Test(test) => Operand::Bool(test.holds(scene)?),
        })
    }
}

fn len(value: &Operand<'_>) -> Result<i64, EvalError> {
    let len = match value {
        Operand::Text(text) => text.len(),
        Operand::Bytes(bytes) => bytes.len(),
        Operand::Map(map) => map.iter().count(),
        Operand::List(list) => list.iter().count(),
        other => return Err(EvalError { function: "Len", found: other.kind() }),
    };
    Ok(len as i64)
}

impl Test {
    fn holds(&self, scene: &Scene<'_>) -> Result<bool, EvalError> {
        Ok(match self {
            Test::IsMatch(target, pattern) => match target.value(scene)? {
                Operand::Nil => false,
                value => pattern.is_match(&value.to_text()),
            },
            Test::IsString(term) => matches!(term.value(scene)?, Operand::Text(_)),
            Test::IsInt(term) => matches!(term.value(scene)?, Operand::Int(_)),
            Test::IsDouble(term) => matches!(term.value(scene)?, Operand::Double(_)),
            Test::IsBool(term) => matches!(term.value(scene)?, Operand::Bool(_)),
            Test::IsMap(term) => matches!(term.value(scene)?, Operand::Map(_)),
            Test::IsList(term) => matches!(term.value(scene)?, Operand::List(_)),
            Test::HasPrefix(term, prefix) => text("HasPrefix", &term.value(scene)?)?.starts_with(prefix.as_bytes()),
            Test::HasSuffix(term, suffix) => text("HasSuffix", &term.value(scene)?)?.ends_with(suffix.as_bytes()),
            Test::IsRootSpan => span(scene).is_some_and(|span| span.parent_span_id().iter().all(|byte| *byte == 0)),
            Test::PointAttribute(key, value) => metric(scene).is_some_and(|metric| {
                metric.points().any(|point| match (point.attributes().get(key), value) {
                    (None, _) => false,
                    (Some(_), None) => true,
                    (Some(found), Some(value)) => found.as_text().is_some_and(|text| text == value.as_str()),
                })
            }),
        })
    }
}

fn text<'v>(function: &'static str, value: &'v Operand<'_>) -> Result<&'v [u8], EvalError> {
    match value {
        Operand::Text(text) => Ok(text),
        other => Err(EvalError { function, found: other.kind() }),
    }
}
