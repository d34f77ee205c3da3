//! One thread's way to the endpoint, or the endpoints, of an exporter: the instances that send, their breakers, and the
//! leave to make one attempt.

use std::future::pending;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::select_all;
use teleferric_buf::metrics::Counter;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

use super::{EndpointPool, Member, Subset};
use crate::breaker::Pass;
use crate::contract::Exporter;
use crate::fault::Retry;
use crate::guard::{EndpointBreaker, Guard, Rejection};
use crate::handles::Handles;
use crate::metrics::endpoint_picks;
use crate::reply::Outcome;
use crate::retry::Jitter;

/// Where one thread's deliveries go: an exporter's instance, or one for each endpoint of a pool.
pub enum Destination {
    /// The only endpoint.
    One(Rc<dyn Exporter>),
    /// Instances in the order of the pool's endpoints.
    Pool(EndpointPool, Vec<Rc<dyn Exporter>>),
}

impl<E: Exporter + 'static> From<Rc<E>> for Destination {
    fn from(exporter: Rc<E>) -> Self {
        Destination::One(exporter)
    }
}

/// What [`Destination`] is once it can be sent to.
pub(crate) enum Endpoints {
    One(Endpoint),
    Pool(LocalPool),
}

/// This thread's part of one endpoint.
pub(crate) struct Endpoint {
    exporter: Rc<dyn Exporter>,
    guard: Option<Guard>,
    /// In a pool only.
    seat: Option<Seat>,
}

/// An endpoint's part of a pool.
struct Seat {
    place: usize,
    member: Arc<Member>,
    picks: Counter,
}

/// This thread's part of a pool.
pub(crate) struct LocalPool {
    pool: EndpointPool,
    /// In the order of the pool's members.
    endpoints: Vec<Endpoint>,
    random: Jitter,
}

/// The leave to make one attempt at an endpoint. Dropped without an outcome, it says nothing about the endpoint. It is
/// small, because a request carries it while it is sent.
#[must_use = "dropping a leave says that no attempt was made"]
pub(crate) struct Leave<'a> {
    endpoint: &'a Endpoint,
    pass: Option<Pass<'a>>,
    /// Counted as in flight to one of several endpoints while this lives.
    bytes: u64,
}

impl Endpoints {
    /// `breaker` is that of the only endpoint.
    pub(crate) fn new(
        destination: Destination,
        exporter: &str,
        breaker: Option<&EndpointBreaker>,
        handles: &Handles,
    ) -> Self {
        let guard = |breaker: &EndpointBreaker| breaker.guard(&handles.metrics, &handles.log);
        let (pool, exporters) = match destination {
            Destination::One(exporter) => {
                return Endpoints::One(Endpoint { exporter, guard: breaker.and_then(guard), seat: None });
            }
            Destination::Pool(pool, exporters) => (pool, exporters),
        };
        let endpoints = pool.0.members.iter().zip(exporters).enumerate().map(|(place, (member, instance))| {
            let picks = endpoint_picks(&handles.metrics, exporter, &member.endpoint.address);
            Endpoint {
                exporter: instance,
                guard: member.endpoint.breaker.as_ref().and_then(guard),
                seat: Some(Seat { place, member: Arc::clone(member), picks }),
            }
        });
        Endpoints::Pool(LocalPool { endpoints: endpoints.collect(), pool: pool.clone(), random: Jitter::new() })
    }

