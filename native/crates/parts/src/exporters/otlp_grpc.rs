//! Exporter `otlp_grpc`: one unary call a request, on pooled HTTP/2 connections.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use serde::Deserialize;
use teleferric_buf::Pool;
use teleferric_codec::Codec;
use teleferric_flow::{BatchId, Exporter, Fault, FaultCode, GrpcCode, LocalFuture, Outcome, Parcel, Retry};
use teleferric_net::client::{
    ClientError, GrpcCall, GrpcCallError, GrpcClient, GrpcConfig, GrpcMethod, GrpcReply, GrpcStatus, GrpcTarget,
    Pushback,
};
use teleferric_tasks::spawn_local;
use teleferric_wire::Signal;
use teleferric_wire::response::{self, Encoding};
use tokio::time::Instant;

use super::answer::{RESPONSE_BYTES_MAX, transport_fault};
use super::compression::Compression;
use crate::component::{EndpointPart, ExporterPart, MakeExporter, Shared, StartError};
use crate::registry::Configured;
use crate::settings::breaker::{CircuitBreaker, breaker};
use crate::settings::delivery::{RetryOnFailure, SendingQueue, delivery};
use crate::settings::endpoints::{Endpoint, EndpointPolicy, destination, joined};
use crate::settings::grpc_client::GrpcClient as ClientSettings;
use crate::settings::pool::Pool as ConnectionPool;
use crate::settings::{compression, header_map, nanoseconds, non_zero};

/// Settings.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OtlpGrpcConfig {
    /// Where to, and how.
    pub client: ClientSettings,
    /// Endpoints beside the client's.
    pub endpoints: Vec<Endpoint>,
    /// How several endpoints are used.
    pub endpoint_policy: EndpointPolicy,
    /// Their connections.
    pub pool: ConnectionPool,
    /// Time for one attempt, nanoseconds; 0: none.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub timeout: Duration,
    /// off or single: whether a request that came compressed alike and was not changed goes on as it came.
    pub compressed_passthrough: String,
    /// Retries.
    pub retry_on_failure: RetryOnFailure,
    /// The circuit breaker, if it is on.
    pub circuit_breaker: Option<CircuitBreaker>,
    /// The queue in front, if it is on.
    pub sending_queue: Option<SendingQueue>,
}

/// Builds the exporter.
pub fn build(component: Configured<'_>, signal: Signal, shared: &Arc<Shared>) -> Result<ExporterPart, StartError> {
    part(&component.settings()?, signal, shared)
}

/// The exporter with these settings.
pub(super) fn part(config: &OtlpGrpcConfig, signal: Signal, shared: &Arc<Shared>) -> Result<ExporterPart, StartError> {
    let codec = compression(&config.client.compression, Codec::from_grpc)?;
    let calls = Calls {
        metadata: header_map(&config.client.headers)?,
        signal,
        compression: Compression::new(codec, 0, &config.compressed_passthrough)?,
        encoding: codec.and_then(Codec::grpc_name),
        timeout: non_zero(config.timeout),
        pool: shared.pool.clone(),
    };
    let mut parts = Vec::new();
    let mut labels = Vec::new();
    for Endpoint { url, priority, weight } in joined(Some(&config.client.endpoint), &config.endpoints) {
        let mut client = config.client.to_net(&url, &shared.user_agent)?;
        config.pool.apply(&mut client.connect, &mut client.http2);
        let address = match &client.target {
            GrpcTarget::Host { host, port, .. } => {
                labels = vec![("server_address", host.clone()), ("server_port", port.to_string())];
                format!("{host}:{port}")
            }
            GrpcTarget::Unix(path) => path.display().to_string(),
        };
        let breaker = config.circuit_breaker.as_ref().map(breaker).transpose()?;
        parts.push(EndpointPart { make: calls.clone().maker(client), address, breaker, priority, weight });
    }
    if parts.len() > 1 {
        labels.clear();
    }
    let destination = destination(parts, &config.endpoint_policy)?;
    let delivery = delivery(config.timeout, Some(&config.retry_on_failure), config.sending_queue.as_ref())?;
    Ok(ExporterPart { destination, delivery, labels })
}

