//! Senders that go away or run out of time while their request is still theirs: nothing more is done for them. Time is
//! tokio's, paused.

#![allow(clippy::unwrap_used, reason = "test code: a broken promise ends the test")]

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use teleferric_buf::Ledger;
use teleferric_flow::{
    BudgetSettings, Consumer, Delivery, DeliverySettings, DeliveryShared, Fanout, Fault, FaultCode, GrpcCode, Handles,
    Order, Outcome, Parcel, QueueSettings, Reply, RetrySettings, Sizer, Spread,
};
use teleferric_testkit::exporter::Step;
use teleferric_testkit::{ScriptedExporter, request};
use teleferric_wire::Signal;
use tokio::sync::oneshot;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

struct Rig {
    delivery: Rc<Delivery>,
    exporter: Rc<ScriptedExporter>,
    handles: Handles,
    ledger: Arc<Ledger>,
}

/// Attempts take up to 20 s.
fn rig(queue: Option<QueueSettings>, exporter: ScriptedExporter) -> Rig {
    let retry = RetrySettings {
        initial_interval: 5 * SECOND,
        max_interval: 30 * SECOND,
        multiplier: 1.5,
        randomization_factor: 0.0,
        max_elapsed_time: 300 * SECOND,
        jitter: Spread::Collector,
        max_hint: 300 * SECOND,
        budget: BudgetSettings { ratio: 0.2, min_concurrent: 3 },
    };
    let settings = DeliverySettings { queue, batch: None, retry: Some(retry), timeout: 20 * SECOND, storage: None };
    let handles = Handles { detailed: false, ..Handles::detached() };
    let shared = DeliveryShared::new("otlp/x", Signal::Logs, &[], settings, None, None, handles.clone());
    let exporter = Rc::new(exporter);
    let delivery = Rc::new(Delivery::new(&shared, exporter.clone()));
    Rig { delivery, exporter, handles, ledger: Ledger::new(1 << 20) }
}

/// One send at a time, one place, and senders that wait for the result.
fn waiting(queue_size: u64) -> Option<QueueSettings> {
    Some(QueueSettings {
        queue_size,
        sizer: Sizer::Requests,
        block_on_overflow: true,
        wait_for_result: true,
        num_consumers: 1,
        queue_share: 1.0,
        order: Order::Fifo,
        priorities: None,
    })
}

impl Rig {
    /// What a sender holds while it waits.
    fn send_to(&self, consumer: &dyn Consumer, items: u64, deadline: Option<Duration>) -> oneshot::Receiver<Outcome> {
        let bytes = request(Signal::Logs, 0, items);
        let permit = self.ledger.try_reserve(bytes.len() as u64).unwrap();
        let (caller, answer) = oneshot::channel();
        let mut parcel = Parcel::new(Signal::Logs, bytes, items, permit, Reply::to_caller(caller));
        parcel.deadline = deadline.map(|time| Instant::now() + time);
        consumer.consume(parcel);
        answer
    }

    fn send(&self, items: u64) -> oneshot::Receiver<Outcome> {
        self.send_to(&*self.delivery, items, None)
    }

    fn failed(&self) -> f64 {
        let labels = [("exporter", "otlp/x"), ("data_type", "logs")];
        let name = "otelcol_exporter_send_failed_log_records";
        self.handles.metrics.value(name, &labels).or(self.handles.metrics.value(name, &labels[..1])).unwrap_or(0.0)
    }

    fn holds_nothing(&self) -> bool {
        self.ledger.used() == 0 && self.delivery.held_items() == 0
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_ends_when_its_sender_goes_away() {
    let rig = rig(None, ScriptedExporter::accepting().slow(10 * SECOND));
    LocalSet::new()
        .run_until(async {
            let (gone, stays) = (rig.send(1), rig.send(2));
            sleep(SECOND).await;
            drop(gone);
            sleep(SECOND / 100).await;
            assert_eq!((rig.delivery.held_items(), rig.failed()), (2, 1.0));
            assert_eq!(stays.await, Ok(Outcome::Accepted));
            sleep(60 * SECOND).await;
        })
        .await;
    assert_eq!((rig.exporter.sizes(), rig.exporter.delivered()), (vec![1, 2], 2));
    assert!(rig.holds_nothing());
}

#[tokio::test(start_paused = true)]
async fn no_attempt_is_made_for_a_sender_who_left_between_two() {
    let away = Outcome::Refused(Fault::new(FaultCode::DownstreamTemporary, "away"));
    let rig = rig(None, ScriptedExporter::accepting().script([Step::Answer(Duration::ZERO, away)]));
    LocalSet::new()
        .run_until(async {
            let gone = rig.send(1);
            sleep(SECOND).await;
            drop(gone);
            sleep(SECOND / 100).await;
            assert!(rig.holds_nothing(), "not only when the next attempt is due");
            sleep(60 * SECOND).await;
        })
        .await;
    assert_eq!((rig.exporter.sizes(), rig.failed()), (vec![1], 1.0));
}

#[tokio::test(start_paused = true)]
async fn requests_whose_sender_left_or_ran_out_of_time_in_line_are_not_sent() {
    let rig = rig(waiting(10), ScriptedExporter::accepting().slow(10 * SECOND));
    LocalSet::new()
        .run_until(async {
            let (first, gone) = (rig.send(1), rig.send(2));
            let late = rig.send_to(&*rig.delivery, 3, Some(SECOND));
            let last = rig.send(4);
            sleep(SECOND).await;
            drop(gone);
            assert_eq!((first.await, last.await), (Ok(Outcome::Accepted), Ok(Outcome::Accepted)));
            let Ok(Outcome::Refused(fault)) = late.await else { panic!("sent after its deadline") };
            assert_eq!(fault.grpc_status(), GrpcCode::DeadlineExceeded);
        })
        .await;
    assert_eq!((rig.exporter.sizes(), rig.failed()), (vec![1, 4], 5.0));
    assert!(rig.holds_nothing());
}

#[tokio::test(start_paused = true)]
async fn who_leaves_while_waiting_for_room_takes_none() {
    let rig = rig(waiting(1), ScriptedExporter::accepting().slow(10 * SECOND));
    LocalSet::new()
        .run_until(async {
            let (first, gone, last) = (rig.send(1), rig.send(2), rig.send(3));
            sleep(SECOND).await;
            drop(gone);
            assert_eq!((first.await, last.await), (Ok(Outcome::Accepted), Ok(Outcome::Accepted)));
        })
        .await;
    assert_eq!(rig.exporter.sizes(), [1, 3]);
    assert!(rig.holds_nothing());
}

#[tokio::test(start_paused = true)]
async fn branches_of_a_fan_out_stop_before_their_next_attempt() {
    let away = || Outcome::Refused(Fault::new(FaultCode::DownstreamTemporary, "away"));
    let [one, other] = [(), ()].map(|()| rig(None, ScriptedExporter::answering(away())));
    let fanout = Fanout::new(vec![one.delivery.clone(), other.delivery.clone()]);
    LocalSet::new()
        .run_until(async {
            let gone = one.send_to(&fanout, 1, None);
            sleep(SECOND).await;
            drop(gone);
            sleep(60 * SECOND).await;
        })
        .await;
    assert_eq!((one.exporter.sizes(), other.exporter.sizes()), (vec![1], vec![1]));
    assert!(one.holds_nothing());
}
