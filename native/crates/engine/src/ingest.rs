//! The way in without a socket: a body handed over by the host enters the graph at the first `otlp` receiver.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use teleferric_flow::{BatchId, Context, Fault, FaultCode, Outcome, Visit};
use teleferric_parts::receivers::otlp::ack::ACK_HEADER;
use teleferric_parts::receivers::otlp::ingest::{Arrival, Encoding, Intake};
use teleferric_wire::Signal;

use crate::Done;
use crate::graph;
use crate::running::{Entry, Running};

/// What a body is.
pub struct Ingest {
    signal: Signal,
    encoding: Encoding,
    metadata: Vec<(Box<str>, Box<str>)>,
}

impl Ingest {
    /// Reads the words that the host uses: a signal's name, `proto` or `json`, and metadata as a JSON list of pairs.
    ///
    /// # Errors
    /// A sentence about the first that is none of these.
    pub fn parse(signal: &str, encoding: &str, metadata: &str) -> Result<Ingest, String> {
        let signal = signal.parse().map_err(|_| format!("unknown signal \"{signal}\""))?;
        let encoding = match encoding {
            "proto" => Encoding::Proto,
            "json" => Encoding::Json,
            other => return Err(format!("unknown encoding \"{other}\"")),
        };
        let pairs: Vec<(String, String)> =
            serde_json::from_str(metadata).map_err(|error| format!("metadata is no list of pairs: {error}"))?;
        let metadata = pairs.into_iter().map(|(key, value)| (key.to_lowercase().into(), value.into())).collect();
        Ok(Ingest { signal, encoding, metadata })
    }
}

/// Copies the body into a block of the pool, charged to the ledger, and lets a data-plane thread take it from there.
pub fn take(running: Option<Arc<Running>>, request: Ingest, body: &[u8], done: Done) {
    let answer = Answer(Some(done));
    let Some((running, Entry { generation, receiver, rules })) =
        running.and_then(|running| Some((Arc::clone(&running), running.entry()?)))
    else {
        return answer.refuse(FaultCode::Draining, "the collector is not taking data now");
    };
    let said = |name: &str| request.metadata.iter().find(|(key, _)| &**key == name).map(|(_, word)| &**word);
    let batch_id = said(BatchId::HEADER).filter(|_| rules.dedup.is_some()).map(|id| id.as_bytes().into());
    let ack = match rules.acks.of(request.signal, || said(ACK_HEADER).map(Into::into)) {
        Ok(ack) => ack,
        Err(fault) => return answer.give(&Outcome::Refused(fault), None),
    };
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
    workers.spawn_on(worker, move || async move {
        let outputs = graph::outputs_or_newest(generation, &receiver);
        let intake = Intake::new(&shared, &receiver, "node", outputs, rules);
        let (signal, encoding, body) = (request.signal, request.encoding, body.into());
        let outcome = match intake.admit_from_host(signal, &request.metadata) {
            Ok(visit) => {
                let tenant = visit.as_ref().and_then(Visit::name);
                let context = Arc::new(Context {
                    metadata: request.metadata,
                    peer: None,
                    tenant,
                    ack,
                    admission_timeout: intake.rules.admission_timeout,
                });
                let arrival = Arrival { signal, encoding, body, permit, visit, context, deadline: None, batch_id };
                intake.take(arrival).await
            }
            Err(fault) => Outcome::Refused(fault),
        };
        let retry_delay = match &outcome {
            Outcome::Refused(fault) => intake.retry_delay(signal, fault),
            Outcome::Accepted | Outcome::Partial { .. } => None,
        };
        answer.give(&outcome, retry_delay);
    });
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
