//! Whose requests leave a queue first, seen from outside. Time is tokio's, paused.

#![allow(clippy::unwrap_used, reason = "test code: a broken promise ends the test")]

use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use teleferric_flow::{
    BatchSettings, Class, Consumer, Context, Delivery, DeliverySettings, DeliveryShared, FaultCode, Handles, Hold,
    Order, Outcome, Parcel, Partitioning, QueueBatchSettings, QueueSettings, Retry, Sizer, Stage,
};
use teleferric_testkit::{Answer, ScriptedExporter, asked, request};
use teleferric_wire::{Limits, Signal, json};
use tokio::task::{LocalSet, yield_now};
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);
const NAMED: [(&str, &str); 1] = [("exporter", "otlp")];

fn queue() -> QueueSettings {
    QueueSettings {
        queue_size: 1_000,
        sizer: Sizer::Requests,
        block_on_overflow: false,
        wait_for_result: false,
        num_consumers: 1,
        order: Order::Fifo,
        queue_share: 0.5,
        priorities: None,
    }
}

struct Rig {
    delivery: Delivery,
    exporter: Rc<ScriptedExporter>,
    handles: Handles,
}

/// A destination that takes a second for each request.
fn rig(queue: QueueSettings, batch: Option<QueueBatchSettings>) -> Rig {
    let settings = DeliverySettings { queue: Some(queue), batch, retry: None, timeout: 5 * SECOND, storage: None };
    let handles = Handles::detached();
    let shared = DeliveryShared::new("otlp", Signal::Logs, &[], settings, None, None, handles.clone());
    let exporter = Rc::new(ScriptedExporter::accepting().slow(SECOND));
    Rig { delivery: Delivery::new(&shared, exporter.clone()), exporter, handles }
}

impl Rig {
    /// Sends `body`, which has so many items.
    fn send(&self, (items, body): &(u64, Bytes), context: &Context) -> Answer {
        let (reply, answer) = asked();
        let mut parcel = Parcel::new(Signal::Logs, body.clone(), *items, Hold::none(), reply);
        parcel.context = Arc::new(context.clone());
        self.delivery.consume(parcel);
        answer
    }
}

fn logs(items: u64) -> (u64, Bytes) {
    (items, request(Signal::Logs, 0, items))
}

fn peer(last: u8, port: u16) -> Context {
    Context { peer: Some(SocketAddr::from((Ipv4Addr::new(10, 0, 0, last), port))), ..Context::default() }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_floods_a_queue_does_not_hold_up_another() {
    // A request is more than half a turn, so that few of them are sent in one.
    let (flood, other) = (logs(1_000), logs(1_001));
    assert!(flood.1.len() > 32 << 10);
    let rig = rig(queue(), None);
    let account = Arc::clone(&rig.handles.account);
    teleferric_tasks::set_hook(Some(Arc::new(move |_| account.count_panic())));
    LocalSet::new()
        .run_until(async {
            for port in 0..200 {
                assert!(rig.send(&flood, &peer(1, port)).is_taken());
            }
            for port in 0..5 {
                assert!(rig.send(&other, &peer(2, port)).is_taken());
            }
            sleep(20 * SECOND).await;
            let theirs = rig.exporter.sizes().iter().filter(|items| **items == other.0).count();
            assert_eq!(theirs, 5, "{:?}", rig.exporter.sizes());
            rig.delivery.drain(None).await;
        })
        .await;
    assert_eq!(rig.exporter.delivered(), 200 * flood.0 + 5 * other.0);
    assert_eq!(rig.handles.account.panics(), 0);
}

#[tokio::test(start_paused = true)]
async fn partitions_of_a_batching_queue_take_turns() {
    let batch = BatchSettings { sizer: Sizer::Items, min_size: 1, max_size: 0, flush_timeout: SECOND };
    let batch = QueueBatchSettings { batch, partitioning: Partitioning::new(["team"]) };
    let rig = rig(queue(), Some(batch));
    let team = |name: &str| Context { metadata: vec![("team".into(), name.into())], ..Context::default() };
    LocalSet::new()
        .run_until(async {
            let (many, few) = (logs(1_000), logs(7));
            (0..100).for_each(|_| drop(rig.send(&many, &team("noisy"))));
            drop(rig.send(&few, &team("quiet")));
            sleep(5 * SECOND).await;
            assert!(rig.exporter.sizes().contains(&7), "{:?}", rig.exporter.sizes());
            rig.delivery.drain(None).await;
        })
        .await;
}

/// So many log records of a severity.
fn severe(number: i32, records: usize) -> (u64, Bytes) {
    let records = vec![format!(r#"{{"severityNumber":{number}}}"#); records];
    let text = format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{}]}}]}}]}}"#, records.join(","));
    let mut body = Vec::new();
    json::to_proto(Signal::Logs, text.as_bytes(), &Limits::default(), &mut body).unwrap();
    (records.len() as u64, body.into())
}

