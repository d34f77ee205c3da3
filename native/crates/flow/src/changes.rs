//! Waiting until something is as it should be. `native/crates/models` runs this file under loom.

use std::pin::pin;

use super::Notify;

/// Tells whoever waits that what they wait for may have come.
#[derive(Debug, Default)]
pub(crate) struct Changes(Notify);

impl Changes {
    pub(crate) fn new() -> Self {
        Changes(Notify::new())
    }

    /// To be called after a change.
    pub(crate) fn tell(&self) {
        self.0.notify_waiters();
    }

    /// Ends when `holds` is true, which is asked now and after every change. Cancel safe.
    pub(crate) async fn until(&self, holds: impl Fn() -> bool) {
        loop {
            // Before it is asked, so that no change passes between the answer and the wait.
            let mut changed = pin!(self.0.notified());
            changed.as_mut().enable();
            if holds() {
                return;
            }
            changed.await;
        }
    }
}
