//! What goes when a queue is full, or the log because of it.

use teleferric_flow::{AckLevel, Fanout};

use super::*;

const REQUESTS: u64 = 400;

/// Sends many times what the log has room for, one after another, to three queues of which the first is never emptied.
/// Requests that were refused.
async fn flood(life: &Life, [a, b, c]: &[Rig; 3]) -> u64 {
    let branches = [a, b, c].map(|rig| Rc::clone(&rig.delivery) as Rc<dyn Consumer>);
    let fanout = Fanout::new(branches.to_vec());
    let mut refused = 0;
    for _ in 0..REQUESTS {
        refused += u64::from(!life.send_to(&fanout, 5).await.is_taken());
    }
    refused
}

async fn three(life: &Life, storage: &StorageSettings, slow: LagPolicy) -> [Rig; 3] {
    // More than the log has room for, and so much less than comes.
    let mut large = settings();
    large.queue.as_mut().unwrap().queue_size = 150;
    let policy = StorageSettings { lag_policy: slow, ..storage.clone() };
    let fast = || ScriptedExporter::accepting();
    [
        life.named("slow", &policy, large.clone(), ScriptedExporter::accepting().slow(3600 * SECOND)).await,
        life.named("b", storage, large.clone(), fast()).await,
        life.named("c", storage, large, fast()).await,
    ]
}

/// Requests in the queue of the exporter `slow`.
fn slow_size(life: &Life) -> u64 {
    let labels = [("exporter", "slow"), ("data_type", "logs")];
    life.handles.metrics.value("otelcol_exporter_queue_size", &labels).unwrap() as u64
}

#[tokio::test]
async fn a_slow_one_among_three_holds_up_the_others_only_if_it_is_to() {
    for policy in [LagPolicy::Block, LagPolicy::DropOldest, LagPolicy::Detach] {
        let folder = TempDir::new().unwrap();
        let (life, storage) = (Life::new(), storage(folder.path()));
        LocalSet::new()
            .run_until(async {
                let rigs = three(&life, &storage, policy).await;
                let refused = flood(&life, &rigs).await;
                let taken = (REQUESTS - refused) * 5;
                assert_eq!(refused > 0, policy == LagPolicy::Block, "{refused}");
                until(|| rigs[1].exporter.delivered() == taken && rigs[2].exporter.delivered() == taken).await;
                // Each item is there or counted.
                until(|| slow_size(&life) * 5 + life.dropped(DropReason::QueueFull) == taken).await;
                assert_eq!(life.dropped(DropReason::QueueFull) > 0, policy != LagPolicy::Block);
                let dropped = life.dropped(DropReason::QueueFull);
                rigs[0].delivery.drain(now()).await;
                // What was under way when its place in the log went cannot wait for the next life.
                until(|| slow_size(&life) * 5 + life.dropped(DropReason::QueueFull) == taken).await;
                let rig = life.named("slow", &storage, settings(), ScriptedExporter::accepting()).await;
                until(|| rig.exporter.delivered() + life.dropped(DropReason::QueueFull) == taken).await;
                assert!(life.dropped(DropReason::QueueFull) >= dropped);
                rig.delivery.drain(None).await;
            })
            .await;
        assert_eq!(life.dropped(DropReason::Damaged), 0);
    }
}

#[tokio::test]
async fn a_full_queue_gives_up_its_oldest_or_all_that_waits_and_takes_what_is_new() {
    for (policy, dropped, delivered) in [(LagPolicy::DropOldest, 3..=8, 11), (LagPolicy::Detach, 3..=12, 11)] {
        let folder = TempDir::new().unwrap();
        let (life, storage) = (Life::new(), StorageSettings { lag_policy: policy, ..storage(folder.path()) });
        LocalSet::new()
            .run_until(async {
                let mut small = settings();
                small.queue.as_mut().unwrap().queue_size = 4;
                let rig = life.rig(&storage, small.clone(), away()).await;
                // Half of the queue is left unread, so that something can go.
                for _ in 0..2 {
                    life.send(&rig, 1).await;
                }
                until(|| rig.exporter.attempts().len() == 2).await;
                for items in 3..=11 {
                    assert!(life.send(&rig, items).await.is_taken());
                }
                until(|| life.queue_size() <= 4.0).await;
                let gone = life.dropped(DropReason::QueueFull);
                assert!(gone >= *dropped.start(), "{gone}");
                rig.delivery.drain(now()).await;
                let rig = life.rig(&storage, small, ScriptedExporter::accepting()).await;
                until(|| life.queue_size() == 0.0).await;
                assert_eq!(rig.exporter.delivered() + gone, 2 + (3..=11).sum::<u64>());
                assert!(rig.exporter.sizes().contains(&delivered), "the newest is there");
                rig.delivery.drain(None).await;
            })
            .await;
    }
}

#[tokio::test]
async fn who_waits_for_what_is_given_up_is_told_and_nothing_is_counted() {
    let folder = TempDir::new().unwrap();
    let (life, storage) = (Life::new(), StorageSettings { lag_policy: LagPolicy::Detach, ..storage(folder.path()) });
    LocalSet::new()
        .run_until(async {
            let mut small = settings();
            small.queue.as_mut().unwrap().queue_size = 2;
            let rig = life.rig(&storage, small, away()).await;
            life.send(&rig, 1).await;
            until(|| rig.exporter.attempts().len() == 1).await;
            let (mut parcel, answer) = life.parcel(2);
            parcel.context = Arc::new(Context { ack: Some(AckLevel::Delivered), ..Context::default() });
            rig.delivery.consume(parcel);
            until(|| life.queue_size() == 2.0).await;
            assert!(life.send(&rig, 3).await.is_taken());
            until(|| answer.get().is_some()).await;
            assert_eq!((answer.fault().code, answer.fault().is_permanent()), (FaultCode::QueueFull, false));
            assert_eq!(life.dropped(DropReason::QueueFull), 0, "its sender knows");
            rig.delivery.drain(now()).await;
        })
        .await;
}

#[tokio::test]
async fn a_log_that_is_to_go_on_drops_the_oldest_of_all() {
    let folder = TempDir::new().unwrap();
    let (life, storage) =
        (Life::new(), StorageSettings { when_full: WhenFull::GiveUpOldest, ..storage(folder.path()) });
    LocalSet::new()
        .run_until(async {
            let mut large = settings();
            large.queue.as_mut().unwrap().queue_size = 1_000_000;
            let rig = life.rig(&storage, large, ScriptedExporter::accepting().slow(3600 * SECOND)).await;
            for _ in 0..REQUESTS {
                assert!(life.send(&rig, 5).await.is_taken());
            }
            rig.delivery.drain(now()).await;
            until(|| life.dropped(DropReason::QueueFull) > 0).await;
            until(|| life.queue_size() as u64 * 5 + life.dropped(DropReason::QueueFull) == REQUESTS * 5).await;
            assert!(life.queue_size() > 0.0);
        })
        .await;
}
