//! Whether a request may come in: the byte ledger seen with a memory limiter's two limits.

use std::sync::Arc;

use teleferric_buf::Ledger;

use crate::fault::{Fault, FaultCode, Retry};

/// A refusal of ours that may be tried again. When, is said where it is answered: the door knows how fast room is made.
pub fn busy(code: FaultCode, message: &'static str) -> Fault {
    Fault::new(code, message).with_retry(Retry::Backoff)
}

/// The door of a memory limiter. The ledger refuses at its hard limit by itself; from the soft limit on, the hard limit
/// less the spike, the door refuses everything, and below it takes requests again. Exact accounts take the place of the
/// Collector's polling.
#[derive(Clone, Debug)]
pub struct Admission {
    ledger: Arc<Ledger>,
    soft_bytes: u64,
}

impl Admission {
    /// A door that refuses from `limit_bytes - spike_bytes` held bytes on.
    pub fn limited(ledger: Arc<Ledger>, limit_bytes: u64, spike_bytes: u64) -> Self {
        Admission { ledger, soft_bytes: limit_bytes.saturating_sub(spike_bytes) }
    }

    /// Whether requests are taken at the moment.
    ///
    /// # Errors
    /// The retryable refusal `data refused due to high memory usage`.
    pub fn check(&self) -> Result<(), Fault> {
        if self.ledger.used() < self.soft_bytes {
            return Ok(());
        }
        Err(busy(FaultCode::MemoryPressure, "data refused due to high memory usage"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_at_the_soft_limit_and_recovers_by_itself() {
        let ledger = Ledger::new(100);
        let door = Admission::limited(Arc::clone(&ledger), 80, 20);
        assert_eq!(door.check(), Ok(()));
        let held = ledger.try_reserve(60).unwrap();
        let fault = door.check().unwrap_err();
        assert_eq!((fault.code, fault.retry), (FaultCode::MemoryPressure, Retry::Backoff));
        assert_eq!(fault.to_string(), "data refused due to high memory usage");
        drop(held);
        assert_eq!(door.check(), Ok(()));
    }
}
