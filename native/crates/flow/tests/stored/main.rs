//! The stage in front of an exporter with its queue on disk. Time is the clock's: the disk has a thread of its own.

#![allow(clippy::unwrap_used, reason = "test code: a broken promise ends the test")]

mod fanout;
mod identity;
mod lag;
mod letters;
mod outage;
mod waiting;

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use teleferric_buf::Ledger;
use teleferric_flow::{
    BatchSettings, BudgetSettings, Consumer, Context, Delivery, DeliverySettings, DeliveryShared, DropReason, Fault,
    FaultCode, GrpcCode, Handles, LagPolicy, Letter, Order, Outcome, Parcel, Partitioning, QueueBatchSettings,
    QueueSettings, RetrySettings, Sizer, Spread, Stage, Storage, StorageSettings, StoredLogs, WhenFull,
    dead_letter_folder,
};
use teleferric_testkit::exporter::Step;
use teleferric_testkit::{Answer, QueueAccount, ScriptedExporter, asked, request};
use teleferric_wire::Signal;
use tempfile::TempDir;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

fn settings() -> DeliverySettings {
    DeliverySettings {
        queue: Some(QueueSettings {
            queue_size: 100,
            sizer: Sizer::Requests,
            block_on_overflow: false,
            wait_for_result: false,
            num_consumers: 2,
            order: Order::Fifo,
            queue_share: 0.5,
            priorities: None,
        }),
        batch: None,
        retry: Some(RetrySettings {
            initial_interval: 60 * SECOND,
            max_interval: 60 * SECOND,
            multiplier: 1.0,
            randomization_factor: 0.0,
            max_elapsed_time: Duration::ZERO,
            jitter: Spread::Collector,
            max_hint: 300 * SECOND,
            budget: BudgetSettings { ratio: 0.2, min_concurrent: 3 },
        }),
        timeout: 5 * SECOND,
        storage: None,
    }
}

fn storage(folder: &Path) -> StorageSettings {
    StorageSettings {
        directory: folder.to_owned(),
        create: Some(0o750),
        // The thread of an earlier life may be at its last checkpoint.
        patience: 10 * SECOND,
        max_age: Duration::ZERO,
        segment_bytes: 4096,
        max_bytes: 32 << 10,
        reserve_free_percent: 0,
        sync: true,
        dead_letter_bytes: None,
        lag_policy: LagPolicy::Block,
        when_full: WhenFull::Refuse,
        fail_on_damage: false,
        scrub_bytes_per_second: 0,
        key: None,
    }
}

/// One life of a process, as far as the queue is concerned.
struct Life {
    logs: StoredLogs,
    handles: Handles,
    ledger: Arc<Ledger>,
}

struct Rig {
    delivery: Rc<Delivery>,
    exporter: Rc<ScriptedExporter>,
}

impl Life {
    fn new() -> Self {
        Life { logs: StoredLogs::default(), handles: Handles::detached(), ledger: Ledger::new(1 << 20) }
    }

    async fn rig(&self, storage: &StorageSettings, settings: DeliverySettings, exporter: ScriptedExporter) -> Rig {
        self.named("otlp", storage, settings, exporter).await
    }

    async fn named(
        &self,
        id: &str,
        storage: &StorageSettings,
        settings: DeliverySettings,
        exporter: ScriptedExporter,
    ) -> Rig {
        let queue = self.logs.queue(storage, id, Signal::Logs, &self.handles).await.unwrap();
        let stored = Storage { queue, max_age: storage.max_age, ledger: Arc::clone(&self.ledger) };
        let handles = self.handles.clone();
        let shared = DeliveryShared::new(id, Signal::Logs, &[], settings, None, Some(stored), handles);
        let exporter = Rc::new(exporter);
        Rig { delivery: Rc::new(Delivery::new(&shared, exporter.clone())), exporter }
    }

