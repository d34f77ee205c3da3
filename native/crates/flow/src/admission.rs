//! Whether a request may come in: the byte ledger seen with a memory limiter's two limits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use teleferric_buf::{Exhausted, Ledger, Permit};

use crate::fault::{Fault, FaultCode, Retry};

/// What a sender is told to wait before it tries again, where nothing better is known.
pub const RETRY_HINT: Duration = Duration::from_secs(1);

/// A retryable refusal of ours, with the hint strict clients need to retry at all.
pub fn busy(code: FaultCode, message: &'static str) -> Fault {
    Fault::new(code, message).with_retry(Retry::After(RETRY_HINT))
}

/// The door of one receiver or memory limiter.
///
/// The ledger refuses at its hard limit by itself. Above the soft limit, the hard limit less the spike, the door
/// refuses everything; below, it takes requests again. Exact accounts take the place of the Collector's polling.
#[derive(Clone, Debug)]
pub struct Admission {
    ledger: Arc<Ledger>,
    limits: Arc<Limits>,
}

#[derive(Debug)]
struct Limits {
    soft_bytes: AtomicU64,
    refused: AtomicU64,
}

impl Admission {
    /// A door that refuses only when the ledger is spent.
    pub fn new(ledger: Arc<Ledger>) -> Self {
        Admission::with_soft_limit(ledger, u64::MAX)
    }

    /// A door that refuses from `limit_bytes - spike_bytes` held bytes on. Clones share the limit.
    pub fn limited(ledger: Arc<Ledger>, limit_bytes: u64, spike_bytes: u64) -> Self {
        Admission::with_soft_limit(ledger, limit_bytes.saturating_sub(spike_bytes))
    }

    fn with_soft_limit(ledger: Arc<Ledger>, soft_bytes: u64) -> Self {
        let limits = Limits { soft_bytes: AtomicU64::new(soft_bytes), refused: AtomicU64::new(0) };
        Admission { ledger, limits: Arc::new(limits) }
    }

    /// Whether requests are taken at the moment.
    ///
    /// # Errors
    /// The retryable refusal `data refused due to high memory usage`.
    pub fn check(&self) -> Result<(), Fault> {
        if self.ledger.used() < self.limits.soft_bytes.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.limits.refused.fetch_add(1, Ordering::Relaxed);
        Err(memory_pressure())
    }

    /// Reserves `bytes` for a request.
    ///
    /// # Errors
    /// The same refusal as [`Admission::check`], above the soft limit or when the ledger is spent.
    pub fn reserve(&self, bytes: u64) -> Result<Permit, Fault> {
        self.check()?;
        self.ledger.try_reserve(bytes).map_err(Fault::from)
    }

    /// Replaces the limits, on reload.
    pub fn set_limit(&self, limit_bytes: u64, spike_bytes: u64) {
        self.limits.soft_bytes.store(limit_bytes.saturating_sub(spike_bytes), Ordering::Relaxed);
    }

    /// Refusals by the soft limit; the ledger counts its own.
    pub fn refused(&self) -> u64 {
        self.limits.refused.load(Ordering::Relaxed)
    }

    /// The ledger behind the door.
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }
}

impl From<Exhausted> for Fault {
    fn from(_: Exhausted) -> Self {
        memory_pressure()
    }
}

fn memory_pressure() -> Fault {
    busy(FaultCode::MemoryPressure, "data refused due to high memory usage")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_at_the_soft_limit_and_recovers_by_itself() {
        let ledger = Ledger::new(100);
        let door = Admission::limited(Arc::clone(&ledger), 80, 20);
        let held = door.reserve(60).unwrap();
        let fault = door.reserve(1).unwrap_err();
        assert_eq!((fault.code, fault.retry), (FaultCode::MemoryPressure, Retry::After(RETRY_HINT)));
        assert_eq!((fault.to_string().as_str(), door.refused()), ("data refused due to high memory usage", 1));
        drop(held);
        assert!(door.reserve(1).is_ok());
    }

    #[test]
    fn refuses_what_the_ledger_cannot_hold_below_the_soft_limit() {
        let door = Admission::new(Ledger::new(10));
        assert_eq!(door.reserve(11).unwrap_err().code, FaultCode::MemoryPressure);
        assert!(door.check().is_ok());
    }
}
