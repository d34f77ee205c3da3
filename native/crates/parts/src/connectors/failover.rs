//! Connector `failover`: hands requests to the best of several levels of pipelines that takes them.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use teleferric_flow::{Consumer, Failover, FailoverShared, Stage};
use teleferric_wire::Signal;

use crate::component::{ConnectorPart, LevelsPart, Shared, StartError};
use crate::registry::Configured;
use crate::settings::nanoseconds;

/// Settings.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FailoverConfig {
    /// Ids of the pipelines of each level, the best level first.
    pub priority_levels: Vec<Vec<String>>,
    /// From one try of the better levels to the next, nanoseconds.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub retry_interval: Duration,
}

/// Builds the connector.
pub fn build(component: Configured<'_>, signal: Signal, shared: &Arc<Shared>) -> Result<ConnectorPart, StartError> {
    let FailoverConfig { priority_levels, retry_interval } = component.settings()?;
    let handles = shared.handles("connector", component.id, signal);
    let state = FailoverShared::new(component.id, signal, retry_interval, handles);
    Ok(ConnectorPart::Levels(priority_levels, Box::new(FailoverPart(state))))
}

struct FailoverPart(FailoverShared);

impl LevelsPart for FailoverPart {
    fn stage(&self, levels: Vec<Rc<dyn Consumer>>) -> Rc<dyn Stage> {
        Failover::new(&self.0, levels)
    }
}