fn by_priority() -> QueueSettings {
    QueueSettings { priorities: Some(Arc::default()), ..queue() }
}

#[tokio::test(start_paused = true)]
async fn errors_leave_a_queue_before_what_matters_less() {
    let rig = rig(by_priority(), None);
    let (debug, info, error) = (severe(5, 1), severe(9, 2), severe(17, 3));
    LocalSet::new()
        .run_until(async {
            for body in [&debug, &info, &error] {
                (0..10).for_each(|_| drop(rig.send(body, &peer(1, 1))));
            }
            rig.delivery.drain(None).await;
        })
        .await;
    // The first found a consumer that was free.
    let expected = [&[1][..], &[3; 7], &[2], &[3; 3], &[2; 6], &[1], &[2; 3], &[1; 8]].concat();
    assert_eq!(rig.exporter.sizes(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_class_that_the_host_has_told_decides_the_turn() {
    let rig = rig(by_priority(), None);
    let told = Context { class: Class::new(0), ..peer(1, 1) };
    LocalSet::new()
        .run_until(async {
            for (body, context) in [(severe(17, 3), &peer(1, 1)), (severe(5, 1), &told)] {
                (0..5).for_each(|_| drop(rig.send(&body, context)));
            }
            rig.delivery.drain(None).await;
        })
        .await;
    // The first found a consumer that was free.
    assert_eq!(rig.exporter.sizes(), [&[3][..], &[1; 5], &[3; 4]].concat());
}

#[tokio::test(start_paused = true)]
async fn requests_of_different_classes_share_no_batch() {
    let batch = BatchSettings { sizer: Sizer::Items, min_size: 100, max_size: 0, flush_timeout: SECOND };
    let batch = QueueBatchSettings { batch, partitioning: Partitioning::default() };
    for (queue, sizes) in [(by_priority(), vec![6, 2]), (queue(), vec![8])] {
        let rig = rig(queue, Some(batch.clone()));
        LocalSet::new()
            .run_until(async {
                for body in [severe(17, 3), severe(5, 1), severe(17, 3), severe(5, 1)] {
                    assert!(rig.send(&body, &Context::default()).is_taken());
                }
                sleep(5 * SECOND).await;
                let mut sent = rig.exporter.sizes();
                sent.sort_unstable_by(|a, b| b.cmp(a));
                assert_eq!(sent, sizes);
                rig.delivery.drain(None).await;
            })
            .await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_newest_of_a_backlog_go_first_and_the_oldest_are_filled_in() {
    let rig = rig(QueueSettings { order: Order::NewestFirst, ..queue() }, None);
    LocalSet::new()
        .run_until(async {
            (1..=40).for_each(|items| drop(rig.send(&logs(items), &Context::default())));
            sleep(10 * SECOND + SECOND / 2).await;
            let fresh = rig.send(&logs(100), &Context::default());
            assert!(fresh.is_taken());
            rig.delivery.drain(None).await;
        })
        .await;
    let expected = [1, 40, 39, 38, 37, 36, 35, 34, 2, 33, 32, 100, 31, 30, 29, 28];
    assert_eq!(rig.exporter.sizes()[..16], expected);
    assert_eq!(rig.exporter.delivered(), (1..=40).sum::<u64>() + 100);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_may_not_fill_a_queue_that_others_want() {
    let small = |block_on_overflow| QueueSettings { queue_size: 10, block_on_overflow, ..queue() };
    for blocks in [false, true] {
        let rig = rig(small(blocks), None);
        let body = logs(1);
        let tenant = |name: &str| Context { tenant: Some(name.into()), ..peer(1, 1) };
        LocalSet::new()
            .run_until(async {
                assert!((0..2).all(|_| rig.send(&body, &tenant("b")).is_taken()));
                let answers: Vec<_> = (0..8).map(|_| rig.send(&body, &tenant("a"))).collect();
                yield_now().await;
                assert_eq!(answers.iter().filter(|answer| answer.get() == Some(Outcome::Accepted)).count(), 5);
                let refused: Vec<_> = answers[5..].iter().map(Answer::fault).collect();
                for fault in refused {
                    assert_eq!((fault.code, fault.retry), (FaultCode::QueueFull, Retry::Backoff));
                    assert_eq!(&*fault.message, "sending queue is full for this tenant");
                }
                assert!((0..3).all(|_| rig.send(&body, &tenant("b")).is_taken()), "room was left for the other");
                rig.delivery.drain(None).await;
            })
            .await;
        assert_eq!(rig.exporter.delivered(), 10);
        assert_eq!(rig.handles.metrics.value("otelcol_exporter_enqueue_failed_log_records", &NAMED), Some(3.0));
    }
}
