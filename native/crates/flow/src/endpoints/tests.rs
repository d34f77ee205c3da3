#![allow(clippy::unwrap_used, reason = "test code: a broken promise ends the test")]

use proptest::prelude::*;
use tokio::time::advance;

use super::*;
use crate::breaker::{BreakerSettings, Override, WindowSettings};
use crate::fault::{Fault, FaultCode};
use crate::handles::Handles;
use crate::reply::Outcome;
use crate::retry::Jitter;

const SECOND: Duration = Duration::from_secs(1);

/// Opens with the first failure for a second and closes with the first success.
fn breaker() -> BreakerSettings {
    BreakerSettings {
        window: WindowSettings { counts: false, time: 30 * SECOND, buckets: 10 },
        min_calls: 20,
        failure_rate: 0.5,
        slow_rate: 2.0,
        slow_after: Duration::ZERO,
        consecutive: 1,
        open: SECOND,
        max_open: SECOND,
        jitter: 0.0,
        permits: 1,
        successes: 1,
        max_wait: 5 * SECOND,
        mode: Override::None,
    }
}

struct Rig {
    pool: EndpointPool,
    random: Jitter,
    handles: Handles,
}

impl Rig {
    /// Endpoints with these priorities and weights.
    fn new(endpoints: &[(u32, u32)]) -> Rig {
        let handles = Handles::detached();
        let pooled = endpoints.iter().enumerate().map(|(place, (priority, weight))| PooledEndpoint {
            address: place.to_string(),
            priority: *priority,
            weight: *weight,
            breaker: Some(EndpointBreaker::new("otlp", &place.to_string(), breaker(), &handles.metrics)),
        });
        let policy = EndpointPolicy { max_ejected: 0.5, failback_after: 30 * SECOND, ramp: 10 * SECOND };
        let pool = EndpointPool::new("otlp", pooled.collect(), policy, &handles.metrics);
        Rig { pool, random: Jitter::seeded(7), handles }
    }

    fn member(&self, place: usize) -> &Member {
        &self.pool.0.members[place]
    }

    /// One attempt at `place` that ends like this.
    fn attempt(&self, place: usize, outcome: &Outcome) {
        let guard =
            self.member(place).endpoint.breaker.as_ref().unwrap().guard(&self.handles.metrics, &self.handles.log);
        let guard = guard.unwrap();
        guard.settle(guard.try_pass(Instant::now()).unwrap(), outcome, false);
    }

    fn fail(&self, place: usize) {
        self.attempt(place, &Outcome::Refused(Fault::new(FaultCode::DownstreamTemporary, "away")));
    }

    /// Lets an endpoint that failed come back.
    async fn recover(&self, place: usize) {
        advance(SECOND).await;
        self.attempt(place, &Outcome::Accepted);
    }

    fn choose(&self) -> Option<usize> {
        self.pool.0.choose(Subset::EMPTY, Instant::now(), &self.random)
    }

    /// How often each endpoint is chosen in a thousand times.
    fn shares(&self) -> Vec<usize> {
        let mut shares = vec![0; self.pool.0.members.len()];
        (0..1_000).filter_map(|_| self.choose()).for_each(|place| shares[place] += 1);
        shares
    }
}

#[tokio::test(start_paused = true)]
async fn weights_decide_while_nothing_is_in_flight() {
    let shares = Rig::new(&[(0, 1), (0, 3), (1, 100)]).shares();
    assert!((200..300).contains(&shares[0]) && shares[2] == 0, "{shares:?}");
}

