//! A delivery behind a circuit breaker: what waits, what is refused, and that nothing is lost. Time is tokio's, paused.

#![allow(clippy::unwrap_used, reason = "test code: a broken promise ends the test")]

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use teleferric_buf::Ledger;
use teleferric_flow::breaker::State;
use teleferric_flow::log::{Level, Record, Sink};
use teleferric_flow::{
    BreakerSettings, BudgetSettings, Consumer, Delivery, DeliverySettings, DeliveryShared, DropReason, EndpointBreaker,
    Fault, FaultCode, GrpcCode, Handles, Log, Order, Outcome, Override, Parcel, QueueSettings, Retry, RetrySettings,
    Sizer, Spread, Stage, WindowSettings,
};
use teleferric_testkit::exporter::Step;
use teleferric_testkit::{Answer, Balance, ScriptedExporter, asked, request};
use teleferric_wire::Signal;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

/// Opens after two failures for 5 s, then 10 s, and closes after one success.
fn breaker() -> BreakerSettings {
    BreakerSettings {
        window: WindowSettings { counts: false, time: 30 * SECOND, buckets: 10 },
        min_calls: 20,
        failure_rate: 0.5,
        slow_rate: 0.8,
        slow_after: 4 * SECOND,
        consecutive: 2,
        open: 5 * SECOND,
        max_open: 30 * SECOND,
        jitter: 0.0,
        permits: 1,
        successes: 1,
        max_wait: 5 * SECOND,
        mode: Override::None,
    }
}

fn queue() -> Option<QueueSettings> {
    Some(QueueSettings {
        queue_size: 100,
        sizer: Sizer::Requests,
        block_on_overflow: false,
        wait_for_result: false,
        num_consumers: 4,
        order: Order::Fifo,
        queue_share: 0.5,
        priorities: None,
    })
}

fn retry() -> Option<RetrySettings> {
    Some(RetrySettings {
        initial_interval: SECOND,
        max_interval: SECOND,
        multiplier: 1.0,
        randomization_factor: 0.0,
        max_elapsed_time: 300 * SECOND,
        jitter: Spread::Collector,
        max_hint: 300 * SECOND,
        budget: BudgetSettings { ratio: 0.2, min_concurrent: 3 },
    })
}