    fn parcel(&self, items: u64) -> (Parcel, Answer) {
        let bytes = request(Signal::Logs, 0, items);
        let permit = self.ledger.try_reserve(bytes.len() as u64).unwrap();
        let (reply, answer) = asked();
        let mut parcel = Parcel::new(Signal::Logs, bytes, items, permit, reply);
        let metadata = vec![("tenant".into(), format!("t{items}").into())];
        parcel.context =
            Arc::new(Context { metadata, peer: Some("10.0.0.1:99".parse().unwrap()), ..Context::default() });
        (parcel, answer)
    }

    async fn send(&self, rig: &Rig, items: u64) -> Answer {
        self.send_to(&*rig.delivery, items).await
    }

    async fn send_to(&self, consumer: &dyn Consumer, items: u64) -> Answer {
        let (parcel, answer) = self.parcel(items);
        consumer.consume(parcel);
        until(|| answer.get().is_some()).await;
        answer
    }

    fn queue_size(&self) -> f64 {
        let labels = [("exporter", "otlp"), ("data_type", "logs")];
        self.handles.metrics.value("otelcol_exporter_queue_size", &labels).unwrap()
    }

    /// What was ever in the queue, what is there, and what became of the rest.
    fn account(&self) -> QueueAccount {
        QueueAccount::balanced(&self.handles.metrics, "otlp")
    }

    fn dropped(&self, reason: DropReason) -> u64 {
        self.handles.account.dropped(reason)
    }
}

/// Waits until something holds, for as long as a slow machine may need.
async fn until(mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + 60 * SECOND;
    while !holds() {
        assert!(Instant::now() < deadline, "does not come to hold");
        sleep(Duration::from_millis(2)).await;
    }
}

fn away() -> ScriptedExporter {
    ScriptedExporter::answering(Outcome::Refused(Fault::new(FaultCode::DownstreamTemporary, "away")))
}

fn now() -> Option<Instant> {
    Some(Instant::now())
}

#[tokio::test]
async fn a_request_is_answered_when_it_is_stored_and_leaves_when_it_is_delivered() {
    let folder = TempDir::new().unwrap();
    let (life, storage) = (Life::new(), storage(folder.path()));
    LocalSet::new()
        .run_until(async {
            let rig = life.rig(&storage, settings(), ScriptedExporter::accepting()).await;
            for items in 1..=20 {
                assert!(life.send(&rig, items).await.is_taken());
            }
            until(|| rig.exporter.delivered() == 210).await;
            until(|| life.queue_size() == 0.0).await;
            let first = rig.exporter.attempts().remove(0);
            assert_eq!(first.context.values("tenant").collect::<Vec<_>>(), ["t1"]);
            assert_eq!(first.context.peer, Some("10.0.0.1:99".parse().unwrap()));
            rig.delivery.drain(None).await;
            assert!(rig.exporter.is_closed());
        })
        .await;
    assert_eq!(life.ledger.used(), 0);
    drop(life);
    let life = Life::new();
    LocalSet::new()
        .run_until(async {
            let rig = life.rig(&storage, settings(), ScriptedExporter::accepting()).await;
            assert_eq!(life.queue_size(), 0.0);
            life.send(&rig, 1).await;
            until(|| rig.exporter.delivered() == 1).await;
        })
        .await;
}

