//! One thread's way to the endpoint, or the endpoints, of an exporter: the instances that send, their breakers, and the
//! leave to make one attempt.

use std::future::pending;
use std::pin::Pin;
use std::rc::Rc;
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
}

/// This thread's part of a pool.
pub(crate) struct LocalPool {
    pool: EndpointPool,
    /// In the order of the pool's members.
    endpoints: Vec<(Endpoint, Counter)>,
    random: Jitter,
}

/// The leave to make one attempt at an endpoint. Dropped without an outcome, it says nothing about the endpoint.
#[must_use = "dropping a leave says that no attempt was made"]
pub(crate) struct Leave<'a> {
    pub(crate) exporter: &'a dyn Exporter,
    pass: Option<(&'a Guard, Pass<'a>)>,
    flight: Option<Flight<'a>>,
}

/// Counts a request as in flight to one of several endpoints while it lives.
struct Flight<'a> {
    member: &'a Member,
    place: usize,
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
                return Endpoints::One(Endpoint { exporter, guard: breaker.and_then(guard) });
            }
            Destination::Pool(pool, exporters) => (pool, exporters),
        };
        let endpoints = pool.0.members.iter().zip(exporters).map(|(member, instance)| {
            let guard = member.endpoint.breaker.as_ref().and_then(guard);
            let picks = endpoint_picks(&handles.metrics, exporter, &member.endpoint.address);
            (Endpoint { exporter: instance, guard }, picks)
        });
        Endpoints::Pool(LocalPool { endpoints: endpoints.collect(), pool: pool.clone(), random: Jitter::new() })
    }

    /// Asks for an attempt with a request of `bytes`.
    ///
    /// # Errors
    /// When to ask again.
    #[inline]
    pub(crate) fn try_leave(&self, bytes: u64, now: Instant) -> Result<Leave<'_>, Rejection> {
        match self {
            Endpoints::One(endpoint) => {
                endpoint.try_pass(now).map(|pass| Leave { exporter: &*endpoint.exporter, pass, flight: None })
            }
            Endpoints::Pool(pool) => pool.try_leave(bytes, now),
        }
    }

    /// Asks for an attempt at a healthy endpoint that is not in `tried`.
    pub(crate) fn try_other(&self, tried: Subset, bytes: u64, now: Instant) -> Option<Leave<'_>> {
        let Endpoints::Pool(pool) = self else { return None };
        let place = pool.pool.0.choose_other(tried, now, &pool.random)?;
        pool.leave(place, bytes, now).ok()
    }

    /// The leave that no breaker has a say in, for the last attempt before a stop; at an endpoint of the best priority.
    pub(crate) fn leave_anyway(&self, bytes: u64) -> Option<Leave<'_>> {
        match self {
            Endpoints::One(endpoint) => Some(Leave { exporter: &*endpoint.exporter, pass: None, flight: None }),
            Endpoints::Pool(pool) => pool.start(pool.pool.0.out(None).next()?, None, bytes),
        }
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
        one.into_iter().chain(pool.iter().map(|(endpoint, _)| endpoint))
    }
}

impl Endpoint {
    #[inline]
    fn try_pass(&self, now: Instant) -> Result<Option<(&Guard, Pass<'_>)>, Rejection> {
        self.guard.as_ref().map(|guard| Ok((guard, guard.try_pass(now)?))).transpose()
    }
}

impl LocalPool {
    /// An endpoint whose probe is due goes first, unless it is of a worse priority than what there is without it: so
    /// real requests find out that it is back.
    fn try_leave(&self, bytes: u64, now: Instant) -> Result<Leave<'_>, Rejection> {
        let healthy = self.pool.0.choose(Subset::EMPTY, now, &self.random);
        let mut rejected = Rejection::NONE;
        for place in self.pool.0.out(healthy).chain(healthy) {
            match self.leave(place, bytes, now) {
                Ok(leave) => return Ok(leave),
                Err(rejection) => rejected = rejected.or(rejection),
            }
        }
        Err(rejected)
    }

    fn leave(&self, place: usize, bytes: u64, now: Instant) -> Result<Leave<'_>, Rejection> {
        let (endpoint, _) = self.endpoints.get(place).ok_or(Rejection::NONE)?;
        let pass = endpoint.try_pass(now)?;
        self.start(place, pass, bytes).ok_or(Rejection::NONE)
    }

    fn start<'a>(&'a self, place: usize, pass: Option<(&'a Guard, Pass<'a>)>, bytes: u64) -> Option<Leave<'a>> {
        let (endpoint, picks) = self.endpoints.get(place)?;
        let member = self.pool.0.members.get(place)?;
        member.in_flight_bytes.fetch_add(bytes, Ordering::Relaxed);
        picks.add(1);
        Some(Leave { exporter: &*endpoint.exporter, pass, flight: Some(Flight { member, place, bytes }) })
    }
}

impl Leave<'_> {
    /// Says what came of the attempt and adds the endpoint, if there are others, to `tried`. `impatient`: it was given
    /// up earlier than its timeout asks for.
    #[inline]
    pub(crate) fn settle(self, outcome: &Outcome, impatient: bool, tried: &mut Subset) {
        let Leave { pass, flight, .. } = self;
        if let Some((guard, pass)) = pass {
            guard.settle(pass, outcome, impatient);
        }
        if let Some(flight) = flight {
            flight.land(outcome, tried);
        }
    }
}

impl Flight<'_> {
    fn land(self, outcome: &Outcome, tried: &mut Subset) {
        tried.insert(self.place);
        if let Outcome::Refused(fault) = outcome
            && let Retry::After(hint) = fault.retry
            && let Some(until) = Instant::now().checked_add(hint.min(HINT_MAX))
        {
            self.member.paused_until.set(until);
        }
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.member.in_flight_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The longest that an endpoint is left alone because it asked for that.
const HINT_MAX: Duration = Duration::from_secs(300);
