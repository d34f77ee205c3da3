//! What a parcel keeps alive: its bytes in the ledger and its places in queues, its own or shared with other parcels.
//!
//! Branches of a fan-out and parts of a split use the same memory. They share one permit, so the bytes are counted
//! once and given back when the last of them is dropped.

use std::fmt;
use std::sync::Arc;

use teleferric_buf::{Exhausted, Permit};
use teleferric_store::End;

use crate::account::Account;
use crate::fate::{Follow, Follows};

/// Everything that is given back when the last parcel made from a request is dropped.
#[derive(Default)]
pub struct Hold {
    own: Permit,
    shared: Vec<Shared>,
}

#[derive(Clone)]
enum Shared {
    Memory(Arc<Permit>),
    #[expect(dead_code, reason = "kept for what its drop does")]
    Guard(Arc<dyn Send + Sync>),
    Follow(Follow),
}

impl Hold {
    /// Holds nothing; growing it is free.
    pub fn none() -> Self {
        Hold::default()
    }

    /// Ledger bytes kept alive, the shared ones included in full.
    pub fn bytes(&self) -> u64 {
        self.shared.iter().fold(self.own.bytes(), |sum, shared| sum + shared.bytes())
    }

    /// Reserves `more` bytes of its own in addition.
    ///
    /// # Errors
    /// [`Exhausted`] if the ledger has less than `more` left; what was held stays held.
    pub fn try_grow(&mut self, more: u64) -> Result<(), Exhausted> {
        // What was shared has left nothing behind that knows the ledger.
        if self.own.bytes() == 0
            && let Some(shared) = self.shared.iter().find_map(Shared::permit)
        {
            self.own = shared.beside();
        }
        self.own.try_grow(more)
    }

    /// Gives back own bytes above `bytes`. Shared bytes stay: others use them.
    pub fn shrink_to(&mut self, bytes: u64) {
        self.own.shrink_to(bytes);
    }

    /// A second hold on the same memory and guards; the bytes stay counted once.
    pub fn share(&mut self) -> Hold {
        if self.own.bytes() > 0 {
            let own = std::mem::take(&mut self.own);
            self.shared.push(Shared::Memory(Arc::new(own)));
        }
        Hold { own: Permit::none(), shared: self.shared.clone() }
    }

    /// A hold with `bytes` of the own bytes, or all if there are fewer, and everything shared.
    pub fn split_off(&mut self, bytes: u64) -> Hold {
        Hold { own: self.own.split_off(bytes), shared: self.shared.clone() }
    }

    /// Takes over what `other` holds.
    pub fn merge(&mut self, other: Hold) {
        self.own.merge(other.own);
        self.shared.extend(other.shared);
    }

    /// Keeps `guard` until the last parcel made from this one is dropped.
    pub fn attach(&mut self, guard: Arc<dyn Send + Sync>) {
        self.shared.push(Shared::Guard(guard));
    }

    /// Keeps `follow` likewise, or until it is taken.
    pub fn follow(&mut self, follow: Follow) {
        self.shared.push(Shared::Follow(follow));
    }

    /// Takes all that follows the requests of this one; they are somewhere else from now on.
    pub(crate) fn take_follows(&mut self) -> Follows {
        let follows = self.follows();
        if !follows.is_empty() {
            self.shared.retain(|shared| !matches!(shared, Shared::Follow(_)));
        }
        follows
    }

    /// Where to count what is dropped of these requests: in `whole`, and where they are followed so that it is known.
    pub fn account(&self, whole: &Arc<Account>) -> Arc<Account> {
        let follows = self.follows();
        if follows.is_empty() { Arc::clone(whole) } else { Account::of_followed(follows, whole) }
    }

    /// Lets the requests of this one that are followed know that some of them have come to this end.
    pub(crate) fn note(&self, end: End) {
        self.follows().iter().for_each(|follow| follow.note(end));
    }

    fn follows(&self) -> Follows {
        let follow = |shared: &Shared| match shared {
            Shared::Follow(follow) => Some(follow.clone()),
            Shared::Memory(_) | Shared::Guard(_) => None,
        };
        self.shared.iter().filter_map(follow).collect()
    }
}

impl From<Permit> for Hold {
    fn from(own: Permit) -> Self {
        Hold { own, shared: Vec::new() }
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold").field("own", &self.own.bytes()).field("shared", &self.shared.len()).finish()
    }
}

impl Shared {
    fn permit(&self) -> Option<&Permit> {
        match self {
            Shared::Memory(permit) => Some(permit),
            Shared::Guard(_) | Shared::Follow(_) => None,
        }
    }

    fn bytes(&self) -> u64 {
        self.permit().map_or(0, Permit::bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use teleferric_buf::Ledger;

    #[test]
    fn shared_bytes_count_once_and_return_with_the_last_holder() {
        let ledger = Ledger::new(100);
        let mut first = Hold::from(ledger.try_reserve(60).unwrap());
        let second = first.share();
        assert_eq!((ledger.used(), first.bytes(), second.bytes()), (60, 60, 60));
        first.try_grow(30).unwrap();
        assert_eq!((ledger.used(), first.bytes(), second.bytes()), (90, 90, 60), "what it grows by is its own");
        assert!(first.try_grow(30).is_err());
        drop(first);
        assert_eq!(ledger.used(), 60);
        drop(second);
        assert_eq!(ledger.used(), 0);
    }

    #[test]
    fn split_holds_give_back_their_own_bytes_and_keep_guards_to_the_end() {
        let ledger = Ledger::new(100);
        let guard = Arc::new(());
        let mut hold = Hold::from(ledger.try_reserve(60).unwrap());
        hold.attach(Arc::clone(&guard) as Arc<dyn Send + Sync>);
        let part = hold.split_off(20);
        drop(hold);
        assert_eq!((ledger.used(), Arc::strong_count(&guard)), (20, 2));
        let mut merged = Hold::none();
        merged.merge(part);
        assert_eq!(ledger.used(), 20);
        drop(merged);
        assert_eq!((ledger.used(), Arc::strong_count(&guard)), (0, 1));
    }
}
