//! Exporter `otlp_grpc`: one unary call a request, on pooled HTTP/2 connections.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use teleferric_buf::Pool;
use teleferric_codec::Codec;
use teleferric_flow::{Exporter, Fault, FaultCode, GrpcCode, LocalFuture, Outcome, Parcel, Retry};
use teleferric_net::client::{
    ClientError, GrpcCall, GrpcCallError, GrpcClient, GrpcMethod, GrpcReply, GrpcStatus, GrpcTarget, Pushback,
};
use teleferric_wire::Signal;
use teleferric_wire::response::{self, Encoding};
use tokio::time::Instant;

use super::answer::{RESPONSE_BYTES_MAX, transport_fault};
use super::compression::Compression;
use crate::component::{ExporterPart, Shared, StartError};
use crate::registry::Configured;
use crate::settings::breaker::{CircuitBreaker, guarded};
use crate::settings::delivery::{RetryOnFailure, SendingQueue, delivery};
use crate::settings::grpc_client::GrpcClient as ClientSettings;
use crate::settings::{compression, header_map, nanoseconds, non_zero};

/// Settings.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OtlpGrpcConfig {
    /// Where to, and how.
    pub client: ClientSettings,
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
    let config: OtlpGrpcConfig = component.settings()?;
    let client = config.client.to_net(&shared.user_agent)?;
    let (address, labels) = match &client.target {
        GrpcTarget::Host { host, port, .. } => {
            let labels = vec![("server_address", host.clone()), ("server_port", port.to_string())];
            (format!("{host}:{port}"), labels)
        }
        GrpcTarget::Unix(path) => (path.display().to_string(), Vec::new()),
    };
    let endpoint = guarded(config.circuit_breaker.as_ref(), address)?;
    let metadata = header_map(&config.client.headers)?;
    let codec = compression(&config.client.compression, Codec::from_grpc)?;
    let compression = Compression::new(codec, 0, &config.compressed_passthrough)?;
    let delivery = delivery(config.timeout, &config.retry_on_failure, config.sending_queue.as_ref())?;
    let timeout = non_zero(config.timeout);
    let pool = shared.pool.clone();
    let encoding = codec.and_then(Codec::grpc_name);
    let failed = |error: ClientError| StartError::new(error.to_string());
    let make = move || {
        let client = GrpcClient::new(client.clone()).map_err(failed)?;
        let method = client.method(signal.grpc_method(), encoding, &metadata).map_err(failed)?;
        let client = Rc::new(client);
        let early = Rc::clone(&client);
        // A peer that is away now is met again by the first call.
        tokio::task::spawn_local(async move { drop(early.connect().await) });
        let exporter = OtlpGrpc { client, method, signal, compression, timeout, pool: pool.clone() };
        Ok(Rc::new(exporter) as Rc<dyn Exporter>)
    };
    Ok(ExporterPart { make: Box::new(make), delivery, endpoint, labels })
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
        let call = GrpcCall {
            method: &self.method,
            message: &message,
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
    if retryable && status.pushback != Some(Pushback::Never) {
        let retry = hint.filter(|delay| !delay.is_zero()).map_or(Retry::Backoff, Retry::After);
        Fault::new(FaultCode::DownstreamTemporary, text).with_status(code).with_retry(retry)
    } else {
        Fault::new(FaultCode::DownstreamPermanent, text).with_status(code)
    }
}
