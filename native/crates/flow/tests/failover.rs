//! Failover: which level a request goes to, when it returns, and that nothing is lost on the way. Time is tokio's,
//! paused.

#![allow(clippy::unwrap_used, reason = "test code: a broken promise ends the test")]

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use teleferric_buf::Ledger;
use teleferric_flow::{
    Consumer, Failover, FailoverShared, Fault, FaultCode, GrpcCode, Handles, Outcome, Parcel, Retry, Stage,
};
use teleferric_testkit::{Answer, RecordingConsumer, asked, request, verify_stage};
use teleferric_wire::Signal;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);
const INTERVAL: Duration = Duration::from_secs(600);

fn away() -> Outcome {
    Outcome::Refused(Fault::new(FaultCode::DownstreamTemporary, "away"))
}

struct Rig {
    stage: Rc<Failover>,
    levels: Vec<Rc<RecordingConsumer>>,
    ledger: Arc<Ledger>,
    handles: Handles,
}

fn rig(levels: impl IntoIterator<Item = RecordingConsumer>) -> Rig {
    let handles = Handles::detached();
    let levels: Vec<_> = levels.into_iter().map(Rc::new).collect();
    let shared = FailoverShared::new("failover", Signal::Logs, INTERVAL, handles.clone());
    let next = levels.iter().map(|level| Rc::clone(level) as Rc<dyn Consumer>).collect();
    Rig { stage: Failover::new(&shared, next), levels, ledger: Ledger::new(1 << 20), handles }
}

impl Rig {
    /// What becomes of a request, and the level in use after it.
    async fn send(&self) -> (Option<Outcome>, f64) {
        let answer = self.start(None);
        sleep(SECOND / 100).await;
        assert_eq!(self.ledger.used(), 0, "memory kept");
        (answer.get(), self.level())
    }

    fn start(&self, deadline: Option<Instant>) -> Answer {
        let bytes = request(Signal::Logs, 0, 1);
        let permit = self.ledger.try_reserve(bytes.len() as u64).unwrap();
        let (reply, answer) = asked();
        let parcel = Parcel { deadline, ..Parcel::new(Signal::Logs, bytes, 1, permit, reply) };
        self.stage.consume(parcel);
        answer
    }

    fn level(&self) -> f64 {
        let labels = [("connector", "failover"), ("data_type", "logs")];
        self.handles.metrics.value("teleferric_failover_level", &labels).unwrap()
    }

    fn counts(&self) -> Vec<usize> {
        self.levels.iter().map(|level| level.sizes().len()).collect()
    }
}

async fn locally(work: impl Future<Output = ()>) {
    LocalSet::new().run_until(work).await;
}

#[tokio::test(start_paused = true)]
async fn keeps_the_promises_of_a_stage() {
    verify_stage(|bench| {
        let shared = FailoverShared::new("failover", bench.signal, INTERVAL, bench.handles.clone());
        let levels = [0, 1].map(|_| Rc::new(RecordingConsumer::answering(bench.destination.clone())));
        let stage = Failover::new(&shared, levels.iter().map(|level| Rc::clone(level) as Rc<dyn Consumer>).collect());
        let takes = bench.destination.is_taken();
        let delivered = move || if takes { levels.iter().map(|level| level.items()).sum() } else { 0 };
        (stage as Rc<dyn Stage>, Rc::new(delivered) as Rc<dyn Fn() -> u64>)
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_goes_to_the_next_level_and_those_after_it_go_there_at_once() {
    let rig =
        rig([RecordingConsumer::answering(away()), RecordingConsumer::accepting(), RecordingConsumer::accepting()]);
    locally(async {
        assert_eq!(rig.send().await, (Some(Outcome::Accepted), 1.0));
        assert_eq!(rig.send().await, (Some(Outcome::Accepted), 1.0));
        assert_eq!(rig.counts(), [1, 2, 0]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn one_request_each_interval_tries_the_better_levels() {
    let first = RecordingConsumer::accepting().script([away(), away()]);
    let rig = rig([first, RecordingConsumer::accepting()]);
    locally(async {
        rig.send().await;
        sleep(INTERVAL - SECOND).await;
        rig.send().await;
        assert_eq!(rig.counts(), [1, 2], "it is too early");
        sleep(SECOND).await;
        assert_eq!(rig.send().await, (Some(Outcome::Accepted), 1.0));
        assert_eq!(rig.counts(), [2, 3], "tried, refused, and taken by the level in use");
        rig.send().await;
        assert_eq!(rig.counts(), [2, 4]);
        sleep(INTERVAL).await;
        assert_eq!(rig.send().await, (Some(Outcome::Accepted), 0.0));
        rig.send().await;
        assert_eq!(rig.counts(), [4, 4]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_request_is_refused_only_when_every_level_refuses_it() {
    let permanent = Outcome::Refused(Fault::new(FaultCode::DownstreamPermanent, "never"));
    let first = RecordingConsumer::accepting().script([away(), away()]);
    let second = RecordingConsumer::answering(permanent);
    let rig = rig([first, second]);
    locally(async {
        // One that may pass is told, though the last was for good.
        assert_eq!(rig.send().await, (Some(away()), 1.0));
        assert_eq!(rig.send().await, (Some(away()), 1.0));
        assert_eq!(rig.send().await, (Some(Outcome::Accepted), 0.0), "the better level is back before its time");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_bad_itself_moves_nobody_else() {
    let fault = || Fault::new(FaultCode::DownstreamPermanent, "bad").with_status(GrpcCode::InvalidArgument);
    let bad = || Outcome::Refused(fault().with_retry(Retry::Never));
    let rig = rig([0, 1].map(|_| RecordingConsumer::accepting().script([bad()])));
    locally(async {
        assert_eq!(rig.send().await, (Some(bad()), 0.0));
        assert_eq!(rig.send().await, (Some(Outcome::Accepted), 0.0));
        assert_eq!(rig.counts(), [2, 1]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_sender_whose_time_is_over_waits_for_no_other_level() {
    let rig = rig([RecordingConsumer::keeping(), RecordingConsumer::accepting()]);
    locally(async {
        let answer = rig.start(Instant::now().checked_add(SECOND));
        sleep(2 * SECOND).await;
        assert!(rig.levels[0].release(away()));
        sleep(SECOND).await;
        assert_eq!((answer.get(), rig.counts()), (Some(away()), vec![1, 0]));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_until_another_level_has_what_was_refused() {
    let rig = rig([RecordingConsumer::keeping(), RecordingConsumer::accepting()]);
    locally(async {
        let answer = rig.start(None);
        sleep(SECOND).await;
        let release = async {
            sleep(SECOND).await;
            rig.levels[0].release(away());
        };
        let start = Instant::now();
        tokio::join!(rig.stage.drain(None), release);
        assert_eq!((answer.get(), start.elapsed()), (Some(Outcome::Accepted), SECOND));
    })
    .await;
}
