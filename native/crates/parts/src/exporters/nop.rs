//! Exporter `nop`: takes everything and keeps nothing. No settings.

use std::rc::Rc;
use std::sync::Arc;

use serde::Deserialize;
use teleferric_flow::{Exporter, LocalFuture, Outcome, Parcel};
use teleferric_wire::Signal;

use crate::component::{ExporterPart, Shared, StartError};
use crate::registry::Configured;
use crate::settings;

/// No settings.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NopConfig {}

/// Builds the exporter.
pub fn build(component: Configured<'_>, _signal: Signal, _shared: &Arc<Shared>) -> Result<ExporterPart, StartError> {
    component.settings::<NopConfig>()?;
    let make = || Ok(Rc::new(Nop) as Rc<dyn Exporter>);
    Ok(ExporterPart::local(Box::new(make), settings::delivery::direct()))
}

struct Nop;

impl Exporter for Nop {
    fn send<'a>(&'a self, _parcel: &'a Parcel) -> LocalFuture<'a, Outcome> {
        Box::pin(std::future::ready(Outcome::Accepted))
    }
}
