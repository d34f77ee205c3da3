//! What a destination can tell repeats by.

use std::cell::RefCell;

use bytes::Bytes;
use teleferric_flow::BatchId;

use super::*;

/// Id and bytes of every attempt.
type Sent = Rc<RefCell<Vec<(BatchId, Vec<Bytes>)>>>;

fn noting(sent: &Sent, outcome: Outcome) -> ScriptedExporter {
    let sent = Rc::clone(sent);
    ScriptedExporter::judging(move |parcel| {
        let id = *parcel.batch_id.clone().expect("what is stored has an id");
        sent.borrow_mut().push((id, parcel.payload.chunks().to_vec()));
        outcome.clone()
    })
}

fn no_way() -> Outcome {
    Outcome::Refused(Fault::new(FaultCode::DownstreamTemporary, "away"))
}

/// How many ids there are, each of which stands for the same bytes whenever it was sent.
fn distinct(sent: &Sent) -> usize {
    let sent = sent.borrow();
    let mut known: Vec<(&BatchId, Bytes)> = Vec::new();
    for (id, chunks) in sent.iter() {
        let bytes = Bytes::from(chunks.concat());
        match known.iter().find(|(other, _)| *other == id) {
            Some((_, other)) => assert_eq!(*other, bytes, "{id} stands for something else now"),
            None => known.push((id, bytes)),
        }
    }
    known.len()
}

#[tokio::test]
async fn a_record_has_the_same_id_whenever_it_is_sent_also_by_the_next_process() {
    let folder = TempDir::new().unwrap();
    let storage = storage(folder.path());
    let mut settings = settings();
    settings.retry.as_mut().unwrap().initial_interval = Duration::from_millis(5);
    let sent = Sent::default();
    LocalSet::new()
        .run_until(async {
            let life = Life::new();
            let rig = life.rig(&storage, settings.clone(), noting(&sent, no_way())).await;
            for items in [1, 2] {
                assert!(life.send(&rig, items).await.is_taken());
            }
            until(|| sent.borrow().len() >= 4 && distinct(&sent) == 2).await;
            rig.delivery.drain(now()).await;
        })
        .await;
    let before = sent.borrow().len();
    LocalSet::new()
        .run_until(async {
            let life = Life::new();
            let rig = life.rig(&storage, settings, noting(&sent, Outcome::Accepted)).await;
            until(|| rig.exporter.delivered() == 3).await;
            assert!(life.send(&rig, 1).await.is_taken());
            until(|| rig.exporter.delivered() == 4).await;
            rig.delivery.drain(None).await;
        })
        .await;
    assert_eq!((sent.borrow().len(), distinct(&sent)), (before + 3, 3), "the third one is another request");
}

#[tokio::test]
async fn joined_and_cut_requests_have_the_same_id_when_the_same_ones_are_sent_together_again() {
    let folder = TempDir::new().unwrap();
    let storage = storage(folder.path());
    let batched = || DeliverySettings {
        batch: Some(QueueBatchSettings {
            batch: BatchSettings { sizer: Sizer::Items, min_size: 10, max_size: 10, flush_timeout: SECOND },
            partitioning: Partitioning::new::<&str>([]),
        }),
        ..settings()
    };
    let sent = Sent::default();
    LocalSet::new()
        .run_until(async {
            let life = Life::new();
            let rig = life.rig(&storage, batched(), noting(&sent, no_way())).await;
            for items in [4, 4, 32] {
                assert!(life.send(&rig, items).await.is_taken());
            }
            until(|| sent.borrow().len() == 2).await;
            rig.delivery.drain(now()).await;
        })
        .await;
    assert_eq!(distinct(&sent), 2, "4, 4 and 2 of 32; 10 of 32");
    let before = sent.borrow().len();
    LocalSet::new()
        .run_until(async {
            let life = Life::new();
            let rig = life.rig(&storage, batched(), noting(&sent, Outcome::Accepted)).await;
            until(|| rig.exporter.delivered() == 40).await;
            rig.delivery.drain(None).await;
        })
        .await;
    assert_eq!((sent.borrow().len(), distinct(&sent)), (before + 4, 4));
}
