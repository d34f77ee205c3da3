//! Connector `forward`: hands everything on to the pipelines behind it. No settings.

use std::rc::Rc;
use std::sync::Arc;

use serde::Deserialize;
use teleferric_flow::{Consumer, Parcel, Stage};

use crate::component::{Shared, StagePart, StartError};
use crate::registry::Configured;

/// No settings.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ForwardConfig {}

/// Builds the connector.
pub fn build(component: Configured<'_>, _shared: &Arc<Shared>) -> Result<Box<dyn StagePart>, StartError> {
    component.settings::<ForwardConfig>()?;
    Ok(Box::new(ForwardPart))
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
