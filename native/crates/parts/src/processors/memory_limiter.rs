//! Processor `memory_limiter`: refuses, as retryable, what arrives while memory is above the soft limit.
//!
//! Memory here is the byte ledger: exact, and asked on every request, so `check_interval` and the garbage collection
//! keys of the Collector have nothing left to do; they are checked by the control plane and end there.

use std::rc::Rc;
use std::sync::Arc;

use serde::Deserialize;
use teleferric_buf::metrics::{Counter, Desc, Kind};
use teleferric_flow::{Admission, Consumer, Parcel, Processor, Stage};
use teleferric_wire::Signal;

use super::Inline;
use crate::component::{Shared, StagePart, StartError};
use crate::registry::Configured;

/// Settings, resolved to bytes.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MemoryLimiterConfig {
    /// The hard limit, bytes.
    pub limit_bytes: u64,
    /// How far below it refusals begin, bytes.
    pub spike_limit_bytes: u64,
}

/// Builds the processor.
pub fn build(
    component: Configured<'_>,
    signal: Signal,
    shared: &Arc<Shared>,
) -> Result<Box<dyn StagePart>, StartError> {
    let config: MemoryLimiterConfig = component.settings()?;
    let door = Admission::limited(Arc::clone(&shared.ledger), config.limit_bytes, config.spike_limit_bytes);
    Ok(Box::new(MemoryLimiterPart { id: component.id.to_owned(), signal, door, shared: Arc::clone(shared) }))
}

struct MemoryLimiterPart {
    id: String,
    signal: Signal,
    door: Admission,
    shared: Arc<Shared>,
}

impl StagePart for MemoryLimiterPart {
    fn stage(&self, next: Rc<dyn Consumer>) -> Rc<dyn Stage> {
        let labels = [("processor", self.id.as_str())];
        let counter = |table: &'static [Desc; Signal::ALL.len()]| {
            table.get(self.signal.index()).map(|desc| self.shared.metrics.counter(desc, &labels))
        };
        let limiter =
            MemoryLimiter { door: self.door.clone(), accepted: counter(&ACCEPTED), refused: counter(&REFUSED) };
        Inline::stage(limiter, next)
    }
}

struct MemoryLimiter {
    door: Admission,
    accepted: Option<Counter>,
    refused: Option<Counter>,
}

impl Processor for MemoryLimiter {
    fn process(&self, parcel: Parcel, next: &dyn Consumer) {
        let verdict = self.door.check();
        if let Some(counter) = if verdict.is_ok() { &self.accepted } else { &self.refused } {
            counter.add(parcel.items);
        }
        match verdict {
            Ok(()) => next.consume(parcel),
            Err(fault) => parcel.reply.refuse(fault),
        }
    }
}

static ACCEPTED: [Desc; Signal::ALL.len()] = [
    counter("otelcol_processor_memory_limiter_accepted_spans", "Number of spans accepted by the memory limiter."),
    counter(
        "otelcol_processor_memory_limiter_accepted_metric_points",
        "Number of metric points accepted by the memory limiter.",
    ),
    counter(
        "otelcol_processor_memory_limiter_accepted_log_records",
        "Number of log records accepted by the memory limiter.",
    ),
    counter(
        "otelcol_processor_memory_limiter_accepted_profile_samples",
        "Number of profile samples accepted by the memory limiter.",
    ),
];

static REFUSED: [Desc; Signal::ALL.len()] = [
    counter("otelcol_processor_memory_limiter_refused_spans", "Number of spans refused by the memory limiter."),
    counter(
        "otelcol_processor_memory_limiter_refused_metric_points",
        "Number of metric points refused by the memory limiter.",
    ),
    counter(
        "otelcol_processor_memory_limiter_refused_log_records",
        "Number of log records refused by the memory limiter.",
    ),
    counter(
        "otelcol_processor_memory_limiter_refused_profile_samples",
        "Number of profile samples refused by the memory limiter.",
    ),
];

const fn counter(name: &'static str, help: &'static str) -> Desc {
    Desc { name, help, kind: Kind::Counter, lazy: true }
}
