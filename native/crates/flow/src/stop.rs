//! How far a stage of one data-plane thread has been stopped, and waiting for that.

use std::cell::Cell;

use crate::changes::Changes;

/// The states of a stage, each stricter than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Parcels are taken.
    Running,
    /// Parcels are taken, but nothing waits for a retry any more: each request gets one attempt.
    Hurrying,
    /// As before, and no parcel is taken any more.
    Draining,
    /// The deadline passed: attempts are abandoned.
    Cut,
}

/// The state of one stage.
#[derive(Debug)]
pub(crate) struct Stop {
    level: Cell<Level>,
    changes: Changes,
}

impl Stop {
    pub(crate) fn new() -> Self {
        Stop { level: Cell::new(Level::Running), changes: Changes::new() }
    }

    pub(crate) fn is_at(&self, level: Level) -> bool {
        self.level.get() >= level
    }

    pub(crate) fn raise(&self, level: Level) {
        if level > self.level.get() {
            self.level.set(level);
            self.changes.tell();
        }
    }

    /// Ends when the stage is stopped as far as `level`. Cancel safe.
    pub(crate) async fn reached(&self, level: Level) {
        self.changes.until(|| self.is_at(level)).await;
    }
}
