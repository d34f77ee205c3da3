//! Senders who wait for the result of a request that is stored.

use teleferric_flow::AckLevel;

use super::letters::{no, with_letters};
use super::*;

#[tokio::test]
async fn who_waits_for_the_result_is_told_it_and_what_is_stored_stays() {
    let folder = TempDir::new().unwrap();
    let (life, storage) = (Life::new(), with_letters(folder.path()));
    let waiting = || {
        let mut settings = settings();
        settings.queue.as_mut().unwrap().wait_for_result = true;
        settings
    };
    LocalSet::new()
        .run_until(async {
            let partial = Outcome::Partial { rejected: 2, message: "two".into() };
            let script = [partial.clone(), no()].map(|outcome| Step::Answer(SECOND / 20, outcome));
            let rig = life.rig(&storage, waiting(), ScriptedExporter::accepting().script(script)).await;
            assert_eq!(life.send(&rig, 3).await.get(), Some(partial));
            assert_eq!(life.send(&rig, 4).await.fault().status, Some(GrpcCode::InvalidArgument));
            assert!(life.send(&rig, 5).await.is_taken());
            assert_eq!((rig.exporter.delivered(), life.queue_size(), life.letters()), (6, 0.0, 0.0));
            rig.delivery.drain(None).await;

            // One sender has no more patience, one is there when the collector stops.
            let rig = life.rig(&storage, waiting(), away()).await;
            let (mut hasty, answer) = life.parcel(6);
            hasty.deadline = Some(Instant::now() + SECOND / 10);
            rig.delivery.consume(hasty);
            until(|| answer.get().is_some()).await;
            assert_eq!(answer.fault().status, Some(GrpcCode::DeadlineExceeded));
            let (patient, answer) = life.parcel(7);
            rig.delivery.consume(patient);
            until(|| rig.exporter.attempts().len() == 2).await;
            rig.delivery.drain(now()).await;
            until(|| answer.get().is_some()).await;
            assert_eq!(answer.fault().code, FaultCode::Draining);

            let rig = life.rig(&storage, waiting(), ScriptedExporter::accepting()).await;
            until(|| rig.exporter.delivered() == 13 && life.queue_size() == 0.0).await;
            let account = life.account();
            assert_eq!((account.enqueued, account.left("refused"), account.left("delivered")), (25, 2 + 4, 19));
            rig.delivery.drain(None).await;
        })
        .await;
    assert_eq!(DropReason::ALL.map(|reason| life.dropped(reason)), [0; 8], "every sender knows");
    until(|| life.ledger.used() == 0).await;
}

/// Sends without waiting for the answer.
fn ask(life: &Life, rig: &Rig, level: AckLevel, items: u64) -> Answer {
    let (mut parcel, answer) = life.parcel(items);
    parcel.context = Arc::new(Context { ack: Some(level), ..Context::default() });
    rig.delivery.consume(parcel);
    answer
}

#[tokio::test]
async fn a_sender_is_answered_at_the_level_it_asked_for() {
    let folder = TempDir::new().unwrap();
    let (life, storage) = (Life::new(), storage(folder.path()));
    LocalSet::new()
        .run_until(async {
            let slow = Step::Answer(Duration::from_millis(50), Outcome::Accepted);
            let steps = [slow, Step::Answer(Duration::ZERO, no())];
            let rig = life.rig(&storage, settings(), ScriptedExporter::accepting().script(steps)).await;
            let answer = ask(&life, &rig, AckLevel::Delivered, 3);
            until(|| rig.exporter.attempts().len() == 1).await;
            assert_eq!(answer.get(), None, "answered while it was sent");
            until(|| answer.get().is_some()).await;
            assert!(answer.is_taken());
            let refused = ask(&life, &rig, AckLevel::Delivered, 5);
            until(|| refused.get().is_some()).await;
            assert_eq!(refused.fault().code, FaultCode::DownstreamPermanent);
            assert_eq!(life.dropped(DropReason::Permanent), 0, "the sender knows");
            assert!(ask(&life, &rig, AckLevel::Received, 1).is_taken(), "before the disk has it");
            rig.delivery.drain(None).await;
        })
        .await;
}

#[tokio::test]
async fn what_was_refused_before_the_sender_went_away_is_counted() {
    let folder = TempDir::new().unwrap();
    let (life, storage) = (Life::new(), storage(folder.path()));
    let batched = DeliverySettings {
        batch: Some(QueueBatchSettings {
            batch: BatchSettings { sizer: Sizer::Items, min_size: 10, max_size: 10, flush_timeout: SECOND },
            partitioning: Partitioning::new::<&str>([]),
        }),
        ..settings()
    };
    LocalSet::new()
        .run_until(async {
            let steps = [Step::Answer(Duration::ZERO, no()), Step::Answer(SECOND, Outcome::Accepted)];
            let rig = life.rig(&storage, batched, ScriptedExporter::accepting().script(steps)).await;
            let (mut parcel, answer) = life.parcel(20);
            parcel.context = Arc::new(Context { ack: Some(AckLevel::Delivered), ..Context::default() });
            parcel.deadline = Some(Instant::now() + SECOND / 4);
            rig.delivery.consume(parcel);
            until(|| answer.get().is_some()).await;
            assert_eq!(answer.fault().status, Some(GrpcCode::DeadlineExceeded));
            until(|| rig.exporter.delivered() == 10 && life.queue_size() == 0.0).await;
            rig.delivery.drain(None).await;
        })
        .await;
    assert_eq!(life.dropped(DropReason::Permanent), 10);
}

/// The request is read when the one before it is done; by then the disk has something else.
#[tokio::test]
async fn who_waits_for_a_request_that_is_damaged_is_told_and_nothing_is_counted() {
    let folder = TempDir::new().unwrap();
    let (life, storage) = (Life::new(), StorageSettings { lag_policy: LagPolicy::Detach, ..storage(folder.path()) });
    // So much is in use that nothing stays in memory.
    let _held = life.ledger.try_reserve(3 << 18).unwrap();
    LocalSet::new()
        .run_until(async {
            let mut one_by_one = settings();
            one_by_one.queue.as_mut().unwrap().queue_size = 3;
            let slow = Step::Answer(SECOND, Outcome::Accepted);
            let rig = life.rig(&storage, one_by_one, ScriptedExporter::accepting().script([slow])).await;
            life.send(&rig, 1).await;
            until(|| rig.exporter.attempts().len() == 1).await;
            let answer = ask(&life, &rig, AckLevel::Delivered, 2);
            let path = folder.path().join("teleferric").join("seg-0000000000000000.log");
            let end = |bytes: &[u8]| bytes.iter().rposition(|byte| *byte != 0).unwrap();
            let before = end(&std::fs::read(&path).unwrap());
            until(|| end(&std::fs::read(&path).unwrap()) > before + 60).await;
            let mut bytes = std::fs::read(&path).unwrap();
            let last = end(&bytes);
            bytes[last] ^= 1;
            std::fs::write(&path, bytes).unwrap();
            until(|| answer.get().is_some()).await;
            assert_eq!((answer.fault().code, answer.fault().is_permanent()), (FaultCode::StorageFailed, false));
            until(|| life.queue_size() == 0.0).await;
            assert_eq!((rig.exporter.delivered(), life.dropped(DropReason::Damaged)), (1, 0));
            rig.delivery.drain(None).await;
        })
        .await;
}
