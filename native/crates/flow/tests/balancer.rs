//! Balancing load: which backend gets what, what a sender is told, and what becomes of requests whose backend goes.
//! Time is tokio's, paused.

#![allow(clippy::unwrap_used, reason = "test code: a broken promise ends the test")]

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use teleferric_buf::Ledger;
use teleferric_flow::{
    Balancer, BalancerSettings, BalancerShared, BudgetSettings, Consumer, DeliverySettings, DeliveryShared, Exporter,
    Fault, FaultCode, Handles, Lane, Order, Outcome, Parcel, QueueSettings, Resolver, RetrySettings, Sizer, Spread,
    Stage,
};
use teleferric_tasks::failpoints;
use teleferric_testkit::otlp::item_labels;
use teleferric_testkit::{Answer, Balance, ScriptedExporter, asked, request, verify_stage};
use teleferric_wire::Signal;
use teleferric_wire::split::Key;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

thread_local! {
    /// What stands behind the backends of the test on this thread.
    static BACKENDS: RefCell<HashMap<String, Rc<ScriptedExporter>>> = RefCell::default();
}

fn set(name: &str, exporter: ScriptedExporter) -> Rc<ScriptedExporter> {
    let exporter = Rc::new(exporter);
    BACKENDS.with_borrow_mut(|backends| backends.insert(name.to_owned(), Rc::clone(&exporter)));
    exporter
}

fn refusal(code: FaultCode) -> Outcome {
    Outcome::Refused(Fault::new(code, "as scripted"))
}

fn retry() -> Option<RetrySettings> {
    Some(RetrySettings {
        initial_interval: 5 * SECOND,
        max_interval: 30 * SECOND,
        multiplier: 1.5,
        randomization_factor: 0.0,
        max_elapsed_time: 300 * SECOND,
        jitter: Spread::Collector,
        max_hint: 300 * SECOND,
        budget: BudgetSettings { ratio: 0.2, min_concurrent: 3 },
    })
}

fn queue() -> Option<QueueSettings> {
    let (queue_size, num_consumers) = (10_000, 10);
    Some(QueueSettings {
        queue_size,
        sizer: Sizer::Requests,
        block_on_overflow: false,
        wait_for_result: false,
        num_consumers,
        order: Order::Fifo,
        queue_share: 1.0,
        priorities: None,
    })
}

fn direct() -> DeliverySettings {
    DeliverySettings { queue: None, batch: None, retry: None, timeout: 5 * SECOND, storage: None }
}

fn queued() -> DeliverySettings {
    DeliverySettings { queue: queue(), retry: retry(), ..direct() }
}

/// A balancer to these backends; `front` and `lanes` are what stands before the exporter as a whole and each backend.
fn balancer(
    signal: Signal,
    backends: &[&str],
    resolver: Option<Resolver>,
    [front, lanes]: [DeliverySettings; 2],
    handles: &Handles,
) -> (Balancer, BalancerShared) {
    let own = handles.clone();
    let lane = move |name: &str| {
        let owned = name.to_owned();
        let make = move || -> Result<Rc<dyn Exporter>, String> {
            BACKENDS.with_borrow(|known| Ok(Rc::clone(known.get(&owned).ok_or("no such backend")?) as Rc<dyn Exporter>))
        };
        let delivery = DeliveryShared::new(name, signal, &[], lanes.clone(), None, None, own.clone());
        Ok(Lane { delivery, make: Box::new(make) })
    };
    let settings = BalancerSettings {
        key: if signal == Signal::Metrics { Key::Service } else { Key::TraceId },
        backends: backends.iter().map(|name| (*name).to_owned()).collect(),
        resolver,
        lane: Box::new(lane),
        ledger: Ledger::new(1 << 30),
    };
    let shared = BalancerShared::new("load_balancing", signal, settings, handles.clone()).unwrap();
    let front = DeliveryShared::new("load_balancing", signal, &[], front, None, None, handles.clone());
    (Balancer::new(&shared, &front).unwrap(), shared)
}

/// A list of backends that the test changes, looked at every five seconds.
fn changing(names: &Arc<Mutex<Vec<&'static str>>>) -> Resolver {
    let names = Arc::clone(names);
    let resolve = move || {
        let names: Vec<String> = names.lock().unwrap().iter().map(|name| (*name).to_owned()).collect();
        Box::pin(async { Ok(names) }) as _
    };
    Resolver { resolve: Arc::new(resolve), interval: 5 * SECOND, timeout: SECOND }
}

fn send(stage: &impl Consumer, signal: Signal, first: u64, items: u64, ledger: &Arc<Ledger>) -> Answer {
    let bytes = request(signal, first, items);
    let permit = ledger.try_reserve(bytes.len() as u64).unwrap();
    let (reply, answer) = asked();
    stage.consume(Parcel::new(signal, bytes, items, permit, reply));
    answer
}

