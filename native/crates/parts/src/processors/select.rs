//! `include` and `exclude`: which records a processor edits. What is given in one block must all match; within one
//! list one entry is enough. Attributes and resources must all match.

use regex::Regex;
use serde::Deserialize;
use teleferric_wire::edit::Select;
use teleferric_wire::view::{Attributes, LogRecord, Record, ResourceEntry, ScopeEntry, Value};

use super::attributes::AttributeValue;
use crate::component::StartError;

/// One match block.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MatchSettings {
    /// strict or regexp.
    pub match_type: String,
    /// Values of the resource attribute `service.name`.
    pub services: Vec<String>,
    /// Span names.
    pub span_names: Vec<String>,
    /// Span kinds.
    pub span_kinds: Vec<String>,
    /// Log bodies that are text.
    pub log_bodies: Vec<String>,
    /// Severity texts.
    pub log_severity_texts: Vec<String>,
    /// Least severity.
    pub log_severity_number: Option<SeverityNumber>,
    /// Metric names.
    pub metric_names: Vec<String>,
    /// Attributes that the record has.
    pub attributes: Vec<MatchAttribute>,
    /// Attributes that the resource has.
    pub resources: Vec<MatchAttribute>,
    /// Instrumentation scopes.
    pub libraries: Vec<Library>,
}

/// Least severity of a log record.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SeverityNumber {
    /// The least number, 1 to 24.
    pub min: i32,
    /// Whether records without a severity match.
    pub match_undefined: bool,
}

/// An attribute to match.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MatchAttribute {
    /// The attribute.
    pub key: String,
    /// Its value; none: any.
    pub value: Option<AttributeValue>,
}

/// An instrumentation scope to match.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Library {
    /// Its name.
    pub name: String,
    /// Its version; none: any.
    pub version: Option<String>,
}

/// Include and exclude together.
pub struct Match {
    include: Option<Block>,
    exclude: Option<Block>,
}

impl Match {
    /// The compiled blocks; nothing where there is none.
    ///
    /// # Errors
    /// A pattern that is no regular expression, or an unknown match type.
    pub fn new(include: Option<&MatchSettings>, exclude: Option<&MatchSettings>) -> Result<Option<Match>, StartError> {
        if include.is_none() && exclude.is_none() {
            return Ok(None);
        }
        let compile = |settings: Option<&MatchSettings>| settings.map(Block::new).transpose();
        Ok(Some(Match { include: compile(include)?, exclude: compile(exclude)? }))
    }
}

impl Select for Match {
    fn record(&self, resource: &ResourceEntry<'_>, scope: &ScopeEntry<'_>, record: &Record<'_>) -> bool {
        let fits = |block: &Block| block.fits(resource, scope, record);
        self.include.as_ref().is_none_or(fits) && !self.exclude.as_ref().is_some_and(fits)
    }
}

struct Block {
    services: Words,
    span_names: Words,
    span_kinds: Words,
    log_bodies: Words,
    log_severity_texts: Words,
    log_severity_number: Option<SeverityNumber>,
    metric_names: Words,
    attributes: Vec<(String, Wanted)>,
    resources: Vec<(String, Wanted)>,
    libraries: Vec<(Word, Option<Word>)>,
}

impl Block {
    fn new(settings: &MatchSettings) -> Result<Block, StartError> {
        let regexp = match settings.match_type.as_str() {
            "strict" => false,
            "regexp" => true,
            other => return Err(StartError::new(format!("unrecognized match_type: \"{other}\""))),
        };
        let words = |list: &[String]| Words::new(list, regexp);
        let wanted = |list: &[MatchAttribute]| -> Result<Vec<_>, StartError> {
            list.iter().map(|one| Ok((one.key.clone(), Wanted::new(one.value.as_ref(), regexp)?))).collect()
        };
        let library = |library: &Library| -> Result<_, StartError> {
            let version = library.version.as_deref().map(|version| Word::new(version, regexp)).transpose()?;
            Ok((Word::new(&library.name, regexp)?, version))
        };
        Ok(Block {
            services: words(&settings.services)?,
            span_names: words(&settings.span_names)?,
            span_kinds: words(&settings.span_kinds)?,
            log_bodies: words(&settings.log_bodies)?,
            log_severity_texts: words(&settings.log_severity_texts)?,
            log_severity_number: settings.log_severity_number.clone(),
            metric_names: words(&settings.metric_names)?,
            attributes: wanted(&settings.attributes)?,
            resources: wanted(&settings.resources)?,
            libraries: settings.libraries.iter().map(library).collect::<Result<_, _>>()?,
        })
    }

    fn fits(&self, resource: &ResourceEntry<'_>, scope: &ScopeEntry<'_>, record: &Record<'_>) -> bool {
        self.fits_service(&resource.attributes())
            && all_present(&self.resources, &resource.attributes())
            && self.fits_library(scope)
            && self.fits_record(record)
            && all_present(&self.attributes, &record.attributes())
    }

