//! Every item ends in one count and no other, whatever its way and whatever becomes of it. Time is tokio's, paused.

#![allow(clippy::unwrap_used, reason = "test code: a broken promise ends the test")]

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use teleferric_buf::Ledger;
use teleferric_flow::{
    AckLevel, BatchProcessor, BatchProcessorSettings, BatchProcessorShared, BatchSettings, Consumer, Context, Delivery,
    DeliverySettings, DeliveryShared, DropReason, Fanout, Fault, FaultCode, Handles, Order, Outcome, Parcel,
    Partitioning, QueueBatchSettings, QueueSettings, Sizer, Stage,
};
use teleferric_testkit::exporter::Step;
use teleferric_testkit::{Answer, Balance, QueueAccount, ScriptedExporter, asked, request};
use teleferric_wire::Signal;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);
/// Items of the requests that are sent.
const SENT: [u64; 3] = [3, 4, 5];

/// What stands between a sender and the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Direct,
    Queue,
    /// Requests are merged and cut into batches of five items.
    BatchingQueue,
    WaitingQueue,
    WaitingBatchingQueue,
    Batch,
    BatchAndQueue,
    /// The `batch` processor answers with what becomes of the batch.
    HoldingBatch,
}

const WAYS: [Way; 8] = [
    Way::Direct,
    Way::Queue,
    Way::BatchingQueue,
    Way::WaitingQueue,
    Way::WaitingBatchingQueue,
    Way::Batch,
    Way::BatchAndQueue,
    Way::HoldingBatch,
];

impl Way {
    /// Whether senders are told what the destination says.
    fn tells(self) -> bool {
        matches!(self, Way::Direct | Way::WaitingQueue | Way::WaitingBatchingQueue | Way::HoldingBatch)
    }

    fn has_batch_processor(self) -> bool {
        matches!(self, Way::Batch | Way::BatchAndQueue | Way::HoldingBatch)
    }

    fn has_queue(self) -> bool {
        !matches!(self, Way::Direct | Way::Batch | Way::HoldingBatch)
    }

    fn delivery(self) -> DeliverySettings {
        let merges = matches!(self, Way::BatchingQueue | Way::WaitingBatchingQueue);
        DeliverySettings {
            queue: self.has_queue().then_some(QueueSettings {
                queue_size: 1000,
                sizer: Sizer::Requests,
                block_on_overflow: false,
                wait_for_result: self.tells(),
                num_consumers: 2,
                order: Order::Fifo,
                queue_share: 0.5,
                priorities: None,
            }),
            batch: merges.then(|| QueueBatchSettings {
                batch: BatchSettings { sizer: Sizer::Items, min_size: 5, max_size: 5, flush_timeout: SECOND },
                partitioning: Partitioning::default(),
            }),
            retry: None,
            timeout: 5 * SECOND,
            storage: None,
        }
    }
}

struct Rig {
    way: Way,
    front: Rc<dyn Stage>,
    delivery: Rc<Delivery>,
    exporter: Rc<ScriptedExporter>,
    handles: Handles,
    balance: Balance,
}

fn delivery(id: &str, settings: DeliverySettings, exporter: &Rc<ScriptedExporter>, handles: &Handles) -> Rc<Delivery> {
    let shared = DeliveryShared::new(id, Signal::Logs, &[], settings, None, None, handles.clone());
    Rc::new(Delivery::new(&shared, exporter.clone()))
}

fn batch_processor(next: Rc<dyn Consumer>, handles: &Handles) -> Rc<BatchProcessor> {
    let batch = BatchSettings { sizer: Sizer::Items, min_size: 100, max_size: 0, flush_timeout: SECOND };
    let settings = BatchProcessorSettings { batch, partitioning: Partitioning::default(), cardinality_limit: 0 };
    let shared = BatchProcessorShared::new("batch", Signal::Logs, settings, handles.clone());
    Rc::new(BatchProcessor::new(&shared, next))
}

fn parcel(items: u64, ack: Option<AckLevel>, balance: &Balance) -> (Parcel, Answer) {
    let (reply, answer) = asked();
    balance.note(items, &answer);
    let permit = Ledger::new(1 << 20).try_reserve(1).unwrap();
    let mut parcel = Parcel::new(Signal::Logs, request(Signal::Logs, 0, items), items, permit, reply);
    parcel.context = Arc::new(Context { ack, ..Context::default() });
    (parcel, answer)
}

impl Rig {
    fn new(way: Way, exporter: ScriptedExporter) -> Self {
        let (handles, exporter) = (Handles::detached(), Rc::new(exporter));
        let delivery = delivery("otlp", way.delivery(), &exporter, &handles);
        let front: Rc<dyn Stage> =
            if way.has_batch_processor() { batch_processor(delivery.clone(), &handles) } else { delivery.clone() };
        Rig { way, front, delivery, exporter, handles, balance: Balance::default() }
    }

