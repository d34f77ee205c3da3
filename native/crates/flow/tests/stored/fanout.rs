//! A fan-out to several stored queues.

use teleferric_flow::Fanout;

use super::*;

/// A fan-out as it stands behind two pipelines of one receiver: to `inner` by one of them, to `outer` by the other.
fn fan_out(inner: &[&Rig], outer: &[&Rig]) -> Fanout {
    let consumer = |rig: &&Rig| Rc::clone(&rig.delivery) as Rc<dyn Consumer>;
    let pipeline: Rc<dyn Consumer> = Rc::new(Fanout::new(inner.iter().map(consumer).collect()));
    Fanout::new(outer.iter().map(consumer).chain([pipeline]).collect())
}

/// The sequences of the records that each queue in the folder holds.
fn records(folder: &Path) -> Vec<Vec<u64>> {
    let disk = teleferric_store::Disk::peek(&folder.join("teleferric")).unwrap();
    let found = teleferric_store::survey(&disk, 100, None).unwrap();
    found.cursors.iter().map(|cursor| cursor.records.iter().map(|record| record.sequence).collect()).collect()
}

#[tokio::test]
async fn a_fan_out_is_one_record_and_each_gets_it_whenever_the_process_ends() {
    let folder = TempDir::new().unwrap();
    let storage = storage(folder.path());
    let life = Life::new();
    LocalSet::new()
        .run_until(async {
            let a = life.named("a", &storage, settings(), away()).await;
            let b = life.named("b", &storage, settings(), away()).await;
            let c = life.named("c", &storage, settings(), ScriptedExporter::accepting()).await;
            let fanout = fan_out(&[&a, &b], &[&c]);
            for items in [3, 4] {
                assert!(life.send_to(&fanout, items).await.is_taken());
            }
            until(|| c.exporter.delivered() == 7).await;
            let held = records(folder.path());
            assert_eq!((held[0].len(), &held[0]), (2, &held[1]), "the same records");
            // Fed twice, it has it twice.
            assert!(life.send_to(&fan_out(&[&a, &c], &[&a]), 5).await.is_taken());
            until(|| c.exporter.delivered() == 12).await;
            assert_eq!(records(folder.path())[0].len(), 4);
        })
        .await;
    // Ended without a drain, with one of them done.
    drop(life);
    let life = Life::new();
    LocalSet::new()
        .run_until(async {
            let a = life.named("a", &storage, settings(), ScriptedExporter::accepting()).await;
            let b = life.named("b", &storage, settings(), ScriptedExporter::accepting()).await;
            until(|| a.exporter.delivered() == 17 && b.exporter.delivered() == 7).await;
        })
        .await;
}

#[tokio::test]
async fn one_full_queue_refuses_for_all_or_makes_all_wait() {
    for blocks in [false, true] {
        let folder = TempDir::new().unwrap();
        let (life, storage) = (Life::new(), storage(folder.path()));
        let small = || {
            let mut settings = settings();
            let queue = settings.queue.as_mut().unwrap();
            (queue.queue_size, queue.block_on_overflow) = (1, blocks);
            settings
        };
        LocalSet::new()
            .run_until(async {
                let a = life.named("a", &storage, settings(), away()).await;
                let b = life.named("b", &storage, small(), ScriptedExporter::accepting().slow(SECOND / 5)).await;
                let fanout = fan_out(&[&a, &b], &[]);
                assert!(life.send_to(&fanout, 3).await.is_taken());
                let answer = life.send_to(&fanout, 4).await;
                assert_eq!(answer.is_taken(), blocks);
                if !blocks {
                    assert_eq!(answer.fault().code, FaultCode::QueueFull);
                }
                let taken = if blocks { 2 } else { 1 };
                assert_eq!(records(folder.path())[0].len(), taken, "no more than the other");
                until(|| b.exporter.delivered() == if blocks { 7 } else { 3 }).await;
                // Larger than one of them, waiting would be in vain.
                let mut bytes = settings();
                let queue = bytes.queue.as_mut().unwrap();
                (queue.sizer, queue.queue_size, queue.block_on_overflow) = (Sizer::Bytes, 100, blocks);
                let c = life.named("c", &storage, bytes, away()).await;
                let large = life.send_to(&fan_out(&[&a, &c], &[]), 50).await;
                assert_eq!(large.fault().code, FaultCode::LargerThanQueue);
                a.delivery.drain(now()).await;
                let draining = life.send_to(&fanout, 5).await;
                assert_eq!(draining.fault().code, FaultCode::Draining);
            })
            .await;
    }
}
