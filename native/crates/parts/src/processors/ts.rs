//! Processor `ts`: hands batches to workers of the host, which run a module, and goes on with what they answer.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use teleferric_flow::plugin::{OnError, PluginProcessor, PluginProcessorShared};
use teleferric_flow::{Consumer, Stage};
use teleferric_wire::Signal;

use super::traffic::{INCOMING, OUTGOING};
use crate::component::{Shared, StagePart, StartError, on_stuck};
use crate::registry::Configured;
use crate::settings::nanoseconds;

/// Settings.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TsProcessorConfig {
    /// The port that the workers of the module sit at: another module or other options have another one.
    pub port: String,
    /// Longest time for one batch, nanoseconds.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub timeout: Duration,
    /// What becomes of a batch on which the module fails.
    pub on_error: OnErrorWord,
}

/// `on_error`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum OnErrorWord {
    /// Its sender is refused.
    Fail,
    /// It goes on as it came.
    Pass,
    /// It ends here, and is counted.
    Drop,
}

/// Builds the processor.
pub fn build(
    component: Configured<'_>,
    signal: Signal,
    shared: &Arc<Shared>,
) -> Result<Box<dyn StagePart>, StartError> {
    let config: TsProcessorConfig = component.settings()?;
    let on_error = match config.on_error {
        OnErrorWord::Fail => OnError::Fail,
        OnErrorWord::Pass => OnError::Pass,
        OnErrorWord::Drop => OnError::Drop,
    };
    Ok(Box::new(TsPart(Arc::new(PluginProcessorShared {
        port: shared.plugins.open(&config.port),
        processor: component.id.into(),
        signal,
        timeout: config.timeout,
        on_error,
        limits: shared.limits,
        traffic: [&INCOMING, &OUTGOING],
        handles: shared.handles("processor", component.id, signal),
        on_stuck: on_stuck(shared, &config.port),
    }))))
}

struct TsPart(Arc<PluginProcessorShared>);

impl StagePart for TsPart {
    fn stage(&self, next: Rc<dyn Consumer>) -> Rc<dyn Stage> {
        Rc::new(PluginProcessor::new(&self.0, next))
    }
}
