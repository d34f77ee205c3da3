//! A consumer that remembers what it was given and answers as told.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;

use teleferric_flow::{Consumer, Context, LocalFuture, Outcome, Parcel, Payload, Stage};
use teleferric_wire::Signal;
use tokio::time::Instant;

/// What is left of a parcel that was answered.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Recorded {
    pub signal: Signal,
    pub payload: Payload,
    pub items: u64,
    pub deadline: Option<Instant>,
    pub context: Arc<Context>,
    pub at: Instant,
}

impl Recorded {
    pub(crate) fn of(parcel: &Parcel) -> Self {
        Recorded {
            signal: parcel.signal,
            payload: parcel.payload.clone(),
            items: parcel.items,
            deadline: parcel.deadline,
            context: Arc::clone(&parcel.context),
            at: Instant::now(),
        }
    }
}

/// Records every parcel. Answers with the scripted outcomes in turn, then with the usual one; or keeps the parcels
/// until the test lets go of them.
#[derive(Debug)]
pub struct RecordingConsumer {
    recorded: RefCell<Vec<Recorded>>,
    script: RefCell<VecDeque<Outcome>>,
    usual: Outcome,
    kept: RefCell<VecDeque<Parcel>>,
    keeps: bool,
}

impl RecordingConsumer {
    /// Accepts everything.
    pub fn accepting() -> Self {
        Self::answering(Outcome::Accepted)
    }

    /// Answers everything with `usual`.
    pub fn answering(usual: Outcome) -> Self {
        RecordingConsumer {
            recorded: RefCell::default(),
            script: RefCell::default(),
            usual,
            kept: RefCell::default(),
            keeps: false,
        }
    }

    /// Keeps parcels unanswered until [`RecordingConsumer::release`].
    pub fn keeping() -> Self {
        RecordingConsumer { keeps: true, ..Self::accepting() }
    }

    /// Answers the next parcels with these outcomes, one each.
    #[must_use]
    pub fn script(self, outcomes: impl IntoIterator<Item = Outcome>) -> Self {
        self.script.borrow_mut().extend(outcomes);
        self
    }

    /// Answers the parcel kept longest, and says whether there was one.
    pub fn release(&self, outcome: Outcome) -> bool {
        let parcel = self.kept.borrow_mut().pop_front();
        let Some(parcel) = parcel else { return false };
        parcel.reply.settle(outcome);
        true
    }

    /// Everything it was given, in order.
    pub fn recorded(&self) -> Vec<Recorded> {
        self.recorded.borrow().clone()
    }

    /// Items of each parcel it was given.
    pub fn sizes(&self) -> Vec<u64> {
        self.recorded.borrow().iter().map(|recorded| recorded.items).collect()
    }

    /// Items it was given in all.
    pub fn items(&self) -> u64 {
        self.sizes().iter().sum()
    }
}

impl Consumer for RecordingConsumer {
    fn consume(&self, parcel: Parcel) {
        self.recorded.borrow_mut().push(Recorded::of(&parcel));
        if self.keeps {
            self.kept.borrow_mut().push_back(parcel);
            return;
        }
        let outcome = self.script.borrow_mut().pop_front().unwrap_or_else(|| self.usual.clone());
        parcel.reply.settle(outcome);
    }
}

impl Stage for RecordingConsumer {
    fn drain(&self, _deadline: Option<Instant>) -> LocalFuture<'_, ()> {
        Box::pin(async { while self.release(self.usual.clone()) {} })
    }
}
