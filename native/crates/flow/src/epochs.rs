//! What is held now, told apart from what comes later: a flush waits for the former and not for the latter.
//!
//! Two counts do: what comes is counted in that of the present epoch, and a new one begins only when nothing is left of
//! the one before the last.

use std::cell::Cell;

use crate::changes::Changes;

/// Things of one thread, by the epoch they came in.
#[derive(Debug, Default)]
pub(crate) struct Epochs {
    /// Epochs that have begun before the present one.
    present: Cell<u64>,
    held: [Cell<usize>; 2],
    /// Told whenever nothing is left of an epoch.
    emptied: Changes,
}

/// When something came: which of the two counts has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Epoch(bool);

impl Epoch {
    fn of(count: u64) -> Self {
        Epoch(count % 2 == 1)
    }
}

impl Epochs {
    /// Counts one thing that came.
    pub(crate) fn enter(&self) -> Epoch {
        let epoch = Epoch::of(self.present.get());
        let held = self.held(epoch);
        held.set(held.get() + 1);
        epoch
    }

    /// Counts it out.
    pub(crate) fn leave(&self, epoch: Epoch) {
        let held = self.held(epoch);
        held.set(held.get().saturating_sub(1));
        if held.get() == 0 {
            self.emptied.tell();
        }
    }

    /// How many are held.
    pub(crate) fn count(&self) -> usize {
        self.held.iter().map(Cell::get).sum()
    }

    /// Ends when none is held. Cancel safe.
    pub(crate) async fn emptied(&self) {
        self.emptied.until(|| self.count() == 0).await;
    }

    /// Ends when all are gone that are held now. Cancel safe.
    pub(crate) async fn passed(&self) {
        let last = self.present.get();
        self.emptied.until(|| self.has_passed(last)).await;
    }

    /// Whether nothing is left of `last` and all before it. Begins the next epoch if that can be told only then.
    fn has_passed(&self, last: u64) -> bool {
        let before = self.held(Epoch::of(last + 1));
        if self.present.get() == last && before.get() == 0 {
            self.present.set(last + 1);
        }
        // A third epoch begins only when this one is over.
        self.present.get() > last + 1 || (self.present.get() > last && self.held(Epoch::of(last)).get() == 0)
    }

    fn held(&self, Epoch(odd): Epoch) -> &Cell<usize> {
        let [even_ones, odd_ones] = &self.held;
        if odd { odd_ones } else { even_ones }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn what_comes_later_is_not_waited_for() {
        let epochs = Epochs::default();
        assert_eq!(epochs.passed().now_or_never(), Some(()));
        let first = epochs.enter();
        let mut passed = pin!(epochs.passed());
        assert!(passed.as_mut().now_or_never().is_none());
        let second = epochs.enter();
        epochs.leave(first);
        assert_eq!(passed.now_or_never(), Some(()));
        assert_eq!(epochs.count(), 1);
        epochs.leave(second);
        assert_eq!(epochs.count(), 0);
    }

    #[test]
    fn those_who_ask_while_others_wait_get_what_came_between() {
        let epochs = Epochs::default();
        let first = epochs.enter();
        let mut early = pin!(epochs.passed());
        assert!(early.as_mut().now_or_never().is_none());
        let second = epochs.enter();
        let mut late = pin!(epochs.passed());
        assert!(late.as_mut().now_or_never().is_none());
        epochs.leave(first);
        assert!(late.as_mut().now_or_never().is_none(), "the second is there still");
        let third = epochs.enter();
        epochs.leave(second);
        assert_eq!(early.now_or_never(), Some(()));
        assert_eq!(late.now_or_never(), Some(()));
        epochs.leave(third);
        assert_eq!(epochs.passed().now_or_never(), Some(()));
    }
}