#[tokio::test]
async fn what_is_not_delivered_is_there_in_the_next_life_and_takes_its_room() {
    let folder = TempDir::new().unwrap();
    let storage = storage(folder.path());
    let small = || {
        let mut settings = settings();
        settings.queue.as_mut().unwrap().queue_size = 5;
        settings
    };
    for (turn, hard) in [(1, false), (2, true)] {
        let life = Life::new();
        LocalSet::new()
            .run_until(async {
                let rig = life.rig(&storage, small(), away()).await;
                for items in 1..=5 {
                    assert!(life.send(&rig, items).await.is_taken());
                }
                assert_eq!(life.send(&rig, 6).await.fault().code, FaultCode::QueueFull);
                until(|| rig.exporter.attempts().len() == 2).await;
                if !hard {
                    rig.delivery.drain(now()).await;
                }
            })
            .await;
        assert_eq!(DropReason::ALL.map(|reason| life.dropped(reason)), [0; 8]);
        // The log's thread may be the last to let go.
        until(|| life.ledger.used() == 0).await;
        drop(life);
        let life = Life::new();
        LocalSet::new()
            .run_until(async {
                let rig = life.rig(&storage, small(), ScriptedExporter::accepting().slow(SECOND / 10)).await;
                assert_eq!(life.queue_size(), 5.0);
                assert_eq!((life.account().enqueued, life.account().held), (15 * turn, 15));
                assert_eq!(life.send(&rig, 6).await.fault().code, FaultCode::QueueFull);
                until(|| rig.exporter.delivered() == 15).await;
                until(|| life.queue_size() == 0.0).await;
                let mut sizes = rig.exporter.sizes();
                sizes.sort_unstable();
                assert_eq!(sizes, [1, 2, 3, 4, 5]);
                assert_eq!(life.account().left("delivered"), 15 * turn);
                rig.delivery.drain(None).await;
            })
            .await;
    }
}

#[tokio::test]
async fn a_last_attempt_that_fails_loses_nothing_even_without_retries() {
    let folder = TempDir::new().unwrap();
    let (life, storage) = (Life::new(), storage(folder.path()));
    let once = || DeliverySettings { retry: None, ..settings() };
    LocalSet::new()
        .run_until(async {
            let rig = life.rig(&storage, once(), away().slow(SECOND / 10)).await;
            for items in 1..=5 {
                life.send(&rig, items).await;
            }
            until(|| rig.exporter.running_max() == 2).await;
            // What failed before the stop begins is given up, as it is without retries.
            let gone = life.dropped(DropReason::Expired);
            rig.delivery.drain(None).await;
            assert_eq!(life.dropped(DropReason::Expired), gone);
            let rig = life.rig(&storage, once(), ScriptedExporter::accepting()).await;
            until(|| rig.exporter.delivered() + gone == 15 && life.queue_size() == 0.0).await;
            rig.delivery.drain(None).await;
        })
        .await;
}

#[tokio::test]
async fn what_is_refused_for_good_or_too_old_is_dropped_and_counted() {
    let folder = TempDir::new().unwrap();
    let storage = storage(folder.path());
    let life = Life::new();
    let no = Outcome::Refused(Fault::new(FaultCode::DownstreamPermanent, "no"));
    LocalSet::new()
        .run_until(async {
            let script = [Step::Answer(Duration::ZERO, no), Step::Panic];
            let rig = life.rig(&storage, settings(), ScriptedExporter::accepting().script(script)).await;
            for items in [3, 4, 5] {
                life.send(&rig, items).await;
                until(|| life.queue_size() == 0.0).await;
            }
            assert_eq!((rig.exporter.delivered(), life.dropped(DropReason::Permanent)), (5, 3));
            assert_eq!(life.dropped(DropReason::Abandoned), 4);
            rig.delivery.drain(None).await;
            let rig = life.rig(&storage, settings(), away()).await;
            life.send(&rig, 6).await;
            rig.delivery.drain(now()).await;
        })
        .await;
    sleep(Duration::from_millis(30)).await;
    let short = StorageSettings { max_age: Duration::from_millis(20), ..storage };
    LocalSet::new()
        .run_until(async {
            let rig = life.rig(&short, settings(), ScriptedExporter::accepting()).await;
            until(|| life.dropped(DropReason::Expired) == 6).await;
            until(|| life.queue_size() == 0.0).await;
            assert_eq!(rig.exporter.delivered(), 0);
        })
        .await;
}

