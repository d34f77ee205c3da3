//! Leaving items out of a request: resources, scopes, records, span events and data points for which a condition holds,
//! and whatever is empty without them. What stays keeps its bytes; around a gap only lengths are rewritten.

use crate::cursor::{Fields, Occurrences, Payload};
use crate::numbers::{self, data, resource_entry, scope_entry, span};
use crate::ottl::{Condition, Context, EvalError, Scene};
use crate::signal::Signal;
use crate::splice::{Edited, Splices};
use crate::view::{Event, MetricKind, Point, Record, ResourceEntry, ScopeEntry};

/// What happens when a condition cannot be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// It does not hold, and the caller is told.
    Ignore,
    /// It does not hold.
    Silent,
    /// The request is not filtered at all.
    Propagate,
}

/// One condition.
#[derive(Debug)]
pub struct Rule {
    /// What it is about.
    pub context: Context,
    /// What is left out if it holds.
    pub condition: Condition,
    /// What happens if it cannot be asked.
    pub on_error: OnError,
}

/// Conditions for requests of one signal, any of which leaves an item out.
#[derive(Debug)]
pub struct Filter {
    signal: Signal,
    resources: Vec<Rule>,
    scopes: Vec<Rule>,
    records: Vec<Rule>,
    /// On what stands in a record: span events, data points.
    parts: Vec<Rule>,
}

/// What came of a request.
#[derive(Debug)]
pub struct Filtered<'f, 'v> {
    /// The request without what was left out; `None` if nothing was, empty if nothing is left.
    pub edited: Option<Edited<'v>>,
    /// Items that are left, as the request's items are counted.
    pub items: u64,
    /// Why a condition could not be asked, where that is to be told.
    pub error: Option<Failed<'f>>,
}

/// A condition that could not be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("condition {condition:?}: {error}")]
pub struct Failed<'f> {
    /// The condition as it was written.
    pub condition: &'f str,
    /// Why.
    pub error: EvalError,
}

impl Filter {
    /// A filter for `signal`. Rules about items of other signals never hold.
    pub fn new(signal: Signal, rules: Vec<Rule>) -> Filter {
        let mut filter = Filter { signal, resources: vec![], scopes: vec![], records: vec![], parts: vec![] };
        for rule in rules {
            match rule.context {
                Context::Resource => filter.resources.push(rule),
                Context::Scope => filter.scopes.push(rule),
                context if context.signal() != Some(signal) => {}
                Context::SpanEvent | Context::DataPoint => filter.parts.push(rule),
                _ => filter.records.push(rule),
            }
        }
        filter
    }

    /// Whether it never leaves anything out.
    pub fn is_idle(&self) -> bool {
        [&self.resources, &self.scopes, &self.records, &self.parts].iter().all(|rules| rules.is_empty())
    }

    /// Filters a checked request. Unchecked bytes are safe; what follows their first bad field is left alone.
    ///
    /// # Errors
    /// A condition could not be asked, and its errors are to be propagated.
    pub fn apply<'v>(&self, bytes: &'v [u8]) -> Result<Filtered<'_, 'v>, Failed<'_>> {
        let mut walk = Walk { filter: self, splices: Splices::new(bytes), items: 0, error: None };
        for (raw, content) in Occurrences::new(bytes, numbers::RESOURCES) {
            walk.resource(raw, content)?;
        }
        Ok(Filtered { items: walk.items, error: walk.error, edited: walk.splices.finish() })
    }
}

struct Walk<'f, 'v> {
    filter: &'f Filter,
    splices: Splices<'v>,
    /// Items kept so far.
    items: u64,
    error: Option<Failed<'f>>,
}

