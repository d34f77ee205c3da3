//! Connector `forward`: hands everything on to the pipelines behind it. No settings.

use std::rc::Rc;
use std::sync::Arc;

use serde::Deserialize;
use teleferric_flow::{Consumer, Parcel, Stage};
use teleferric_wire::Signal;

use crate::component::{ConnectorPart, Shared, StagePart, StartError};
use crate::registry::Configured;

/// No settings.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ForwardConfig {}

/// Builds the connector.
pub fn build(component: Configured<'_>, _signal: Signal, _shared: &Arc<Shared>) -> Result<ConnectorPart, StartError> {
    component.settings::<ForwardConfig>()?;
    Ok(ConnectorPart::All(Box::new(ForwardPart)))
}

struct ForwardPart;

impl StagePart for ForwardPart {
    fn stage(&self, next: Rc<dyn Consumer>) -> Rc<dyn Stage> {
        Rc::new(Forward { next })
    }
}

struct Forward {
    next: Rc<dyn Consumer>,
}

impl Consumer for Forward {
    fn consume(&self, parcel: Parcel) {
        self.next.consume(parcel);
    }
}

impl Stage for Forward {}
