//! `sending_queue.batch`: what is merged, what is answered when, and how one bad body is kept from spoiling others.

#![allow(clippy::unwrap_used, reason = "test code: a broken promise ends the test")]

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use teleferric_buf::Ledger;
use teleferric_flow::{
    BatchSettings, Consumer, Context, Delivery, DeliverySettings, DeliveryShared, DropReason, Fault, FaultCode,
    GrpcCode, Handles, Order, Outcome, Parcel, Partitioning, QueueBatchSettings, QueueSettings, Sizer, Stage,
};
use teleferric_testkit::{Answer, Balance, ScriptedExporter, asked, item_labels, request, verify_stage};
use teleferric_wire::Signal;
use tokio::task::LocalSet;
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

fn settings(min_size: u64, max_size: u64, wait_for_result: bool) -> DeliverySettings {
    DeliverySettings {
        queue: Some(QueueSettings {
            queue_size: 1000,
            sizer: Sizer::Items,
            block_on_overflow: false,
            wait_for_result,
            num_consumers: 10,
            order: Order::Fifo,
            queue_share: 0.5,
            priorities: None,
        }),
        batch: Some(QueueBatchSettings {
            batch: BatchSettings { sizer: Sizer::Items, min_size, max_size, flush_timeout: SECOND },
            partitioning: Partitioning::new(["tenant"]),
        }),
        retry: None,
        timeout: 5 * SECOND,
        storage: None,
    }
}

struct Rig {
    delivery: Delivery,
    shared: DeliveryShared,
    exporter: Rc<ScriptedExporter>,
    handles: Handles,
    ledger: Arc<Ledger>,
    balance: Balance,
}

fn rig(settings: DeliverySettings, exporter: ScriptedExporter) -> Rig {
    let handles = Handles::detached();
    let labels = [("server_address", "backend")];
    let shared = DeliveryShared::new("otlp", Signal::Traces, &labels, settings, None, None, handles.clone());
    let exporter = Rc::new(exporter);
    let delivery = Delivery::new(&shared, exporter.clone());
    Rig { delivery, shared, exporter, handles, ledger: Ledger::new(1 << 24), balance: Balance::default() }
}

impl Rig {
    fn send(&self, tenant: &str, first: u64, items: u64) -> Answer {
        let bytes = request(Signal::Traces, first, items);
        let permit = self.ledger.try_reserve(bytes.len() as u64).unwrap();
        let (reply, answer) = asked();
        self.balance.note(items, &answer);
        let mut parcel = Parcel::new(Signal::Traces, bytes, items, permit, reply);
        parcel.context = Arc::new(Context { metadata: vec![("tenant".into(), tenant.into())], ..Context::default() });
        self.delivery.consume(parcel);
        answer
    }

    fn check_balance(&self) {
        self.balance.check(self.exporter.delivered(), self.delivery.held_items(), &self.handles.account);
    }
}

#[tokio::test(start_paused = true)]
async fn requests_are_merged_by_partition_and_hold_their_room_until_sent() {
    let rig = rig(settings(20, 30, false), ScriptedExporter::accepting().slow(SECOND / 10));
    LocalSet::new()
        .run_until(async {
            for (index, tenant) in ["a", "b", "a", "a"].into_iter().enumerate() {
                assert!(rig.send(tenant, index as u64 * 8, 8).is_taken());
            }
            assert_eq!(rig.shared.queue_size(), 32);
            rig.check_balance();
            sleep(SECOND / 2).await;
            assert_eq!((rig.exporter.sizes(), rig.shared.queue_size()), (vec![24], 8));
            sleep(SECOND).await;
        })
        .await;
    let attempts = rig.exporter.attempts();
    assert_eq!(attempts.iter().map(|attempt| attempt.items).collect::<Vec<_>>(), [24, 8]);
    assert_eq!(item_labels(Signal::Traces, attempts[1].payload.chunks()), (8..16).collect::<Vec<_>>());
    assert_eq!(attempts[1].context.values("tenant").collect::<Vec<_>>(), ["b"]);
    let labels = [("exporter", "otlp"), ("server_address", "backend")];
    assert_eq!(rig.handles.metrics.value("otelcol_exporter_sent_spans", &labels), Some(32.0));
    assert_eq!(rig.handles.metrics.value("otelcol_exporter_queue_batch_send_size", &labels), Some(2.0));
    assert_eq!((rig.shared.queue_size(), rig.ledger.used()), (0, 0));
    rig.check_balance();
}

