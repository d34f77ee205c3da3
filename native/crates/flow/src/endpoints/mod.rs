//! Several endpoints of one exporter that stand in for each other: which of them takes the next attempt.
//!
//! An endpoint is out while its circuit breaker is not closed. Attempts go to the best priority that has enough
//! endpoints left, and within it to the emptier of two that are drawn by weight. What all threads know of that is in
//! [`EndpointPool`]; a thread's part, which also has the exporter's instances, is in `local`.

mod local;
mod pick;
mod subset;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use teleferric_buf::metrics::{Metrics, Registration};
use tokio::time::Instant;

use crate::guard::EndpointBreaker;
use crate::metrics::register_endpoint;
use crate::moment::Moment;
pub use local::Destination;
pub(crate) use local::{Endpoints, Leave};
use pick::Group;
pub(crate) use subset::Subset;

/// The most endpoints a pool can have.
pub const ENDPOINTS_MAX: usize = 64;

/// `endpoint_policy` of an exporter.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointPolicy {
    /// Share of the endpoints of a priority that may be out before the next priority takes over.
    pub max_ejected: f64,
    /// How long endpoints must have been healthy for a priority that was left to take over again.
    pub failback_after: Duration,
    /// How long it takes until what came back gets its whole share again; zero is at once.
    pub ramp: Duration,
}

/// One endpoint of a pool.
pub struct PooledEndpoint {
    /// What metrics and log call it: host and port, or the path of a socket.
    pub address: String,
    /// Lower is better.
    pub priority: u32,
    /// Its share among those of its priority; zero counts as one.
    pub weight: u32,
    /// Says when it is out; without one it never is.
    pub breaker: Option<EndpointBreaker>,
}

/// The endpoints of an exporter, for all signals and threads that send there. Clones are the same ones.
#[derive(Clone)]
pub struct EndpointPool(Arc<Shared>);

struct Shared {
    policy: EndpointPolicy,
    members: Box<[Arc<Member>]>,
    /// By priority, best first.
    groups: Box<[Group]>,
    _gauges: Vec<Registration>,
}

/// An endpoint and what is known of it.
struct Member {
    endpoint: PooledEndpoint,
    /// Of requests without an answer.
    in_flight_bytes: AtomicU64,
    /// When it wants to be asked again.
    paused_until: Moment,
}

impl EndpointPool {
    /// A pool of `endpoints`, of which those beyond [`ENDPOINTS_MAX`] are left out. What is known of each is on the
    /// page of `metrics` as long as the pool lives.
    pub fn new(exporter: &str, endpoints: Vec<PooledEndpoint>, policy: EndpointPolicy, metrics: &Metrics) -> Self {
        let epoch = Instant::now();
        let member =
            |endpoint| Member { endpoint, in_flight_bytes: AtomicU64::new(0), paused_until: Moment::new(epoch) };
        let members: Box<[_]> = endpoints.into_iter().take(ENDPOINTS_MAX).map(|each| Arc::new(member(each))).collect();
        let gauges = members.iter().flat_map(|member| {
            let (bytes, out) = (Arc::clone(member), Arc::clone(member));
            let address = &member.endpoint.address;
            register_endpoint(metrics, exporter, address, move || bytes.in_flight(), move || !out.is_healthy())
        });
        EndpointPool(Arc::new(Shared {
            _gauges: gauges.collect(),
            groups: Group::by_priority(&members, epoch),
            policy,
            members,
        }))
    }
}

impl Member {
    /// Whether its breaker lets attempts pass.
    fn is_healthy(&self) -> bool {
        self.endpoint.breaker.as_ref().is_none_or(EndpointBreaker::is_healthy)
    }

    /// When it last became healthy; none if it always was.
    fn back_since(&self) -> Option<Instant> {
        self.endpoint.breaker.as_ref().and_then(EndpointBreaker::turned_at)
    }

    fn is_paused(&self, now: Instant) -> bool {
        self.paused_until.get().is_some_and(|until| until > now)
    }

    fn in_flight(&self) -> u64 {
        self.in_flight_bytes.load(Ordering::Relaxed)
    }
}
