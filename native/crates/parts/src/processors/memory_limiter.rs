//! Processor `memory_limiter`: refuses, as retryable, what arrives while memory is above the soft limit.
//!
//! Memory here is the byte ledger: exact, and asked on every request, so `check_interval` and the garbage collection
//! keys of the Collector have nothing left to do; they are checked by the control plane and end there.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use teleferric_buf::Ledger;
use teleferric_buf::metrics::{Counter, Desc, Kind};
use teleferric_flow::{Consumer, Fault, FaultCode, Parcel, Processor, Retry, Stage};
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
    let soft_limit_bytes = config.limit_bytes.saturating_sub(config.spike_limit_bytes);
    Ok(Box::new(MemoryLimiterPart {
        id: component.id.to_owned(),
        signal,
        soft_limit_bytes,
        shared: Arc::clone(shared),
    }))
}

struct MemoryLimiterPart {
    id: String,
    signal: Signal,
    soft_limit_bytes: u64,
    shared: Arc<Shared>,
}

impl StagePart for MemoryLimiterPart {
    fn stage(&self, next: Rc<dyn Consumer>) -> Rc<dyn Stage> {
        let labels = [("processor", self.id.as_str())];
        let counter = |table: &'static [Desc; Signal::ALL.len()]| {
            table.get(self.signal.index()).map(|desc| self.shared.metrics.counter(desc, &labels))
        };
        let limiter = MemoryLimiter {
            soft_limit_bytes: self.soft_limit_bytes,
            ledger: Arc::clone(&self.shared.ledger),
            accepted: counter(&ACCEPTED),
            refused: counter(&REFUSED),
        };
        Inline::stage(limiter, next)
    }
}

struct MemoryLimiter {
    soft_limit_bytes: u64,
    ledger: Arc<Ledger>,
    accepted: Option<Counter>,
    refused: Option<Counter>,
}

impl Processor for MemoryLimiter {
    fn process(&self, parcel: Parcel, next: &dyn Consumer) {
        let over = self.ledger.used() >= self.soft_limit_bytes;
        if let Some(counter) = if over { &self.refused } else { &self.accepted } {
            counter.add(parcel.items);
        }
        if over {
            let fault = Fault::new(FaultCode::MemoryPressure, "data refused due to high memory usage");
            parcel.reply.refuse(fault.with_retry(Retry::After(RETRY_AFTER)));
        } else {
            next.consume(parcel);
        }
    }
}

/// What refused senders are told to wait.
const RETRY_AFTER: Duration = Duration::from_secs(1);

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
