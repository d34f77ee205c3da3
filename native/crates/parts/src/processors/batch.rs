//! Processor `batch`: joins small requests into larger ones. It answers senders at once, as the Collector's does, so
//! what fails behind it is counted and dropped.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use teleferric_flow::{
    BatchProcessor, BatchProcessorSettings, BatchProcessorShared, BatchSettings, Consumer, Partitioning, Sizer, Stage,
};
use teleferric_wire::Signal;

use crate::component::{Shared, StagePart, StartError};
use crate::registry::Configured;
use crate::settings::nanoseconds;

/// Settings.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BatchConfig {
    /// How long a batch may wait to fill, nanoseconds; 0: not at all.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub timeout: Duration,
    /// Items at which a batch is sent; 0: every request at once.
    pub send_batch_size: u64,
    /// Items above which a batch is split; 0: never.
    pub send_batch_max_size: u64,
    /// Metadata keys, lower case, whose values tell batches apart.
    pub metadata_keys: Vec<String>,
    /// Different values allowed; 0: no limit.
    pub metadata_cardinality_limit: u64,
}

/// Builds the processor.
pub fn build(
    component: Configured<'_>,
    signal: Signal,
    shared: &Arc<Shared>,
) -> Result<Box<dyn StagePart>, StartError> {
    let config: BatchConfig = component.settings()?;
    let settings = BatchProcessorSettings {
        batch: BatchSettings {
            sizer: Sizer::Items,
            min_size: config.send_batch_size,
            max_size: config.send_batch_max_size,
            flush_timeout: config.timeout,
        },
        partitioning: Partitioning::new(&config.metadata_keys),
        cardinality_limit: usize::try_from(config.metadata_cardinality_limit).unwrap_or(usize::MAX),
    };
    let handles = shared.handles("processor", component.id, signal);
    Ok(Box::new(BatchPart(BatchProcessorShared::new(component.id, signal, settings, handles))))
}

struct BatchPart(BatchProcessorShared);

impl StagePart for BatchPart {
    fn stage(&self, next: Rc<dyn Consumer>) -> Rc<dyn Stage> {
        Rc::new(BatchProcessor::new(&self.0, next))
    }
}