#[tokio::test(start_paused = true)]
async fn the_emptier_for_its_weight_is_taken() {
    let rig = Rig::new(&[(0, 1), (0, 4)]);
    rig.member(0).in_flight_bytes.store(100, Ordering::Relaxed);
    rig.member(1).in_flight_bytes.store(300, Ordering::Relaxed);
    assert_eq!(rig.shares(), [0, 1_000]);
    rig.member(1).in_flight_bytes.store(500, Ordering::Relaxed);
    assert_eq!(rig.shares(), [1_000, 0]);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_back_gets_its_share_little_by_little() {
    let rig = Rig::new(&[(0, 1), (0, 1)]);
    rig.fail(0);
    assert_eq!(rig.shares(), [0, 1_000]);
    rig.recover(0).await;
    let start = rig.shares()[0];
    advance(5 * SECOND).await;
    let middle = rig.shares()[0];
    advance(5 * SECOND).await;
    let whole = rig.shares()[0];
    assert!((50..150).contains(&start) && (280..390).contains(&middle) && (450..550).contains(&whole));
}

#[tokio::test(start_paused = true)]
async fn a_priority_is_left_when_too_many_are_out_and_takes_over_again_when_they_have_settled() {
    let rig = Rig::new(&[(0, 1), (0, 1), (0, 1), (1, 1)]);
    rig.fail(0);
    assert_eq!(rig.shares()[3], 0, "one of three may be out");
    rig.fail(1);
    assert_eq!(rig.shares(), [0, 0, 0, 1_000], "two may not, though there is a third");
    rig.recover(0).await;
    advance(29 * SECOND).await;
    assert_eq!(rig.shares(), [0, 0, 0, 1_000], "not settled yet");
    advance(SECOND).await;
    let shares = rig.shares();
    assert!((850..950).contains(&shares[3]) && shares[1] == 0, "back with a tenth: {shares:?}");
    advance(10 * SECOND).await;
    assert_eq!(rig.shares()[3], 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_healthy_is_used_though_its_priority_does_not_stand() {
    let rig = Rig::new(&[(0, 1), (0, 1), (0, 1), (1, 1)]);
    [0, 1, 3].into_iter().for_each(|place| rig.fail(place));
    assert_eq!(rig.shares(), [0, 0, 1_000, 0]);
    rig.fail(2);
    assert_eq!(rig.choose(), None);
    assert_eq!(rig.pool.0.out(None).collect::<Vec<_>>(), [0, 1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_kept_as_long_as_another_can_be_asked() {
    let rig = Rig::new(&[(0, 1), (1, 1)]);
    rig.member(0).paused_until.set(Instant::now() + 4 * SECOND);
    assert_eq!((rig.shares(), rig.pool.0.pause(Instant::now())), (vec![0, 1_000], Duration::ZERO));
    rig.member(1).paused_until.set(Instant::now() + 3 * SECOND);
    assert_eq!((rig.choose(), rig.pool.0.pause(Instant::now())), (Some(0), 3 * SECOND));
    assert_eq!(rig.pool.0.choose_other(Subset::EMPTY, Instant::now(), &rig.random), None);
    advance(3 * SECOND).await;
    assert_eq!(rig.choose(), Some(1));
}

proptest! {
    /// Whatever the state: what is chosen is healthy and not excluded, and there is a choice if there can be one.
    #[test]
    fn a_choice_is_healthy_and_there_whenever_it_can_be(
        endpoints in prop::collection::vec((0_u32..3, 0_u32..4, any::<bool>(), any::<bool>(), any::<bool>(), 0_u64..3), 1..12),
        waits in prop::collection::vec(0_u64..40, 0..4),
        seed: u64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let rig = Rig::new(&endpoints.iter().map(|each| (each.0, each.1)).collect::<Vec<_>>());
            let random = Jitter::seeded(seed);
            for (place, (_, _, out, paused, _, bytes)) in endpoints.iter().enumerate() {
                if *out { rig.fail(place) }
                if *paused { rig.member(place).paused_until.set(Instant::now() + 10 * SECOND) }
                rig.member(place).in_flight_bytes.store(*bytes, Ordering::Relaxed);
            }
            let except: Subset = (0..endpoints.len()).filter(|place| endpoints[*place].4).collect();
            for wait in waits.into_iter().chain([0]) {
                let now = Instant::now();
                let able: Vec<_> =
                    (0..endpoints.len()).filter(|place| !endpoints[*place].2 && !except.contains(*place)).collect();
                let chosen = rig.pool.0.choose(except, now, &random);
                prop_assert_eq!(chosen.is_some(), !able.is_empty());
                prop_assert!(chosen.is_none_or(|place| able.contains(&place)));
                let unpaused = able.iter().any(|place| !rig.member(*place).is_paused(now));
                prop_assert!(chosen.is_none_or(|place| !(unpaused && rig.member(place).is_paused(now))));
                prop_assert_eq!(rig.pool.0.choose_other(except, now, &random).is_some(), unpaused);
                advance(Duration::from_secs(wait)).await;
            }
            Ok(())
        })?;
    }
}
