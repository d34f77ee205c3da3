//! The `batch` processor and the fan-out: when batches go out, who waits, what is counted.

#![allow(clippy::unwrap_used, reason = "test code: a broken promise ends the test")]

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use teleferric_buf::Ledger;
use teleferric_flow::{
    AckLevel, BatchProcessor, BatchProcessorSettings, BatchProcessorShared, BatchSettings, Consumer, Context,
    DropReason, Fanout, Fault, FaultCode, Handles, Outcome, Parcel, Partitioning, Sizer, Stage,
};
use teleferric_testkit::{Answer, Balance, RecordingConsumer, asked, request, verify_stage};
use teleferric_wire::Signal;
use tokio::task::{LocalSet, yield_now};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

fn settings(send_batch_size: u64, max: u64, timeout: Duration) -> BatchProcessorSettings {
    let batch = BatchSettings { sizer: Sizer::Items, min_size: send_batch_size, max_size: max, flush_timeout: timeout };
    BatchProcessorSettings { batch, partitioning: Partitioning::default(), cardinality_limit: 1000 }
}

struct Rig {
    batch: BatchProcessor,
    next: Rc<RecordingConsumer>,
    handles: Handles,
    ledger: Arc<Ledger>,
    balance: Balance,
}

fn rig(settings: BatchProcessorSettings, next: RecordingConsumer) -> Rig {
    let handles = Handles::detached();
    let shared = BatchProcessorShared::new("batch", Signal::Traces, settings, handles.clone());
    let next = Rc::new(next);
    let batch = BatchProcessor::new(&shared, next.clone());
    Rig { batch, next, handles, ledger: Ledger::new(1 << 24), balance: Balance::default() }
}

impl Rig {
    fn send_as(&self, tenant: &str, items: u64) -> Answer {
        self.send_asking(None, tenant, items)
    }

    fn send_asking(&self, ack: Option<AckLevel>, tenant: &str, items: u64) -> Answer {
        let bytes = request(Signal::Traces, 0, items);
        let permit = self.ledger.try_reserve(bytes.len() as u64).unwrap();
        let (reply, answer) = asked();
        self.balance.note(items, &answer);
        let mut parcel = Parcel::new(Signal::Traces, bytes, items, permit, reply);
        let metadata = vec![("tenant".into(), tenant.into()), ("user-agent".into(), "x".into())];
        parcel.context =
            Arc::new(Context { metadata, ack, admission_timeout: Some(10 * SECOND), ..Context::default() });
        self.batch.consume(parcel);
        answer
    }

    fn send(&self, items: u64) -> Answer {
        self.send_as("a", items)
    }

    fn metric(&self, name: &str) -> Option<f64> {
        self.handles.metrics.value(name, &[("processor", "batch")])
    }

    fn check_balance(&self, delivered: u64) {
        self.balance.check(delivered, self.batch.held_items(), &self.handles.account);
    }
}

