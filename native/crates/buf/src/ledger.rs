//! The byte ledger: one exact budget, reserved before memory is taken and given back by dropping a guard.

mod budget;

use std::sync::{Arc, atomic};

use budget::Budget;

/// A byte budget. Every byte in use belongs to exactly one [`Permit`], so [`used`](Ledger::used) is the sum over
/// all live permits at any moment, not an estimate.
///
/// ```
/// use teleferric_buf::Ledger;
///
/// let ledger = Ledger::new(100);
/// let permit = ledger.try_reserve(80).expect("fits");
/// let refusal = ledger.try_reserve(30).expect_err("only 20 left");
/// assert_eq!((refusal.wanted, refusal.free), (30, 20));
/// drop(permit);
/// assert_eq!(ledger.used(), 0);
/// ```
#[derive(Debug)]
pub struct Ledger(Budget);

/// The budget has no room for a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("memory budget exhausted: wanted {wanted} bytes, {free} free")]
pub struct Exhausted {
    /// Bytes asked for.
    pub wanted: u64,
    /// Bytes that were free at that moment.
    pub free: u64,
}

impl Ledger {
    /// A ledger of `limit` bytes, all free.
    pub fn new(limit: u64) -> Arc<Ledger> {
        Arc::new(Ledger(Budget::new(limit)))
    }

    /// Reserves `bytes` for the permit's lifetime. Zero bytes always succeed.
    ///
    /// # Errors
    /// [`Exhausted`] if less than `bytes` is free; the refusal is counted and nothing changes.
    pub fn try_reserve(self: &Arc<Self>, bytes: u64) -> Result<Permit, Exhausted> {
        self.take(bytes)?;
        Ok(Permit { ledger: Some(Arc::clone(self)), bytes })
    }

    /// Bytes held by permits now. Above the limit only after the limit was lowered, or after a permit of another
    /// ledger was merged in.
    pub fn used(&self) -> u64 {
        self.0.used()
    }

    /// The budget in bytes.
    pub fn limit(&self) -> u64 {
        self.0.limit()
    }

    /// Changes the budget. Permits given out stay valid; a lower limit refuses until enough of them are dropped.
    pub fn set_limit(&self, bytes: u64) {
        self.0.set_limit(bytes);
    }

    /// The most bytes ever held at once.
    pub fn peak(&self) -> u64 {
        self.0.peak()
    }

    /// Reservations and growths refused so far.
    pub fn refused(&self) -> u64 {
        self.0.refused()
    }

    /// Bytes given back so far.
    pub fn released(&self) -> u64 {
        self.0.released()
    }

    fn take(&self, bytes: u64) -> Result<(), Exhausted> {
        self.0.take(bytes).map_err(|free| Exhausted { wanted: bytes, free })
    }
}

/// Bytes reserved from a [`Ledger`]; dropping it gives them back.
#[derive(Debug, Default)]
#[must_use = "dropping a permit gives its bytes back"]
pub struct Permit {
    ledger: Option<Arc<Ledger>>,
    bytes: u64,
}

impl Permit {
    /// A permit of no ledger: it holds nothing, and growing it is free and always succeeds. For callers that
    /// account elsewhere or not at all.
    pub fn none() -> Permit {
        Permit::default()
    }

    /// A permit of the same ledger, or of none, that holds nothing yet.
    pub fn beside(&self) -> Permit {
        Permit { ledger: self.ledger.clone(), bytes: 0 }
    }

    /// Bytes held.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Reserves `more` bytes in addition.
    ///
    /// # Errors
    /// [`Exhausted`] if less than `more` is free; the permit keeps what it had.
    pub fn try_grow(&mut self, more: u64) -> Result<(), Exhausted> {
        if let Some(ledger) = &self.ledger {
            ledger.take(more)?;
            self.bytes += more;
        }
        Ok(())
    }

    /// Gives back what is above `bytes`; a permit that holds less stays as it is.
    pub fn shrink_to(&mut self, bytes: u64) {
        if let Some(ledger) = &self.ledger
            && bytes < self.bytes
        {
            ledger.0.give_back(self.bytes - bytes);
            self.bytes = bytes;
        }
    }

    /// Moves `bytes`, or all there are if that is less, into a permit of their own.
    pub fn split_off(&mut self, bytes: u64) -> Permit {
        let moved = bytes.min(self.bytes);
        self.bytes -= moved;
        Permit { ledger: self.ledger.clone(), bytes: moved }
    }

    /// Takes over the bytes of `other`. A permit of no ledger becomes one of `other`'s; bytes of a different
    /// ledger are moved to this one's account, past its limit if need be, because they are in use either way.
    pub fn merge(&mut self, mut other: Permit) {
        match (&self.ledger, &other.ledger) {
            (None, _) => std::mem::swap(self, &mut other),
            (Some(_), None) => {}
            (Some(mine), Some(theirs)) => {
                if !Arc::ptr_eq(mine, theirs) {
                    mine.0.take_over(other.bytes);
                    theirs.0.give_back(other.bytes);
                }
                self.bytes += std::mem::take(&mut other.bytes);
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(ledger) = &self.ledger
            && self.bytes > 0
        {
            ledger.0.give_back(self.bytes);
        }
    }
}

#[cfg(test)]
mod tests;
