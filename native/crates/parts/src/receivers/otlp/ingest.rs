//! From the bytes of a request to its outcome: transcode, check, count, hand on, wait. Every way into the collector
//! ends here, whatever transport it came by.

use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use teleferric_buf::Permit;
use teleferric_buf::metrics::{Counter, Desc, Kind};
use teleferric_flow::{
    BatchId, Context, Fault, FaultCode, Follow, Gate, GrpcCode, Hold, Outcome, Packed, Parcel, Payload, Reply, Retry,
    Visit,
};
use teleferric_net::Request;
pub use teleferric_wire::response::Encoding;
use teleferric_wire::{Signal, WireError, json};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::ack::Acks;
use super::dedup::{DEDUPLICATED, Dedup, Pending, Seen};
pub use super::inflate::BodyRules;
use super::tenant;
use super::verdict::Verdict;
use crate::component::{LocalOutputs, Shared};

/// The way in for one receiver and transport on one data-plane thread.
pub struct Intake {
    shared: Arc<Shared>,
    outputs: LocalOutputs,
    /// What its requests have in common with those of the receiver's other transports.
    pub rules: Arc<IntakeRules>,
    deduplicated: Option<Counter>,
    counters: [Option<Counters>; Signal::ALL.len()],
}

/// What the requests of one receiver have in common.
#[derive(Default)]
pub struct IntakeRules {
    /// When senders are answered.
    pub acks: Acks,
    /// What is known of requests that were taken, if repeats are looked for.
    pub dedup: Option<Dedup>,
    /// How long senders wait for room in a queue; none: as long as it takes.
    pub admission_timeout: Option<Duration>,
    /// What bodies may be that come over HTTP or from the host.
    pub bodies: BodyRules,
}

/// A request that was read.
pub struct Arrival {
    /// What it is.
    pub signal: Signal,
    /// How its body is written.
    pub encoding: Encoding,
    /// Its body.
    pub body: Body,
    /// The memory that its uncompressed bytes hold.
    pub permit: Permit,
    /// Its place in its tenant's quota, if there are any.
    pub visit: Option<Visit>,
    /// Who sent it.
    pub context: Arc<Context>,
    /// When the sender stops waiting, if it said so.
    pub deadline: Option<Instant>,
    /// What its sender calls it, where repeats are looked for.
    pub batch_id: Option<Box<[u8]>>,
}

/// The body of a request.
pub struct Body {
    /// Uncompressed.
    pub bytes: Bytes,
    /// As it came, if it may be sent on like that.
    pub packed: Option<Packed>,
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Body { bytes, packed: None }
    }
}

/// What happened to the items of one signal.
struct Counters {
    accepted: Counter,
    refused: Counter,
    failed: Counter,
}

