//! Waiting for deadlines: one task for a moving one, instead of one per batch.

use std::cell::Cell;
use std::rc::{Rc, Weak};

use futures_util::future::pending;
use teleferric_tasks::spawn_supervised;
use tokio::time::{Instant, sleep_until};

/// Something with a deadline that comes and goes.
pub(crate) trait Timed: 'static {
    /// Whether a task is waiting.
    fn armed(&self) -> &Cell<bool>;

    /// When to fire, if at all.
    fn due(&self) -> Option<Instant>;

    /// Called when [`Timed::due`] has passed.
    fn fire(self: &Rc<Self>);
}

/// Makes sure a task waits for the deadline. It wakes once per deadline it was armed for and ends when there is none.
/// It keeps nothing alive: what is drained and dropped is gone, however long the timeout was.
pub(crate) fn arm<T: Timed>(timed: &Rc<T>) {
    if timed.armed().get() || timed.due().is_none() {
        return;
    }
    timed.armed().set(true);
    let waiter = Waiter(Rc::downgrade(timed));
    spawn_supervised("timer", async move || {
        while let Some(due) = waiter.0.upgrade().and_then(|timed| timed.due()) {
            sleep_until(due).await;
            let Some(timed) = waiter.0.upgrade() else { break };
            if timed.due().is_some_and(|due| due <= Instant::now()) {
                timed.fire();
            }
        }
    });
}

/// Lets the next task be armed when this one ends.
struct Waiter<T: Timed>(Weak<T>);

impl<T: Timed> Drop for Waiter<T> {
    fn drop(&mut self) {
        if let Some(timed) = self.0.upgrade() {
            timed.armed().set(false);
        }
    }
}

/// Ends at `deadline`, if there is one.
pub(crate) async fn passed(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}
