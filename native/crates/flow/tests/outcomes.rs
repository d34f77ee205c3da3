//! What becomes of a request by the answer that it gets: tried again, kept, halved or given up. Time is tokio's, paused.

#![allow(clippy::unwrap_used, reason = "test code: a broken promise ends the test")]

use std::rc::Rc;
use std::time::Duration;

use teleferric_buf::Ledger;
use teleferric_flow::{
    BatchSettings, BudgetSettings, Consumer, Delivery, DeliverySettings, DeliveryShared, DropReason, Fault, FaultCode,
    GrpcCode, Handles, Order, Outcome, Parcel, Partitioning, QueueBatchSettings, QueueSettings, RetrySettings, Sizer,
    Spread, Stage,
};
use teleferric_testkit::exporter::Step;
use teleferric_testkit::{Answer, Balance, ScriptedExporter, asked, request};
use teleferric_wire::Signal;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

fn queue() -> QueueSettings {
    QueueSettings {
        queue_size: 1000,
        sizer: Sizer::Requests,
        block_on_overflow: false,
        wait_for_result: false,
        num_consumers: 2,
        order: Order::Fifo,
        queue_share: 0.5,
        priorities: None,
    }
}

fn retry() -> RetrySettings {
    RetrySettings {
        initial_interval: 5 * SECOND,
        max_interval: 30 * SECOND,
        multiplier: 1.5,
        randomization_factor: 0.0,
        max_elapsed_time: 300 * SECOND,
        jitter: Spread::Collector,
        max_hint: 300 * SECOND,
        budget: BudgetSettings { ratio: 0.2, min_concurrent: 3 },
    }
}

fn settings(queue: Option<QueueSettings>) -> DeliverySettings {
    DeliverySettings { queue, batch: None, retry: Some(retry()), timeout: 5 * SECOND, storage: None }
}

struct Rig {
    delivery: Delivery,
    exporter: Rc<ScriptedExporter>,
    handles: Handles,
    balance: Balance,
}

fn rig(settings: DeliverySettings, exporter: ScriptedExporter) -> Rig {
    let handles = Handles::detached();
    let shared = DeliveryShared::new("otlp", Signal::Logs, &[], settings, None, None, handles.clone());
    let exporter = Rc::new(exporter);
    Rig { delivery: Delivery::new(&shared, exporter.clone()), exporter, handles, balance: Balance::default() }
}

impl Rig {
    fn send(&self, items: u64) -> Answer {
        let (reply, answer) = asked();
        self.balance.note(items, &answer);
        let permit = Ledger::new(1 << 20).try_reserve(1).unwrap();
        self.delivery.consume(Parcel::new(Signal::Logs, request(Signal::Logs, 0, items), items, permit, reply));
        answer
    }

    fn auth_failed(&self) -> Option<f64> {
        self.handles.metrics.value("teleferric_auth_failed", &[("exporter", "otlp"), ("data_type", "logs")])
    }

    /// Seconds from `start` to each attempt.
    fn attempts(&self, start: Instant) -> Vec<u64> {
        self.exporter.attempts().iter().map(|attempt| (attempt.at - start).as_secs()).collect()
    }

    async fn finish(self) {
        self.delivery.drain(None).await;
        self.balance.check(self.exporter.delivered(), 0, &self.handles.account);
    }
}