#[tokio::test(start_paused = true)]
async fn answers_at_once_and_sends_by_size_or_time() {
    let rig = rig(settings(10, 0, SECOND), RecordingConsumer::accepting());
    LocalSet::new()
        .run_until(async {
            assert!(rig.send(6).is_taken());
            assert!(rig.next.sizes().is_empty());
            rig.check_balance(0);
            assert!(rig.send(7).is_taken());
            assert_eq!(rig.next.sizes(), [13]);
            rig.send(2);
            sleep(SECOND - Duration::from_millis(10)).await;
            rig.send(3);
            assert_eq!(rig.next.items(), 13);
            sleep(Duration::from_millis(20)).await;
            assert_eq!(rig.next.sizes(), [13, 5]);
            rig.send(1);
            sleep(2 * SECOND).await;
        })
        .await;
    assert_eq!(rig.next.sizes(), [13, 5, 1]);
    assert_eq!(rig.metric("otelcol_processor_batch_batch_size_trigger_send"), Some(1.0));
    assert_eq!(rig.metric("otelcol_processor_batch_timeout_trigger_send"), Some(2.0));
    assert_eq!(rig.metric("otelcol_processor_batch_batch_send_size"), Some(3.0));
    rig.check_balance(19);
    assert_eq!(rig.ledger.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn without_timeout_or_size_everything_goes_on_at_once_within_the_maximum() {
    for settings in [settings(100, 100, Duration::ZERO), settings(0, 100, SECOND)] {
        let rig = rig(settings, RecordingConsumer::accepting());
        LocalSet::new().run_until(async { drop((rig.send(3), rig.send(250), rig.send(1))) }).await;
        assert_eq!(rig.next.sizes(), [3, 100, 100, 50, 1]);
    }
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_more_than_received_is_answered_with_the_batch() {
    let refusal = Outcome::Refused(Fault::new(FaultCode::QueueFull, "sending queue is full"));
    let next = RecordingConsumer::accepting().script([Outcome::Accepted, refusal]);
    let rig = rig(settings(5, 0, SECOND), next);
    LocalSet::new()
        .run_until(async {
            let first = rig.send_asking(Some(AckLevel::Persisted), "a", 3);
            assert!(rig.send_asking(Some(AckLevel::Received), "a", 3).is_taken());
            assert_eq!((first.get(), rig.next.sizes().len()), (None, 0), "levels are not batched together");
            let second = rig.send_asking(Some(AckLevel::Persisted), "a", 4);
            assert_eq!(rig.next.sizes(), [7]);
            assert_eq!((first.get(), second.get()), (Some(Outcome::Accepted), Some(Outcome::Accepted)));
            let refused = rig.send_asking(Some(AckLevel::Delivered), "a", 5);
            assert!(matches!(refused.get(), Some(Outcome::Refused(fault)) if fault.code == FaultCode::QueueFull));
            let held = rig.send_asking(Some(AckLevel::Delivered), "a", 1);
            assert_eq!(held.get(), None);
            rig.batch.drain(None).await;
            assert!(held.is_taken());
        })
        .await;
    assert_eq!(DropReason::ALL.map(|reason| rig.handles.account.dropped(reason)), [0; DropReason::ALL.len()]);
    rig.check_balance(11);
}

#[tokio::test(start_paused = true)]
async fn a_refused_batch_is_dropped_and_counted() {
    let refusal = Outcome::Refused(Fault::new(FaultCode::QueueFull, "sending queue is full"));
    let rig = rig(settings(5, 0, SECOND), RecordingConsumer::accepting().script([refusal]));
    LocalSet::new()
        .run_until(async {
            let answers = [rig.send(4), rig.send(4), rig.send(5)];
            assert!(answers.iter().all(Answer::is_taken));
        })
        .await;
    assert_eq!(rig.handles.account.dropped(DropReason::QueueFull), 8);
    rig.check_balance(5);
}

#[tokio::test(start_paused = true)]
async fn senders_wait_while_a_batch_is_on_its_way() {
    let rig = rig(settings(5, 0, SECOND), RecordingConsumer::keeping());
    LocalSet::new()
        .run_until(async {
            assert!(rig.send(5).is_taken(), "the batch goes out");
            assert!(rig.send(5).is_taken(), "one is put aside");
            let (third, fourth) = (rig.send(5), rig.send(1));
            sleep(5 * SECOND).await;
            assert_eq!((third.get(), fourth.get(), rig.next.sizes().len()), (None, None, 1));
            assert!(rig.next.release(Outcome::Accepted));
            yield_now().await;
            assert_eq!(rig.next.sizes(), [5, 5]);
            assert!(third.is_taken() && fourth.get().is_none());
            rig.next.release(Outcome::Accepted);
            yield_now().await;
            assert!(fourth.is_taken());
            rig.next.release(Outcome::Accepted);
            sleep(2 * SECOND).await;
            assert_eq!(rig.next.sizes(), [5, 5, 5, 1]);
            rig.next.release(Outcome::Accepted);
            yield_now().await;
        })
        .await;
    rig.check_balance(16);
}

#[tokio::test(start_paused = true)]
async fn senders_wait_no_longer_than_their_time_for_admission_and_what_was_taken_stays() {
    let rig = rig(settings(5, 0, SECOND), RecordingConsumer::keeping());
    LocalSet::new()
        .run_until(async {
            assert!(rig.send(5).is_taken() && rig.send(1).is_taken());
            let third = rig.send(5);
            sleep(5 * SECOND).await;
            let fourth = rig.send(2);
            sleep(5 * SECOND + SECOND / 100).await;
            assert_eq!((third.fault().code, fourth.get()), (FaultCode::QueueFull, None));
            rig.next.release(Outcome::Accepted);
            yield_now().await;
            assert!(fourth.is_taken());
            sleep(2 * SECOND).await;
            assert_eq!(rig.next.sizes(), [5, 3]);
            rig.next.release(Outcome::Accepted);
            yield_now().await;
        })
        .await;
    rig.check_balance(8);
}

#[tokio::test(start_paused = true)]
async fn metadata_values_are_kept_apart_up_to_the_limit() {
    let partitioned = BatchProcessorSettings {
        partitioning: Partitioning::new(["Tenant"]),
        cardinality_limit: 2,
        ..settings(10, 0, SECOND)
    };
    let rig = rig(partitioned, RecordingConsumer::accepting());
    LocalSet::new()
        .run_until(async {
            drop((rig.send_as("a", 6), rig.send_as("b", 6), rig.send_as("a", 6)));
            assert_eq!(rig.next.sizes(), [12]);
            let fault = rig.send_as("c", 1).fault();
            assert_eq!(&*fault.message, "too many batcher metadata-value combinations");
            assert!(fault.is_permanent());
            sleep(2 * SECOND).await;
        })
        .await;
    let contexts: Vec<_> = rig.next.recorded().iter().map(|recorded| recorded.context.metadata.clone()).collect();
    assert_eq!(contexts, [vec![("tenant".into(), "a".into())], vec![("tenant".into(), "b".into())]]);
    assert_eq!(rig.metric("otelcol_processor_batch_metadata_cardinality"), Some(2.0));
}

#[tokio::test(start_paused = true)]
async fn the_drain_sends_what_is_left_and_counts_the_rest_at_the_deadline() {
    let open = rig(settings(10, 0, 60 * SECOND), RecordingConsumer::accepting());
    let stuck = rig(settings(5, 0, 60 * SECOND), RecordingConsumer::keeping());
    LocalSet::new()
        .run_until(async {
            open.send(3);
            open.batch.drain(None).await;
            assert_eq!(open.next.sizes(), [3]);

            drop((stuck.send(5), stuck.send(2)));
            let waiting = stuck.send(1);
            stuck.batch.drain(Some(Instant::now() + SECOND)).await;
            assert_eq!(waiting.fault().code, FaultCode::Draining);
            assert_eq!((stuck.handles.account.dropped(DropReason::Shutdown), stuck.batch.held_items()), (2, 5));
            stuck.next.release(Outcome::Accepted);
            yield_now().await;
        })
        .await;
    stuck.check_balance(5);
    assert_eq!((open.ledger.used(), stuck.ledger.used()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_processor_keeps_the_promises_of_every_stage() {
    verify_stage(|bench| {
        let shared = BatchProcessorShared::new("batch", bench.signal, settings(60, 70, SECOND), bench.handles.clone());
        let next = Rc::new(RecordingConsumer::answering(bench.destination.clone()));
        let stage: Rc<dyn Stage> = Rc::new(BatchProcessor::new(&shared, next.clone()));
        let taken = bench.destination.is_taken();
        (stage, Rc::new(move || if taken { next.items() } else { 0 }))
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_fan_out_calls_everyone_and_tells_the_worst() {
    let ledger = Ledger::new(1 << 20);
    let no = Outcome::Refused(Fault::new(FaultCode::DownstreamTemporary, "away"));
    let branches = [
        Rc::new(RecordingConsumer::answering(no.clone())),
        Rc::new(RecordingConsumer::keeping()),
        Rc::new(RecordingConsumer::accepting()),
    ];
    let fanout = Fanout::new(branches.iter().map(|branch| branch.clone() as Rc<dyn Consumer>).collect());
    let bytes = request(Signal::Traces, 0, 4);
    let permit = ledger.try_reserve(bytes.len() as u64).unwrap();
    let (reply, answer) = asked();
    fanout.consume(Parcel::new(Signal::Traces, bytes.clone(), 4, permit, reply));
    assert_eq!(branches.iter().map(|branch| branch.items()).collect::<Vec<_>>(), [4, 4, 4]);
    assert_eq!((answer.get(), ledger.used()), (None, bytes.len() as u64), "one branch still holds the bytes");
    branches[1].release(Outcome::Accepted);
    assert_eq!((answer.get(), ledger.used()), (Some(no), 0));
}
