//! Exporter `ts`: hands batches to workers of the host, which run a module that sends them.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use teleferric_flow::Exporter;
use teleferric_flow::plugin::{PluginExporter, PluginExporterShared};
use teleferric_wire::Signal;

use crate::component::{DestinationPart, EndpointPart, ExporterPart, Shared, StartError, on_stuck};
use crate::registry::Configured;
use crate::settings::breaker::{CircuitBreaker, breaker};
use crate::settings::delivery::{RetryOnFailure, SendingQueue, delivery};
use crate::settings::nanoseconds;

/// Settings.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TsExporterConfig {
    /// The port that the workers of the module sit at: another module or other options have another one.
    pub port: String,
    /// Longest time for one batch, nanoseconds. The module is told when it is over.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub timeout: Duration,
    /// What is done about failures.
    pub retry_on_failure: RetryOnFailure,
    /// The queue in front, if any.
    pub sending_queue: Option<SendingQueue>,
    /// When nothing is sent for a while, if that is wanted.
    pub circuit_breaker: Option<CircuitBreaker>,
}

/// How long beyond the timeout a worker may take to say that it is over, before it is taken for dead.
const GRACE: Duration = Duration::from_secs(1);

/// Builds the exporter.
pub fn build(component: Configured<'_>, signal: Signal, shared: &Arc<Shared>) -> Result<ExporterPart, StartError> {
    let config: TsExporterConfig = component.settings()?;
    let delivery = delivery(Duration::ZERO, Some(&config.retry_on_failure), config.sending_queue.as_ref())?;
    let breaker = config.circuit_breaker.as_ref().map(breaker).transpose()?;
    let plugin = Arc::new(PluginExporterShared {
        port: shared.plugins.open(&config.port),
        exporter: component.id.into(),
        signal,
        timeout: config.timeout.saturating_add(GRACE),
        limits: shared.limits,
        on_stuck: on_stuck(shared, &config.port),
    });
    let metrics = shared.metrics.clone();
    let make = Box::new(move || Ok(Rc::new(PluginExporter::new(&plugin, &metrics)) as Rc<dyn Exporter>));
    let endpoint = EndpointPart { make, address: String::new(), breaker, priority: 0, weight: 1 };
    Ok(ExporterPart { destination: DestinationPart::One(endpoint), delivery, labels: Vec::new() })
}
