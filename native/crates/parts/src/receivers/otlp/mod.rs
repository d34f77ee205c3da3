//! Receiver `otlp`: OTLP over gRPC and HTTP, all signals that have a pipeline, one server for each protocol.

pub mod ack;
mod cors;
pub mod dedup;
mod grpc;
mod http;
mod inflate;
pub mod ingest;
mod metadata;
mod status;
mod tenant;
pub mod verdict;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use teleferric_codec::Codec;
use teleferric_flow::{Fault, FaultCode};
use teleferric_net::BodyLimits;
use teleferric_wire::Signal;
use teleferric_wire::response::{Encoding, FieldViolation, Status};

use self::ack::{AckConfig, Acks};
use self::cors::Cors;
use self::dedup::{Dedup, DedupConfig};
use self::grpc::{GrpcRules, GrpcService};
use self::http::{HttpRules, HttpService};
use self::ingest::{BodyRules, Intake, IntakeRules};
use crate::component::{Listening, Outputs, ReceiverPart, Shared, StartError};
use crate::listeners::{Listeners, Wanted};
use crate::registry::Configured;
use crate::settings::grpc_server::GrpcServer;
use crate::settings::http_server::HttpServer;
use crate::settings::{header_map, nanoseconds, non_zero};

/// Settings.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OtlpConfig {
    /// The protocols; at least one.
    pub protocols: Protocols,
    /// When senders are answered.
    pub ack: AckConfig,
    /// Which repeats are told from new requests; none: they are not looked for.
    pub dedup: Option<DedupConfig>,
    /// How long they wait for room in a queue, nanoseconds; 0: as long as it takes.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub admission_timeout: Duration,
}

/// The protocols of the receiver.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Protocols {
    /// OTLP/gRPC.
    pub grpc: Option<GrpcServer>,
    /// OTLP/HTTP.
    pub http: Option<OtlpHttpServer>,
}

/// OTLP/HTTP.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OtlpHttpServer {
    /// The listener.
    pub server: HttpServer,
    /// Path that takes traces.
    pub traces_url_path: String,
    /// Path that takes metrics.
    pub metrics_url_path: String,
    /// Path that takes logs.
    pub logs_url_path: String,
}

/// Builds the receiver.
pub fn build(component: Configured<'_>, shared: &Arc<Shared>) -> Result<Box<dyn ReceiverPart>, StartError> {
    let config: OtlpConfig = component.settings()?;
    if config.protocols.grpc.is_none() && config.protocols.http.is_none() {
        return Err(StartError::new("must specify at least one protocol when using the OTLP receiver"));
    }
    let dedup =
        config.dedup.clone().map(|config| Dedup::new(config, component.id, &shared.dedup_windows, &shared.ledger));
    let admission_timeout = non_zero(config.admission_timeout);
    let bodies = body_rules(&config.protocols);
    let rules = Arc::new(IntakeRules { acks: Acks::new(&config.ack)?, dedup, admission_timeout, bodies });
    Ok(Box::new(Otlp { id: component.id.to_owned(), config, rules, shared: Arc::clone(shared) }))
}

struct Otlp {
    id: String,
    config: OtlpConfig,
    rules: Arc<IntakeRules>,
    shared: Arc<Shared>,
}

impl ReceiverPart for Otlp {
    fn start(&self, outputs: Outputs, listeners: &mut Listeners) -> Result<Vec<Listening>, StartError> {
        let mut listening = Vec::new();
        if let Some(grpc) = &self.config.protocols.grpc {
            listening.push(self.start_grpc(grpc, &outputs, listeners)?);
        }
        if let Some(http) = &self.config.protocols.http {
            listening.push(self.start_http(http, &outputs, listeners)?);
        }
        Ok(listening)
    }

    fn intake_rules(&self) -> Arc<IntakeRules> {
        Arc::clone(&self.rules)
    }
}

