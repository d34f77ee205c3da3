//! A delivery to several endpoints: where attempts go when some are away, and that nothing is lost. Time is tokio's,
//! paused.

#![allow(clippy::unwrap_used, reason = "test code: a broken promise ends the test")]

use std::rc::Rc;
use std::time::Duration;

use teleferric_buf::Ledger;
use teleferric_flow::{
    BreakerSettings, BudgetSettings, Consumer, Delivery, DeliverySettings, DeliveryShared, Destination,
    EndpointBreaker, EndpointPolicy, EndpointPool, Exporter, Fault, FaultCode, Handles, Order, Outcome, Override,
    Parcel, PooledEndpoint, QueueSettings, Retry, RetrySettings, Sizer, Spread, Stage, WindowSettings,
};
use teleferric_testkit::exporter::Step;
use teleferric_testkit::{Answer, Balance, ScriptedExporter, asked, request};
use teleferric_wire::Signal;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(5);

fn breaker() -> BreakerSettings {
    BreakerSettings {
        window: WindowSettings { counts: false, time: 30 * SECOND, buckets: 10 },
        min_calls: 20,
        failure_rate: 0.5,
        slow_rate: 0.8,
        slow_after: 4 * SECOND,
        consecutive: 5,
        open: 5 * SECOND,
        max_open: 30 * SECOND,
        jitter: 0.0,
        permits: 1,
        successes: 3,
        max_wait: TIMEOUT,
        mode: Override::None,
    }
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
    Some(QueueSettings {
        queue_size: 10_000,
        sizer: Sizer::Requests,
        block_on_overflow: false,
        wait_for_result: false,
        num_consumers: 10,
        order: Order::Fifo,
        queue_share: 0.5,
        priorities: None,
    })
}

struct Rig {
    delivery: Delivery,
    exporters: Vec<Rc<ScriptedExporter>>,
    handles: Handles,
    ledger: std::sync::Arc<Ledger>,
    balance: Balance,
    start: Instant,
}

/// Endpoints with these priorities, all of weight 1.
fn rig(queue: Option<QueueSettings>, retry: Option<RetrySettings>, endpoints: Vec<(u32, ScriptedExporter)>) -> Rig {
    let handles = Handles { detailed: false, ..Handles::detached() };
    let pooled = endpoints.iter().enumerate().map(|(place, (priority, _))| PooledEndpoint {
        address: place.to_string(),
        priority: *priority,
        weight: 1,
        breaker: Some(EndpointBreaker::new("otlp", &place.to_string(), breaker(), &handles.metrics)),
    });
    let policy = EndpointPolicy { max_ejected: 0.5, failback_after: 30 * SECOND, ramp: 30 * SECOND };
    let pool = EndpointPool::new("otlp", pooled.collect(), policy, &handles.metrics);
    let settings = DeliverySettings { queue, batch: None, retry, timeout: TIMEOUT, storage: None };
    let shared = DeliveryShared::new("otlp", Signal::Logs, &[], settings, None, None, handles.clone());
    let exporters: Vec<_> = endpoints.into_iter().map(|(_, exporter)| Rc::new(exporter)).collect();
    let instances = exporters.iter().map(|exporter| Rc::clone(exporter) as Rc<dyn Exporter>).collect();
    Rig {
        delivery: Delivery::new(&shared, Destination::Pool(pool, instances)),
        exporters,
        handles,
        ledger: Ledger::new(1 << 20),
        balance: Balance::default(),
        start: Instant::now(),
    }
}

impl Rig {
    fn send(&self) -> Answer {
        let bytes = request(Signal::Logs, 0, 1);
        let permit = self.ledger.try_reserve(bytes.len() as u64).unwrap();
        let (reply, answer) = asked();
        self.balance.note(1, &answer);
        self.delivery.consume(Parcel::new(Signal::Logs, bytes, 1, permit, reply));
        answer
    }

    /// Sends ten requests a second for so long.
    async fn send_for(&self, seconds: u64) {
        for _ in 0..seconds * 10 {
            assert!(self.send().is_taken());
            sleep(SECOND / 10).await;
        }
    }

    /// Attempts at an endpoint in these seconds since the start.
    fn attempts(&self, place: usize, seconds: std::ops::Range<u64>) -> usize {
        let attempts = self.exporters[place].attempts();
        attempts.iter().filter(|attempt| seconds.contains(&(attempt.at - self.start).as_secs())).count()
    }