fn refused(code: GrpcCode) -> Outcome {
    Outcome::Refused(Fault::new(FaultCode::DownstreamPermanent, "no").with_status(code))
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_empty_no_queue_and_are_tried_one_request_in_a_while() {
    LocalSet::new()
        .run_until(async {
            let start = Instant::now();
            let expired = move |_: &Parcel| match Instant::now() - start {
                elapsed if elapsed < 100 * SECOND => refused(GrpcCode::Unauthenticated),
                _ => Outcome::Accepted,
            };
            let rig = rig(settings(Some(queue())), ScriptedExporter::judging(expired));
            for items in 1..=8 {
                assert!(rig.send(items).is_taken());
            }
            sleep(SECOND).await;
            assert_eq!(rig.auth_failed(), Some(1.0));
            sleep(200 * SECOND).await;
            assert_eq!(rig.exporter.delivered(), 36);
            let attempts = rig.attempts(start);
            // Both consumers find out, then one of them looks each half minute; the rest follows at once.
            assert_eq!(attempts[..2], [0, 0]);
            assert_eq!(attempts.iter().filter(|at| (1..100).contains(*at)).count(), 3, "{attempts:?}");
            assert!(attempts.windows(2).skip(1).take(3).all(|pair| pair[1] - pair[0] >= 30), "{attempts:?}");
            assert_eq!(rig.auth_failed(), Some(0.0));
            assert_eq!(DropReason::ALL.map(|reason| rig.handles.account.dropped(reason)), [0; 8]);
            rig.finish().await;
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_age_out_and_who_waits_is_told_at_once() {
    LocalSet::new()
        .run_until(async {
            let queued = rig(settings(Some(queue())), ScriptedExporter::answering(refused(GrpcCode::Unauthenticated)));
            assert!(queued.send(7).is_taken());
            // The last attempt may be made when time is up.
            sleep(301 * SECOND).await;
            assert_eq!(queued.handles.account.dropped(DropReason::Expired), 7);
            // Each half minute, and a little more.
            assert!((9..=10).contains(&queued.exporter.attempts().len()));
            queued.finish().await;

            let direct = rig(settings(None), ScriptedExporter::answering(refused(GrpcCode::Unauthenticated)));
            let answer = direct.send(7);
            sleep(SECOND / 10).await;
            assert_eq!(answer.fault().status, Some(GrpcCode::Unauthenticated));
            assert_eq!(direct.exporter.attempts().len(), 1);
            direct.finish().await;
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn one_request_that_is_forbidden_holds_up_no_other() {
    LocalSet::new()
        .run_until(async {
            let choosy = |parcel: &Parcel| match parcel.items {
                3 => refused(GrpcCode::PermissionDenied),
                _ => Outcome::Accepted,
            };
            let rig = rig(settings(Some(queue())), ScriptedExporter::judging(choosy));
            for items in 1..=6 {
                rig.send(items);
            }
            sleep(SECOND).await;
            assert_eq!(rig.exporter.delivered(), 1 + 2 + 4 + 5 + 6);
            sleep(300 * SECOND).await;
            assert_eq!(rig.handles.account.dropped(DropReason::Expired), 3);
            rig.finish().await;
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn exhausted_without_a_hint_is_tried_ten_times_again() {
    LocalSet::new()
        .run_until(async {
            let exhausted = refused(GrpcCode::ResourceExhausted);
            let patient = Some(RetrySettings { max_elapsed_time: Duration::ZERO, ..retry() });
            let patient = || DeliverySettings { retry: patient.clone(), ..settings(Some(queue())) };
            let rig_of = |script: usize| {
                let steps = (0..script).map(|_| Step::Answer(Duration::ZERO, exhausted.clone()));
                rig(patient(), ScriptedExporter::accepting().script(steps))
            };
            for (refusals, delivered) in [(10, 5), (11, 0)] {
                let rig = rig_of(refusals);
                rig.send(5);
                sleep(1000 * SECOND).await;
                assert_eq!((rig.exporter.attempts().len(), rig.exporter.delivered()), (11, delivered));
                assert_eq!(rig.handles.account.dropped(DropReason::Permanent), 5 - delivered);
                rig.finish().await;
            }
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_merged_batch_that_may_be_too_large_is_halved_after_a_wait() {
    LocalSet::new()
        .run_until(async {
            let start = Instant::now();
            let small = |parcel: &Parcel| match parcel.items {
                ..=20 => Outcome::Accepted,
                _ => refused(GrpcCode::ResourceExhausted),
            };
            let batch = BatchSettings { sizer: Sizer::Items, min_size: 80, max_size: 0, flush_timeout: SECOND };
            let batch = Some(QueueBatchSettings { batch, partitioning: Partitioning::new::<&str>([]) });
            let rig = rig(DeliverySettings { batch, ..settings(Some(queue())) }, ScriptedExporter::judging(small));
            (0..8).for_each(|_| drop(rig.send(10)));
            sleep(60 * SECOND).await;
            assert_eq!(rig.exporter.sizes(), [80, 40, 20, 20, 40, 20, 20]);
            assert_eq!(rig.attempts(start), [0, 5, 10, 10, 10, 15, 15]);
            rig.finish().await;
        })
        .await;
}

/// A destination that is away for ten minutes while requests come, each by itself and each waited for in the end.
#[tokio::test(start_paused = true)]
async fn a_destination_that_is_away_sees_little_more_than_what_is_offered_and_comes_back() {
    const AWAY: Duration = Duration::from_secs(600);
    const OFFERED: u64 = 300;
    LocalSet::new()
        .run_until(async {
            let start = Instant::now();
            let away = move |_: &Parcel| match Instant::now() - start {
                elapsed if elapsed < AWAY => Outcome::Refused(Fault::new(FaultCode::DownstreamTemporary, "away")),
                _ => Outcome::Accepted,
            };
            let for_ever = Some(RetrySettings { max_elapsed_time: Duration::ZERO, ..retry() });
            let rig = rig(DeliverySettings { retry: for_ever, ..settings(None) }, ScriptedExporter::judging(away));
            let mut answers = Vec::new();
            for _ in 0..OFFERED {
                answers.push(rig.send(1));
                sleep(AWAY / OFFERED as u32).await;
            }
            let attempts = rig.exporter.attempts().len() as u64;
            // Three are tried again in any case, each at least every five seconds.
            let probes = 3 * AWAY.as_secs() / 5;
            assert!((OFFERED..=OFFERED * 12 / 10 + probes).contains(&attempts), "{attempts}");
            while answers.iter().any(|answer| answer.get().is_none()) {
                assert!(Instant::now() - start < 3 * AWAY, "does not come back");
                answers.push(rig.send(1));
                sleep(SECOND).await;
            }
            // What was offered is delivered, by one attempt each from then on.
            assert_eq!(rig.exporter.delivered(), answers.len() as u64);
            assert_eq!(rig.exporter.attempts().len() as u64 - attempts, answers.len() as u64);
            rig.finish().await;
        })
        .await;
}
