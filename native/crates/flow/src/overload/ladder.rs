//! The steps of degradation: a mark that has been passed for a while makes a step, and holds it until the fill has been
//! well below for longer.

use std::time::Duration;

use tokio::time::Instant;

/// The fill, in percent, at which each level begins, from level 1 on.
pub(super) const MARKS_PERCENT: [u64; LEVELS] = [70, 85, 95, 100];

/// Levels above 0.
const LEVELS: usize = 4;

/// How long the fill must be at a mark before its level is entered.
const ENTER_AFTER: Duration = Duration::from_secs(1);

/// How far below its mark, in points, and for how long the fill must be before a level is left.
const LEAVE_BELOW_POINTS: u64 = 10;
const LEAVE_AFTER: Duration = Duration::from_secs(5);

/// Where something that fills up stands.
#[derive(Debug, Default)]
pub(super) struct Ladder([Step; LEVELS]);

/// One level's part.
#[derive(Clone, Copy, Debug, Default)]
struct Step {
    taken: bool,
    /// Since when the fill says otherwise.
    contrary_since: Option<Instant>,
}

impl Ladder {
    /// The level at `now`, when the fill is `percent`. To be called several times a second.
    pub(super) fn observe(&mut self, percent: u64, now: Instant) -> u8 {
        for (step, mark) in self.0.iter_mut().zip(MARKS_PERCENT) {
            step.observe(percent, mark, now);
        }
        let taken = self.0.iter().rposition(|step| step.taken);
        taken.map_or(0, |index| index as u8 + 1)
    }
}

impl Step {
    fn observe(&mut self, percent: u64, mark: u64, now: Instant) {
        let (contrary, patience) = if self.taken {
            (percent < mark - LEAVE_BELOW_POINTS, LEAVE_AFTER)
        } else {
            (percent >= mark, ENTER_AFTER)
        };
        if !contrary {
            self.contrary_since = None;
            return;
        }
        let since = *self.contrary_since.get_or_insert(now);
        if now.saturating_duration_since(since) >= patience {
            *self = Step { taken: !self.taken, contrary_since: None };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The level after each quarter of a second at these fills.
    fn levels(ladder: &mut Ladder, now: &mut Instant, fills: impl IntoIterator<Item = u64>) -> Vec<u8> {
        let mut step = |percent| {
            *now += Duration::from_millis(250);
            ladder.observe(percent, *now)
        };
        fills.into_iter().map(&mut step).collect()
    }

    #[test]
    fn a_level_is_entered_after_a_second_at_its_mark_and_not_by_a_burst() {
        let (mut ladder, mut now) = (Ladder::default(), Instant::now());
        assert_eq!(levels(&mut ladder, &mut now, [100, 100, 100, 69, 99, 99]), [0; 6]);
        assert_eq!(levels(&mut ladder, &mut now, [70, 70, 70]), [0, 0, 1]);
        assert_eq!(levels(&mut ladder, &mut now, [96; 6]), [1, 1, 1, 1, 3, 3]);
        assert_eq!(levels(&mut ladder, &mut now, [100; 5]), [3, 3, 3, 3, 4]);
    }

    #[test]
    fn a_level_is_left_after_five_seconds_ten_points_below_its_mark() {
        let (mut ladder, mut now) = (Ladder::default(), Instant::now());
        levels(&mut ladder, &mut now, [90; 5]);
        // Near the mark nothing changes, however long it takes.
        assert_eq!(levels(&mut ladder, &mut now, [75; 100]), [2; 100]);
        assert_eq!(levels(&mut ladder, &mut now, [74; 21]), [[2; 20].as_slice(), &[1]].concat());
        // Each level counts its own time, so what is calm goes all the way at once.
        levels(&mut ladder, &mut now, [99; 5]);
        assert_eq!(levels(&mut ladder, &mut now, [0; 21]), [[3; 20].as_slice(), &[0]].concat());
    }
}
