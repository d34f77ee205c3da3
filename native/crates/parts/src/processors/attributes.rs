//! Processors `attributes` and `resource`: edit the attributes of spans, log records and data points, or of resources.

use std::rc::Rc;
use std::sync::Arc;

use serde::Deserialize;
use teleferric_buf::Pool;
use teleferric_buf::metrics::Counter;
use teleferric_flow::{Consumer, Context, Fault, Parcel, Payload, Processor, Stage};
use teleferric_wire::Signal;
use teleferric_wire::edit::{Action, ConvertTo, Edited, Edits, Everything, Literal, Source, Target};

use super::select::{Match, MatchSettings};
use super::traffic::{INCOMING, OUTGOING};
use super::{Inline, rewrite};
use crate::component::{Shared, StagePart, StartError, pressure};
use crate::registry::Configured;

/// Settings.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AttributesConfig {
    /// What is done, in order.
    pub actions: Vec<ActionSettings>,
    /// Only what matches is edited.
    pub include: Option<MatchSettings>,
    /// What matches is left alone.
    pub exclude: Option<MatchSettings>,
}

/// One action.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ActionSettings {
    /// The attribute.
    pub key: Option<String>,
    /// insert, update, upsert, delete, hash, extract or convert.
    pub action: String,
    /// The value itself.
    pub value: Option<AttributeValue>,
    /// The attribute that has the value.
    pub from_attribute: Option<String>,
    /// The context key that has the value.
    pub from_context: Option<String>,
    /// A regular expression.
    pub pattern: Option<String>,
    /// int, double, string or bool.
    pub converted_type: Option<String>,
}

/// A value with its kind.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum AttributeValue {
    /// A text.
    String(String),
    /// A signed 64-bit integer in decimal.
    Int(String),
    /// A double.
    Double(f64),
    /// A boolean.
    Bool(bool),
}

/// Builds `attributes`.
pub fn build(
    component: Configured<'_>,
    signal: Signal,
    shared: &Arc<Shared>,
) -> Result<Box<dyn StagePart>, StartError> {
    part(component, Target::Record, signal, shared)
}

/// Builds `resource`.
pub fn build_resource(
    component: Configured<'_>,
    signal: Signal,
    shared: &Arc<Shared>,
) -> Result<Box<dyn StagePart>, StartError> {
    part(component, Target::Resource, signal, shared)
}

fn part(
    component: Configured<'_>,
    target: Target,
    signal: Signal,
    shared: &Arc<Shared>,
) -> Result<Box<dyn StagePart>, StartError> {
    let config: AttributesConfig = component.settings()?;
    let actions = config.actions.iter().map(ActionSettings::to_wire).collect::<Result<_, _>>()?;
    let rules = Rules {
        edits: Edits::compile(target, actions).map_err(|error| StartError::new(error.to_string()))?,
        select: Match::new(config.include.as_ref(), config.exclude.as_ref())?,
    };
    Ok(Box::new(AttributesPart {
        id: component.id.to_owned(),
        signal,
        rules: Arc::new(rules),
        shared: Arc::clone(shared),
    }))
}

impl ActionSettings {
    fn to_wire(&self) -> Result<Action, StartError> {
        let key = || {
            let key = self.key.clone().filter(|key| !key.is_empty());
            key.ok_or_else(|| StartError::new("error creating AttrProc: missing required field \"key\""))
        };
        Ok(match (self.action.as_str(), &self.pattern) {
            ("insert", _) => Action::Insert { key: key()?, from: self.source()? },
            ("update", _) => Action::Update { key: key()?, from: self.source()? },
            ("upsert", _) => Action::Upsert { key: key()?, from: self.source()? },
            ("delete", None) => Action::Delete { key: key()? },
            ("delete", Some(pattern)) => Action::DeletePattern { pattern: pattern.clone() },
            ("hash", None) => Action::Hash { key: key()? },
            ("hash", Some(pattern)) => Action::HashPattern { pattern: pattern.clone() },
            ("extract", Some(pattern)) => Action::Extract { key: key()?, pattern: pattern.clone() },
            ("extract", None) => return Err(StartError::new("action extract: missing required field \"pattern\"")),
            ("convert", _) => Action::Convert { key: key()?, to: self.convert_to()? },
            (other, _) => return Err(StartError::new(format!("unsupported action \"{other}\""))),
        })
    }

    fn source(&self) -> Result<Source, StartError> {
        match (&self.value, &self.from_attribute, &self.from_context) {
            (Some(value), None, None) => value.literal().map(Source::Literal),
            (None, Some(attribute), None) => Ok(Source::Attribute(attribute.clone())),
            (None, None, Some(key)) => Ok(Source::Context(key.clone())),
            _ => Err(StartError::new(format!(
                "action {}: exactly one of \"value\", \"from_attribute\" and \"from_context\" is required",
                self.action
            ))),
        }
    }