impl Intake {
    /// An intake whose items are counted under the labels `receiver` and `transport`.
    pub fn new(
        shared: &Arc<Shared>,
        receiver: &str,
        transport: &str,
        outputs: LocalOutputs,
        rules: Arc<IntakeRules>,
    ) -> Self {
        let labels = [("receiver", receiver), ("transport", transport)];
        let counters = Signal::ALL.map(|signal| {
            outputs.get(signal)?;
            let counter = |table: &'static [Desc; Signal::ALL.len()]| {
                table.get(signal.index()).map(|desc| shared.metrics.counter(desc, &labels))
            };
            Some(Counters { accepted: counter(&ACCEPTED)?, refused: counter(&REFUSED)?, failed: counter(&FAILED)? })
        });
        let deduplicated = rules.dedup.as_ref().map(|_| shared.metrics.counter(&DEDUPLICATED, &labels));
        Intake { shared: Arc::clone(shared), outputs, rules, deduplicated, counters }
    }

    /// The id that a request with these headers brings, where repeats are looked for.
    pub(super) fn batch_id(&self, headers: &HeaderMap) -> Option<Box<[u8]>> {
        self.rules.dedup.as_ref()?;
        headers.get(BatchId::HEADER).map(|id| id.as_bytes().into())
    }

    /// Whether a pipeline takes `signal`.
    pub fn serves(&self, signal: Signal) -> bool {
        self.outputs.get(signal).is_some()
    }

    /// Lets in a request of `signal` that has not been read; with its place in its tenant's quota, if there are any.
    ///
    /// # Errors
    /// Load is shed, and such requests with it; or the tenant is over its quota.
    pub fn admit(&self, signal: Signal, request: &Request) -> Result<Option<Visit>, Fault> {
        let Some(gate) = self.outputs.gate(signal) else { return Ok(None) };
        gate.admit_unread(Verdict::of(&request.head).class)?;
        gate.tenants().map(|tenants| tenant::admit(tenants, request)).transpose()
    }

    /// As [`Intake::admit`], for a question about requests, of which load sheds none.
    ///
    /// # Errors
    /// The tenant is over its quota.
    pub(super) fn admit_question(&self, request: &Request) -> Result<Option<Visit>, Fault> {
        let tenants = Signal::ALL.into_iter().find_map(|signal| self.outputs.gate(signal)?.tenants());
        tenants.map(|tenants| tenant::admit(tenants, request)).transpose()
    }

    /// As [`Intake::admit`], for a request that the host hands over with this metadata.
    ///
    /// # Errors
    /// As [`Intake::admit`].
    pub fn admit_from_host(
        &self,
        signal: Signal,
        metadata: &[(Box<str>, Box<str>)],
        verdict: &Verdict,
    ) -> Result<Option<Visit>, Fault> {
        let tenants = self.outputs.gate(signal).and_then(Gate::tenants);
        tenants.map(|tenants| tenant::admit_from_host(tenants, metadata, verdict)).transpose()
    }

    /// How long the sender of a request of `signal` that was refused should wait before it tries again. There is always
    /// an answer where that can help: some clients drop what is refused without one.
    pub fn retry_delay(&self, signal: Signal, fault: &Fault) -> Option<Duration> {
        match fault.retry {
            Retry::Never => None,
            Retry::Backoff => Some(self.outputs.gate(signal).map_or_else(|| self.shared.overload.hint(), Gate::hint)),
            Retry::After(delay) => Some(delay),
        }
    }

    /// Takes a request and resolves with what became of it.
    ///
    /// Dropping the future says that the sender has gone away. What nobody else has taken responsibility for by then
    /// is not sent any more; the request counts as refused.
    pub async fn take(&self, arrival: Arrival) -> Outcome {
        let Arrival { signal, encoding, body, mut permit, mut visit, context, deadline, batch_id } = arrival;
        let (Some(next), Some(gate)) = (self.outputs.get(signal), self.outputs.gate(signal)) else {
            let fault = Fault::new(FaultCode::DownstreamPermanent, format!("no pipeline takes {signal}"));
            return Outcome::Refused(fault.with_status(GrpcCode::Unimplemented));
        };
        if let Some(visit) = &mut visit {
            visit.cover(body.bytes.len() as u64);
        }
        let (payload, items) = match self.read(signal, encoding, body, &mut permit) {
            Ok(read) => read,
            Err(fault) => return Outcome::Refused(fault),
        };
        if items == 0 {
            return Outcome::Accepted;
        }
        let refuse = |fault| {
            let outcome = Outcome::Refused(fault);
            self.count(signal, items, &outcome);
            outcome
        };
        let mut pending = None;
        if let Some(dedup) = &self.rules.dedup
            && let Some(name) = dedup.name(signal, &context, batch_id.as_deref(), &payload)
        {
            // In a box, so that where repeats are not looked for nothing carries what the wait needs.
            match Box::pin(in_time(dedup.see(name), deadline)).await {
                Ok(Seen::First(first)) => pending = first,
                Ok(Seen::Again) => {
                    self.deduplicated.iter().for_each(|counter| counter.add(items));
                    return Outcome::Accepted;
                }
                Err(fault) => return refuse(fault),
            }
        }
        if let Err(fault) = gate.admit(context.class, &payload) {
            return refuse(fault);
        }
        let mut hold = Hold::from(permit);
        if let Some(visit) = visit {
            visit.count(items);
            hold.attach(Arc::new(visit));
        }
        if let Some(fate) = pending.as_ref().and_then(|pending| pending.fate.as_ref()) {
            hold.follow(Follow::new(fate));
        }
        let (caller, outcome) = oneshot::channel();
        let unanswered = Unanswered { intake: self, signal, items };
        let mut reply = reply(caller, pending);
        let quorum = self.rules.acks.quorum(context.ack);
        if let Some(needed) = quorum {
            reply = reply.by_quorum(needed, items, &hold.account(&self.shared.account));
        }
        next.consume(Parcel {
            signal,
            payload,
            items,
            permit: hold,
            arrived: Instant::now(),
            // Those whom a quorum does not wait for have longer than the sender does.
            deadline: deadline.filter(|_| quorum.is_none()),
            batch_id: None,
            context,
            reply,
        });
        let outcome = wait(outcome, deadline).await;
        unanswered.end(&outcome);
        outcome
    }

    /// The request as checked protobuf bytes, and its items.
    fn read(
        &self,
        signal: Signal,
        encoding: Encoding,
        body: Body,
        permit: &mut Permit,
    ) -> Result<(Payload, u64), Fault> {
        let limits = &self.shared.limits;
        let Body { bytes: body, packed } = body;
        match encoding {
            Encoding::Proto => {
                let request = teleferric_wire::check(signal, &body, limits).map_err(|error| malformed(&error))?;
                let items = request.counts().items;
                Ok((Payload::received(body, packed), items))
            }
            Encoding::Json => {
                // What goes on is protobuf, which the compressed text does not stand for.
                drop(packed);
                // Nearly every request is shorter as protobuf; both forms are held until the text is let go of.
                permit.try_grow(body.len() as u64).map_err(|error| crate::component::pressure(&error))?;
                let mut proto = Vec::with_capacity(body.len() / 2);
                let counts = json::to_proto(signal, &body, limits, &mut proto).map_err(|error| malformed(&error))?;
                drop(body);
                let held = proto.len() as u64;
                permit
                    .try_grow(held.saturating_sub(permit.bytes()))
                    .map_err(|error| crate::component::pressure(&error))?;
                permit.shrink_to(held);
                Ok((Payload::from(Bytes::from(proto)), counts.items))
            }
        }
    }

    fn count(&self, signal: Signal, items: u64, outcome: &Outcome) {
        let Some(counters) = self.counters.get(signal.index()).and_then(Option::as_ref) else { return };
        let (accepted, refused) = match outcome {
            Outcome::Accepted => (items, 0),
            Outcome::Partial { rejected, .. } => (items.saturating_sub(*rejected), items.min(*rejected)),
            Outcome::Refused(_) => (0, items),
        };
        counters.accepted.add(accepted);
        counters.refused.add(refused);
        counters.failed.add(0);
    }
}