#[tokio::test]
async fn a_batch_of_stored_requests_is_delivered_whole_or_kept_whole() {
    let folder = TempDir::new().unwrap();
    let storage = storage(folder.path());
    let batched = || DeliverySettings {
        batch: Some(QueueBatchSettings {
            batch: BatchSettings { sizer: Sizer::Items, min_size: 10, max_size: 10, flush_timeout: SECOND / 20 },
            partitioning: Partitioning::new::<&str>([]),
        }),
        ..settings()
    };
    let life = Life::new();
    LocalSet::new()
        .run_until(async {
            let rig = life.rig(&storage, batched(), away()).await;
            for items in [4, 4, 4, 25] {
                assert!(life.send(&rig, items).await.is_taken());
            }
            until(|| rig.exporter.attempts().len() == 2).await;
            rig.delivery.drain(now()).await;
        })
        .await;
    assert_eq!(life.dropped(DropReason::Shutdown), 0);
    LocalSet::new()
        .run_until(async {
            let partial = Outcome::Partial { rejected: 5, message: "five".into() };
            let script = [Step::Answer(Duration::ZERO, partial)];
            let rig = life.rig(&storage, batched(), ScriptedExporter::accepting().script(script)).await;
            until(|| rig.exporter.delivered() == 32 && life.queue_size() == 0.0).await;
            assert_eq!(life.dropped(DropReason::Rejected), 5, "of two requests, as they leave the log");
            assert_eq!((life.account().enqueued, life.account().left("rejected")), (37, 5));
            assert!(rig.exporter.sizes().iter().all(|size| *size <= 10), "{:?}", rig.exporter.sizes());
            rig.delivery.drain(None).await;
        })
        .await;
    assert_eq!(life.ledger.used(), 0);
}

#[tokio::test]
async fn a_full_log_refuses_with_a_hint_and_takes_again_when_something_left() {
    let folder = TempDir::new().unwrap();
    let (life, storage) = (Life::new(), storage(folder.path()));
    LocalSet::new()
        .run_until(async {
            let mut all = settings();
            all.queue.as_mut().unwrap().queue_size = 1_000_000;
            let rig = life.rig(&storage, all.clone(), away()).await;
            let mut taken = 0;
            let fault = loop {
                let answer = life.send(&rig, 20).await;
                if !answer.is_taken() {
                    break answer.fault();
                }
                taken += 1;
            };
            assert_eq!((fault.code, fault.is_permanent()), (FaultCode::QueueFull, false));
            assert!(taken > 10, "{taken}");
            assert_eq!(life.queue_size(), f64::from(taken));
            rig.delivery.drain(now()).await;
            let rig = life.rig(&storage, all, ScriptedExporter::accepting()).await;
            until(|| rig.exporter.delivered() == u64::try_from(taken).unwrap() * 20).await;
            until(|| life.queue_size() == 0.0).await;
            assert!(life.send(&rig, 20).await.is_taken());
            let large = life.send(&rig, 2000).await.fault();
            assert_eq!((large.code, large.is_permanent()), (FaultCode::LargerThanQueue, true));
            rig.delivery.drain(None).await;
        })
        .await;
}

#[tokio::test]
async fn a_request_counts_once_in_the_ledger_wherever_it_is_read() {
    let folder = TempDir::new().unwrap();
    let storage = storage(folder.path());
    let bytes = request(Signal::Logs, 0, 5).len() as u64;
    for kept in [true, false] {
        let life = Life::new();
        LocalSet::new()
            .run_until(async {
                let rig = life.rig(&storage, settings(), ScriptedExporter::accepting().slow(3600 * SECOND)).await;
                if kept {
                    life.send(&rig, 5).await;
                }
                until(|| rig.exporter.attempts().len() == 1).await;
                until(|| life.ledger.used() == bytes).await;
                rig.delivery.drain(now()).await;
            })
            .await;
        assert_eq!(life.ledger.used(), 0);
    }
}