    fn metric(&self, name: &str, place: usize) -> f64 {
        let labels = [("exporter", "otlp"), ("endpoint", &*place.to_string())];
        self.handles.metrics.value(name, &labels).unwrap_or_default()
    }

    /// Checks that all of `requests` arrived and nothing is held any more.
    fn check_delivered(&self, requests: u64) {
        let delivered = self.exporters.iter().map(|exporter| exporter.delivered()).sum();
        assert_eq!((delivered, self.delivery.held_items(), self.ledger.used()), (requests, 0, 0));
        self.balance.check(delivered, 0, &self.handles.account);
        for place in 0..self.exporters.len() {
            assert_eq!(self.metric("teleferric_endpoint_in_flight_bytes", place), 0.0);
            assert_eq!(self.metric("teleferric_endpoint_picks_total", place), self.attempts(place, 0..u64::MAX) as f64);
        }
    }
}

fn refusal() -> Outcome {
    Outcome::Refused(Fault::new(FaultCode::DownstreamTemporary, "away"))
}

/// Refuses everything in these seconds from now on.
fn away(seconds: std::ops::Range<u64>) -> ScriptedExporter {
    let start = Instant::now();
    ScriptedExporter::judging(
        move |_| {
            if seconds.contains(&start.elapsed().as_secs()) { refusal() } else { Outcome::Accepted }
        },
    )
}

