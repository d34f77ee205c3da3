//! An hour without the destination, with the settings that nobody has changed. The hour is tokio's; the log's thread
//! has its own time.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use teleferric_flow::{
    BreakerSettings, BudgetSettings, Delivery, DeliverySettings, DeliveryShared, DropReason, EndpointBreaker, Fault,
    FaultCode, GrpcCode, Outcome, Override, QueueSettings, RetrySettings, Spread, Storage, StorageSettings,
    WindowSettings,
};
use teleferric_testkit::ScriptedExporter;
use teleferric_wire::Signal;
use tempfile::TempDir;
use tokio::task::LocalSet;
use tokio::time::{Instant, pause, resume, sleep};

use crate::{Life, Rig, SECOND, settings, storage, until};

const MINUTES: u64 = 60;
const REQUESTS_A_MINUTE: u64 = 4;
const MAX_INTERVAL: Duration = Duration::from_secs(30);
/// The longest wait is half longer than its mean.
const WAIT_MAX: Duration = Duration::from_secs(45);

/// As an exporter with `storage` and nothing else gets it.
fn defaults() -> DeliverySettings {
    DeliverySettings {
        queue: Some(QueueSettings { queue_size: 1000, num_consumers: 10, ..settings().queue.unwrap() }),
        batch: None,
        retry: Some(RetrySettings {
            initial_interval: 5 * SECOND,
            max_interval: MAX_INTERVAL,
            multiplier: 1.5,
            randomization_factor: 0.5,
            max_elapsed_time: Duration::ZERO,
            jitter: Spread::Collector,
            max_hint: 300 * SECOND,
            budget: BudgetSettings { ratio: 0.2, min_concurrent: 3 },
        }),
        timeout: 5 * SECOND,
        storage: None,
    }
}

fn default_breaker() -> BreakerSettings {
    BreakerSettings {
        window: WindowSettings { counts: false, time: 30 * SECOND, buckets: 10 },
        min_calls: 20,
        failure_rate: 0.5,
        slow_rate: 0.8,
        slow_after: 4 * SECOND,
        consecutive: 5,
        open: 5 * SECOND,
        max_open: MAX_INTERVAL,
        jitter: 0.2,
        permits: 3,
        successes: 3,
        max_wait: 5 * SECOND,
        mode: Override::None,
    }
}

fn default_storage(folder: &TempDir) -> StorageSettings {
    StorageSettings {
        max_age: 24 * 60 * 60 * SECOND,
        segment_bytes: 1 << 20,
        max_bytes: 1 << 30,
        ..storage(folder.path())
    }
}

async fn rig(life: &Life, storage: &StorageSettings, is_up: &Rc<Cell<bool>>) -> Rig {
    let queue = life.logs.queue(storage, "otlp", Signal::Logs, &life.handles).await.unwrap();
    let stored = Storage { queue, max_age: storage.max_age, ledger: Arc::clone(&life.ledger) };
    let breaker = EndpointBreaker::new("otlp", "peer:4317", default_breaker(), &life.handles.metrics);
    let handles = life.handles.clone();
    let shared = DeliveryShared::new("otlp", Signal::Logs, &[], defaults(), Some(breaker), Some(stored), handles);
    let is_up = Rc::clone(is_up);
    let exporter = Rc::new(ScriptedExporter::judging(move |_| {
        let away = Fault::new(FaultCode::DownstreamTemporary, "away").with_status(GrpcCode::Unavailable);
        if is_up.get() { Outcome::Accepted } else { Outcome::Refused(away) }
    }));
    Rig { delivery: Rc::new(Delivery::new(&shared, exporter.clone())), exporter }
}

/// Lets tokio's time pass, and the log's thread keep up with it, until something holds; how long that was.
async fn passes_until(most: Duration, holds: impl Fn() -> bool) -> Duration {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < most, "does not come to hold");
        thread::sleep(Duration::from_millis(1));
        sleep(SECOND / 2).await;
    }
    began.elapsed()
}

#[tokio::test]
async fn an_hour_without_the_destination_costs_nothing_and_ends_with_the_longest_wait() {
    let folder = TempDir::new().unwrap();
    let (life, storage) = (Life::new(), default_storage(&folder));
    let is_up = Rc::new(Cell::new(false));
    let sent = MINUTES * REQUESTS_A_MINUTE;
    LocalSet::new()
        .run_until(async {
            let rig = rig(&life, &storage, &is_up).await;
            for _ in 0..MINUTES {
                for _ in 0..REQUESTS_A_MINUTE {
                    assert!(life.send(&rig, 1).await.is_taken());
                }
                pause();
                sleep(60 * SECOND).await;
                resume();
            }
            assert_eq!((rig.exporter.delivered(), life.queue_size()), (0, sent as f64));
            // Three probes, each time that the breaker has been open for as long as it may, but for a fifth.
            let (attempts, probes) = (rig.exporter.attempts().len() as u64, 3 * MINUTES * 60 / 24);
            assert!(attempts > MINUTES && attempts < probes + 50, "{attempts} attempts");

            pause();
            is_up.set(true);
            let first = passes_until(2 * WAIT_MAX, || rig.exporter.delivered() > 0).await;
            let all = passes_until(10 * WAIT_MAX, || rig.exporter.delivered() == sent).await;
            resume();
            assert!(first <= WAIT_MAX, "the first came after {first:?}");
            assert!(all <= 2 * WAIT_MAX, "the last came {all:?} after the first");
            until(|| life.queue_size() == 0.0).await;
            assert_eq!(rig.exporter.attempts().len() as u64, attempts + sent, "each is sent once when it is back");
        })
        .await;
    assert_eq!(life.dropped(DropReason::Expired), 0);
}
