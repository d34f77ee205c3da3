//! OTLP/HTTP: one POST a request, protobuf or JSON. The order of checks is the Collector's (protocol contract,
//! section 3).

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use teleferric_codec::Codec;
use teleferric_flow::{Context, Fault, FaultCode, GrpcCode, Outcome, Visit};
use teleferric_net::{BodyError, BodyLimits, Request, Response, Service};
use teleferric_wire::Signal;
use teleferric_wire::response::{self, Encoding};

use super::cors::Cors;
use super::ingest::{Arrival, Intake};
use super::metadata;
use super::tenant::Allowance;
use super::verdict::Verdict;
use crate::component::Shared;

/// What the requests of one listener have in common.
pub struct HttpRules {
    /// The path of each signal.
    pub paths: [String; Signal::ALL.len()],
    /// How bodies are read.
    pub body: BodyLimits,
    /// Cross-origin rules.
    pub cors: Option<Cors>,
    /// Headers added to every response.
    pub response_headers: HeaderMap,
    /// Whether request headers travel with the data.
    pub include_metadata: bool,
}

/// The service of one data-plane thread.
pub struct HttpService {
    pub(super) intake: Intake,
    pub(super) rules: Arc<HttpRules>,
    pub(super) shared: Arc<Shared>,
}

impl Service for HttpService {
    async fn call(&self, request: Request) -> Response {
        let cors = self.rules.cors.as_ref();
        let granted = cors.and_then(|cors| cors.grant(&request.head));
        let preflight = cors.and_then(|cors| cors.preflight(&request.head));
        let mut response = match preflight {
            Some(preflight) => preflight,
            None => self.answer(request).await.unwrap_or_else(|refused| refused),
        };
        for (name, value) in &self.rules.response_headers {
            response.headers.to_mut().insert(name, value.clone());
        }
        if let Some(granted) = granted {
            response.headers.to_mut().extend(granted);
        }
        response
    }
}

impl HttpService {
    /// The answer to a request, or the refusal that came first.
    async fn answer(&self, request: Request) -> Result<Response, Response> {
        let Some(signal) = self.signal(request.head.uri.path()) else {
            let not_found = || Response::text(StatusCode::NOT_FOUND, "404 page not found\n");
            return Ok(self.answer_question(&request).unwrap_or_else(not_found));
        };
        let headers = &request.head.headers;
        let encoding = encoding_of(headers);
        let codec =
            self.codec(headers).map_err(|fault| self.refuse(signal, encoding.unwrap_or(Encoding::Json), &fault))?;
        if request.head.method != Method::POST {
            return Err(method_not_allowed("POST"));
        }
        let Some(encoding) = encoding else { return Err(unsupported_media_type()) };
        let visit = self.intake.admit(signal, &request).map_err(|fault| self.refuse(signal, encoding, &fault))?;
        let batch_id = self.intake.batch_id(headers);
        let ack = self.intake.rules.acks.of_headers(signal, headers);
        let ack = ack.map_err(|fault| self.refuse(signal, encoding, &fault))?;
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
        let (body, mut permit) = request
            .body
            .read(&self.rules.body, &allowance, &self.shared.pool)
            .await
            .map_err(|error| self.unread(signal, encoding, &error, allowance.refusal()))?;
        let opened = self.intake.rules.bodies.open(codec, body, &mut permit, &self.shared.pool);
        let body = opened.map_err(|fault| self.refuse(signal, encoding, &fault))?;
        let visit = allowance.into_visit();
        let arrival = Arrival { signal, encoding, body, permit, visit, context, deadline: None, batch_id };
        Ok(self.respond(signal, encoding, &self.intake.take(arrival).await))
    }

    fn signal(&self, path: &str) -> Option<Signal> {
        let signals = Signal::ALL.into_iter().zip(&self.rules.paths);
        signals
            .filter(|(signal, _)| self.intake.serves(*signal))
            .find(|(_, own)| *own == path)
            .map(|(signal, _)| signal)
    }

    fn codec(&self, headers: &HeaderMap) -> Result<Option<Codec>, Fault> {
        let Some(value) = headers.get(CONTENT_ENCODING).filter(|value| !value.is_empty()) else { return Ok(None) };
        self.intake.rules.bodies.codec(value.to_str().unwrap_or("not text").trim())
    }

    fn respond(&self, signal: Signal, encoding: Encoding, outcome: &Outcome) -> Response {
        let body = match outcome {
            Outcome::Accepted => Bytes::from_static(response::success(encoding)),
            Outcome::Partial { rejected, message } => {
                Bytes::from(response::write_partial_success(signal, encoding, *rejected, message))
            }
            Outcome::Refused(fault) => return self.refuse(signal, encoding, fault),
        };
        with_body(StatusCode::OK, encoding, body)
    }

    /// The answer to a body that could not be read, or for which its tenant's quota had no room.
    fn unread(&self, signal: Signal, encoding: Encoding, error: &BodyError, refusal: Option<Fault>) -> Response {
        if let Some(fault) = refusal {
            return self.refuse(signal, encoding, &fault);
        }
        match error {
            BodyError::TooLarge { .. } => {
                self.refuse(signal, encoding, &Fault::new(FaultCode::TooLarge, error.to_string()))
            }
            BodyError::Exhausted(_) => self.refuse(signal, encoding, &crate::component::pressure(error)),
            BodyError::Timeout => timed_out(encoding, error),
            BodyError::Aborted | BodyError::LengthMismatch { .. } => {
                self.refuse(signal, encoding, &Fault::new(FaultCode::Malformed, error.to_string()))
            }
        }
    }

    pub(super) fn refuse(&self, signal: Signal, encoding: Encoding, fault: &Fault) -> Response {
        let code = StatusCode::from_u16(fault.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_delay = self.intake.retry_delay(signal, fault);
        let mut response = with_body(code, encoding, Bytes::from(super::error_body(encoding, fault, retry_delay)));
        let hinted = matches!(code, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        if let Some(delay) = retry_delay.filter(|_| hinted) {
            let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
            response.headers.to_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// How a request is written; nothing if its media type is neither of the two.
fn encoding_of(headers: &HeaderMap) -> Option<Encoding> {
    Encoding::from_content_type(headers.get(CONTENT_TYPE)?.to_str().ok()?)
}

pub(super) fn method_not_allowed(supported: &'static str) -> Response {
    let text = format!("405 method not allowed, supported: [{supported}]");
    let mut response = Response::text(StatusCode::METHOD_NOT_ALLOWED, text);
    response.headers.to_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response.headers.to_mut().insert(ALLOW, HeaderValue::from_static(supported));
    response
}

fn unsupported_media_type() -> Response {
    let mut response = Response::text(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "415 unsupported media type, supported: [application/json, application/x-protobuf]",
    );
    response.headers.to_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

/// The answer to a body that came too slowly.
fn timed_out(encoding: Encoding, error: &BodyError) -> Response {
    let body = response::write_status(encoding, GrpcCode::DeadlineExceeded as i32, &error.to_string(), None);
    with_body(StatusCode::REQUEST_TIMEOUT, encoding, Bytes::from(body))
}

pub(super) fn with_body(status: StatusCode, encoding: Encoding, body: Bytes) -> Response {
    let mut response = Response { status, body, ..Response::default() };
    response.headers.to_mut().insert(CONTENT_TYPE, HeaderValue::from_static(encoding.media_type()));
    response
}
