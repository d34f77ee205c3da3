//! The configuration document as it crosses from the control plane: complete, without defaults, unknown fields
//! refused. Component settings stay as JSON until the component reads them.

mod tenants;

use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use teleferric_flow::OverloadSettings;
use teleferric_parts::component::StartError;
use teleferric_parts::settings::priorities::Priority;
use teleferric_wire::Signal;

pub use tenants::{TenantControl, TenantOverride, TenantQuota};

/// The whole document.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// What belongs to no component.
    pub service: Service,
    /// Receivers that a pipeline uses.
    pub receivers: Vec<Component>,
    /// Processors that a pipeline uses.
    pub processors: Vec<Component>,
    /// Exporters that a pipeline uses.
    pub exporters: Vec<Component>,
    /// Connectors that a pipeline uses.
    pub connectors: Vec<Component>,
}

/// What belongs to no component.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Data-plane threads; 0: one for each processor that this process may use.
    pub threads: u32,
    /// The byte budget for payloads.
    pub memory_limit_bytes: u64,
    /// Name and version told to other servers.
    pub user_agent: String,
    /// Which metrics are shown: none, basic, normal or detailed.
    pub telemetry_level: String,
    /// Time for delivering what is held at the end, nanoseconds; 0: no limit.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub drain_timeout: Duration,
    /// Limits on what senders may do.
    pub limits: ServiceLimits,
    /// What is refused while too much comes.
    pub overload: OverloadControl,
    /// Who may send how much; none: nobody is told apart.
    pub tenants: Option<TenantControl>,
    /// The pipelines.
    pub pipelines: Vec<Pipeline>,
}

/// Limits on what senders may do.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ServiceLimits {
    /// Items in one request.
    pub max_items: u64,
    /// Levels that attribute values may nest.
    pub max_depth: u32,
    /// Attributes of one record; 0: no limit.
    pub max_attributes: u32,
    /// Connections of one listener.
    pub max_connections: u32,
}

/// What is refused while too much comes.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OverloadControl {
    /// The memory for payloads that counts as all there is, bytes.
    pub memory_bytes: u64,
    /// Whether less important data is refused before all is.
    pub shed: bool,
    /// What matters more than what; the first that fits decides.
    pub priorities: Vec<Priority>,
}

/// One pipeline.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// The id as written.
    pub id: String,
    /// traces, metrics, logs or profiles.
    pub signal: String,
    /// Ids of receivers, or of connectors that end in this pipeline.
    pub receivers: Vec<String>,
    /// Ids of processors, in order.
    pub processors: Vec<String>,
    /// Ids of exporters, or of connectors that start in this pipeline.
    pub exporters: Vec<String>,
}

/// One configured component.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// The id as the user wrote it, which is also its name in metrics and logs.
    pub id: String,
    /// The canonical component type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The component's own settings.
    pub config: Value,
}

impl Pipeline {
    /// The signal, if the document names a known one.
    pub fn signal(&self) -> Option<Signal> {
        Signal::ALL.into_iter().find(|signal| signal.name() == self.signal)
    }
}

impl OverloadControl {
    /// The settings as the overload control takes them.
    ///
    /// # Errors
    /// A class or signal that there is not.
    pub fn settings(&self) -> Result<OverloadSettings, StartError> {
        let priorities = Priority::rules(&self.priorities)?;
        Ok(OverloadSettings { memory_bytes: self.memory_bytes, priorities: self.shed.then_some(priorities) })
    }
}

fn nanoseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_nanos)
}

impl Component {
    /// The component as the registry takes it.
    pub fn configured(&self) -> teleferric_parts::registry::Configured<'_> {
        teleferric_parts::registry::Configured { id: &self.id, kind: &self.kind, config: &self.config }
    }
}