    fn send_all(&self) {
        let ack = (self.way == Way::HoldingBatch).then_some(AckLevel::Delivered);
        for items in SENT {
            self.front.consume(parcel(items, ack, &self.balance).0);
        }
    }

    /// Ends the life of the rig; whatever was dropped was dropped for `reason`.
    async fn finish(self, deadline: Option<Instant>, reason: Option<DropReason>) {
        self.front.drain(deadline).await;
        self.delivery.drain(deadline).await;
        // The answer to a batch has its way back.
        sleep(SECOND).await;
        let Rig { way, exporter, handles, balance, .. } = self;
        let name = format!("{way:?}, {reason:?}");
        assert_eq!(balance.unanswered(), 0, "{name}");
        balance.check(exporter.delivered(), 0, &handles.account);
        for other in DropReason::ALL {
            let dropped = handles.account.dropped(other);
            assert!(dropped == 0 || Some(other) == reason, "{name}: {dropped} dropped as {other:?}");
        }
        if way.has_queue() {
            let queue = QueueAccount::balanced(&handles.metrics, "otlp");
            let dropped: u64 = DropReason::ALL.into_iter().map(|reason| queue.left(reason.label())).sum();
            assert_eq!((queue.enqueued, queue.held), (SENT.iter().sum(), 0), "{name}");
            assert_eq!(
                (queue.left("delivered"), dropped),
                (exporter.delivered(), balance.received() - exporter.delivered()),
                "{name}"
            );
            assert_eq!(dropped, reason.map_or(0, |reason| queue.left(reason.label())), "{name}: {queue:?}");
            assert_eq!(queue.left("refused"), queue.enqueued - balance.received(), "{name}: {queue:?}");
        }
        let answered: u64 = if way.tells() { balance.received() } else { SENT.iter().sum() };
        assert_eq!(balance.received(), answered, "{name}: nobody is refused who is answered at once");
    }
}

fn refused(code: FaultCode) -> Outcome {
    Outcome::Refused(Fault::new(code, "no"))
}

fn partial(rejected: u64) -> Outcome {
    Outcome::Partial { rejected, message: "some".into() }
}

#[tokio::test(start_paused = true)]
async fn each_item_is_counted_once_whatever_the_destination_says() {
    let outcomes = [
        (Outcome::Accepted, None),
        (partial(2), Some(DropReason::Rejected)),
        // More than it was sent.
        (partial(1000), Some(DropReason::Rejected)),
        (refused(FaultCode::DownstreamPermanent), Some(DropReason::Permanent)),
        (refused(FaultCode::DownstreamTemporary), Some(DropReason::Expired)),
    ];
    LocalSet::new()
        .run_until(async {
            for way in WAYS {
                for (outcome, reason) in &outcomes {
                    let rig = Rig::new(way, ScriptedExporter::answering(outcome.clone()));
                    rig.send_all();
                    sleep(10 * SECOND).await;
                    rig.finish(None, *reason).await;
                }
            }
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn each_item_is_counted_once_when_an_exporter_panics_or_the_drain_ends() {
    LocalSet::new()
        .run_until(async {
            for way in WAYS {
                let rig = Rig::new(way, ScriptedExporter::accepting().script((0..8).map(|_| Step::Panic)));
                rig.send_all();
                sleep(10 * SECOND).await;
                rig.finish(None, Some(DropReason::Abandoned)).await;

                let rig = Rig::new(way, ScriptedExporter::accepting().slow(1000 * SECOND));
                rig.send_all();
                sleep(2 * SECOND).await;
                rig.finish(Some(Instant::now()), Some(DropReason::Shutdown)).await;
            }
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_sender_learns_what_one_of_its_destinations_rejects_and_nothing_is_counted_beside() {
    LocalSet::new()
        .run_until(async {
            let (handles, balance) = (Handles::detached(), Balance::default());
            let exporters = [Outcome::Accepted, partial(2), partial(3)]
                .map(|outcome| Rc::new(ScriptedExporter::answering(outcome)));
            let branches =
                exporters.each_ref().map(|exporter| delivery("otlp", Way::Direct.delivery(), exporter, &handles));
            let fanout =
                Rc::new(Fanout::new(branches.iter().map(|branch| branch.clone() as Rc<dyn Consumer>).collect()));
            let (request, answer) = parcel(5, None, &balance);
            fanout.consume(request);
            sleep(SECOND).await;
            assert_eq!(answer.get(), Some(partial(3)));
            assert_eq!(exporters.each_ref().map(|exporter| exporter.delivered()), [5, 3, 2]);
            assert_eq!(handles.account.dropped(DropReason::Rejected), 0);

            // Behind a batch processor nobody can be told, and the worst of the destinations counts.
            let batch = batch_processor(fanout, &handles);
            for items in SENT {
                batch.consume(parcel(items, None, &balance).0);
            }
            sleep(10 * SECOND).await;
            batch.drain(None).await;
            assert_eq!(handles.account.dropped(DropReason::Rejected), 3);
        })
        .await;
}