    fn convert_to(&self) -> Result<ConvertTo, StartError> {
        match self.converted_type.as_deref() {
            Some("int") => Ok(ConvertTo::Int),
            Some("double") => Ok(ConvertTo::Double),
            Some("string") => Ok(ConvertTo::Text),
            Some("bool") => Ok(ConvertTo::Bool),
            other => {
                Err(StartError::new(format!("invalid value \"{}\" in field \"converted_type\"", other.unwrap_or(""))))
            }
        }
    }
}

impl AttributeValue {
    /// The value as the wire has it.
    ///
    /// # Errors
    /// An integer that does not fit 64 bits.
    pub fn literal(&self) -> Result<Literal, StartError> {
        Ok(match self {
            AttributeValue::String(text) => Literal::Text(text.clone()),
            AttributeValue::Int(digits) => {
                let int = digits.parse().map_err(|_| StartError::new(format!("\"{digits}\" is no 64-bit integer")))?;
                Literal::Int(int)
            }
            AttributeValue::Double(double) => Literal::Double(*double),
            AttributeValue::Bool(bool) => Literal::Bool(*bool),
        })
    }
}

struct Rules {
    edits: Edits,
    /// Nothing to ask where all is edited.
    select: Option<Match>,
}

struct AttributesPart {
    id: String,
    signal: Signal,
    rules: Arc<Rules>,
    shared: Arc<Shared>,
}

impl StagePart for AttributesPart {
    fn stage(&self, next: Rc<dyn Consumer>) -> Rc<dyn Stage> {
        let labels = [("processor", self.id.as_str()), ("otel_signal", self.signal.name())];
        let attributes = Attributes {
            rules: Arc::clone(&self.rules),
            incoming: self.shared.metrics.counter(&INCOMING, &labels),
            outgoing: self.shared.metrics.counter(&OUTGOING, &labels),
            pool: self.shared.pool.clone(),
        };
        Inline::stage(attributes, next)
    }
}

struct Attributes {
    rules: Arc<Rules>,
    incoming: Counter,
    outgoing: Counter,
    pool: Pool,
}

impl Processor for Attributes {
    fn process(&self, mut parcel: Parcel, next: &dyn Consumer) {
        self.incoming.add(parcel.items);
        if let Err(fault) = self.edit(&mut parcel) {
            self.outgoing.add(0);
            parcel.reply.refuse(fault);
            return;
        }
        self.outgoing.add(parcel.items);
        next.consume(parcel);
    }
}

impl Attributes {
    /// Edits each request of the payload; unchanged ones stay the bytes they are.
    fn edit(&self, parcel: &mut Parcel) -> Result<(), Fault> {
        let mut edited = Payload::default();
        let mut changed = false;
        for index in 0..parcel.payload.chunks().len() {
            let chunk = parcel.payload.chunks()[index].clone();
            let Some(request) = self.rules.apply(parcel, &chunk) else {
                edited.push(chunk);
                continue;
            };
            changed = true;
            // What no longer says the same goes first, which makes room for the rest.
            parcel.payload.forget_packed();
            let grown = request.len().saturating_sub(chunk.len()) as u64;
            parcel.permit.try_grow(grown).map_err(|error| pressure(&error))?;
            edited.push(rewrite::write(&request, &self.pool)?);
        }
        if changed {
            parcel.payload = edited;
        }
        Ok(())
    }
}

impl Rules {
    fn apply<'v>(&self, parcel: &Parcel, request: &'v [u8]) -> Option<Edited<'v>> {
        let context = |key: &str| from_context(&parcel.context, key);
        match &self.select {
            None => self.edits.apply(parcel.signal, request, &Everything, &context),
            Some(select) => self.edits.apply(parcel.signal, request, select, &context),
        }
    }
}

/// `metadata.<key>`, with several values joined by `;`, `client.address`, or `auth.subject`: who has authenticated to the
/// host.
fn from_context(context: &Context, key: &str) -> Option<String> {
    if let Some(name) = key.strip_prefix("metadata.") {
        let name = name.to_lowercase();
        let values: Vec<_> = context.values(&name).collect();
        return (!values.is_empty()).then(|| values.join(";"));
    }
    if key == "client.address" {
        return context.peer.map(|peer| peer.ip().to_string());
    }
    if key == "auth.subject" {
        return context.principal.as_deref().map(str::to_owned);
    }
    None
}
