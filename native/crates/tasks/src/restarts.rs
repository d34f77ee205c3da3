//! How often a task that panics may be begun anew before it counts as failed.

use std::time::Duration;

use tokio::time::Instant;

/// Panics of one task, of the last minute.
#[derive(Debug, Default)]
pub struct Restarts {
    since: Option<Instant>,
    count: u32,
}

impl Restarts {
    /// Whether the task may go on after a panic at this time.
    pub fn allow(&mut self, now: Instant) -> bool {
        if self.since.is_none_or(|since| now.duration_since(since) >= RESTARTS_WINDOW) {
            (self.since, self.count) = (Some(now), 0);
        }
        self.count += 1;
        self.count <= RESTARTS_MAX
    }
}

/// Restarts within the window; one panic more is a failure.
const RESTARTS_MAX: u32 = 5;
const RESTARTS_WINDOW: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allows_five_a_minute() {
        let (mut restarts, start) = (Restarts::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!((0..5).all(|second| restarts.allow(at(second))));
        assert!(!restarts.allow(at(59)));
        assert!((60..65).all(|second| restarts.allow(at(second))));
        assert!(!restarts.allow(at(65)));
    }
}
