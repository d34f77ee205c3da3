use super::*;
use crate::handles::Handles;
use crate::queue::{Order, QueueSettings, Sizer};
use crate::stored::{StorageSettings, StoredLogs, StoredQueue, Target, tally_of};
use teleferric_buf::Permit;
use teleferric_store::{LagPolicy, WhenFull};

const MEMORY: u64 = 1000;

/// A control whose gates shed, and the clock that it is looked at by.
struct World {
    ledger: Arc<Ledger>,
    overload: Arc<Overload>,
    metrics: Metrics,
    now: Instant,
}

impl World {
    fn new() -> Self {
        let (ledger, metrics) = (Ledger::new(MEMORY), Metrics::new());
        let overload = Overload::new(Arc::clone(&ledger), Log::none(), &metrics);
        World { ledger, overload, metrics, now: Instant::now() }
    }

    fn gate(&self, signal: Signal, rooms: Vec<Room>) -> Arc<Gate> {
        let settings = OverloadSettings { memory_bytes: MEMORY, priorities: Some(Priorities::default()) };
        self.overload.gate(signal, rooms, &Arc::new(settings), None)
    }

    fn take(&self, bytes: u64) -> Permit {
        self.ledger.try_reserve(bytes).unwrap()
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now += LOOK_EVERY;
            self.overload.look(self.now);
        }
    }
}

fn room(capacity: u64, block_on_overflow: bool) -> Room {
    Room::new(&queue(capacity, block_on_overflow), None)
}

fn queue(capacity: u64, block_on_overflow: bool) -> QueueSettings {
    QueueSettings {
        queue_size: capacity,
        sizer: Sizer::Requests,
        block_on_overflow,
        wait_for_result: false,
        num_consumers: 1,
        order: Order::Fifo,
        queue_share: 0.5,
        priorities: None,
    }
}

fn admitted(gates: &[Arc<Gate>]) -> Vec<bool> {
    gates.iter().map(|gate| gate.admit(None, &span()).is_ok()).collect()
}

#[test]
fn load_is_shed_from_the_least_important_class_on_and_comes_back_in_reverse() {
    let mut world = World::new();
    let [logs, traces, metrics] =
        [Signal::Logs, Signal::Traces, Signal::Metrics].map(|signal| world.gate(signal, vec![]));
    let debugging = debug_log();
    let seen = || {
        [logs.admit(None, &debugging).is_ok(), traces.admit(None, &span()).is_ok(), metrics.admit_unread(None).is_ok()]
    };
    let mut held = Vec::new();
    let steps = [[true; 3], [false, true, true], [false, false, true], [false; 3], [false; 3]];
    for ((percent, expected), level) in [69, 70, 85, 95, 100].into_iter().zip(steps).zip(0..) {
        held.push(world.take(percent * 10 - world.ledger.used()));
        world.pass(Duration::from_secs(2));
        assert_eq!((seen(), world.overload.level()), (expected, level), "at {percent} %");
    }
    assert_eq!(world.metrics.value("teleferric_degradation_level", &[]), Some(4.0));
    for (class, shed) in [("1", 2.0), ("2", 3.0), ("3", 4.0)] {
        assert_eq!(world.metrics.value("teleferric_shed_requests_total", &[("class", class)]), Some(shed));
    }
    // The level lasts, but what is free is free at once.
    for expected in steps.into_iter().rev().skip(1) {
        drop(held.pop());
        assert_eq!(seen(), expected);
    }
    drop(held);
    world.pass(Duration::from_secs(6));
    assert_eq!(world.overload.level(), 0);
}

/// A request with one record of severity DEBUG.
fn debug_log() -> Payload {
    Payload::from(bytes::Bytes::from_static(&[0x0a, 6, 0x12, 4, 0x12, 2, 0x10, 5]))
}

/// A request with one span without a status.
fn span() -> Payload {
    Payload::from(bytes::Bytes::from_static(&[0x0a, 6, 0x12, 4, 0x12, 2, 0x30, 1]))
}

#[test]
fn what_is_shed_says_why_and_may_come_again() {
    let mut world = World::new();
    let gate = world.gate(Signal::Logs, vec![]);
    let _held = world.take(800);
    assert_eq!(gate.admit(None, &debug_log()), Ok(()), "a burst takes what there is");
    world.pass(Duration::from_secs(2));
    let fault = gate.admit(None, &debug_log()).unwrap_err();
    assert_eq!((fault.code, fault.is_permanent()), (FaultCode::Overloaded, false));
    assert_eq!(fault.to_string(), "the collector is overloaded and refuses class 3");
    assert_eq!(gate.admit_unread(None), Ok(()), "there may be an error in it");
}

#[test]
fn a_class_that_the_host_has_told_stands_for_what_is_in_the_request() {
    let mut world = World::new();
    let gate = world.gate(Signal::Metrics, vec![]);
    let _held = world.take(800);
    world.pass(Duration::from_secs(2));
    let told = |number| Class::new(number);
    assert_eq!(gate.admit(told(0), &debug_log()), Ok(()));
    // Metrics are of class 1, so this one could not be of class 3 by itself.
    let fault = gate.admit_unread(told(3)).unwrap_err();
    assert_eq!(fault.to_string(), "the collector is overloaded and refuses class 3");
    assert_eq!(gate.admit(told(3), &debug_log()).unwrap_err().code, FaultCode::Overloaded);
}

