//! One thread's circuit breaker in front of its sends: what an outcome says about the endpoint, and the words and
//! numbers about it.

use std::sync::Arc;
use std::time::Duration;

use teleferric_buf::metrics::{Counter, Metrics, Registration};
use tokio::time::Instant;

use crate::breaker::{
    self, Breaker, BreakerSettings, BreakerShared, NEVER, Override, Pass, State, Transition, Verdict,
};
use crate::fault::{Fault, FaultCode, GrpcCode, Retry};
use crate::log::{Level, Log, seconds};
use crate::metrics::{BreakerMetrics, register_breaker};
use crate::moment::Moment;
use crate::reply::Outcome;

/// The circuit breaker of one endpoint of an exporter, for all signals and threads that send there. Clones are the
/// same one.
#[derive(Clone)]
pub struct EndpointBreaker(Arc<Endpoint>);

struct Endpoint {
    breaker: Arc<BreakerShared>,
    exporter: Box<str>,
    address: Box<str>,
    /// The breaker counts nanoseconds from here.
    epoch: Instant,
    /// When the state last changed.
    turned: Moment,
    _gauge: Registration,
}

impl EndpointBreaker {
    /// A breaker for `exporter` at `address`, whose state is on the page of `metrics` as long as it lives.
    pub fn new(exporter: &str, address: &str, settings: BreakerSettings, metrics: &Metrics) -> Self {
        let breaker = BreakerShared::new(settings);
        let epoch = Instant::now();
        EndpointBreaker(Arc::new(Endpoint {
            _gauge: register_breaker(metrics, exporter, address, Arc::clone(&breaker)),
            breaker,
            exporter: exporter.into(),
            address: address.into(),
            epoch,
            turned: Moment::new(epoch),
        }))
    }

    /// Whether anybody else has this breaker.
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// The state.
    pub fn state(&self) -> State {
        self.0.breaker.state()
    }

    /// Whether it lets all attempts pass.
    pub(crate) fn is_healthy(&self) -> bool {
        self.state() == State::Closed || self.is_observer()
    }

    /// When its state last changed; none if it has not, or does not matter.
    pub(crate) fn turned_at(&self) -> Option<Instant> {
        if self.is_observer() { None } else { self.0.turned.get() }
    }

    fn is_observer(&self) -> bool {
        self.0.breaker.settings().mode == Override::Observe
    }

    /// The calling thread's part; none if the breaker is disabled.
    pub(crate) fn guard(&self, metrics: &Metrics, log: &Log) -> Option<Guard> {
        let Endpoint { breaker, exporter, address, epoch, .. } = &*self.0;
        if breaker.settings().mode == Override::Disabled {
            return None;
        }
        let metrics = BreakerMetrics::new(metrics, exporter, address);
        let BreakerMetrics { to_closed, to_half_open, to_open, rejected } = metrics;
        let (log, turned) = (log.clone(), Arc::clone(&self.0));
        let watch = move |Transition { to, open_for }| {
            turned.turned.set(Instant::now());
            let endpoint = ("endpoint", (&*turned.address).into());
            let state = |word: &'static str| ("breaker_state", word.into());
            match to {
                State::Closed => {
                    to_closed.add(1);
                    log.emit(Level::Info, "Circuit breaker closed.", &[endpoint, state("closed")]);
                }
                State::HalfOpen => {
                    to_half_open.add(1);
                    log.emit(Level::Info, "Circuit breaker half-open, probing.", &[endpoint, state("half_open")]);
                }
                State::Open => {
                    to_open.add(1);
                    let interval = seconds(open_for);
                    let fields = [endpoint, state("open"), ("interval", interval.as_str().into())];
                    log.emit(Level::Warn, "Circuit breaker opened. Will probe after interval.", &fields);
                }
            }
        };
        Some(Guard { breaker: Breaker::new(breaker, watch), epoch: *epoch, rejected })
    }
}

/// An attempt that may not be made now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rejection {
    /// When to ask again, unless the breaker changes earlier; none if only that helps.
    pub(crate) until: Option<Instant>,
    /// Whether probes are out, whose results may come any moment.
    pub(crate) probing: bool,
}

impl Rejection {
    /// Nothing to wait for.
    pub(crate) const NONE: Rejection = Rejection { until: None, probing: false };

    /// What to wait for if either helps.
    pub(crate) fn or(self, other: Rejection) -> Rejection {
        let until = [self.until, other.until].into_iter().flatten().min();
        Rejection { until, probing: self.probing || other.probing }
    }
}

/// One thread's part of an endpoint's breaker.
pub(crate) struct Guard {
    pub(crate) breaker: Breaker,
    epoch: Instant,
    /// Attempts that were held back or refused.
    pub(crate) rejected: Counter,
}

