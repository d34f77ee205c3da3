//! Receiver `nop`: takes nothing in. No settings.

use std::sync::Arc;

use serde::Deserialize;

use crate::component::{Listening, Outputs, ReceiverPart, Shared, StartError};
use crate::listeners::Listeners;
use crate::registry::Configured;

/// No settings.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NopConfig {}

/// Builds the receiver.
pub fn build(component: Configured<'_>, _shared: &Arc<Shared>) -> Result<Box<dyn ReceiverPart>, StartError> {
    component.settings::<NopConfig>()?;
    Ok(Box::new(Nop))
}

struct Nop;

impl ReceiverPart for Nop {
    fn start(&self, _outputs: Outputs, _listeners: &mut Listeners) -> Result<Vec<Listening>, StartError> {
        Ok(Vec::new())
    }
}