/// What the calls to all endpoints have in common.
#[derive(Clone)]
struct Calls {
    metadata: HeaderMap,
    signal: Signal,
    compression: Compression,
    encoding: Option<&'static str>,
    timeout: Option<Duration>,
    pool: Pool,
}

impl Calls {
    /// Makes the instances that send over a channel with these settings.
    fn maker(self, channel: GrpcConfig) -> MakeExporter {
        Box::new(move || self.instance(channel.clone()))
    }

    fn instance(&self, channel: GrpcConfig) -> Result<Rc<dyn Exporter>, StartError> {
        let failed = |error: ClientError| StartError::new(error.to_string());
        let Calls { metadata, signal, compression, encoding, timeout, pool } = self.clone();
        let client = GrpcClient::new(channel).map_err(failed)?;
        let method = client.method(signal.grpc_method(), encoding, &metadata).map_err(failed)?;
        let client = Rc::new(client);
        let early = Rc::clone(&client);
        // A peer that is away now is met again by the first call.
        spawn_local("otlp_grpc.connect", async move { drop(early.connect().await) });
        Ok(Rc::new(OtlpGrpc { client, method, signal, compression, timeout, pool }))
    }
}

struct OtlpGrpc {
    client: Rc<GrpcClient>,
    method: GrpcMethod,
    signal: Signal,
    compression: Compression,
    timeout: Option<Duration>,
    pool: Pool,
}

impl Exporter for OtlpGrpc {
    fn send<'a>(&'a self, parcel: &'a Parcel) -> LocalFuture<'a, Outcome> {
        Box::pin(async move { self.call(parcel).await.unwrap_or_else(Outcome::Refused) })
    }
}

impl OtlpGrpc {
    async fn call(&self, parcel: &Parcel) -> Result<Outcome, Fault> {
        let message = self.compression.request(&parcel.payload, &self.pool)?;
        let batch_id = parcel.batch_id.as_ref().and_then(|id| HeaderValue::try_from(id.to_string()).ok());
        let call = GrpcCall {
            method: &self.method,
            message: &message,
            metadata: batch_id.as_ref().map(|id| (BatchId::HEADER, id)),
            deadline: self.timeout.map(|timeout| Instant::now() + timeout),
            max_response: RESPONSE_BYTES_MAX,
        };
        match self.client.unary(call).await {
            Ok(reply) => Ok(self.taken(&reply)),
            Err(GrpcCallError::Status(status)) => Err(refused(&status)),
            Err(error @ GrpcCallError::TooLarge { .. }) => {
                Err(Fault::new(FaultCode::DownstreamPermanent, error.to_string()))
            }
            Err(GrpcCallError::Transport(error)) => Err(transport_fault(&error)),
        }
    }

    /// A request that was taken is never sent again, whatever its answer looks like.
    fn taken(&self, reply: &GrpcReply) -> Outcome {
        if reply.encoding.is_some() {
            return Outcome::Accepted;
        }
        super::answer::partial(response::partial_success(self.signal, Encoding::Proto, &reply.message))
    }
}

fn refused(status: &GrpcStatus) -> Fault {
    let code = GrpcCode::from_number(status.code);
    let hint = match status.pushback {
        Some(Pushback::Never) => None,
        Some(Pushback::After(delay)) => Some(delay),
        None => response::retry_delay(Encoding::Proto, &status.details),
    };
    let retryable = code.is_retryable() || (code == GrpcCode::ResourceExhausted && hint.is_some());
    let text = format!("rpc error: code = {} desc = {}", code.name(), status.message);
    let never = status.pushback == Some(Pushback::Never);
    if code == GrpcCode::ResourceExhausted && never {
        // What is not to be tried again later is too much by itself.
        Fault::new(FaultCode::TooLarge, text).with_status(code)
    } else if retryable && !never {
        let retry = hint.filter(|delay| !delay.is_zero()).map_or(Retry::Backoff, Retry::After);
        Fault::new(FaultCode::DownstreamTemporary, text).with_status(code).with_retry(retry)
    } else {
        Fault::new(FaultCode::DownstreamPermanent, text).with_status(code)
    }
}