#[tokio::test(start_paused = true)]
async fn one_bad_body_does_not_spoil_the_others() {
    let judge = |parcel: &Parcel| {
        if item_labels(Signal::Traces, parcel.payload.chunks()).contains(&37) {
            let fault = Fault::new(FaultCode::DownstreamPermanent, "bad").with_status(GrpcCode::InvalidArgument);
            Outcome::Refused(fault)
        } else {
            Outcome::Accepted
        }
    };
    let rig = rig(settings(100, 0, true), ScriptedExporter::judging(judge));
    let answers = LocalSet::new()
        .run_until(async {
            let answers: Vec<Answer> = (0..10).map(|index| rig.send("a", index * 10, 10)).collect();
            sleep(SECOND).await;
            answers
        })
        .await;
    let refused: Vec<usize> = (0..10).filter(|index| !answers[*index].is_taken()).collect();
    assert_eq!((refused, rig.exporter.delivered()), (vec![3], 90));
    assert_eq!(answers[3].fault().grpc_status(), GrpcCode::InvalidArgument);
    assert!(rig.exporter.attempts().len() < 10, "halves, not one by one");
    let failed = [
        ("exporter", "otlp"),
        ("server_address", "backend"),
        ("error_type", "InvalidArgument"),
        ("error_permanent", "true"),
    ];
    assert_eq!(rig.handles.metrics.value("otelcol_exporter_send_failed_spans", &failed), Some(10.0));
    assert_eq!(rig.ledger.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_is_not_about_the_data_meets_the_whole_batch_once() {
    let fault = Fault::new(FaultCode::DownstreamPermanent, "who are you").with_status(GrpcCode::Unauthenticated);
    let rig = rig(settings(20, 0, false), ScriptedExporter::answering(Outcome::Refused(fault)));
    LocalSet::new()
        .run_until(async {
            (0..2).for_each(|index| drop(rig.send("a", index * 10, 10)));
            sleep(SECOND).await;
        })
        .await;
    assert_eq!((rig.exporter.attempts().len(), rig.handles.account.dropped(DropReason::Permanent)), (1, 20));
    rig.check_balance();
}

#[tokio::test(start_paused = true)]
async fn a_split_request_is_answered_when_its_last_part_is_sent_and_its_parts_fail_alone() {
    let judge = |parcel: &Parcel| match parcel.items {
        5 => Outcome::Refused(Fault::new(FaultCode::DownstreamPermanent, "no")),
        _ => Outcome::Accepted,
    };
    let waiting = rig(settings(10, 10, true), ScriptedExporter::judging(judge));
    let acknowledged = rig(settings(10, 10, false), ScriptedExporter::judging(judge));
    LocalSet::new()
        .run_until(async {
            let answer = waiting.send("a", 0, 25);
            sleep(SECOND / 2).await;
            assert_eq!((waiting.exporter.sizes(), answer.get()), (vec![10, 10], None));
            acknowledged.send("a", 0, 25);
            sleep(2 * SECOND).await;
            assert_eq!(answer.fault().code, FaultCode::DownstreamPermanent);
        })
        .await;
    assert_eq!(acknowledged.handles.account.dropped(DropReason::Permanent), 5);
    acknowledged.check_balance();
    assert_eq!((waiting.shared.queue_size(), waiting.ledger.used()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn items_too_large_for_any_batch_are_counted_as_failed() {
    let mut sized = settings(400, 400, false);
    if let Some(batch) = &mut sized.batch {
        batch.batch.sizer = Sizer::Bytes;
    }
    let rig = rig(sized, ScriptedExporter::accepting());
    let bytes = teleferric_testkit::Request { items: 1, first: 0, per_scope: 1, padding: 5000 }.encode(Signal::Traces);
    LocalSet::new()
        .run_until(async {
            let (reply, answer) = asked();
            rig.balance.note(1, &answer);
            let permit = rig.ledger.try_reserve(bytes.len() as u64).unwrap();
            rig.delivery.consume(Parcel::new(Signal::Traces, bytes, 1, permit, reply));
            assert!(answer.is_taken());
        })
        .await;
    let failed = [
        ("exporter", "otlp"),
        ("server_address", "backend"),
        ("error_type", "ResourceExhausted"),
        ("error_permanent", "true"),
    ];
    assert_eq!(rig.handles.metrics.value("otelcol_exporter_send_failed_spans", &failed), Some(1.0));
    assert_eq!((rig.delivery.held_items(), rig.shared.queue_size(), rig.ledger.used()), (0, 0, 0));
    rig.check_balance();
}

#[tokio::test(start_paused = true)]
async fn the_batching_queue_keeps_the_promises_of_every_stage() {
    for wait_for_result in [false, true] {
        verify_stage(|bench| {
            let mut settings = settings(60, 70, wait_for_result);
            settings.queue.iter_mut().for_each(|queue| queue.queue_size = 100_000);
            let shared = DeliveryShared::new("otlp", bench.signal, &[], settings, None, None, bench.handles.clone());
            let exporter = Rc::new(ScriptedExporter::answering(bench.destination.clone()));
            let delivery: Rc<dyn Stage> = Rc::new(Delivery::new(&shared, exporter.clone()));
            (delivery, Rc::new(move || exporter.delivered()))
        })
        .await;
    }
}