#[derive(Default)]
struct Lines(Mutex<Vec<(Level, &'static str)>>);

impl Sink for Lines {
    fn wants(&self, level: Level) -> bool {
        level > Level::Debug
    }

    fn take(&self, record: &Record<'_>) {
        if record.message.starts_with("Circuit breaker") {
            self.0.lock().push((record.level, record.message));
        }
    }
}

struct Rig {
    delivery: Delivery,
    breaker: EndpointBreaker,
    exporter: Rc<ScriptedExporter>,
    handles: Handles,
    lines: Arc<Lines>,
    ledger: Arc<Ledger>,
    balance: Balance,
    start: Instant,
}

fn rig(
    queue: Option<QueueSettings>,
    retry: Option<RetrySettings>,
    breaker: BreakerSettings,
    exporter: ScriptedExporter,
) -> Rig {
    let lines = Arc::new(Lines::default());
    let handles = Handles { detailed: false, log: Log::new(lines.clone(), &[]), ..Handles::detached() };
    let breaker = EndpointBreaker::new("otlp/x", "peer:4317", breaker, &handles.metrics);
    let settings = DeliverySettings { queue, batch: None, retry, timeout: 5 * SECOND, storage: None };
    let guarded = Some(breaker.clone());
    let shared = DeliveryShared::new("otlp/x", Signal::Logs, &[], settings, guarded, None, handles.clone());
    let exporter = Rc::new(exporter);
    Rig {
        delivery: Delivery::new(&shared, exporter.clone()),
        breaker,
        exporter,
        handles,
        lines,
        ledger: Ledger::new(1 << 20),
        balance: Balance::default(),
        start: Instant::now(),
    }
}

impl Rig {
    fn send_until(&self, items: u64, deadline: Option<Duration>) -> Answer {
        let bytes = request(Signal::Logs, 0, items);
        let permit = self.ledger.try_reserve(bytes.len() as u64).unwrap();
        let (reply, answer) = asked();
        self.balance.note(items, &answer);
        let mut parcel = Parcel::new(Signal::Logs, bytes, items, permit, reply);
        parcel.deadline = deadline.map(|time| Instant::now() + time);
        self.delivery.consume(parcel);
        answer
    }

    fn send(&self, items: u64) -> Answer {
        self.send_until(items, None)
    }

    /// Sends what fails until the breaker is open, a moment after the start.
    async fn trip(&self) {
        (0..2).for_each(|_| drop(self.send(1)));
        sleep(SECOND / 100).await;
        assert_eq!(self.breaker.state(), State::Open);
    }

    /// Whole seconds from the start to each attempt.
    fn attempts(&self) -> Vec<u64> {
        self.exporter.attempts().iter().map(|attempt| (attempt.at - self.start).as_secs()).collect()
    }

    fn metric(&self, name: &str, to: Option<&str>) -> Option<f64> {
        let mut labels = vec![("exporter", "otlp/x"), ("endpoint", "peer:4317")];
        labels.extend(to.map(|to| ("to", to)));
        self.handles.metrics.value(name, &labels)
    }

    fn counter(&self, name: &str) -> Option<f64> {
        self.handles.metrics.value(name, &[("exporter", "otlp/x")])
    }

    fn check_balance(&self) {
        self.balance.check(self.exporter.delivered(), self.delivery.held_items(), &self.handles.account);
    }
}

fn away() -> Step {
    Step::Answer(Duration::ZERO, refusal(FaultCode::DownstreamTemporary))
}

fn refusal(code: FaultCode) -> Outcome {
    Outcome::Refused(Fault::new(code, "no"))
}

#[tokio::test(start_paused = true)]
async fn what_is_queued_waits_for_the_probe_and_is_all_delivered() {
    let exporter = ScriptedExporter::accepting().script([away(), away(), away()]);
    let rig = rig(queue(), retry(), breaker(), exporter);
    LocalSet::new()
        .run_until(async {
            rig.trip().await;
            (0..20).for_each(|_| assert!(rig.send(1).is_taken()));
            sleep(4 * SECOND).await;
            assert_eq!(rig.exporter.attempts().len(), 2, "an open breaker lets no attempt through");
            rig.check_balance();
            sleep(20 * SECOND).await;
        })
        .await;
    let attempts = rig.attempts();
    // One probe at 5 s that fails; one at 15 s that closes, and right behind it all the others.
    assert_eq!((attempts.len(), &attempts[..4]), (25, &[0, 0, 5, 15][..]));
    assert!(attempts[4..].iter().all(|second| *second == 15), "{attempts:?}");
    assert_eq!(rig.exporter.delivered(), 22);
    assert_eq!(rig.counter("otelcol_exporter_sent_log_records"), Some(22.0));
    assert_eq!(rig.counter("otelcol_exporter_send_failed_log_records"), None);
    rig.check_balance();
    assert_eq!(rig.ledger.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_queue_without_retry_waits_as_well() {
    let rig = rig(queue(), None, breaker(), ScriptedExporter::accepting().script([away(), away()]));
    LocalSet::new()
        .run_until(async {
            rig.trip().await;
            (0..10).for_each(|_| assert!(rig.send(1).is_taken()));
            sleep(6 * SECOND).await;
        })
        .await;
    // The two that failed had one attempt each, as without a breaker.
    assert_eq!((rig.exporter.delivered(), rig.handles.account.dropped(DropReason::Expired)), (10, 2));
    assert_eq!(rig.counter("otelcol_exporter_send_failed_log_records"), Some(2.0));
    rig.check_balance();
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_no_failed_attempt_and_does_not_use_up_the_time_for_retries() {
    let short = retry().map(|retry| RetrySettings { max_elapsed_time: 3 * SECOND, ..retry });
    let exporter = ScriptedExporter::accepting().script([away(), away()]);
    let rig = rig(queue(), short, breaker(), exporter);
    LocalSet::new()
        .run_until(async {
            rig.trip().await;
            assert!(rig.send(3).is_taken());
            sleep(10 * SECOND).await;
        })
        .await;
    assert_eq!(rig.exporter.delivered(), 5, "all three, though they waited 5 s");
    assert_eq!(rig.counter("otelcol_exporter_send_failed_log_records"), None);
    rig.check_balance();
}

#[tokio::test(start_paused = true)]
async fn without_queue_and_retry_the_sender_is_refused_with_the_time_to_the_next_probe() {
    let rig = rig(None, None, breaker(), ScriptedExporter::accepting().script([away(), away()]));
    LocalSet::new()
        .run_until(async {
            rig.trip().await;
            sleep(SECOND).await;
            let answer = rig.send(1);
            sleep(SECOND / 100).await;
            let fault = answer.fault();
            assert_eq!((fault.grpc_status(), fault.http_status()), (GrpcCode::Unavailable, 503));
            assert_eq!(&*fault.message, "circuit breaker is open");
            let Retry::After(hint) = fault.retry else { panic!("no hint: {fault:?}") };
            assert!((SECOND * 39 / 10..=4 * SECOND).contains(&hint), "{hint:?}");
            sleep(4 * SECOND).await;
            let answer = rig.send(1);
            sleep(SECOND / 100).await;
            assert!(answer.is_taken(), "the next is the probe");
        })
        .await;
    assert_eq!(rig.exporter.attempts().len(), 3);
    rig.check_balance();
    assert_eq!(rig.ledger.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_sender_whose_deadline_is_nearer_than_the_probe_is_told_at_once() {
    let rig = rig(None, retry(), breaker(), ScriptedExporter::accepting().script([away(), away()]));
    LocalSet::new()
        .run_until(async {
            rig.trip().await;
            let (impatient, patient) = (rig.send_until(1, Some(2 * SECOND)), rig.send_until(1, Some(20 * SECOND)));
            sleep(SECOND / 100).await;
            assert_eq!(impatient.fault().grpc_status(), GrpcCode::Unavailable);
            assert_eq!(patient.get(), None);
            sleep(6 * SECOND).await;
            assert!(patient.is_taken());
        })
        .await;
    rig.check_balance();
}

#[tokio::test(start_paused = true)]
async fn a_drain_does_not_wait_for_the_breaker_and_tries_each_request_once() {
    let exporter = ScriptedExporter::accepting().script([away(), away()]);
    let rig = rig(queue(), retry(), breaker(), exporter);
    LocalSet::new()
        .run_until(async {
            rig.trip().await;
            (0..10).for_each(|_| assert!(rig.send(1).is_taken()));
            sleep(SECOND).await;
            let start = Instant::now();
            rig.delivery.drain(None).await;
            assert_eq!(start.elapsed().as_secs(), 0);
        })
        .await;
    assert_eq!(rig.exporter.delivered(), 12);
    rig.check_balance();
    assert_eq!((rig.ledger.used(), rig.delivery.held_items()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_though_the_breaker_is_open_by_order() {
    let forced = BreakerSettings { mode: Override::ForcedOpen, ..breaker() };
    let rig = rig(queue(), retry(), forced, ScriptedExporter::accepting());
    LocalSet::new()
        .run_until(async {
            (0..3).for_each(|_| assert!(rig.send(2).is_taken()));
            sleep(3600 * SECOND).await;
            assert_eq!(rig.delivery.held_items(), 6);
            rig.delivery.hurry();
            rig.delivery.drain(None).await;
        })
        .await;
    assert_eq!((rig.exporter.attempts().len(), rig.handles.account.dropped(DropReason::Shutdown)), (0, 6));
    rig.check_balance();
    assert_eq!(rig.ledger.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_probe_cut_off_at_the_drain_deadline_ends_with_it() {
    let stuck = ScriptedExporter::accepting().slow(3600 * SECOND).script([away(), away()]);
    let rig = rig(queue(), retry(), breaker(), stuck);
    LocalSet::new()
        .run_until(async {
            rig.trip().await;
            sleep(5 * SECOND).await;
            assert_eq!(rig.breaker.state(), State::HalfOpen);
            rig.delivery.drain(Some(Instant::now() + SECOND)).await;
        })
        .await;
    assert_eq!(rig.breaker.state(), State::HalfOpen, "a cut says nothing about the endpoint");
    rig.check_balance();
    assert_eq!(rig.ledger.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_a_destination_refuses_or_throttles_does_not_open() {
    let hinted = Fault::new(FaultCode::DownstreamTemporary, "later").with_retry(Retry::After(SECOND));
    let bad = Fault::new(FaultCode::DownstreamPermanent, "bad").with_status(GrpcCode::InvalidArgument);
    for fault in [hinted, bad] {
        let rig = rig(None, None, breaker(), ScriptedExporter::answering(Outcome::Refused(fault)));
        LocalSet::new()
            .run_until(async {
                (0..50).for_each(|_| drop(rig.send(1)));
                sleep(SECOND).await;
            })
            .await;
        assert_eq!((rig.exporter.attempts().len(), rig.breaker.state()), (50, State::Closed));
    }
}

#[tokio::test(start_paused = true)]
async fn a_sender_in_a_hurry_does_not_open_it_and_a_timeout_does() {
    let slow = || ScriptedExporter::accepting().slow(60 * SECOND);
    for (deadline, state) in [(Some(SECOND), State::Closed), (None, State::Open)] {
        let rig = rig(None, None, breaker(), slow());
        LocalSet::new()
            .run_until(async {
                (0..4).for_each(|_| drop(rig.send_until(1, deadline)));
                sleep(6 * SECOND).await;
            })
            .await;
        assert_eq!(rig.breaker.state(), state);
    }
}

#[tokio::test(start_paused = true)]
async fn transitions_are_counted_and_logged_once() {
    let rig = rig(queue(), retry(), breaker(), ScriptedExporter::accepting().script([away(), away(), away()]));
    LocalSet::new()
        .run_until(async {
            assert_eq!(rig.metric("teleferric_breaker_state", None), Some(0.0));
            rig.trip().await;
            assert_eq!(rig.metric("teleferric_breaker_state", None), Some(2.0));
            sleep(20 * SECOND).await;
        })
        .await;
    let to = |state| rig.metric("teleferric_breaker_transitions_total", Some(state));
    assert_eq!((to("open"), to("half_open"), to("closed")), (Some(2.0), Some(2.0), Some(1.0)));
    // Both requests waited at their second attempt, and one of them at its third.
    assert_eq!(rig.metric("teleferric_breaker_rejected_total", None), Some(3.0));
    let opened = (Level::Warn, "Circuit breaker opened. Will probe after interval.");
    let probing = (Level::Info, "Circuit breaker half-open, probing.");
    let closed = (Level::Info, "Circuit breaker closed.");
    assert_eq!(*rig.lines.0.lock(), [opened, probing, opened, probing, closed]);
}

#[tokio::test(start_paused = true)]
async fn threads_and_signals_of_one_endpoint_share_it() {
    let handles = Handles::detached();
    let breaker = EndpointBreaker::new("otlp/x", "peer:4317", breaker(), &handles.metrics);
    let exporter = Rc::new(ScriptedExporter::accepting().script([away(), away()]));
    let part = |signal| {
        let settings = DeliverySettings { queue: None, batch: None, retry: None, timeout: 5 * SECOND, storage: None };
        let shared = DeliveryShared::new("otlp/x", signal, &[], settings, Some(breaker.clone()), None, handles.clone());
        Delivery::new(&shared, exporter.clone())
    };
    let send = |part: &Delivery, signal| {
        let (reply, answer) = asked();
        part.consume(Parcel::new(signal, request(signal, 0, 1), 1, teleferric_buf::Permit::none(), reply));
        answer
    };
    LocalSet::new()
        .run_until(async {
            let (logs, traces) = (part(Signal::Logs), part(Signal::Traces));
            drop((send(&logs, Signal::Logs), send(&traces, Signal::Traces)));
            sleep(SECOND).await;
            let answer = send(&traces, Signal::Traces);
            sleep(SECOND).await;
            assert_eq!(&*answer.fault().message, "circuit breaker is open");
            let labels = [("exporter", "otlp/x"), ("endpoint", "peer:4317")];
            assert_eq!(handles.metrics.value("teleferric_breaker_state", &labels), Some(2.0), "shown once");
        })
        .await;
}
