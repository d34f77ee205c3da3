//! Replies whose outcome a test can ask for.

use std::sync::{Arc, Mutex};

use teleferric_flow::{Fault, Outcome, Reply};

/// Where the outcome of one reply arrives.
#[derive(Clone, Debug, Default)]
pub struct Answer(Arc<Mutex<Option<Outcome>>>);

/// A reply and where its outcome can be asked for.
pub fn asked() -> (Reply, Answer) {
    let answer = Answer::default();
    let slot = Arc::clone(&answer.0);
    let reply = Reply::to(move |outcome| {
        let before = slot.lock().unwrap().replace(outcome);
        assert!(before.is_none(), "answered twice");
    });
    (reply, answer)
}

impl Answer {
    /// The outcome, if it is known.
    pub fn get(&self) -> Option<Outcome> {
        self.0.lock().unwrap().clone()
    }

    /// Whether the request was taken, in whole or in part.
    pub fn is_taken(&self) -> bool {
        self.get().is_some_and(|outcome| outcome.is_taken())
    }

    /// The refusal.
    ///
    /// # Panics
    /// If there is no answer yet, or it is none.
    pub fn fault(&self) -> Fault {
        match self.get() {
            Some(Outcome::Refused(fault)) => fault,
            other => panic!("expected a refusal, got {other:?}"),
        }
    }
}
