//! The account of a reader: items that were ever there for it, and what became of those that left. What was there is what
//! is there and what left, at each checkpoint and, as what came later is counted anew, after each crash.

/// What became of items that left a queue. The places are on disk: new ones come last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum End {
    /// The destination has them.
    Delivered,
    /// Whoever waited for them was told that they were refused.
    Refused,
    /// They were refused for good and are dead letters.
    DeadLettered,
    /// They were refused for good and dropped.
    Permanent,
    /// They could not be delivered in time.
    Expired,
    /// The destination took their request but not them.
    Rejected,
    /// A stop did not leave them time.
    Shutdown,
    /// Another queue behind this one had no room.
    QueueFull,
    /// They made room for newer dead letters.
    DeadLetterFull,
    /// They could not be read back.
    Damaged,
    /// They were lost by a bug.
    Abandoned,
    /// They are another queue's, as a reload put that in the place of this one.
    HandedOver,
    /// Somebody gave them up by hand.
    Purged,
    /// They are back in the queue they were refused from.
    Replayed,
}

impl End {
    /// All of them, in the order of their places.
    pub const ALL: [End; 14] = [
        End::Delivered,
        End::Refused,
        End::DeadLettered,
        End::Permanent,
        End::Expired,
        End::Rejected,
        End::Shutdown,
        End::QueueFull,
        End::DeadLetterFull,
        End::Damaged,
        End::Abandoned,
        End::HandedOver,
        End::Purged,
        End::Replayed,
    ];

    /// What it is called on the metrics page and by the command line.
    pub fn label(self) -> &'static str {
        match self {
            End::Delivered => "delivered",
            End::Refused => "refused",
            End::DeadLettered => "dead_lettered",
            End::Permanent => "permanent",
            End::Expired => "expired",
            End::Rejected => "rejected",
            End::Shutdown => "shutdown",
            End::QueueFull => "queue_full",
            End::DeadLetterFull => "dead_letter_full",
            End::Damaged => "damaged",
            End::Abandoned => "abandoned",
            End::HandedOver => "handed_over",
            End::Purged => "purged",
            End::Replayed => "replayed",
        }
    }
}

/// Items since the queue was begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Items ever put in.
    pub enqueued: u64,
    left: [u64; End::ALL.len()],
}

impl Totals {
    /// The totals of which only is known what is there.
    pub(crate) fn begun_with(items: u64) -> Self {
        Totals { enqueued: items, ..Totals::default() }
    }

    /// Items that left and ended so.
    pub fn left(&self, end: End) -> u64 {
        self.left.get(end as usize).copied().unwrap_or_default()
    }

    /// Items that left.
    pub fn left_in_all(&self) -> u64 {
        self.left.iter().sum()
    }

    /// Counts `items` that leave: those of `ends`, as far as there are so many, and the rest as `rest`.
    pub fn leave(&mut self, items: u64, ends: &[(End, u64)], rest: End) {
        let mut unsaid = items;
        for (end, items) in ends {
            let own = unsaid.min(*items);
            unsaid -= own;
            self.add(*end, own);
        }
        self.add(rest, unsaid);
    }

    /// What became of `items` that had left as `before`, as far as there are so many: they end as `ends` and `rest` say.
    pub(crate) fn leave_otherwise(&mut self, items: u64, before: End, ends: &[(End, u64)], rest: End) {
        let items = items.min(self.left(before));
        if let Some(place) = self.left.get_mut(before as usize) {
            *place -= items;
        }
        self.leave(items, ends, rest);
    }

    fn add(&mut self, end: End, items: u64) {
        if let Some(place) = self.left.get_mut(end as usize) {
            *place = place.saturating_add(items);
        }
    }

    /// The numbers as they are written down.
    pub(crate) fn numbers(&self) -> &[u64] {
        &self.left
    }

    /// What was written down; a version before knew fewer ends, a later one may know more, which count as lost.
    pub(crate) fn of_numbers(enqueued: u64, numbers: &[u64]) -> Self {
        let mut totals = Totals::begun_with(enqueued);
        for (place, number) in numbers.iter().enumerate() {
            totals.add(End::ALL.get(place).copied().unwrap_or(End::Abandoned), *number);
        }
        totals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_is_at_its_place_and_has_a_name_of_its_own() {
        let labels: std::collections::HashSet<_> = End::ALL.map(End::label).into_iter().collect();
        assert_eq!(labels.len(), End::ALL.len());
        assert!(End::ALL.into_iter().enumerate().all(|(place, end)| end as usize == place));
    }

    #[test]
    fn no_more_leaves_than_there_was_and_the_rest_has_an_end_too() {
        let mut totals = Totals::begun_with(10);
        totals.leave(7, &[(End::Rejected, 2), (End::DeadLettered, 4)], End::Delivered);
        totals.leave(3, &[(End::Expired, u64::MAX)], End::Delivered);
        let left = [End::Rejected, End::DeadLettered, End::Delivered, End::Expired].map(|end| totals.left(end));
        assert_eq!((left, totals.left_in_all()), ([2, 4, 1, 3], totals.enqueued));
    }
}
