//! How much a request matters while not all can be taken or sent: its class, and the rules that say so.

use smallvec::SmallVec;
use teleferric_wire::Signal;
use teleferric_wire::view::{Attributes, Record, Request, ResourceEntry};

use crate::payload::Payload;

/// How much a request matters: 0 is refused last and sent first, 3 the other way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Class(u8);

impl Class {
    /// Every class, the most important first.
    pub const ALL: [Class; 4] = [Class(0), Class(1), Class(2), Class(3)];

    /// The class with this number, if there is one.
    pub fn new(number: u8) -> Option<Class> {
        Class::ALL.into_iter().find(|class| class.0 == number)
    }

    /// The number.
    pub fn number(self) -> u8 {
        self.0
    }
}

/// Gives a class to what it fits. What is left empty fits everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriorityRule {
    /// What is given.
    pub class: Class,
    /// Signals.
    pub signals: Vec<Signal>,
    /// The least severity of a record, 1 to 24. A span with an error counts as 17, any other record that states none
    /// as 9.
    pub severity: i32,
    /// Attributes that the resource has.
    pub resource_attributes: Vec<(Box<str>, Box<str>)>,
}

/// The rules in their order: the first that fits decides, then the defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Priorities(Vec<PriorityRule>);

impl Priorities {
    /// These rules, in front of the defaults.
    pub fn new(rules: Vec<PriorityRule>) -> Self {
        Priorities(rules)
    }

    /// The best and the worst class that a request of `signal` can have.
    pub fn range(&self, signal: Signal) -> (Class, Class) {
        let (mut best, mut worst) = (Class(3), Class(0));
        let mut widen = |class: Class| (best, worst) = (best.min(class), worst.max(class));
        for rule in self.0.iter().filter(|rule| rule.is_for(signal)) {
            widen(rule.class);
            if rule.severity <= LEAST && rule.resource_attributes.is_empty() {
                return (best, worst);
            }
        }
        let severities: &[i32] = match signal {
            Signal::Traces => &[INFO, ERROR],
            Signal::Logs => &[LEAST, INFO, ERROR],
            Signal::Metrics | Signal::Profiles => &[INFO],
        };
        severities.iter().for_each(|severity| widen(default_class(signal, *severity)));
        (best, worst)
    }

    /// The class of a request: that of its most important record. Reads no further than it must.
    pub fn class(&self, signal: Signal, payload: &Payload) -> Class {
        let (best, mut found) = self.range(signal);
        for chunk in payload.chunks() {
            for resource in Request::new(signal, chunk).resources() {
                found = found.min(self.class_of(signal, &resource, best));
                if found == best {
                    return found;
                }
            }
        }
        found
    }

    /// The class of the most important record under a resource, or any that is as good as `best`.
    fn class_of(&self, signal: Signal, resource: &ResourceEntry<'_>, best: Class) -> Class {
        let attributes = resource.attributes();
        let rules: SmallVec<[&PriorityRule; 4]> =
            self.0.iter().filter(|rule| rule.is_for(signal) && rule.fits(&attributes)).collect();
        let class = |severity: i32| {
            let rule = rules.iter().find(|rule| severity >= rule.severity);
            rule.map_or_else(|| default_class(signal, severity), |rule| rule.class)
        };
        let mut found = Class(3);
        for record in resource.scopes().flat_map(|scope| scope.records()) {
            found = found.min(class(severity(&record)));
            // Points and samples have no severity, so one of them speaks for all.
            if found <= best || matches!(signal, Signal::Metrics | Signal::Profiles) {
                break;
            }
        }
        found
    }
}

impl PriorityRule {
    fn is_for(&self, signal: Signal) -> bool {
        self.signals.is_empty() || self.signals.contains(&signal)
    }

    fn fits(&self, resource: &Attributes<'_>) -> bool {
        let has =
            |(key, wanted): &(Box<str>, Box<str>)| resource.get(key).is_some_and(|value| *value.to_text() == **wanted);
        self.resource_attributes.iter().all(has)
    }
}

/// Severity numbers of the log data model.
const LEAST: i32 = 1;
const INFO: i32 = 9;
const ERROR: i32 = 17;

/// `STATUS_CODE_ERROR` of spans.
const STATUS_ERROR: i32 = 2;

fn severity(record: &Record<'_>) -> i32 {
    match record {
        Record::Span(span) if span.status_code() == STATUS_ERROR => ERROR,
        Record::Log(log) if log.severity_number() >= LEAST => log.severity_number(),
        _ => INFO,
    }
}

/// Metrics and errors matter most, debugging least.
fn default_class(signal: Signal, severity: i32) -> Class {
    match severity {
        _ if signal == Signal::Metrics => Class(1),
        ERROR.. => Class(1),
        INFO.. => Class(2),
        _ => Class(3),
    }
}

#[cfg(test)]
mod tests;
