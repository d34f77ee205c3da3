//! Requests that are refused for good.

use super::*;

/// A storage with room for dead letters.
pub(crate) fn with_letters(folder: &Path) -> StorageSettings {
    StorageSettings { dead_letter_bytes: Some(16 << 10), max_bytes: 64 << 10, ..storage(folder) }
}

pub(crate) fn no() -> Outcome {
    let fault = Fault::new(FaultCode::DownstreamPermanent, "no such field");
    Outcome::Refused(fault.with_status(GrpcCode::InvalidArgument))
}

impl Life {
    pub(crate) fn letters(&self) -> f64 {
        let labels = [("exporter", "otlp"), ("data_type", "logs")];
        self.handles.metrics.value("teleferric_dead_letter_items", &labels).unwrap()
    }

    fn lettered(&self) -> f64 {
        let labels = [("exporter", "otlp"), ("data_type", "logs")];
        self.handles.metrics.value("teleferric_dead_lettered_items_total", &labels).unwrap_or_default()
    }
}

/// Items of the dead letters on the disk, oldest first.
fn letters_on_disk(folder: &Path) -> Vec<u64> {
    let disk = teleferric_store::Disk::peek(&dead_letter_folder(folder)).unwrap();
    let found = teleferric_store::survey(&disk, 1000, None).unwrap();
    assert_eq!(found.cursors[0].name, "exporter/otlp/logs");
    let letters = found.cursors[0].records.iter();
    letters
        .map(|record| {
            let letter = Letter::decode(&record.head).unwrap();
            assert_eq!((letter.status, letter.message), (3, "not retryable error: no such field"));
            assert!(letter.taken_ms <= record.time);
            record.items
        })
        .collect()
}

#[tokio::test]
async fn what_is_refused_for_good_is_a_dead_letter_also_in_the_next_life() {
    let folder = TempDir::new().unwrap();
    let storage = with_letters(folder.path());
    let life = Life::new();
    LocalSet::new()
        .run_until(async {
            let script = [Step::Answer(Duration::ZERO, no()), Step::Answer(Duration::ZERO, no())];
            let rig = life.rig(&storage, settings(), ScriptedExporter::accepting().script(script)).await;
            for items in [3, 4, 5] {
                life.send(&rig, items).await;
                until(|| life.queue_size() == 0.0).await;
            }
            assert_eq!((rig.exporter.delivered(), life.letters(), life.lettered()), (5, 7.0, 7.0));
            rig.delivery.drain(None).await;
        })
        .await;
    assert_eq!(DropReason::ALL.map(|reason| life.dropped(reason)), [0; 8]);
    assert_eq!(letters_on_disk(folder.path()), [3, 4]);
    drop(life);
    let life = Life::new();
    LocalSet::new()
        .run_until(async {
            let rig = life.rig(&storage, settings(), ScriptedExporter::accepting()).await;
            assert_eq!((life.letters(), life.lettered(), life.queue_size()), (7.0, 0.0, 0.0));
            let account = life.account();
            assert_eq!((account.enqueued, account.left("dead_lettered"), account.left("delivered")), (12, 7, 5));
            rig.delivery.drain(None).await;
        })
        .await;
}

#[tokio::test]
async fn each_part_of_a_refused_batch_is_a_dead_letter_of_its_own() {
    let folder = TempDir::new().unwrap();
    let (life, storage) = (Life::new(), with_letters(folder.path()));
    let batched = DeliverySettings {
        batch: Some(QueueBatchSettings {
            batch: BatchSettings { sizer: Sizer::Items, min_size: 10, max_size: 10, flush_timeout: SECOND / 20 },
            partitioning: Partitioning::new::<&str>([]),
        }),
        ..settings()
    };
    LocalSet::new()
        .run_until(async {
            // The first request lies in three batches, of which the last is shared. Only what has fewer than ten items
            // is refused: the last batch, its members.
            let choosy = |parcel: &Parcel| if parcel.items < 10 { no() } else { Outcome::Accepted };
            let rig = life.rig(&storage, batched, ScriptedExporter::judging(choosy)).await;
            for items in [24, 3] {
                life.send(&rig, items).await;
            }
            until(|| life.queue_size() == 0.0).await;
            assert_eq!((rig.exporter.delivered(), life.letters()), (20, 7.0));
            rig.delivery.drain(None).await;
        })
        .await;
    assert_eq!(DropReason::ALL.map(|reason| life.dropped(reason)), [0; 8]);
    let mut letters = letters_on_disk(folder.path());
    letters.sort_unstable();
    assert_eq!(letters, [3, 4]);
}

#[tokio::test]
async fn the_oldest_dead_letters_make_room_and_all_are_accounted_for() {
    let folder = TempDir::new().unwrap();
    let (life, storage) = (Life::new(), with_letters(folder.path()));
    LocalSet::new()
        .run_until(async {
            let talkative = |parcel: &Parcel| match (no(), parcel.items) {
                (Outcome::Refused(fault), 21..) => Outcome::Refused(fault.with_message("no ".repeat(300))),
                (no, _) => no,
            };
            let rig = life.rig(&storage, settings(), ScriptedExporter::judging(talkative)).await;
            for _ in 0..40 {
                life.send(&rig, 20).await;
            }
            until(|| life.queue_size() == 0.0).await;
            assert_eq!(life.lettered(), 800.0);
            assert!(life.dropped(DropReason::DeadLetterFull) >= 100);
            // The largest that the queue takes; what is said about it is too much for the dead letters.
            let mut items = 100;
            while !life.send(&rig, items).await.is_taken() {
                items -= 1;
            }
            until(|| life.queue_size() == 0.0).await;
            assert_eq!((life.lettered(), life.dropped(DropReason::Permanent)), (800.0, items));
            let held: u64 = letters_on_disk(folder.path()).iter().sum();
            assert_eq!(held + life.dropped(DropReason::DeadLetterFull), 800);
            assert_eq!(life.letters(), held as f64);
            rig.delivery.drain(None).await;
        })
        .await;
}
