//! The list of components. A new one is a file, a line here, and its schema in `src/config/components/`.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use teleferric_wire::Signal;

use crate::component::{ConnectorPart, ExporterPart, ReceiverPart, Shared, StagePart, StartError};
use crate::{connectors, exporters, processors, receivers};

/// A configured component: its id, its canonical type and its settings.
#[derive(Clone, Copy, Debug)]
pub struct Configured<'a> {
    /// The id as the user wrote it.
    pub id: &'a str,
    /// The canonical type.
    pub kind: &'a str,
    /// The settings.
    pub config: &'a Value,
}

impl Configured<'_> {
    /// The settings as the component's own type.
    ///
    /// # Errors
    /// What does not fit: a missing, unknown or mistyped field.
    pub fn settings<T: DeserializeOwned>(&self) -> Result<T, StartError> {
        T::deserialize(self.config).map_err(|error| StartError::new(error.to_string()))
    }
}

type Receiver = fn(Configured<'_>, &Arc<Shared>) -> Result<Box<dyn ReceiverPart>, StartError>;
type Processor = fn(Configured<'_>, Signal, &Arc<Shared>) -> Result<Box<dyn StagePart>, StartError>;
type Exporter = fn(Configured<'_>, Signal, &Arc<Shared>) -> Result<ExporterPart, StartError>;
type Connector = fn(Configured<'_>, Signal, &Arc<Shared>) -> Result<ConnectorPart, StartError>;

/// Receivers by type.
pub const RECEIVERS: &[(&str, Receiver)] = &[
    ("generator", receivers::generator::build),
    ("nop", receivers::nop::build),
    ("otlp", receivers::otlp::build),
    ("ts", receivers::ts::build),
];

/// Processors by type.
pub const PROCESSORS: &[(&str, Processor)] = &[
    ("attributes", processors::attributes::build),
    ("batch", processors::batch::build),
    ("filter", processors::filter::build),
    ("memory_limiter", processors::memory_limiter::build),
    ("resource", processors::attributes::build_resource),
    ("ts", processors::ts::build),
];

/// Exporters by type.
pub const EXPORTERS: &[(&str, Exporter)] = &[
    ("debug", exporters::debug::build),
    ("file", exporters::file::build),
    ("load_balancing", exporters::load_balancing::build),
    ("nop", exporters::nop::build),
    ("otlp_grpc", exporters::otlp_grpc::build),
    ("otlp_http", exporters::otlp_http::build),
    ("ts", exporters::ts::build),
];

/// Connectors by type, all of which lead to the signal they came from.
pub const CONNECTORS: &[(&str, Connector)] =
    &[("failover", connectors::failover::build), ("forward", connectors::forward::build)];

/// Builds a receiver.
///
/// # Errors
/// An unknown type, or settings that the component refuses.
pub fn receiver(component: Configured<'_>, shared: &Arc<Shared>) -> Result<Box<dyn ReceiverPart>, StartError> {
    find(RECEIVERS, component.kind)?(component, shared)
}

/// Builds a processor for one pipeline of `signal`.
///
/// # Errors
/// As [`receiver`].
pub fn processor(
    component: Configured<'_>,
    signal: Signal,
    shared: &Arc<Shared>,
) -> Result<Box<dyn StagePart>, StartError> {
    find(PROCESSORS, component.kind)?(component, signal, shared)
}

/// Builds an exporter for `signal`.
///
/// # Errors
/// As [`receiver`].
pub fn exporter(component: Configured<'_>, signal: Signal, shared: &Arc<Shared>) -> Result<ExporterPart, StartError> {
    find(EXPORTERS, component.kind)?(component, signal, shared)
}

/// Builds a connector from one signal to another, or nothing if it does not lead there.
pub fn connector(
    component: Configured<'_>,
    from: Signal,
    to: Signal,
    shared: &Arc<Shared>,
) -> Option<Result<ConnectorPart, StartError>> {
    if from != to {
        return None;
    }
    Some(find(CONNECTORS, component.kind).and_then(|build| build(component, to, shared)))
}

/// The types that can be built: kind → types.
pub fn components() -> Value {
    fn types<T>(table: &[(&'static str, T)]) -> Vec<&'static str> {
        table.iter().map(|(kind, _)| *kind).collect()
    }
    json!({
        "receivers": types(RECEIVERS),
        "processors": types(PROCESSORS),
        "exporters": types(EXPORTERS),
        "connectors": types(CONNECTORS),
    })
}

fn find<T: Copy>(table: &[(&'static str, T)], kind: &str) -> Result<T, StartError> {
    let found = table.iter().find(|(name, _)| *name == kind).map(|(_, build)| *build);
    found.ok_or_else(|| {
        let known: Vec<_> = table.iter().map(|(name, _)| *name).collect();
        StartError::new(format!("unknown type: \"{kind}\" (valid values: [{}])", known.join(" ")))
    })
}
