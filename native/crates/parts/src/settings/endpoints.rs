//! Several endpoints of one exporter (reliability design, section 4).

use std::time::Duration;

use serde::Deserialize;
use teleferric_flow::EndpointPolicy as FlowPolicy;
use teleferric_flow::endpoints::ENDPOINTS_MAX;

use super::nanoseconds;
use crate::component::{DestinationPart, EndpointPart, StartError};

/// One of `endpoints`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Where to, written as `endpoint` is.
    pub url: String,
    /// Lower is better.
    pub priority: u32,
    /// Share among those of its priority.
    pub weight: u32,
}

/// `endpoint_policy`.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EndpointPolicy {
    /// Share of a priority that may be out before the next one takes over.
    pub max_ejected: f64,
    /// Healthy time after which a priority that was left takes over again, nanoseconds.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub failback_after: Duration,
    /// Time in which what came back gets its whole share again, nanoseconds; 0: at once.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub ramp: Duration,
}

/// The exporter's `endpoint`, if it has one, and those beside it.
pub fn joined(endpoint: Option<&str>, others: &[Endpoint]) -> Vec<Endpoint> {
    let first = endpoint.filter(|url| !url.is_empty());
    let first = first.map(|url| Endpoint { url: url.to_owned(), priority: 0, weight: 1 });
    first.into_iter().chain(others.iter().cloned()).collect()
}

/// What an exporter with these endpoints sends to.
///
/// # Errors
/// No endpoint, too many, or two with one address.
pub fn destination(mut parts: Vec<EndpointPart>, policy: &EndpointPolicy) -> Result<DestinationPart, StartError> {
    if parts.len() > ENDPOINTS_MAX {
        return Err(StartError::new(format!("endpoints: more than {ENDPOINTS_MAX}")));
    }
    for (index, part) in parts.iter().enumerate() {
        if parts.iter().take(index).any(|earlier| earlier.address == part.address) {
            return Err(StartError::new(format!("endpoints: \"{}\" is there twice", part.address)));
        }
    }
    match (parts.pop(), parts.is_empty()) {
        (None, _) => Err(StartError::new("no endpoint")),
        (Some(only), true) => Ok(DestinationPart::One(only)),
        (Some(last), false) => {
            parts.push(last);
            // Others can take what probes would put at risk.
            parts.iter_mut().filter_map(|part| part.breaker.as_mut()).for_each(|breaker| breaker.permits = 1);
            let EndpointPolicy { max_ejected, failback_after, ramp } = *policy;
            Ok(DestinationPart::Pool(parts, FlowPolicy { max_ejected, failback_after, ramp }))
        }
    }
}
