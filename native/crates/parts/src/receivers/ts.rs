//! Receiver `ts`: a worker of the host runs a module that receives, and hands over requests.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use teleferric_codec::Codec;

use super::otlp::ack::{AckConfig, Acks};
use super::otlp::ingest::{BodyRules, IntakeRules};
use crate::component::{Listening, Outputs, ReceiverPart, Shared, StartError};
use crate::listeners::Listeners;
use crate::registry::Configured;
use crate::settings::{nanoseconds, non_zero};

/// Settings.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TsReceiverConfig {
    /// When whoever emits is answered.
    pub ack: AckConfig,
    /// How long it waits for room in a queue, nanoseconds; 0: as long as it takes.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub admission_timeout: Duration,
}

/// Builds the receiver.
pub fn build(component: Configured<'_>, _shared: &Arc<Shared>) -> Result<Box<dyn ReceiverPart>, StartError> {
    let config: TsReceiverConfig = component.settings()?;
    let rules = IntakeRules {
        acks: Acks::new(&config.ack)?,
        admission_timeout: non_zero(config.admission_timeout),
        // Memory is what bounds them.
        bodies: BodyRules { codecs: Some(Codec::ALL.to_vec()), max: usize::MAX },
        dedup: None,
    };
    Ok(Box::new(TsReceiver(Arc::new(rules))))
}

/// What its worker emits comes in like what the host ingests.
struct TsReceiver(Arc<IntakeRules>);

impl ReceiverPart for TsReceiver {
    fn start(&self, _outputs: Outputs, _listeners: &mut Listeners) -> Result<Vec<Listening>, StartError> {
        Ok(Vec::new())
    }

    fn intake_rules(&self) -> Arc<IntakeRules> {
        Arc::clone(&self.0)
    }
}