    fn fits_service(&self, resource: &Attributes<'_>) -> bool {
        self.services.is_empty()
            || resource.get("service.name").is_some_and(|value| self.services.any(&value.to_text()))
    }

    fn fits_library(&self, scope: &ScopeEntry<'_>) -> bool {
        let (name, version) = (scope.name().lossy(), scope.version().lossy());
        self.libraries.is_empty()
            || self.libraries.iter().any(|(wanted, wanted_version)| {
                wanted.fits(&name) && wanted_version.as_ref().is_none_or(|wanted| wanted.fits(&version))
            })
    }

    fn fits_record(&self, record: &Record<'_>) -> bool {
        match record {
            Record::Span(span) => {
                self.span_names.allow(&span.name().lossy()) && self.span_kinds.allow(span_kind(span.kind()))
            }
            Record::Log(log) => self.fits_log(log),
            Record::Metric(metric) => self.metric_names.allow(&metric.name().lossy()),
            Record::Profile(_) => true,
        }
    }

    fn fits_log(&self, log: &LogRecord<'_>) -> bool {
        let body = match log.body() {
            Value::Text(text) => Some(text.lossy()),
            _ => None,
        };
        let severity = self.log_severity_number.as_ref().is_none_or(|wanted| match log.severity_number() {
            0 => wanted.match_undefined,
            number => number >= wanted.min,
        });
        severity
            && self.log_severity_texts.allow(&log.severity_text().lossy())
            && (self.log_bodies.is_empty() || body.is_some_and(|body| self.log_bodies.any(&body)))
    }
}

/// One text to match, whole or by a pattern.
enum Word {
    Exact(String),
    Pattern(Regex),
}

impl Word {
    fn new(text: &str, regexp: bool) -> Result<Word, StartError> {
        if !regexp {
            return Ok(Word::Exact(text.to_owned()));
        }
        Regex::new(text).map(Word::Pattern).map_err(|error| StartError::new(format!("invalid pattern: {error}")))
    }

    fn fits(&self, text: &str) -> bool {
        match self {
            Word::Exact(word) => word == text,
            Word::Pattern(pattern) => pattern.is_match(text),
        }
    }
}

struct Words(Vec<Word>);

impl Words {
    fn new(list: &[String], regexp: bool) -> Result<Words, StartError> {
        list.iter().map(|text| Word::new(text, regexp)).collect::<Result<_, _>>().map(Words)
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn any(&self, text: &str) -> bool {
        self.0.iter().any(|word| word.fits(text))
    }

    /// An empty list asks for nothing.
    fn allow(&self, text: &str) -> bool {
        self.is_empty() || self.any(text)
    }
}

/// What an attribute's value must be.
enum Wanted {
    Any,
    Text(Word),
    Int(i64),
    Double(f64),
    Bool(bool),
}

impl Wanted {
    fn new(value: Option<&AttributeValue>, regexp: bool) -> Result<Wanted, StartError> {
        Ok(match value {
            None => Wanted::Any,
            Some(AttributeValue::String(text)) => Wanted::Text(Word::new(text, regexp)?),
            Some(AttributeValue::Int(digits)) => {
                let int = digits.parse().map_err(|_| StartError::new(format!("\"{digits}\" is no 64-bit integer")))?;
                Wanted::Int(int)
            }
            Some(AttributeValue::Double(double)) => Wanted::Double(*double),
            Some(AttributeValue::Bool(bool)) => Wanted::Bool(*bool),
        })
    }

    fn fits(&self, value: &Value<'_>) -> bool {
        match (self, value) {
            (Wanted::Any, _) => true,
            (Wanted::Text(word), Value::Text(text)) => word.fits(&text.lossy()),
            (Wanted::Text(word @ Word::Pattern(_)), value) => word.fits(&value.to_text()),
            (Wanted::Int(wanted), Value::Int(int)) => wanted == int,
            (Wanted::Double(wanted), Value::Double(double)) => wanted == double,
            (Wanted::Bool(wanted), Value::Bool(bool)) => wanted == bool,
            _ => false,
        }
    }
}

fn all_present(wanted: &[(String, Wanted)], attributes: &Attributes<'_>) -> bool {
    wanted.iter().all(|(key, wanted)| attributes.get(key).is_some_and(|value| wanted.fits(&value)))
}

/// The Collector's words for span kinds.
fn span_kind(kind: i32) -> &'static str {
    match kind {
        1 => "SPAN_KIND_INTERNAL",
        2 => "SPAN_KIND_SERVER",
        3 => "SPAN_KIND_CLIENT",
        4 => "SPAN_KIND_PRODUCER",
        5 => "SPAN_KIND_CONSUMER",
        _ => "SPAN_KIND_UNSPECIFIED",
    }
}