impl<'f, 'v> Walk<'f, 'v> {
    fn resource(&mut self, raw: &'v [u8], content: &'v [u8]) -> Result<(), Failed<'f>> {
        let resource = ResourceEntry::new(self.filter.signal, content);
        let scene = Scene::of(resource);
        if self.any(&self.filter.resources, &scene)? {
            self.splices.replace(raw, |_| ());
            return Ok(());
        }
        let open = self.splices.open(raw, content);
        let (mut kept, mut empty) = (false, true);
        for (raw, content) in Occurrences::new(content, resource_entry::SCOPES) {
            kept |= self.scope(&scene, raw, content)?;
            empty = false;
        }
        // What was empty before is none of our business.
        if kept || empty {
            self.splices.close(open)
        } else {
            self.splices.leave_out(open, raw)
        }
        Ok(())
    }

    /// Whether anything of the scope is kept.
    fn scope(&mut self, scene: &Scene<'v>, raw: &'v [u8], content: &'v [u8]) -> Result<bool, Failed<'f>> {
        let scene = scene.scope(ScopeEntry::new(self.filter.signal, content));
        if self.any(&self.filter.scopes, &scene)? {
            self.splices.replace(raw, |_| ());
            return Ok(false);
        }
        let open = self.splices.open(raw, content);
        let (mut kept, mut empty) = (false, true);
        for (raw, content) in Occurrences::new(content, scope_entry::RECORDS) {
            kept |= self.record(&scene, raw, content)?;
            empty = false;
        }
        let kept = kept || empty;
        if kept {
            self.splices.close(open)
        } else {
            self.splices.leave_out(open, raw)
        }
        Ok(kept)
    }

    /// Whether the record is kept.
    fn record(&mut self, scene: &Scene<'v>, raw: &'v [u8], content: &'v [u8]) -> Result<bool, Failed<'f>> {
        let record = Record::new(self.filter.signal, content);
        let scene = scene.record(record);
        if self.any(&self.filter.records, &scene)? {
            self.splices.replace(raw, |_| ());
            return Ok(false);
        }
        match record {
            Record::Metric(_) if !self.filter.parts.is_empty() => return self.metric(&scene, raw, content),
            Record::Span(_) if !self.filter.parts.is_empty() => self.events(&scene, raw, content)?,
            _ => {}
        }
        self.items += match record {
            Record::Span(_) | Record::Log(_) => 1,
            Record::Metric(metric) => metric.points().count() as u64,
            Record::Profile(profile) => profile.sample_count() as u64,
        };
        Ok(true)
    }

    fn events(&mut self, scene: &Scene<'v>, raw: &'v [u8], content: &'v [u8]) -> Result<(), Failed<'f>> {
        let open = self.splices.open(raw, content);
        for (raw, content) in Occurrences::new(content, span::EVENTS) {
            if self.any(&self.filter.parts, &scene.event(Event::new(content)))? {
                self.splices.replace(raw, |_| ());
            }
        }
        self.splices.close(open);
        Ok(())
    }

    /// Whether a point of the metric is kept, or there was none.
    fn metric(&mut self, scene: &Scene<'v>, raw: &'v [u8], content: &'v [u8]) -> Result<bool, Failed<'f>> {
        let metric = self.splices.open(raw, content);
        let before = self.items;
        let mut empty = true;
        for field in Fields::new(content) {
            let (Some(kind), Payload::Bytes(content)) = (MetricKind::of_field(field.number), field.payload) else {
                continue;
            };
            let open = self.splices.open(field.raw, content);
            for (raw, content) in Occurrences::new(content, data::POINTS) {
                empty = false;
                if self.any(&self.filter.parts, &scene.point(Point::new(kind, content)))? {
                    self.splices.replace(raw, |_| ());
                } else {
                    self.items += 1;
                }
            }
            self.splices.close(open);
        }
        let kept = self.items > before || empty;
        if kept {
            self.splices.close(metric)
        } else {
            self.splices.leave_out(metric, raw)
        }
        Ok(kept)
    }

    /// Whether one of `rules` holds.
    fn any(&mut self, rules: &'f [Rule], scene: &Scene<'_>) -> Result<bool, Failed<'f>> {
        for rule in rules {
            match rule.condition.holds(scene) {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(error) => {
                    let failed = Failed { condition: rule.condition.text(), error };
                    match rule.on_error {
                        OnError::Ignore => self.error = self.error.or(Some(failed)),
                        OnError::Silent => {}
                        OnError::Propagate => return Err(failed),
                    }
                }
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests;
