//! What every stage gets from the engine beside its configuration.

use std::sync::Arc;

use teleferric_buf::Pool;
use teleferric_buf::metrics::Metrics;

use crate::account::Account;
use crate::log::Log;

/// Handles to what all stages of the process share. Cheap to clone.
#[derive(Clone)]
pub struct Handles {
    /// Where the stage logs, with its component's fields bound.
    pub log: Log,
    /// Where its numbers go.
    pub metrics: Metrics,
    /// Whether the metrics of telemetry level `detailed` are wanted.
    pub detailed: bool,
    /// Where items that end here are counted.
    pub account: Arc<Account>,
    /// Where its buffers come from.
    pub pool: Pool,
}

impl Handles {
    /// Handles that lead nowhere: no log, an own registry, account and pool.
    pub fn detached() -> Self {
        Handles {
            log: Log::none(),
            metrics: Metrics::new(),
            detailed: true,
            account: Arc::default(),
            pool: Pool::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Admission, BatchProcessorShared, DeliveryShared, Handles, Log, Parcel};

    #[test]
    fn what_threads_share_or_pass_on_may_cross_between_them() {
        fn shared<T: Send + Sync>() {}
        fn passed<T: Send>() {}
        shared::<(Handles, Log, Admission)>();
        shared::<(DeliveryShared, BatchProcessorShared)>();
        passed::<Parcel>();
    }
}