/// Tells the sender, who may have gone away, and those who send the same what became of a request. For those it goes on
/// also without the sender.
fn reply(caller: oneshot::Sender<Outcome>, pending: Option<Pending>) -> Reply {
    match pending {
        None => Reply::to_caller(caller),
        Some(pending) => Reply::to(move |outcome| {
            pending.settle(&outcome);
            drop(caller.send(outcome));
        }),
    }
}

/// A request that is to be counted once, also if its sender does not wait for the answer.
struct Unanswered<'a> {
    intake: &'a Intake,
    signal: Signal,
    items: u64,
}

impl Unanswered<'_> {
    fn end(self, outcome: &Outcome) {
        self.intake.count(self.signal, self.items, outcome);
        // It owns nothing; only its drop must not count again.
        std::mem::forget(self);
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        let fault = Fault::new(FaultCode::CallerGone, "");
        self.intake.count(self.signal, self.items, &Outcome::Refused(fault));
    }
}

/// The outcome, or a refusal once the sender has stopped waiting.
async fn wait(outcome: oneshot::Receiver<Outcome>, deadline: Option<Instant>) -> Outcome {
    match in_time(outcome, deadline).await {
        // A reply is settled even when it is dropped, so an answer always comes.
        Ok(answer) => {
            answer.unwrap_or_else(|_| Outcome::Refused(Fault::new(FaultCode::Abandoned, "the request was dropped")))
        }
        Err(fault) => Outcome::Refused(fault),
    }
}

/// What `work` comes to, or a refusal once the sender has stopped waiting.
async fn in_time<T>(work: impl Future<Output = T>, deadline: Option<Instant>) -> Result<T, Fault> {
    let Some(deadline) = deadline else { return Ok(work.await) };
    tokio::time::timeout_at(deadline, work).await.map_err(|_| {
        let fault = Fault::new(FaultCode::DownstreamTemporary, "the sender's deadline passed");
        fault.with_status(GrpcCode::DeadlineExceeded)
    })
}

/// What a sender is told about bytes that are no request.
fn malformed(error: &WireError) -> Fault {
    let code = if error.is_limit() { FaultCode::LimitExceeded } else { FaultCode::Malformed };
    Fault::new(code, Cow::Owned(error.to_string())).with_retry(Retry::Never)
}

static ACCEPTED: [Desc; Signal::ALL.len()] = [
    counter("otelcol_receiver_accepted_spans", "Number of spans successfully pushed into the pipeline."),
    counter(
        "otelcol_receiver_accepted_metric_points",
        "Number of metric points successfully pushed into the pipeline.",
    ),
    counter("otelcol_receiver_accepted_log_records", "Number of log records successfully pushed into the pipeline."),
    counter(
        "otelcol_receiver_accepted_profile_samples",
        "Number of profile samples successfully pushed into the pipeline.",
    ),
];

static REFUSED: [Desc; Signal::ALL.len()] = [
    counter("otelcol_receiver_refused_spans", "Number of spans that could not be pushed into the pipeline."),
    counter(
        "otelcol_receiver_refused_metric_points",
        "Number of metric points that could not be pushed into the pipeline.",
    ),
    counter(
        "otelcol_receiver_refused_log_records",
        "Number of log records that could not be pushed into the pipeline.",
    ),
    counter(
        "otelcol_receiver_refused_profile_samples",
        "Number of profile samples that could not be pushed into the pipeline.",
    ),
];

static FAILED: [Desc; Signal::ALL.len()] = [
    counter("otelcol_receiver_failed_spans", "Number of spans lost to an error inside the collector."),
    counter("otelcol_receiver_failed_metric_points", "Number of metric points lost to an error inside the collector."),
    counter("otelcol_receiver_failed_log_records", "Number of log records lost to an error inside the collector."),
    counter(
        "otelcol_receiver_failed_profile_samples",
        "Number of profile samples lost to an error inside the collector.",
    ),
];

const fn counter(name: &'static str, help: &'static str) -> Desc {
    Desc { name, help, kind: Kind::Counter, lazy: true }
}
