//! Conditions of OTTL, the OpenTelemetry Transformation Language: parsed once, then asked about borrowed records.
//!
//! What is supported means what it means to the Collector; what is not is an error when the condition is parsed, never a
//! condition that is quietly false. See the compatibility contract, "OTTL in brief".

mod eval;
mod lexer;
mod parser;
mod path;

pub use eval::{EvalError, Scene};
pub use parser::ParseError;
pub use path::Context;

use parser::Expr;

/// A condition on items of one context.
///
/// # Examples
/// ```
/// use teleferric_wire::Signal;
/// use teleferric_wire::ottl::{Condition, Context, Scene};
/// use teleferric_wire::view::Request;
///
/// let condition = Condition::parse("severity_number < SEVERITY_NUMBER_WARN", Context::Log)?;
/// let bytes = [0x0a, 0x06, 0x12, 0x04, 0x12, 0x02, 0x10, 0x09]; // one log record of severity 9
/// let resource = Request::new(Signal::Logs, &bytes).resources().next().unwrap();
/// let scope = resource.scopes().next().unwrap();
/// let record = scope.records().next().unwrap();
/// assert_eq!(condition.holds(&Scene::of(resource).scope(scope).record(record)), Ok(true));
/// # Ok::<(), teleferric_wire::ottl::ParseError>(())
/// ```
#[derive(Debug)]
pub struct Condition {
    text: Box<str>,
    expr: Expr,
}

impl Condition {
    /// Parses `text` for items of `context`. Paths may name the context or leave it out.
    ///
    /// # Errors
    /// What cannot be read or is not supported, with its column.
    pub fn parse(text: &str, context: Context) -> Result<Condition, ParseError> {
        Ok(Condition { text: text.into(), expr: parser::parse(text, context)? })
    }

    /// The condition as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the condition holds for what `scene` shows; what it does not show reads as `nil`.
    ///
    /// # Errors
    /// A function was given a value of a type that it cannot take.
    pub fn holds(&self, scene: &Scene<'_>) -> Result<bool, EvalError> {
        self.expr.holds(scene)
    }
}

#[cfg(test)]
mod tests;
