//! An exporter whose sending is done outside.

use std::sync::Arc;
use std::time::Duration;

use teleferric_wire::{Limits, Signal};
use tokio::time::{Instant, timeout};

use super::port::PluginPort;
use super::{FailureReason, PluginAnswer, PluginFailure};
use crate::admission::busy;
use crate::contract::{Exporter, LocalFuture};
use crate::fault::{Fault, FaultCode};
use crate::metrics::PluginMetrics;
use crate::parcel::Parcel;
use crate::reply::Outcome;

/// What an exporter's parts on all threads share.
pub struct PluginExporterShared {
    /// Where batches wait.
    pub port: Arc<PluginPort>,
    /// The exporter's id.
    pub exporter: Box<str>,
    /// What it sends.
    pub signal: Signal,
    /// Longest time for one batch, from when it is fetched; a worker that is slower than that is taken for dead.
    pub timeout: Duration,
    /// What a request may contain.
    pub limits: Limits,
    /// Told the seat that has not answered in time.
    pub on_stuck: Box<dyn Fn(u64) + Send + Sync>,
}

/// One thread's part of an exporter.
pub struct PluginExporter {
    shared: Arc<PluginExporterShared>,
    metrics: PluginMetrics,
}

impl PluginExporter {
    /// This thread's part.
    pub fn new(shared: &Arc<PluginExporterShared>, metrics: &teleferric_buf::metrics::Metrics) -> Self {
        let metrics = PluginMetrics::new(metrics, "exporter", &shared.exporter, shared.signal);
        PluginExporter { shared: Arc::clone(shared), metrics }
    }

    async fn answer(&self, parcel: &Parcel) -> Result<PluginAnswer, Fault> {
        let PluginExporterShared { port, limits, .. } = &*self.shared;
        let full = || busy(FaultCode::QueueFull, "no worker of the plugin is free");
        let mut ticket = port.push(parcel, *limits).ok_or_else(full)?;
        let Ok(seat) = (&mut ticket.fetched).await else { return Ok(PluginAnswer::lost()) };
        let fetched_at = Instant::now();
        let answer = timeout(self.shared.timeout, &mut ticket.answer).await;
        self.metrics.took(fetched_at.elapsed().as_secs_f64());
        Ok(match answer {
            Ok(answer) => answer.unwrap_or_else(|_| PluginAnswer::lost()),
            Err(_) => {
                port.vacate(seat, "the worker did not answer in time");
                (self.shared.on_stuck)(seat);
                PluginAnswer::Failed(PluginFailure::late(self.shared.timeout))
            }
        })
    }
}

impl Exporter for PluginExporter {
    fn send<'a>(&'a self, parcel: &'a Parcel) -> LocalFuture<'a, Outcome> {
        Box::pin(async move {
            let _in_flight = InFlight::new(&self.metrics);
            match self.answer(parcel).await {
                Ok(PluginAnswer::Failed(failure)) => {
                    self.metrics.failed(failure.reason);
                    Outcome::Refused(failure.as_answer_of_destination())
                }
                Ok(_) => {
                    self.metrics.done();
                    Outcome::Accepted
                }
                Err(fault) => Outcome::Refused(fault),
            }
        })
    }
}

/// A batch that is counted as in flight until this is dropped.
struct InFlight<'a>(&'a PluginMetrics);

impl<'a> InFlight<'a> {
    fn new(metrics: &'a PluginMetrics) -> Self {
        metrics.came();
        InFlight(metrics)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.left();
    }
}

impl PluginFailure {
    /// What the queue in front is told: the destination is away, or has refused for good.
    fn as_answer_of_destination(&self) -> Fault {
        let permanent = self.retry == crate::fault::Retry::Never || self.reason == FailureReason::Malformed;
        let code = if permanent { FaultCode::DownstreamPermanent } else { FaultCode::DownstreamTemporary };
        Fault::new(code, self.message.clone()).with_retry(self.retry)
    }
}
