//! The numbers of a ledger. `native/crates/models` runs this file under loom.
//!
//! All orderings are relaxed: the numbers publish no other memory, and each change is one atomic step on `used`.

use super::atomic::{AtomicU64, Ordering};

/// Bytes of a whole, taken and given back.
#[derive(Debug)]
pub(crate) struct Budget {
    used: AtomicU64,
    limit: AtomicU64,
    peak: AtomicU64,
    refused: AtomicU64,
    released: AtomicU64,
}

impl Budget {
    pub(crate) fn new(limit: u64) -> Budget {
        Budget {
            used: AtomicU64::new(0),
            limit: AtomicU64::new(limit),
            peak: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            released: AtomicU64::new(0),
        }
    }

    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    pub(crate) fn set_limit(&self, bytes: u64) {
        self.limit.store(bytes, Ordering::Relaxed);
    }

    pub(crate) fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    pub(crate) fn released(&self) -> u64 {
        self.released.load(Ordering::Relaxed)
    }

    /// Takes `bytes` if they are free.
    ///
    /// # Errors
    /// How many are free, if that is less; the refusal is counted.
    pub(crate) fn take(&self, bytes: u64) -> Result<(), u64> {
        if bytes == 0 {
            return Ok(());
        }
        let mut used = self.used.load(Ordering::Relaxed);
        loop {
            let limit = self.limit.load(Ordering::Relaxed);
            let Some(after) = used.checked_add(bytes).filter(|after| *after <= limit) else {
                self.refused.fetch_add(1, Ordering::Relaxed);
                return Err(limit.saturating_sub(used));
            };
            match self.used.compare_exchange_weak(used, after, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => {
                    self.note_peak(after);
                    return Ok(());
                }
                Err(now) => used = now,
            }
        }
    }

    /// Takes bytes that are in use either way, past the limit if need be.
    pub(crate) fn take_over(&self, bytes: u64) {
        let after = self.used.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        self.note_peak(after);
    }

    pub(crate) fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
        self.released.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Once the peak is reached a plain load is all it costs.
    fn note_peak(&self, used: u64) {
        if used > self.peak.load(Ordering::Relaxed) {
            self.peak.fetch_max(used, Ordering::Relaxed);
        }
    }
}
