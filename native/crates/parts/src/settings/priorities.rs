//! `service.priorities`: for overload control, and for queues that send by them.

use serde::Deserialize;
use teleferric_flow::{Class, Priorities, PriorityRule};

use crate::component::StartError;

/// Gives a class to what it fits.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Priority {
    /// 0, refused last, to 3, refused first.
    pub class: u8,
    /// Signals; none: all.
    pub signals: Vec<String>,
    /// Least severity number of a record, 1 to 24.
    pub severity: i32,
    /// Attributes that the resource has.
    pub resource_attributes: Vec<(String, String)>,
}

impl Priority {
    /// The rules as overload control and queues take them.
    ///
    /// # Errors
    /// A class or signal that there is not.
    pub fn rules(rules: &[Priority]) -> Result<Priorities, StartError> {
        Ok(Priorities::new(rules.iter().map(Priority::rule).collect::<Result<_, _>>()?))
    }

    fn rule(&self) -> Result<PriorityRule, StartError> {
        let unknown = |what: &str| StartError::new(format!("service::priorities: {what}"));
        let signal = |name: &String| name.parse().map_err(|_| unknown(&format!("unknown signal \"{name}\"")));
        let attribute = |(key, value): &(String, String)| (key.as_str().into(), value.as_str().into());
        Ok(PriorityRule {
            class: Class::new(self.class).ok_or_else(|| unknown(&format!("unknown class {}", self.class)))?,
            signals: self.signals.iter().map(signal).collect::<Result<_, _>>()?,
            severity: self.severity,
            resource_attributes: self.resource_attributes.iter().map(attribute).collect(),
        })
    }
}
