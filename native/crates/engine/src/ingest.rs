//! The way in without a socket: a body handed over by the host enters the graph at the first `otlp` receiver, one of a
//! plugin at the receiver that runs it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use teleferric_buf::Permit;
use teleferric_flow::{AckLevel, BatchId, Context, Fault, FaultCode, Outcome, Visit};
use teleferric_parts::component::Shared;
use teleferric_parts::receivers::otlp::ack::ACK_HEADER;
use teleferric_parts::receivers::otlp::ingest::{Arrival, Encoding, Intake};
use teleferric_parts::receivers::otlp::verdict::Verdict;
use teleferric_tasks::{catch, report_panic};
use teleferric_wire::Signal;

use crate::Done;
use crate::graph;
use crate::running::{Entry, Running};

/// What the host says of a body.
pub struct Ingest {
    /// In whose name it comes; none for the first `otlp` receiver.
    receiver: Option<Box<str>>,
    signal: Signal,
    encoding: Encoding,
    metadata: Vec<(Box<str>, Box<str>)>,
    /// What HTTP calls `Content-Encoding`. It comes from a sender, so it is read with the body.
    compression: Option<Box<str>>,
    /// What the host has found out about the request.
    context: Option<Verdict>,
}

/// The words for it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    receiver: Option<Box<str>>,
    signal: Box<str>,
    encoding: Box<str>,
    metadata: Vec<(String, Box<str>)>,
    compression: Option<Box<str>>,
    context: Option<Verdict>,
}

impl Ingest {
    /// Reads JSON `{receiver, signal, encoding, metadata, compression, context}`: a receiver's id, a signal's name, `proto`
    /// or `json`, a list of pairs, a word for `Content-Encoding`, and what the host has found out. All but signal, encoding
    /// and metadata may be left out or null.
    ///
    /// # Errors
    /// A sentence about the first that is none of these.
    pub fn parse(head: &str) -> Result<Ingest, String> {
        let Head { receiver, signal, encoding, metadata, compression, context } =
            serde_json::from_str(head).map_err(|error| format!("the head cannot be read: {error}"))?;
        let signal = signal.parse().map_err(|_| format!("unknown signal \"{signal}\""))?;
        let encoding = match &*encoding {
            "proto" => Encoding::Proto,
            "json" => Encoding::Json,
            other => return Err(format!("unknown encoding \"{other}\"")),
        };
        let metadata = metadata.into_iter().map(|(key, value)| (key.to_lowercase().into(), value)).collect();
        Ok(Ingest { receiver, signal, encoding, metadata, compression, context })
    }
}

/// Copies the body into a block of the pool, charged to the ledger, and lets a data-plane thread take it from there.
pub fn take(running: Option<Arc<Running>>, request: Ingest, body: &[u8], done: Done) {
    let answer = Answer(Some(done));
    let Some((running, Entry { generation, receiver, rules })) =
        running.and_then(|running| Some((Arc::clone(&running), running.entry(request.receiver.as_deref())?)))
    else {
        return answer.refuse(FaultCode::Draining, "the collector is not taking data now");
    };
    let said = |name: &str| request.metadata.iter().find(|(key, _)| &**key == name).map(|(_, word)| &**word);
    let ack = match rules.acks.of(request.signal, || said(ACK_HEADER).map(Into::into)) {
        Ok(ack) => ack,
        Err(fault) => return answer.give(&Outcome::Refused(fault), None),
    };
    if let Err(fault) = rules.bodies.admit(body.len()) {
        return answer.give(&Outcome::Refused(fault), None);
    }
    let shared = Arc::clone(running.shared());
    let permit = match shared.ledger.try_reserve(body.len() as u64) {
        Ok(permit) => permit,
        Err(exhausted) => {
            let fault = Fault::new(FaultCode::MemoryPressure, exhausted.to_string());
            return answer.give(&Outcome::Refused(fault), Some(shared.overload.hint()));
        }
    };
    let mut block = shared.pool.block(body.len());
    block.extend_from_slice(body);
    let body = block.freeze();
    let worker = shared.workers.least_loaded();
    let workers = Arc::clone(&shared.workers);
    workers.spawn_on(worker, "ingest", move || async move {
        let outputs = graph::outputs_or_newest(generation, &receiver);
        let intake = Intake::new(&shared, &receiver, "node", outputs, rules);
        let signal = request.signal;
        let outcome = match admit(&intake, &shared, request, ack, (body, permit)) {
            Ok(arrival) => catch("ingest.take", intake.take(arrival)).await.unwrap_or_else(|payload| {
                report_panic("ingest.take", &payload);
                Outcome::Refused(Fault::new(FaultCode::Panicked, "internal error"))
            }),
            Err(fault) => Outcome::Refused(fault),
        };
        let retry_delay = match &outcome {
            Outcome::Refused(fault) => intake.retry_delay(signal, fault),
            Outcome::Accepted | Outcome::Partial { .. } => None,
        };
        answer.give(&outcome, retry_delay);
    });
}

/// In the order of the HTTP receiver: what the body is, whose it is, what is in it.
fn admit(
    intake: &Intake,
    shared: &Shared,
    request: Ingest,
    ack: Option<AckLevel>,
    (body, mut permit): (Bytes, Permit),
) -> Result<Arrival, Fault> {
    let Ingest { signal, encoding, metadata, compression, context, receiver: _ } = request;
    let verdict = context.unwrap_or_default();
    let rules = &intake.rules;
    let codec = compression.as_deref().map(|word| rules.bodies.codec(word)).transpose()?.flatten();
    let visit = intake.admit_from_host(signal, &metadata, &verdict)?;
    let body = rules.bodies.open(codec, body, &mut permit, &shared.pool)?;
    let id = metadata.iter().find(|(key, _)| &**key == BatchId::HEADER).filter(|_| rules.dedup.is_some());
    let batch_id = id.map(|(_, id)| id.as_bytes().into());
    let context = Arc::new(Context {
        peer: None,
        tenant: visit.as_ref().and_then(Visit::name).or(verdict.tenant),
        principal: verdict.principal,
        class: verdict.class,
        ack,
        admission_timeout: rules.admission_timeout,
        metadata,
    });
    Ok(Arrival { signal, encoding, body, permit, visit, context, deadline: None, batch_id })
}

/// The duty to answer the host: a request that ends with its thread is refused, not left hanging.
struct Answer(Option<Done>);

impl Answer {
    fn give(mut self, outcome: &Outcome, retry_delay: Option<Duration>) {
        if let Some(done) = self.0.take() {
            done(describe(outcome, retry_delay));
        }
    }

    fn refuse(self, code: FaultCode, message: &'static str) {
        self.give(&Outcome::Refused(Fault::new(code, message)), None);
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(done) = self.0.take() {
            let fault = Fault::new(FaultCode::Draining, "the collector ended before the request did");
            done(describe(&Outcome::Refused(fault), None));
        }
    }
}

fn describe(outcome: &Outcome, retry_delay: Option<Duration>) -> String {
    match outcome {
        Outcome::Accepted => json!({ "outcome": "accepted" }),
        Outcome::Partial { rejected, message } => {
            json!({ "outcome": "partial", "rejected": rejected, "message": message })
        }
        Outcome::Refused(fault) => json!({
            "outcome": "refused",
            "code": fault.code.row().label,
            "message": fault.message,
            "retryable": !fault.is_permanent(),
            "retryAfterMs": retry_delay.map(|delay| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)),
        }),
    }
    .to_string()
}