async fn locally(work: impl Future<Output = ()>) {
    LocalSet::new().run_until(work).await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_attempt_is_made_again_at_another_endpoint_at_once() {
    let rig =
        rig(None, retry(), vec![(0, away(0..u64::MAX)), (0, away(0..u64::MAX)), (1, ScriptedExporter::accepting())]);
    locally(async {
        let answer = rig.send();
        sleep(SECOND / 100).await;
        assert!(answer.is_taken());
    })
    .await;
    assert_eq!([0, 1, 2].map(|place| rig.attempts(place, 0..1)), [1, 1, 1]);
    rig.check_delivered(1);
}

#[tokio::test(start_paused = true)]
async fn without_retries_nothing_is_sent_twice() {
    let rig = rig(None, None, vec![(0, away(0..1)), (1, ScriptedExporter::accepting())]);
    locally(async {
        let answer = rig.send();
        sleep(SECOND / 100).await;
        assert_eq!(answer.fault().code, FaultCode::DownstreamTemporary);
    })
    .await;
    assert_eq!(rig.attempts(1, 0..1), 0);
}

#[tokio::test(start_paused = true)]
async fn failover_takes_the_backlog_along_and_failback_waits_and_ramps() {
    let rig = rig(queue(), retry(), vec![(0, away(10..60)), (1, ScriptedExporter::accepting())]);
    locally(async {
        rig.send_for(180).await;
        sleep(60 * SECOND).await;
    })
    .await;
    assert_eq!(rig.attempts(1, 0..10), 0);
    // Five failures open the breaker; from then on only probes, at 15, 25 and 45 s.
    assert_eq!((rig.attempts(0, 10..11), rig.attempts(0, 11..75)), (5, 3));
    assert_eq!(rig.attempts(1, 10..75), 650, "all of them at once");
    // Three probes at 75 s bring it back, at 105 s it takes over again, at 135 s with all.
    assert_eq!((rig.attempts(0, 75..76), rig.attempts(0, 76..105)), (3, 0));
    let ramp = [105..115, 115..125, 125..135].map(|seconds| rig.attempts(0, seconds));
    assert!(ramp[0] > 5 && ramp[0] < ramp[1] && ramp[1] < ramp[2] && ramp[2] < 100, "{ramp:?}");
    assert_eq!(rig.attempts(1, 136..u64::MAX), 0);
    assert_eq!(rig.metric("teleferric_endpoint_ejected", 0), 0.0);
    rig.check_delivered(1_800);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_hangs_costs_one_timeout() {
    let stuck = ScriptedExporter::accepting().slow(3600 * SECOND);
    let rig = rig(queue(), retry(), vec![(0, stuck), (1, ScriptedExporter::accepting())]);
    locally(async {
        rig.send_for(60).await;
        assert_eq!(rig.metric("teleferric_endpoint_ejected", 0), 1.0);
        sleep(60 * SECOND).await;
    })
    .await;
    let first = rig.exporters[1].attempts().first().map(|attempt| attempt.at - rig.start);
    assert_eq!(first, Some(TIMEOUT));
    let missing = 2 * TIMEOUT.as_secs() as usize * 10 - rig.attempts(1, 0..10);
    assert!(missing <= 4, "a few that met it before its breaker opened wait for a second timeout: {missing}");
    assert!(rig.attempts(1, 0..11) >= 109, "all but a probe");
    rig.check_delivered(600);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_busy_gets_less() {
    let slow = ScriptedExporter::accepting().slow(2 * SECOND);
    let fast = ScriptedExporter::accepting().slow(SECOND / 10);
    let rig = rig(queue(), retry(), vec![(0, slow), (0, fast)]);
    locally(async {
        rig.send_for(60).await;
        sleep(10 * SECOND).await;
    })
    .await;
    let shares = [0, 1].map(|place| rig.attempts(place, 0..u64::MAX));
    assert!(shares[0] > 10 && shares[0] * 5 < shares[1], "{shares:?}");
    rig.check_delivered(600);
}

#[tokio::test(start_paused = true)]
async fn with_all_away_requests_wait_in_the_queue_and_one_at_a_time_probes() {
    let rig = rig(queue(), retry(), vec![(0, away(0..100)), (0, away(0..70)), (1, away(0..100))]);
    locally(async {
        rig.send_for(30).await;
        sleep(20 * SECOND).await;
        let probes: usize = (0..3).map(|place| rig.attempts(place, 10..50)).sum();
        assert!(probes <= 9, "{probes} probes");
        assert_eq!(rig.delivery.held_items(), 300);
        sleep(100 * SECOND).await;
    })
    .await;
    let taken = rig.exporters[1].attempts().len();
    assert!(taken >= 280, "most go to the one that is back first: {taken}");
    rig.check_delivered(300);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_gives_a_hint_is_left_alone_for_so_long() {
    let later = Fault::new(FaultCode::DownstreamTemporary, "later").with_retry(Retry::After(20 * SECOND));
    let hinting = ScriptedExporter::accepting().script([Step::Answer(Duration::ZERO, Outcome::Refused(later))]);
    let rig = rig(queue(), retry(), vec![(0, hinting), (1, ScriptedExporter::accepting())]);
    locally(async { rig.send_for(40).await }).await;
    assert_eq!((rig.attempts(0, 0..20), rig.attempts(1, 0..20)), (1, 200));
    assert_eq!((rig.attempts(0, 20..40), rig.attempts(1, 20..40)), (200, 0));
    rig.check_delivered(400);
}

#[tokio::test(start_paused = true)]
async fn a_drain_tries_every_healthy_endpoint() {
    let rig = rig(queue(), retry(), vec![(0, away(0..u64::MAX)), (1, ScriptedExporter::accepting())]);
    locally(async {
        rig.delivery.hurry();
        assert!(rig.send().is_taken());
        rig.delivery.drain(None).await;
    })
    .await;
    assert_eq!((rig.attempts(0, 0..1), rig.attempts(1, 0..1)), (1, 1));
    rig.check_delivered(1);
}

#[tokio::test(start_paused = true)]
async fn a_drain_with_all_away_tries_each_request_once_more() {
    let rig = rig(queue(), retry(), vec![(0, away(0..4)), (1, away(0..4))]);
    locally(async {
        rig.send_for(3).await;
        sleep(SECOND).await;
        assert_eq!(rig.metric("teleferric_endpoint_ejected", 0) + rig.metric("teleferric_endpoint_ejected", 1), 2.0);
        let before = rig.attempts(0, 0..4);
        rig.delivery.drain(None).await;
        assert_eq!(rig.attempts(0, 0..5) - before, 30);
    })
    .await;
    rig.check_delivered(30);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_fails_now_and_then_does_not_flap() {
    let count = std::cell::Cell::new(0_u64);
    let shaky = ScriptedExporter::judging(move |_| {
        count.set(count.get() + 1);
        if count.get().is_multiple_of(4) { refusal() } else { Outcome::Accepted }
    });
    let rig = rig(queue(), retry(), vec![(0, shaky), (1, ScriptedExporter::accepting())]);
    locally(async { rig.send_for(300).await }).await;
    let to_open = [("exporter", "otlp"), ("endpoint", "0"), ("to", "open")];
    assert_eq!(rig.handles.metrics.value("teleferric_breaker_transitions_total", &to_open), None);
    assert_eq!((rig.attempts(0, 0..u64::MAX), rig.attempts(1, 0..u64::MAX)), (3_000, 750));
    rig.check_delivered(3_000);
}