    /// Asks for an attempt with a request of `bytes`: at `place`, or else wherever one may be made.
    ///
    /// # Errors
    /// When to ask again.
    #[inline]
    pub(crate) fn try_leave(&self, place: Option<usize>, bytes: u64, now: Instant) -> Result<Leave<'_>, Rejection> {
        match self {
            Endpoints::One(endpoint) => endpoint.leave(bytes, now),
            Endpoints::Pool(pool) => pool.try_leave(place, bytes, now),
        }
    }

    /// The place of a healthy endpoint that is not in `tried`.
    pub(crate) fn other(&self, tried: Subset, now: Instant) -> Option<usize> {
        let Endpoints::Pool(pool) = self else { return None };
        pool.pool.0.choose_other(tried, now, &pool.random)
    }

    /// The leave that no breaker has a say in, for the last attempt before a stop; at an endpoint of the best priority.
    pub(crate) fn leave_anyway(&self, bytes: u64) -> Option<Leave<'_>> {
        let endpoint = match self {
            Endpoints::One(endpoint) => endpoint,
            Endpoints::Pool(pool) => pool.endpoints.get(pool.pool.0.out(None).next()?)?,
        };
        Some(endpoint.start(None, bytes))
    }

    /// Counts an attempt that was held back or refused.
    pub(crate) fn count_rejected(&self) {
        self.guards().for_each(|guard| guard.rejected.add(1));
    }

    /// Ends when an attempt that was rejected may get leave. Made before asking, nothing that happens after is missed.
    pub(crate) fn changed(&self) -> impl Future<Output = ()> + Unpin {
        let mut any: Vec<Pin<Box<Notified<'_>>>> =
            self.guards().map(|guard| Box::pin(guard.breaker.changed())).collect();
        any.iter_mut().for_each(|changed| {
            changed.as_mut().enable();
        });
        Box::pin(async move {
            if any.is_empty() {
                // Nobody rejects, so nothing changes.
                pending::<()>().await;
            }
            select_all(any).await;
        })
    }

    /// How long the destination wants to be left alone after `retry`.
    pub(crate) fn hint(&self, retry: Retry, now: Instant) -> Duration {
        match (self, retry) {
            (Endpoints::Pool(pool), _) => pool.pool.0.pause(now),
            (Endpoints::One(_), Retry::After(hint)) => hint,
            (Endpoints::One(_), Retry::Never | Retry::Backoff) => Duration::ZERO,
        }
    }

    /// Writes out what exporters have buffered.
    pub(crate) fn flush(&self) {
        self.all().for_each(|endpoint| endpoint.exporter.flush());
    }

    /// Lets go of connections and files, no later than `deadline`.
    pub(crate) async fn close(&self, deadline: Option<Instant>) {
        for endpoint in self.all() {
            endpoint.exporter.close(deadline).await;
        }
    }

    fn guards(&self) -> impl Iterator<Item = &Guard> {
        self.all().filter_map(|endpoint| endpoint.guard.as_ref())
    }

    fn all(&self) -> impl Iterator<Item = &Endpoint> {
        let (one, pool) = match self {
            Endpoints::One(endpoint) => (Some(endpoint), &[][..]),
            Endpoints::Pool(pool) => (None, &pool.endpoints[..]),
        };
        one.into_iter().chain(pool)
    }
}

impl Endpoint {
    #[inline]
    fn leave(&self, bytes: u64, now: Instant) -> Result<Leave<'_>, Rejection> {
        let pass = self.guard.as_ref().map(|guard| guard.try_pass(now)).transpose()?;
        Ok(self.start(pass, bytes))
    }

    #[inline]
    fn start<'a>(&'a self, pass: Option<Pass<'a>>, bytes: u64) -> Leave<'a> {
        if let Some(Seat { member, picks, .. }) = &self.seat {
            member.in_flight_bytes.fetch_add(bytes, Ordering::Relaxed);
            picks.add(1);
        }
        Leave { endpoint: self, pass, bytes }
    }
}

impl LocalPool {
    /// An endpoint whose probe is due goes first, unless it is of a worse priority than what there is without it: so
    /// real requests find out that it is back.
    fn try_leave(&self, place: Option<usize>, bytes: u64, now: Instant) -> Result<Leave<'_>, Rejection> {
        let leave =
            |place: usize| self.endpoints.get(place).map_or(Err(Rejection::NONE), |each| each.leave(bytes, now));
        if let Some(leave) = place.and_then(|place| leave(place).ok()) {
            return Ok(leave);
        }
        let healthy = self.pool.0.choose(Subset::EMPTY, now, &self.random);
        let mut rejected = Rejection::NONE;
        for place in self.pool.0.out(healthy).chain(healthy) {
            match leave(place) {
                Ok(leave) => return Ok(leave),
                Err(rejection) => rejected = rejected.or(rejection),
            }
        }
        Err(rejected)
    }
}

impl<'a> Leave<'a> {
    pub(crate) fn exporter(&self) -> &'a dyn Exporter {
        &*self.endpoint.exporter
    }

    /// Says what came of the attempt and adds the endpoint, if there are others, to `tried`. `impatient`: it was given
    /// up earlier than its timeout asks for.
    #[inline]
    pub(crate) fn settle(mut self, outcome: &Outcome, impatient: bool, tried: &mut Subset) {
        if let (Some(guard), Some(pass)) = (&self.endpoint.guard, self.pass.take()) {
            guard.settle(pass, outcome, impatient);
        }
        if let Some(seat) = &self.endpoint.seat {
            seat.settle(outcome, tried);
        }
    }
}

impl Drop for Leave<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(Seat { member, .. }) = &self.endpoint.seat {
            member.in_flight_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        }
    }
}

impl Seat {
    fn settle(&self, outcome: &Outcome, tried: &mut Subset) {
        tried.insert(self.place);
        if let Outcome::Refused(fault) = outcome
            && let Retry::After(hint) = fault.retry
            && let Some(until) = Instant::now().checked_add(hint.min(HINT_MAX))
        {
            self.member.paused_until.set(until);
        }
    }
}

/// The longest that an endpoint is left alone because it asked for that.
const HINT_MAX: Duration = Duration::from_secs(300);
