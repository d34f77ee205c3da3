//! An exporter that follows a script on tokio's clock.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::Duration;

use teleferric_flow::{Exporter, LocalFuture, Outcome, Parcel};
use tokio::time::{Instant, sleep};

use crate::consumer::Recorded;

/// What to do with one attempt.
#[derive(Clone, Debug)]
pub enum Step {
    /// Answer after a while.
    Answer(Duration, Outcome),
    /// Panic.
    Panic,
}

/// Decides by what is sent.
type Judge = Box<dyn Fn(&Parcel) -> Outcome>;

/// Follows its script one step per attempt, then answers as usual after the usual delay.
pub struct ScriptedExporter {
    script: RefCell<VecDeque<Step>>,
    usual: Judge,
    delay: Duration,
    attempts: RefCell<Vec<Recorded>>,
    delivered: Cell<u64>,
    running: Cell<usize>,
    running_max: Cell<usize>,
    closed: Cell<bool>,
}

impl ScriptedExporter {
    /// Accepts everything at once.
    pub fn accepting() -> Self {
        Self::judging(|_| Outcome::Accepted)
    }

    /// Answers everything with `usual`.
    pub fn answering(usual: Outcome) -> Self {
        Self::judging(move |_| usual.clone())
    }

    /// Answers with what `judge` says of the parcel.
    pub fn judging(judge: impl Fn(&Parcel) -> Outcome + 'static) -> Self {
        ScriptedExporter {
            script: RefCell::default(),
            usual: Box::new(judge),
            delay: Duration::ZERO,
            attempts: RefCell::default(),
            delivered: Cell::new(0),
            running: Cell::new(0),
            running_max: Cell::new(0),
            closed: Cell::new(false),
        }
    }

    /// Takes this long for every attempt outside the script.
    #[must_use]
    pub fn slow(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Follows `steps` first.
    #[must_use]
    pub fn script(self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.script.borrow_mut().extend(steps);
        self
    }

    /// Every attempt, in order, with its time.
    pub fn attempts(&self) -> Vec<Recorded> {
        self.attempts.borrow().clone()
    }

    /// Items of each attempt.
    pub fn sizes(&self) -> Vec<u64> {
        self.attempts.borrow().iter().map(|attempt| attempt.items).collect()
    }

    /// Items the destination kept.
    pub fn delivered(&self) -> u64 {
        self.delivered.get()
    }

    /// The most attempts that ran at the same time.
    pub fn running_max(&self) -> usize {
        self.running_max.get()
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.closed.get()
    }

    async fn step(&self, parcel: &Parcel) -> Outcome {
        let step = self.script.borrow_mut().pop_front();
        let (delay, outcome) = match step {
            Some(Step::Panic) => panic!("as scripted"),
            Some(Step::Answer(delay, outcome)) => (delay, outcome),
            None => (self.delay, (self.usual)(parcel)),
        };
        if !delay.is_zero() {
            sleep(delay).await;
        }
        outcome
    }
}

impl Exporter for ScriptedExporter {
    fn send<'a>(&'a self, parcel: &'a Parcel) -> LocalFuture<'a, Outcome> {
        Box::pin(async move {
            assert!(!self.closed.get(), "sent after close");
            self.attempts.borrow_mut().push(Recorded::of(parcel));
            let _running = Running::enter(self);
            let outcome = self.step(parcel).await;
            let kept = match &outcome {
                Outcome::Accepted => parcel.items,
                Outcome::Partial { rejected, .. } => parcel.items.saturating_sub(*rejected),
                Outcome::Refused(_) => 0,
            };
            self.delivered.set(self.delivered.get() + kept);
            outcome
        })
    }

    fn close(&self, _deadline: Option<Instant>) -> LocalFuture<'_, ()> {
        self.closed.set(true);
        Box::pin(async {})
    }
}

struct Running<'a>(&'a ScriptedExporter);

impl<'a> Running<'a> {
    fn enter(exporter: &'a ScriptedExporter) -> Self {
        exporter.running.set(exporter.running.get() + 1);
        exporter.running_max.set(exporter.running_max.get().max(exporter.running.get()));
        Running(exporter)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.set(self.0.running.get() - 1);
    }
}