impl Guard {
    /// Asks for an attempt at `now`.
    ///
    /// # Errors
    /// When to ask again.
    pub(crate) fn try_pass(&self, now: Instant) -> Result<Pass<'_>, Rejection> {
        self.breaker.try_pass(self.nanoseconds(now)).map_err(|rejection| self.rejection(rejection))
    }

    /// Tells the breaker what came of an attempt. `impatient`: it was given up earlier than its timeout asks for.
    pub(crate) fn settle(&self, pass: Pass<'_>, outcome: &Outcome, impatient: bool) {
        let verdict = match verdict(outcome) {
            Verdict::Failure if impatient => Verdict::Untouched,
            verdict => verdict,
        };
        pass.settle(verdict, self.nanoseconds(Instant::now()));
    }

    #[cold]
    fn rejection(&self, rejection: breaker::Rejection) -> Rejection {
        let breaker::Rejection { until, probing } = rejection;
        let until = Some(until).filter(|until| *until != NEVER);
        let until = until.and_then(|until| self.epoch.checked_add(Duration::from_nanos(until)));
        Rejection { until, probing }
    }

    fn nanoseconds(&self, instant: Instant) -> u64 {
        let since = instant.saturating_duration_since(self.epoch);
        since.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(since.subsec_nanos()))
    }
}

/// The refusal of a sender whose request does not wait for the next probe.
pub(crate) fn open(next_probe: Option<Instant>, now: Instant) -> Fault {
    let hint = next_probe.map_or(HINT_UNKNOWN, |at| at.saturating_duration_since(now)).max(HINT_MIN);
    Fault::new(FaultCode::DownstreamTemporary, "circuit breaker is open")
        .with_status(GrpcCode::Unavailable)
        .with_retry(Retry::After(hint))
}

/// Where no time of the next probe is known.
const HINT_UNKNOWN: Duration = Duration::from_secs(30);
/// A hint of zero would read as none.
const HINT_MIN: Duration = Duration::from_millis(1);

/// Whether the destination says that it is given too much.
pub(crate) fn is_throttled(fault: &Fault) -> bool {
    matches!(fault.retry, Retry::After(_)) || fault.status == Some(GrpcCode::ResourceExhausted)
}

/// What an outcome says about the endpoint (outcome table of the reliability design).
pub(crate) fn verdict(outcome: &Outcome) -> Verdict {
    use GrpcCode::{Internal, Unknown};
    let fault = match outcome {
        Outcome::Accepted | Outcome::Partial { .. } => return Verdict::Success,
        Outcome::Refused(fault) => fault,
    };
    match (fault.code, fault.status) {
        _ if is_throttled(fault) => Verdict::Untouched,
        (FaultCode::DownstreamTemporary, _) => Verdict::Failure,
        (FaultCode::TooLarge, _) => Verdict::Success,
        (FaultCode::DownstreamPermanent, Some(_)) if fault.blames_request => Verdict::Success,
        (FaultCode::DownstreamPermanent, Some(Internal | Unknown)) => Verdict::Failure,
        (FaultCode::DownstreamPermanent, Some(code)) if code.is_retryable() => Verdict::Failure,
        (FaultCode::DownstreamPermanent, Some(_)) => Verdict::Success,
        // Ours: a drain, a panic, or a request that could not be written.
        _ => Verdict::Untouched,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: FaultCode, status: Option<GrpcCode>, retry: Retry) -> Outcome {
        let fault = Fault::new(code, "no").with_retry(retry);
        Outcome::Refused(status.into_iter().fold(fault, Fault::with_status))
    }

    #[test]
    fn outcomes_are_judged_by_the_table() {
        use FaultCode::{DownstreamPermanent, DownstreamTemporary, Draining, Panicked, TooLarge};
        use GrpcCode::{Internal, InvalidArgument, ResourceExhausted, Unauthenticated, Unavailable, Unknown};
        let hint = Retry::After(Duration::from_secs(1));
        let rows = [
            (Outcome::Accepted, Verdict::Success),
            (Outcome::Partial { rejected: 1, message: String::new() }, Verdict::Success),
            (refused(DownstreamTemporary, None, Retry::Backoff), Verdict::Failure),
            (refused(DownstreamTemporary, Some(Unavailable), Retry::Backoff), Verdict::Failure),
            (refused(DownstreamTemporary, Some(Unavailable), hint), Verdict::Untouched),
            (refused(DownstreamTemporary, Some(ResourceExhausted), Retry::Backoff), Verdict::Untouched),
            (refused(DownstreamPermanent, Some(ResourceExhausted), Retry::Never), Verdict::Untouched),
            (refused(DownstreamPermanent, Some(Internal), Retry::Never), Verdict::Failure),
            (refused(DownstreamPermanent, Some(Unknown), Retry::Never), Verdict::Failure),
            (refused(DownstreamPermanent, Some(InvalidArgument), Retry::Never), Verdict::Success),
            (refused(DownstreamPermanent, Some(Unauthenticated), Retry::Never), Verdict::Success),
            (refused(DownstreamPermanent, None, Retry::Never), Verdict::Untouched),
            (refused(TooLarge, None, Retry::Never), Verdict::Success),
            (refused(Draining, None, Retry::Backoff), Verdict::Untouched),
            (refused(Panicked, None, Retry::Never), Verdict::Untouched),
        ];
        for (outcome, expected) in rows {
            assert_eq!(verdict(&outcome), expected, "{outcome:?}");
        }
        let conflict = Fault::new(DownstreamPermanent, "409").with_status(Unknown).blaming_request();
        assert_eq!(verdict(&Outcome::Refused(conflict)), Verdict::Success);
    }
}