#[test]
fn a_full_queue_is_felt_by_the_gates_that_lead_to_it_alone() {
    let mut world = World::new();
    let (full, small, waiting) = (room(100, false), room(10, false), room(100, true));
    let gates = [
        world.gate(Signal::Traces, vec![room(100, false), full.clone()]),
        world.gate(Signal::Traces, vec![room(100, false)]),
        world.gate(Signal::Traces, vec![small.clone()]),
        world.gate(Signal::Traces, vec![waiting.clone()]),
    ];
    let parcel = || crate::Parcel::new(Signal::Traces, debug_log(), 1, Permit::none(), crate::Reply::to(|_| ()));
    let mut places = Vec::new();
    for room in [&full, &small, &waiting] {
        while room.fill_percent().unwrap_or_else(|| crate::overload::percent(room.used(), room.capacity())) < 90 {
            places.push(room.demand(&parcel()).and_then(|demand| room.try_take(&demand)).ok().unwrap());
        }
    }
    world.pass(Duration::from_secs(2));
    assert_eq!((admitted(&gates), world.overload.level()), (vec![false, true, true, true], 2));
    drop(places);
    assert_eq!(admitted(&gates), [true; 4]);
}

/// Fills the log of a storage by a queue that is large enough.
#[tokio::test]
async fn a_full_log_is_felt_by_the_gates_that_lead_to_it_alone() {
    let folder = tempfile::TempDir::new().unwrap();
    let storage = StorageSettings {
        directory: folder.path().to_owned(),
        create: None,
        patience: Duration::ZERO,
        max_age: Duration::ZERO,
        segment_bytes: 4096,
        max_bytes: 32 << 10,
        reserve_free_percent: 0,
        sync: false,
        dead_letter_bytes: None,
        lag_policy: LagPolicy::Block,
        when_full: WhenFull::Refuse,
        fail_on_damage: false,
        scrub_bytes_per_second: 0,
        key: None,
    };
    let (mut world, handles, logs) = (World::new(), Handles::detached(), StoredLogs::default());
    let settings = queue(1_000_000, false);
    let queue = logs.queue(&storage, "otlp", Signal::Traces, &handles).await.unwrap();
    let stored = Room::new(&settings, Some(&queue));
    let gates = [vec![room(100, false), stored], vec![room(100, false)]];
    let gates = gates.map(|rooms| world.gate(Signal::Traces, rooms));
    world.pass(Duration::from_secs(2));
    assert_eq!(admitted(&gates), [true, true]);
    let parcel = crate::Parcel::new(Signal::Traces, span(), 1, Permit::none(), crate::Reply::to(|_| ()));
    let targets = || {
        let reserved = queue.try_reserve(tally_of(&parcel), Sizer::Requests, u64::MAX).unwrap();
        smallvec::smallvec![Target { reserved, waiter: None, follows: Default::default() }]
    };
    let directory = folder.path().display().to_string();
    // The thread of the log shows it after it has answered.
    let shows = async |fill: f64| {
        let shown = || handles.metrics.value("teleferric_storage_fill_ratio", &[("directory", &directory)]);
        while shown() != Some(fill) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    while StoredQueue::append(targets(), &parcel, None).await.is_ok() {}
    shows(1.0).await;
    world.pass(Duration::from_secs(2));
    assert_eq!((admitted(&gates), world.overload.level()), (vec![false, true], 4));
    assert!(gates[0].hint() >= Duration::from_secs(20));
    // What may go is nothing to be relieved of.
    let storage = StorageSettings { lag_policy: LagPolicy::DropOldest, ..storage };
    let queue = logs.queue(&storage, "otlp", Signal::Traces, &handles).await.unwrap();
    StoredQueue::append(targets(), &parcel, None).await.unwrap();
    drop(queue);
    shows(0.0).await;
    world.pass(Duration::from_secs(6));
    assert_eq!((admitted(&gates), world.overload.level()), (vec![true, true], 0));
}

#[test]
fn without_priorities_nothing_is_shed_and_the_level_still_shows() {
    let mut world = World::new();
    let settings = OverloadSettings { memory_bytes: MEMORY, priorities: None };
    let gate = world.overload.gate(Signal::Logs, vec![], &Arc::new(settings), None);
    let _held = world.take(MEMORY);
    world.pass(Duration::from_secs(2));
    assert_eq!((gate.admit(None, &debug_log()), gate.admit_unread(None), world.overload.level()), (Ok(()), Ok(()), 4));
}

#[test]
fn a_gate_that_is_gone_counts_no_more() {
    let mut world = World::new();
    let gate = world.gate(Signal::Logs, vec![]);
    let _held = world.take(MEMORY);
    world.pass(Duration::from_secs(2));
    assert_eq!(world.overload.level(), 4);
    drop(gate);
    world.pass(Duration::from_millis(250));
    assert_eq!(world.overload.level(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_watch_looks_by_itself_and_ends_with_the_control() {
    let world = World::new();
    let _gate = world.gate(Signal::Logs, vec![]);
    let _held = world.take(MEMORY);
    let overload = Arc::clone(&world.overload);
    let watching = tokio::spawn(Overload::watch(Arc::downgrade(&overload)));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(overload.level(), 4);
    drop((overload, world));
    watching.await.unwrap();
}
