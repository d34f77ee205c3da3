//! OTLP/gRPC: unary calls with raw bytes (protocol contract, sections 1, 5 and 7).

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use teleferric_codec::Codec;
use teleferric_flow::{Context, Fault, FaultCode, GrpcCode, Outcome, Visit};
use teleferric_net::client::Pushback;
use teleferric_net::grpc::{self, GrpcReadError};
use teleferric_net::{BodyLimits, Request, Response, Service};
use teleferric_wire::Signal;
use teleferric_wire::response::{self, Encoding};
use tokio::time::Instant;

use super::inflate::inflate;
use super::ingest::{Arrival, Intake};
use super::metadata;
use super::tenant::Allowance;
use super::verdict::Verdict;
use crate::component::Shared;

/// What the calls of one listener have in common.
pub struct GrpcRules {
    /// How messages are read.
    pub body: BodyLimits,
    /// Whether request metadata travels with the data.
    pub include_metadata: bool,
}

/// The service of one data-plane thread.
pub struct GrpcService {
    pub(super) intake: Intake,
    pub(super) rules: Arc<GrpcRules>,
    pub(super) shared: Arc<Shared>,
}

/// What we can decompress, told to clients that ask for more.
const ACCEPTED: HeaderValue = HeaderValue::from_static("gzip,snappy,zstd");

impl Service for GrpcService {
    async fn call(&self, request: Request) -> Response {
        self.answer(request).await.unwrap_or_else(|refused| refused)
    }
}

impl GrpcService {
    async fn answer(&self, request: Request) -> Result<Response, Response> {
        grpc::check(&request.head)?;
        let path = request.head.uri.path();
        let Some(signal) = Signal::ALL.into_iter().find(|signal| signal.grpc_method() == path) else {
            return Err(unimplemented(path));
        };
        if !self.intake.serves(signal) {
            return Err(unimplemented(path));
        }
        let codec = codec(grpc::encoding(&request.head.headers).unwrap_or(Some("")))?;
        let timeout = request.timeout.map_err(|bad| error(GrpcCode::Internal, bad.to_string()))?;
        let visit = self.intake.admit(signal, &request).map_err(|fault| self.refuse(signal, &fault))?;
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let batch_id = self.intake.batch_id(&request.head.headers);
        let ack = self.intake.rules.acks.of_headers(signal, &request.head.headers);
        let ack = ack.map_err(|fault| self.refuse(signal, &fault))?;
        let verdict = Verdict::of(&request.head);
        let context = Arc::new(Context {
            metadata: if self.rules.include_metadata { metadata::of(&request.head) } else { Vec::new() },
            peer: request.peer,
            tenant: visit.as_ref().and_then(Visit::name).or_else(|| verdict.tenant.clone()),
            principal: verdict.principal.clone(),
            class: verdict.class,
            ack,
            admission_timeout: self.intake.rules.admission_timeout,
        });
        let allowance = Allowance::new(&self.shared.ledger, visit);
        let message = grpc::read_message(request.body, &self.rules.body, &allowance, &self.shared.pool)
            .await
            .map_err(|error| self.unread(signal, &error, allowance.refusal()))?;
        let mut permit = message.permit;
        let body = match (message.compressed, codec) {
            (false, _) => message.bytes.into(),
            (true, Some(codec)) => inflate(codec, message.bytes, self.rules.body.max, &mut permit, &self.shared.pool)
                .map_err(|fault| self.refuse(signal, &fault))?,
            (true, None) => {
                let text = "message is compressed, but grpc-encoding names no compression";
                return Err(error(GrpcCode::Internal, text.to_owned()));
            }
        };
        let encoding = Encoding::Proto;
        let visit = allowance.into_visit();
        let arrival = Arrival { signal, encoding, body, permit, visit, context, deadline, batch_id };
        Ok(self.respond(signal, &self.intake.take(arrival).await))
    }

    fn respond(&self, signal: Signal, outcome: &Outcome) -> Response {
        match outcome {
            Outcome::Accepted => grpc::ok(Bytes::from_static(response::success(Encoding::Proto)), None),
            Outcome::Partial { rejected, message } => {
                let body = response::write_partial_success(signal, Encoding::Proto, *rejected, message);
                grpc::ok(Bytes::from(body), None)
            }
            Outcome::Refused(fault) => self.refuse(signal, fault),
        }
    }

    /// The answer to a message that could not be read, or for which its tenant's quota had no room.
    fn unread(&self, signal: Signal, read: &GrpcReadError, refusal: Option<Fault>) -> Response {
        if let Some(fault) = refusal {
            return self.refuse(signal, &fault);
        }
        match read {
            GrpcReadError::TooLarge { .. } => self.refuse(signal, &Fault::new(FaultCode::TooLarge, read.to_string())),
            GrpcReadError::Exhausted(_) => self.refuse(signal, &crate::component::pressure(read)),
            // The client may be well again, or on a better line.
            GrpcReadError::Timeout => {
                let fault = Fault::new(FaultCode::DownstreamTemporary, read.to_string());
                self.refuse(signal, &fault.with_status(GrpcCode::DeadlineExceeded))
            }
            _ => grpc::error(&grpc::Status::new(read.code(), read.to_string())),
        }
    }

    fn refuse(&self, signal: Signal, fault: &Fault) -> Response {
        let retry_delay = self.intake.retry_delay(signal, fault);
        let helps = retry_delay.is_some() || fault.grpc_status() == GrpcCode::InvalidArgument;
        let details = helps.then(|| Bytes::from(super::error_body(Encoding::Proto, fault, retry_delay)));
        let pushback = match fault.code {
            FaultCode::TooLarge => Some(Pushback::Never),
            // For clients that retry by themselves: they take the code for one that no retry helps.
            FaultCode::OverQuota => retry_delay.map(Pushback::After),
            _ => None,
        };
        let status = grpc::Status::new(fault.grpc_status() as u32, fault.message.to_string());
        grpc::error(&grpc::Status { details, pushback, ..status })
    }
}

/// The codec a call announces; none for `identity` and for none.
#[allow(clippy::result_large_err, reason = "the error is the answer, made once per refused call")]
fn codec(word: Option<&str>) -> Result<Option<Codec>, Response> {
    let Some(word) = word else { return Ok(None) };
    Codec::from_grpc(word).map(Some).ok_or_else(|| {
        let word = word.chars().take(64).collect::<String>();
        let text = format!("grpc: Decompressor is not installed for grpc-encoding \"{word}\"");
        let mut response = error(GrpcCode::Unimplemented, text);
        response.headers.to_mut().insert(grpc::ACCEPT_ENCODING, ACCEPTED);
        response
    })
}

fn unimplemented(path: &str) -> Response {
    let path = path.trim_start_matches('/');
    let text = match path.rsplit_once('/') {
        Some((service, method)) if Signal::ALL.iter().any(|signal| signal.grpc_method().contains(service)) => {
            format!("unknown method {method} for service {service}")
        }
        Some((service, _)) => format!("unknown service {service}"),
        None => format!("malformed method name: \"{path}\""),
    };
    error(GrpcCode::Unimplemented, text.chars().take(256).collect())
}

/// A refusal that no other attempt can change.
fn error(code: GrpcCode, message: String) -> Response {
    grpc::error(&grpc::Status::new(code as u32, message))
}