impl Otlp {
    fn start_grpc(
        &self,
        settings: &GrpcServer,
        outputs: &Outputs,
        listeners: &mut Listeners,
    ) -> Result<Listening, StartError> {
        let body = BodyLimits::new(message_bytes_max(settings));
        let rules = Arc::new(GrpcRules { body, include_metadata: settings.include_metadata });
        let (id, shared, outputs) = (self.id.clone(), Arc::clone(&self.shared), Arc::clone(outputs));
        let intake_rules = self.intake_rules();
        let make = move |_worker| {
            let intake = Intake::new(&shared, &id, "grpc", outputs(), Arc::clone(&intake_rules));
            Rc::new(GrpcService { intake, rules: Arc::clone(&rules), shared: Arc::clone(&shared) })
        };
        listeners.open(Wanted::grpc(&self.id, settings, &self.shared)?, &self.shared, make)
    }

    fn start_http(
        &self,
        settings: &OtlpHttpServer,
        outputs: &Outputs,
        listeners: &mut Listeners,
    ) -> Result<Listening, StartError> {
        let rules = Arc::new(http_rules(settings)?);
        let (id, shared, outputs) = (self.id.clone(), Arc::clone(&self.shared), Arc::clone(outputs));
        let intake_rules = self.intake_rules();
        let make = move |_worker| {
            let intake = Intake::new(&shared, &id, "http", outputs(), Arc::clone(&intake_rules));
            Rc::new(HttpService { intake, rules: Arc::clone(&rules), shared: Arc::clone(&shared) })
        };
        listeners.open(Wanted::http(&self.id, &settings.server, &self.shared)?, &self.shared, make)
    }
}

/// As the HTTP server has them; without one every codec is known, and messages are as large as over gRPC.
fn body_rules(protocols: &Protocols) -> BodyRules {
    let Some(OtlpHttpServer { server, .. }) = &protocols.http else {
        let max = protocols.grpc.as_ref().map_or(usize::MAX, message_bytes_max);
        return BodyRules { codecs: Some(Codec::ALL.to_vec()), max };
    };
    let words = &server.compression_algorithms;
    let codecs = words.iter().filter_map(|word| Codec::from_http(word)).collect();
    BodyRules { codecs: (!words.is_empty()).then_some(codecs), max: body_bytes_max(server) }
}

fn message_bytes_max(settings: &GrpcServer) -> usize {
    usize::try_from(settings.max_recv_msg_size_mib).unwrap_or(usize::MAX).saturating_mul(1 << 20)
}

fn body_bytes_max(server: &HttpServer) -> usize {
    usize::try_from(server.max_request_body_size).unwrap_or(usize::MAX)
}

fn http_rules(settings: &OtlpHttpServer) -> Result<HttpRules, StartError> {
    let server = &settings.server;
    let mut body = BodyLimits::new(body_bytes_max(server));
    body.total = non_zero(server.read_timeout);
    Ok(HttpRules {
        paths: Signal::ALL.map(|signal| match signal {
            Signal::Traces => settings.traces_url_path.clone(),
            Signal::Metrics => settings.metrics_url_path.clone(),
            Signal::Logs => settings.logs_url_path.clone(),
            Signal::Profiles => signal.http_path().to_owned(),
        }),
        body,
        cors: server.cors.as_ref().map(Cors::new).transpose()?.flatten(),
        response_headers: header_map(&server.response_headers)?,
        include_metadata: server.include_metadata,
    })
}

/// A refusal as the body of an HTTP error and as the details of a gRPC status: with the wait if trying again can help,
/// with what is wrong if the sender's bytes are at fault.
fn error_body(encoding: Encoding, fault: &Fault, retry_delay: Option<Duration>) -> Vec<u8> {
    let at_fault = matches!(fault.code, FaultCode::Malformed | FaultCode::LimitExceeded | FaultCode::BadCompression);
    let violation = || FieldViolation { field: String::new(), description: fault.message.to_string() };
    let status = Status {
        retry_delay,
        violations: at_fault.then(violation).into_iter().collect(),
        ..Status::new(fault.grpc_status() as i32, fault.message.as_ref())
    };
    status.encode(encoding)
}
