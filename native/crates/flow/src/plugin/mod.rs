//! Work on batches that is done outside of the data plane, by threads of the host: where batches wait for it, and the
//! stage and the exporter that hand them over and go on with the answer. What the host's threads are is not known here.

mod exporter;
mod port;
mod stage;

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;

use crate::fault::{Fault, FaultCode, Retry};
use crate::log::seconds;

pub use exporter::{PluginExporter, PluginExporterShared};
pub use port::{BATCHES_WAITING_MAX, PluginBatch, PluginPort, PluginPorts, PluginSeat};
pub use stage::{OnError, PluginProcessor, PluginProcessorShared};

/// What became of a batch outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PluginAnswer {
    /// It is well as it is.
    Unchanged,
    /// Another request takes its place, which was checked as one that came from a socket.
    Edited {
        /// The request.
        request: Bytes,
        /// Spans, data points, log records or samples in it.
        items: u64,
    },
    /// Nothing of it is left.
    Dropped,
    /// The work failed.
    Failed(PluginFailure),
}

/// Why the work on a batch failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginFailure {
    /// What kind of failure it is.
    pub reason: FailureReason,
    /// What the plugin said, for people.
    pub message: String,
    /// Where in the plugin, if that is known.
    pub stack: Option<String>,
    /// Whether the same batch may be tried again.
    pub retry: Retry,
}

/// Kinds of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureReason {
    /// The plugin said so, by throwing.
    Thrown,
    /// It answered with what is no request.
    Malformed,
    /// It did not answer in time.
    Timeout,
    /// The thread that worked on it has ended.
    WorkerExit,
}

impl FailureReason {
    /// All of them.
    pub const ALL: [FailureReason; 4] =
        [FailureReason::Thrown, FailureReason::Malformed, FailureReason::Timeout, FailureReason::WorkerExit];

    /// The metric label.
    pub fn label(self) -> &'static str {
        match self {
            FailureReason::Thrown => "thrown",
            FailureReason::Malformed => "malformed",
            FailureReason::Timeout => "timeout",
            FailureReason::WorkerExit => "worker_exit",
        }
    }
}

impl PluginAnswer {
    /// The thread that was to answer is gone.
    fn lost() -> Self {
        PluginAnswer::Failed(PluginFailure::new(FailureReason::WorkerExit, "the worker has ended"))
    }
}

impl PluginFailure {
    /// The time for a batch is over.
    fn late(timeout: Duration) -> Self {
        PluginFailure::new(FailureReason::Timeout, format!("no answer within {}", seconds(timeout)))
    }

    /// A failure that may pass.
    pub(crate) fn new(reason: FailureReason, message: impl Into<String>) -> Self {
        PluginFailure { reason, message: message.into(), stack: None, retry: Retry::Backoff }
    }

    /// What a sender is told.
    pub(crate) fn fault(&self) -> Fault {
        let message: Cow<'static, str> = format!("plugin failed: {}", self.message).into();
        Fault::new(FaultCode::PluginFailed, message).with_retry(self.retry)
    }
}
