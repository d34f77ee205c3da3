//! What every stage must keep, whatever it does: started and stopped any number of times, drained without loss, typed
//! refusals, and all memory given back.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use teleferric_buf::Ledger;
use teleferric_flow::{Fault, FaultCode, Handles, Outcome, Parcel, Stage};
use teleferric_wire::Signal;
use tokio::task::LocalSet;
use tokio::time::Instant;

use crate::answer::{Answer, asked};
use crate::balance::Balance;
use crate::otlp::request;

/// What a stage under test is built with, and what its destination answers.
#[derive(Clone)]
pub struct Bench {
    /// What the stage gets.
    pub handles: Handles,
    /// The signal it is built for.
    pub signal: Signal,
    /// What the destination answers to everything.
    pub destination: Outcome,
    ledger: Arc<Ledger>,
    balance: Rc<Balance>,
}

/// A stage, and how many items its destination kept.
pub type Built = (Rc<dyn Stage>, Rc<dyn Fn() -> u64>);

impl Bench {
    fn new(signal: Signal, destination: Outcome) -> Self {
        let ledger = Ledger::new(1 << 30);
        Bench { handles: Handles::detached(), signal, destination, ledger, balance: Rc::default() }
    }

    fn parcel(&self, first: u64, items: u64) -> (Parcel, Answer) {
        let bytes = request(self.signal, first, items);
        let permit = self.ledger.try_reserve(bytes.len() as u64).unwrap();
        let (reply, answer) = asked();
        self.balance.note(items, &answer);
        (Parcel::new(self.signal, bytes, items, permit, reply), answer)
    }
}

/// Puts stages made by `build` through their promises, for every signal and with a destination that takes
/// everything, refuses for good, and refuses for now. Must be called with tokio's clock paused.
///
/// # Panics
/// If a promise is broken.
pub async fn verify_stage(build: impl Fn(&Bench) -> Built) {
    let refusals = [FaultCode::DownstreamPermanent, FaultCode::DownstreamTemporary];
    let refusals = refusals.map(|code| Outcome::Refused(Fault::new(code, "as scripted")));
    for signal in Signal::ALL {
        for destination in [&Outcome::Accepted, &refusals[0], &refusals[1]] {
            let bench = Bench::new(signal, destination.clone());
            LocalSet::new().run_until(verify(&bench, &build)).await;
        }
    }
}

async fn verify(bench: &Bench, build: &impl Fn(&Bench) -> Built) {
    for _ in 0..2 {
        let (stage, _) = build(bench);
        stage.drain(None).await;
        stage.drain(Some(Instant::now())).await;
    }
    let (stage, delivered) = build(bench);
    for number in 0..20 {
        let (parcel, _) = bench.parcel(number * 100, 1 + number * 5);
        stage.consume(parcel);
        tokio::task::yield_now().await;
    }
    stage.drain(Some(Instant::now() + Duration::from_secs(3600))).await;
    assert_eq!(bench.balance.unanswered(), 0, "unanswered after the drain");
    bench.balance.check(delivered(), 0, &bench.handles.account);
    let (late, answer) = bench.parcel(0, 1);
    stage.consume(late);
    let fault = answer.fault();
    assert_eq!((fault.code, fault.is_permanent()), (FaultCode::Draining, false), "refusal after the drain");
    drop(stage);
    assert_eq!(bench.ledger.used(), 0, "memory kept after the drain");
}
