//! What becomes of a request once its sender has the answer, for whoever asks later.
//!
//! A [`Follow`] goes along with the memory of the request and with the duty to answer for it, through all that splits,
//! joins and copies them; as long as there is one, the end is open. A queue on disk, which holds neither, keeps a
//! [`Kept`] instead. Whatever counts items of the request as dropped says so here too.

use std::fmt;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use smallvec::SmallVec;
use teleferric_buf::{Exhausted, Permit};
use teleferric_store::End;

/// What has become of one request so far.
pub struct Fate {
    /// Follows that are left.
    held: AtomicUsize,
    /// Queues on disk that it lies in.
    stored: AtomicUsize,
    /// Ends other than delivery that some of it has come to, by their places.
    ends: AtomicU16,
    _memory: Permit,
}

/// How far a request has come: as its worst part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FateState {
    /// Some of it is in memory.
    Pending,
    /// Some of it lies in a queue on disk, and the rest has come to its end.
    Stored,
    /// Every destination has it.
    Delivered,
    /// Every destination has it, and one rejected items of it, or of what it was sent together with.
    Partial,
    /// Some of it is a dead letter.
    DeadLettered,
    /// Some of it was dropped, by at least one exporter.
    Dropped,
}

/// Follows one request. Every clone is to be dropped before the end is known.
pub struct Follow(Arc<Fate>);

/// Those of the requests in one parcel.
pub(crate) type Follows = SmallVec<[Follow; 1]>;

/// A request in a queue on disk. A queue that is closed while it has some leaves it stored.
pub(crate) struct Kept(Weak<Fate>);

impl Fate {
    /// The fate of a request that is on its way from now on, counted in the ledger of `memory`.
    ///
    /// # Errors
    /// [`Exhausted`] if the ledger has no room for it.
    pub fn new(mut memory: Permit) -> Result<Arc<Fate>, Exhausted> {
        memory.try_grow(FATE_BYTES)?;
        let fate =
            Fate { held: AtomicUsize::new(0), stored: AtomicUsize::new(0), ends: AtomicU16::new(0), _memory: memory };
        Ok(Arc::new(fate))
    }

    /// How far it has come. It goes from in memory to stored to its end, and never back.
    pub fn state(&self) -> FateState {
        // In the order in which a request goes, or one that moves on meanwhile would be nowhere.
        if self.held.load(Ordering::Acquire) > 0 {
            return FateState::Pending;
        }
        if self.stored.load(Ordering::Acquire) > 0 {
            return FateState::Stored;
        }
        let worst = self.ends().map(|end| match end {
            End::Rejected => FateState::Partial,
            End::DeadLettered => FateState::DeadLettered,
            _ => FateState::Dropped,
        });
        worst.max_by_key(|state| *state as u8).unwrap_or(FateState::Delivered)
    }

    /// The words for what some of it has come to other than delivery.
    pub fn reasons(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.ends().map(End::label)
    }

    fn ends(&self) -> impl Iterator<Item = End> + use<> {
        let ends = self.ends.load(Ordering::Acquire);
        End::ALL.into_iter().filter(move |end| ends & bit(*end) != 0)
    }

    fn note(&self, end: End) {
        self.ends.fetch_or(bit(end), Ordering::Release);
    }
}

impl FateState {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            FateState::Pending => "pending",
            FateState::Stored => "stored",
            FateState::Delivered => "delivered",
            FateState::Partial => "partial",
            FateState::DeadLettered => "dead_lettered",
            FateState::Dropped => "dropped",
        }
    }
}

impl Follow {
    /// Follows the request with this fate.
    pub fn new(fate: &Arc<Fate>) -> Self {
        fate.held.fetch_add(1, Ordering::Relaxed);
        Follow(Arc::clone(fate))
    }

    /// Some of it has come to this end, which is not delivery.
    pub(crate) fn note(&self, end: End) {
        self.0.note(end);
    }
}

impl Clone for Follow {
    fn clone(&self) -> Self {
        Follow::new(&self.0)
    }
}

impl Drop for Follow {
    fn drop(&mut self) {
        self.0.held.fetch_sub(1, Ordering::Release);
    }
}

impl fmt::Debug for Follow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Follow").field(&self.0.state()).finish()
    }
}

impl Kept {
    /// The request is in the queue now.
    pub(crate) fn new(follow: &Follow) -> Self {
        follow.0.stored.fetch_add(1, Ordering::Relaxed);
        Kept(Arc::downgrade(&follow.0))
    }

    /// Whether somebody may still ask.
    pub(crate) fn is_wanted(&self) -> bool {
        self.0.strong_count() > 0
    }

    /// It has left the queue, and some of it to these ends.
    pub(crate) fn leave(self, ends: impl IntoIterator<Item = End>) {
        let Some(fate) = self.0.upgrade() else { return };
        ends.into_iter().for_each(|end| fate.note(end));
        fate.stored.fetch_sub(1, Ordering::Release);
    }
}

fn bit(end: End) -> u16 {
    1 << end as u16
}

const _: () = assert!(End::ALL.len() <= u16::BITS as usize);

/// What following one request takes, its place among those that a queue on disk is asked about included.
const FATE_BYTES: u64 = 320;

#[cfg(test)]
mod tests {
    use super::*;

    fn followed() -> (Arc<Fate>, Follow) {
        let fate = Fate::new(Permit::none()).unwrap();
        let follow = Follow::new(&fate);
        (fate, follow)
    }

    #[test]
    fn the_end_is_open_until_the_last_part_has_come_to_it() {
        let (fate, follow) = followed();
        let other = follow.clone();
        other.note(End::Permanent);
        drop(other);
        assert_eq!(fate.state(), FateState::Pending);
        let kept = Kept::new(&follow);
        drop(follow);
        assert_eq!(fate.state(), FateState::Stored);
        kept.leave([]);
        assert_eq!((fate.state(), fate.reasons().collect()), (FateState::Dropped, vec!["permanent"]));
    }

    #[test]
    fn the_worst_end_counts() {
        let (fate, follow) = followed();
        drop(follow);
        assert_eq!(fate.state(), FateState::Delivered);
        for (end, state) in [
            (End::Rejected, FateState::Partial),
            (End::DeadLettered, FateState::DeadLettered),
            (End::Rejected, FateState::DeadLettered),
            (End::Expired, FateState::Dropped),
        ] {
            fate.note(end);
            assert_eq!(fate.state(), state);
        }
        assert_eq!(fate.reasons().collect::<Vec<_>>(), ["dead_lettered", "expired", "rejected"]);
    }

    #[test]
    fn a_queue_knows_what_nobody_asks_about_any_more() {
        let (fate, follow) = followed();
        let kept = Kept::new(&follow);
        drop(follow);
        assert!(kept.is_wanted());
        drop(fate);
        assert!(!kept.is_wanted());
        kept.leave([End::Expired]);
    }
}