/// More than the ledger has, each request nearly a tenth of it: all the same everything is delivered, and nobody is
/// refused memory.
#[tokio::test]
async fn a_backlog_larger_than_the_ledger_is_delivered_within_it() {
    let folder = TempDir::new().unwrap();
    let storage = StorageSettings { segment_bytes: 1 << 20, max_bytes: 8 << 20, ..storage(folder.path()) };
    let mut life = Life { ledger: Ledger::new(8 << 20), ..Life::new() };
    LocalSet::new()
        .run_until(async {
            let rig = life.rig(&storage, settings(), away()).await;
            for _ in 0..30 {
                assert!(life.send(&rig, 500).await.is_taken());
            }
            rig.delivery.drain(now()).await;
        })
        .await;
    let bytes = request(Signal::Logs, 0, 500).len() as u64;
    life = Life { ledger: Ledger::new(10 * bytes), ..Life::new() };
    LocalSet::new()
        .run_until(async {
            let rig = life.rig(&storage, settings(), ScriptedExporter::accepting()).await;
            until(|| rig.exporter.delivered() == 15_000).await;
            until(|| life.queue_size() == 0.0).await;
            rig.delivery.drain(None).await;
        })
        .await;
    assert!(life.ledger.peak() > bytes && life.ledger.peak() <= 10 * bytes);
}

#[tokio::test]
async fn a_new_graph_takes_over_what_the_old_one_cannot_deliver() {
    let folder = TempDir::new().unwrap();
    let (life, storage) = (Life::new(), storage(folder.path()));
    LocalSet::new()
        .run_until(async {
            let old = life.rig(&storage, settings(), ScriptedExporter::accepting().slow(3600 * SECOND)).await;
            for items in 1..=6 {
                life.send(&old, items).await;
            }
            until(|| old.exporter.attempts().len() == 2).await;
            let new = life.rig(&storage, settings(), ScriptedExporter::accepting()).await;
            life.send(&new, 7).await;
            old.delivery.drain(now()).await;
            until(|| new.exporter.delivered() == 28).await;
            until(|| life.queue_size() == 0.0).await;
            new.delivery.drain(None).await;
        })
        .await;
    assert_eq!(DropReason::ALL.map(|reason| life.dropped(reason)), [0; 8]);
}

#[tokio::test]
async fn damage_costs_what_it_touches_and_is_counted() {
    let folder = TempDir::new().unwrap();
    let storage = storage(folder.path());
    let life = Life::new();
    LocalSet::new()
        .run_until(async {
            let rig = life.rig(&storage, settings(), away()).await;
            for items in 1..=8 {
                life.send(&rig, items).await;
            }
            rig.delivery.drain(now()).await;
        })
        .await;
    drop(life);
    let path = folder.path().join("teleferric").join("seg-0000000000000000.log");
    let mut bytes = std::fs::read(&path).unwrap();
    // Somewhere in one of the first records.
    bytes[400] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let life = Life::new();
    LocalSet::new()
        .run_until(async {
            let rig = life.rig(&storage, settings(), ScriptedExporter::accepting()).await;
            until(|| life.dropped(DropReason::Damaged) > 0).await;
            assert_eq!(rig.exporter.attempts().len(), 7);
            assert_eq!(rig.exporter.delivered() + life.dropped(DropReason::Damaged), 36);
            until(|| life.queue_size() == 0.0).await;
            let account = life.account();
            let (damaged, delivered) = (account.left("damaged"), account.left("delivered"));
            assert_eq!((account.enqueued, damaged, delivered), (36, life.dropped(DropReason::Damaged), 36 - damaged));
        })
        .await;
}

#[tokio::test]
async fn a_folder_is_one_process_alone_and_must_be_there_or_be_made() {
    let folder = TempDir::new().unwrap();
    let storage = storage(folder.path());
    let (one, other) = (Life::new(), Life::new());
    let open = async |life: &Life, settings: &StorageSettings| {
        life.logs
            .queue(settings, "otlp", Signal::Logs, &life.handles)
            .await
            .map(drop)
            .map_err(|error| error.to_string())
    };
    let held = one.logs.queue(&storage, "otlp", Signal::Logs, &one.handles).await.unwrap();
    let impatient = StorageSettings { patience: Duration::ZERO, ..storage.clone() };
    let error = open(&other, &impatient).await.unwrap_err();
    assert!(error.ends_with("is in use by another process"), "{error}");
    drop(held);
    open(&other, &storage).await.unwrap();
    let missing = StorageSettings { directory: folder.path().join("missing"), create: None, ..storage };
    let error = open(&one, &missing).await.unwrap_err();
    assert!(error.ends_with("missing: directory must exist"), "{error}");
}