/// The numbers of all items that an exporter was given.
fn labels(exporter: &ScriptedExporter) -> Vec<u64> {
    let attempts = exporter.attempts();
    attempts.iter().flat_map(|attempt| item_labels(attempt.signal, attempt.payload.chunks())).collect()
}

async fn locally(work: impl Future<Output = ()>) {
    LocalSet::new().run_until(work).await;
}

#[tokio::test(start_paused = true)]
async fn keeps_the_promises_of_a_stage() {
    for (front, lanes) in [(direct(), direct()), (direct(), queued()), (queued(), direct()), (queued(), queued())] {
        verify_stage(|bench| {
            let names = ["one", "two", "three"];
            let exporters: Vec<_> =
                names.iter().map(|name| set(name, ScriptedExporter::answering(bench.destination.clone()))).collect();
            let settings = [front.clone(), lanes.clone()];
            let (balancer, _) = balancer(bench.signal, &names, None, settings, &bench.handles);
            let delivered = move || exporters.iter().map(|exporter| exporter.delivered()).sum();
            (Rc::new(balancer) as Rc<dyn Stage>, Rc::new(delivered) as Rc<dyn Fn() -> u64>)
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn every_trace_goes_to_one_backend_and_every_span_arrives_once() {
    let names = ["one", "two", "three"];
    let exporters = names.map(|name| set(name, ScriptedExporter::accepting()));
    let (handles, ledger) = (Handles::detached(), Ledger::new(1 << 20));
    locally(async {
        let (balancer, _) = balancer(Signal::Traces, &names, None, [direct(), direct()], &handles);
        // Each trace twice, in requests that are cut differently.
        for (first, items) in [(0, 100), (100, 50), (0, 30), (30, 120)] {
            let answer = send(&balancer, Signal::Traces, first, items, &ledger);
            sleep(SECOND).await;
            assert!(answer.is_taken());
        }
    })
    .await;
    let mut seen: HashMap<u64, (usize, usize)> = HashMap::new();
    for (place, exporter) in exporters.iter().enumerate() {
        assert!(exporter.attempts().len() >= 4, "each has a share of each request");
        for label in labels(exporter) {
            let entry = seen.entry(label).or_insert((place, 0));
            assert_eq!(entry.0, place, "trace {label} went to two backends");
            entry.1 += 1;
        }
    }
    assert_eq!(seen.len(), 150);
    assert!(seen.values().all(|(_, times)| *times == 2));
    assert_eq!(ledger.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn log_records_without_a_trace_stay_together() {
    let names = ["one", "two", "three"];
    let exporters = names.map(|name| set(name, ScriptedExporter::accepting()));
    let (handles, ledger) = (Handles::detached(), Ledger::new(1 << 20));
    locally(async {
        let (balancer, _) = balancer(Signal::Logs, &names, None, [direct(), direct()], &handles);
        for first in 0..60 {
            send(&balancer, Signal::Logs, first * 50, 50, &ledger);
        }
        sleep(SECOND).await;
    })
    .await;
    assert_eq!(exporters.iter().map(|exporter| exporter.attempts().len()).sum::<usize>(), 60);
    assert!(exporters.iter().all(|exporter| !exporter.attempts().is_empty()), "no backend is left out");
}

#[tokio::test(start_paused = true)]
async fn the_sender_learns_the_worst_and_the_others_get_their_share() {
    let (handles, ledger) = (Handles::detached(), Ledger::new(1 << 20));
    let partial = |rejected| Outcome::Partial { rejected, message: "some".to_owned() };
    let one = set("one", ScriptedExporter::answering(partial(2)));
    let two = set("two", ScriptedExporter::answering(partial(3)));
    locally(async {
        let (balancer, _) = balancer(Signal::Traces, &["one", "two"], None, [direct(), direct()], &handles);
        let answer = send(&balancer, Signal::Traces, 0, 40, &ledger);
        sleep(SECOND).await;
        assert_eq!(answer.get(), Some(partial(5)));
        assert_eq!(one.delivered() + two.delivered(), 35);
    })
    .await;
    let one = set("one", ScriptedExporter::accepting());
    let away = set("two", ScriptedExporter::answering(refusal(FaultCode::DownstreamTemporary)));
    locally(async {
        let (balancer, _) = balancer(Signal::Traces, &["one", "two"], None, [direct(), direct()], &handles);
        let answer = send(&balancer, Signal::Traces, 0, 40, &ledger);
        sleep(SECOND).await;
        assert_eq!(answer.fault().code, FaultCode::DownstreamTemporary);
        let share = away.attempts()[0].items;
        assert_eq!((share > 0, one.delivered()), (true, 40 - share));
    })
    .await;
    assert_eq!(ledger.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_backend_that_goes_is_dealt_out_anew() {
    let (handles, ledger) = (Handles { detailed: false, ..Handles::detached() }, Ledger::new(1 << 20));
    let one = set("one", ScriptedExporter::accepting());
    let two = set("two", ScriptedExporter::answering(refusal(FaultCode::DownstreamTemporary)));
    let three = set("three", ScriptedExporter::accepting());
    let names = Arc::new(Mutex::new(vec!["two", "one"]));
    let balance = Balance::default();
    locally(async {
        let (balancer, shared) = balancer(Signal::Traces, &[], Some(changing(&names)), [direct(), queued()], &handles);
        shared.resolve().await;
        sleep(SECOND).await;
        for first in 0..10 {
            let answer = send(&balancer, Signal::Traces, first * 20, 20, &ledger);
            balance.note(20, &answer);
            assert!(answer.is_taken());
        }
        sleep(2 * SECOND).await;
        let waiting = 200 - one.delivered();
        assert!(waiting > 20 && !two.attempts().is_empty() && two.delivered() == 0);
        names.lock().unwrap().splice(.., ["one", "three"]);
        // What empties it is begun anew after a panic.
        teleferric_tasks::set_hook(Some(Arc::new(|_| ())));
        failpoints::arm("balancer.leave", 0, 1);
        sleep(10 * SECOND).await;
        assert!(!failpoints::is_armed("balancer.leave"));
        assert_eq!(one.delivered() + three.delivered(), 200);
        assert!(three.delivered() > 0 && two.is_closed());
        let all: HashSet<u64> = labels(&one).into_iter().chain(labels(&three)).collect();
        assert_eq!(all.len(), 200, "each once");
        let backends = [("exporter", "load_balancing"), ("data_type", "traces"), ("resolver", "dns")];
        assert_eq!(handles.metrics.value("otelcol_loadbalancer_num_backends", &backends), Some(2.0));
        assert_eq!(handles.metrics.value("otelcol_loadbalancer_num_backend_updates", &backends), Some(2.0));
        balancer.drain(None).await;
    })
    .await;
    balance.check(200, 0, &handles.account);
    assert_eq!(ledger.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_does_not_resolve_keeps_the_backends_there_were() {
    let (handles, ledger) = (Handles::detached(), Ledger::new(1 << 20));
    let one = set("one", ScriptedExporter::accepting());
    let names = Arc::new(Mutex::new(Vec::new()));
    locally(async {
        let (balancer, shared) = balancer(Signal::Traces, &[], Some(changing(&names)), [direct(), direct()], &handles);
        shared.resolve().await;
        let fault = send(&balancer, Signal::Traces, 0, 1, &ledger).fault();
        assert_eq!((fault.code, fault.is_permanent()), (FaultCode::DownstreamTemporary, false));
        names.lock().unwrap().push("one");
        sleep(6 * SECOND).await;
        assert!({
            let answer = send(&balancer, Signal::Traces, 0, 1, &ledger);
            sleep(SECOND).await;
            answer.is_taken()
        });
        names.lock().unwrap().clear();
        sleep(20 * SECOND).await;
        send(&balancer, Signal::Traces, 1, 1, &ledger);
        sleep(SECOND).await;
    })
    .await;
    assert_eq!(one.delivered(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_queue_in_front_keeps_a_request_until_its_backends_have_it() {
    let (handles, ledger) = (Handles::detached(), Ledger::new(1 << 20));
    let start = Instant::now();
    let back_after = move |_: &Parcel| {
        if start.elapsed() < 60 * SECOND { refusal(FaultCode::DownstreamTemporary) } else { Outcome::Accepted }
    };
    let one = set("one", ScriptedExporter::accepting());
    let two = set("two", ScriptedExporter::judging(back_after));
    let front = DeliverySettings { timeout: Duration::ZERO, ..queued() };
    let lanes = DeliverySettings { queue: queue(), ..direct() };
    let labels = [("exporter", "load_balancing"), ("data_type", "traces")];
    let size = || handles.metrics.value("otelcol_exporter_queue_size", &labels);
    locally(async {
        let (balancer, _) = balancer(Signal::Traces, &["one", "two"], None, [front, lanes], &handles);
        assert!(send(&balancer, Signal::Traces, 0, 40, &ledger).is_taken());
        sleep(50 * SECOND).await;
        assert_eq!(size(), Some(1.0), "part of it has not arrived");
        sleep(60 * SECOND).await;
        assert_eq!(size(), Some(0.0));
    })
    .await;
    let arrived: HashSet<u64> = self::labels(&one).into_iter().chain(self::labels(&two)).collect();
    assert_eq!((arrived.len(), two.delivered() > 0), (40, true));
    assert_eq!(ledger.used(), 0);
}
