//! Exporter `otlp_http`: one POST a request, protobuf or JSON, over HTTP/1.1 or HTTP/2.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde::Deserialize;
use teleferric_buf::Pool;
use teleferric_codec::Codec;
use teleferric_flow::{BatchId, Exporter, Fault, FaultCode, GrpcCode, LocalFuture, Outcome, Parcel, Retry};
use teleferric_net::client::{Client, ClientRequest, ClientResponse, HttpUrl};
use teleferric_wire::response::{self, Encoding};
use teleferric_wire::{Signal, json};
use tokio::time::Instant;

use super::answer::{RESPONSE_BYTES_MAX, partial, transport_fault};
use super::compression::Compression;
use crate::component::{EndpointPart, ExporterPart, Shared, StartError};
use crate::registry::Configured;
use crate::settings::breaker::{CircuitBreaker, breaker};
use crate::settings::delivery::{RetryOnFailure, SendingQueue, delivery};
use crate::settings::endpoints::{Endpoint, EndpointPolicy, destination, joined};
use crate::settings::http_client::HttpClient;
use crate::settings::pool::Pool as ConnectionPool;
use crate::settings::{compression, header_map, non_zero};

/// Settings.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OtlpHttpConfig {
    /// Where to, and how.
    pub client: HttpClient,
    /// Endpoints beside the client's, for every signal that has no URL of its own.
    pub endpoints: Vec<Endpoint>,
    /// How several endpoints are used.
    pub endpoint_policy: EndpointPolicy,
    /// Their connections.
    pub pool: ConnectionPool,
    /// Whole URL for traces instead of the endpoint's.
    pub traces_endpoint: Option<String>,
    /// Whole URL for metrics instead of the endpoint's.
    pub metrics_endpoint: Option<String>,
    /// Whole URL for logs instead of the endpoint's.
    pub logs_endpoint: Option<String>,
    /// Whole URL for profiles instead of the endpoint's.
    pub profiles_endpoint: Option<String>,
    /// proto or json.
    pub encoding: String,
    /// off or single: whether a request that came compressed alike and was not changed goes on as it came.
    pub compressed_passthrough: String,
    /// Retries.
    pub retry_on_failure: RetryOnFailure,
    /// The circuit breaker, if it is on.
    pub circuit_breaker: Option<CircuitBreaker>,
    /// The queue in front, if it is on.
    pub sending_queue: Option<SendingQueue>,
}

impl OtlpHttpConfig {
    /// The URLs of one signal: its own as it is, or those of the endpoints (one trailing slash tolerated) with the
    /// default path.
    fn urls(&self, signal: Signal) -> Result<Vec<Endpoint>, StartError> {
        let own = match signal {
            Signal::Traces => &self.traces_endpoint,
            Signal::Metrics => &self.metrics_endpoint,
            Signal::Logs => &self.logs_endpoint,
            Signal::Profiles => &self.profiles_endpoint,
        };
        if let Some(own) = own {
            return Ok(joined(Some(own), &[]));
        }
        let mut endpoints = joined(self.client.endpoint.as_deref(), &self.endpoints);
        if endpoints.is_empty() {
            return Err(StartError::new(format!("no endpoint for {signal}: set endpoint or {signal}_endpoint")));
        }
        for Endpoint { url, .. } in &mut endpoints {
            *url = format!("{}{}", url.strip_suffix('/').unwrap_or(url), signal.http_path());
        }
        Ok(endpoints)
    }
}

/// Builds the exporter.
pub fn build(component: Configured<'_>, signal: Signal, shared: &Arc<Shared>) -> Result<ExporterPart, StartError> {
    let config: OtlpHttpConfig = component.settings()?;
    let mut client = config.client.to_net()?;
    config.pool.apply(&mut client.connect, &mut client.http2);
    let codec = compression(&config.client.compression, Codec::from_http)?;
    let level = config.client.compression_params.level;
    let compression = Compression::new(codec, level, &config.compressed_passthrough)?;
    let encoding = match config.encoding.as_str() {
        "proto" => Encoding::Proto,
        "json" => Encoding::Json,
        other => return Err(StartError::new(format!("invalid encoding type: {other}"))),
    };
    let headers = headers(&config, encoding, codec, &shared.user_agent)?;
    let mut parts = Vec::new();
    let mut labels = Vec::new();
    for Endpoint { url, priority, weight } in config.urls(signal)? {
        let url = HttpUrl::parse(&url).map_err(|error| StartError::new(error.to_string()))?;
        labels = vec![
            ("server_address", url.host().to_owned()),
            ("server_port", url.port().to_string()),
            ("url_path", url.path().path().to_owned()),
        ];
        let address = format!("{}:{}", url.host(), url.port());
        let breaker = config.circuit_breaker.as_ref().map(breaker).transpose()?;
        let (headers, pool, timeout) = (headers.clone(), shared.pool.clone(), non_zero(config.client.timeout));
        let template = Template { url, headers, signal, encoding, compression, timeout, pool };
        let client = client.clone();
        let make = move || {
            let exporter = OtlpHttp { client: Client::new(client.clone()), template: template.clone() };
            Ok(Rc::new(exporter) as Rc<dyn Exporter>)
        };
        parts.push(EndpointPart { make: Box::new(make), address, breaker, priority, weight });
    }
    if parts.len() > 1 {
        labels.clear();
    }
    let destination = destination(parts, &config.endpoint_policy)?;
    let delivery = delivery(config.client.timeout, Some(&config.retry_on_failure), config.sending_queue.as_ref())?;
    Ok(ExporterPart { destination, delivery, labels })
}

/// The headers of every request: ours, overridden by those in the configuration.
fn headers(
    config: &OtlpHttpConfig,
    encoding: Encoding,
    codec: Option<Codec>,
    user_agent: &str,
) -> Result<HeaderMap, StartError> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(encoding.media_type()));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(USER_AGENT, HeaderValue::try_from(user_agent).map_err(|error| StartError::new(error.to_string()))?);
    if let Some(codec) = codec {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(codec.name()));
    }
    let mut last: Option<HeaderName> = None;
    for (name, value) in header_map(&config.client.headers)? {
        // A name with several values comes with its name once.
        match name.or_else(|| last.clone()) {
            Some(name) if last.as_ref() == Some(&name) => drop(headers.append(name, value)),
            Some(name) => {
                last = Some(name.clone());
                headers.insert(name, value);
            }
            None => {}
        }
    }
    Ok(headers)
}

/// What every request of one exporter has in common.
#[derive(Clone)]
struct Template {
    url: HttpUrl,
    headers: HeaderMap,
    signal: Signal,
    encoding: Encoding,
    compression: Compression,
    timeout: Option<Duration>,
    pool: Pool,
}

struct OtlpHttp {
    client: Client,
    template: Template,
}

impl Exporter for OtlpHttp {
    fn send<'a>(&'a self, parcel: &'a Parcel) -> LocalFuture<'a, Outcome> {
        Box::pin(async move {
            let request = match self.template.request(parcel) {
                Ok(request) => request,
                Err(fault) => return Outcome::Refused(fault),
            };
            let deadline = self.template.timeout.map(|timeout| Instant::now() + timeout);
            match self.client.request(request, deadline, RESPONSE_BYTES_MAX).await {
                Ok(response) if response.status.is_success() => self.template.taken(&response),
                Ok(response) => Outcome::Refused(self.template.refused(&response)),
                Err(error) => Outcome::Refused(transport_fault(&error)),
            }
        })
    }
}

impl Template {
    fn request(&self, parcel: &Parcel) -> Result<ClientRequest, Fault> {
        let body = match self.encoding {
            Encoding::Proto => self.compression.request(&parcel.payload, &self.pool)?.into_owned(),
            Encoding::Json => {
                let mut text = Vec::new();
                json::from_proto(self.signal, parcel.payload.chunks(), &mut text).map_err(|error| {
                    let text = format!("cannot write the request as json: {error}");
                    Fault::new(FaultCode::DownstreamPermanent, text)
                })?;
                self.compression.compress(&[Bytes::from(text)], &self.pool)?.into_owned()
            }
        };
        let headers = self.headers.clone();
        let mut request = ClientRequest { method: Method::POST, url: self.url.clone(), headers, body };
        if let Some(id) = &parcel.batch_id
            && let Ok(mut id) = HeaderValue::try_from(id.to_string())
        {
            // It is another each time, and so not for a table of headers that are said again.
            id.set_sensitive(true);
            request.headers.insert(BatchId::HEADER, id);
        }
        Ok(request)
    }

    /// A request that was taken is never sent again, whatever its answer looks like.
    fn taken(&self, response: &ClientResponse) -> Outcome {
        let answer =
            encoding_of(response).and_then(|encoding| response::partial_success(self.signal, encoding, &response.body));
        partial(answer)
    }

    fn refused(&self, response: &ClientResponse) -> Fault {
        let status = response.status;
        let said = encoding_of(response).and_then(|encoding| response::status_message(encoding, &response.body));
        let mut text = format!(
            "error exporting items, request to {} responded with HTTP Status Code {}",
            self.url,
            status.as_u16()
        );
        if let Some(said) = said.filter(|said| !said.is_empty()) {
            text.push_str(", Message=");
            text.push_str(&said);
        }
        let retryable = matches!(status.as_u16(), 429 | 502 | 503 | 504);
        let fault = match status {
            StatusCode::PAYLOAD_TOO_LARGE => Fault::new(FaultCode::TooLarge, text),
            _ if retryable => Fault::new(FaultCode::DownstreamTemporary, text).with_status(grpc_code(status)),
            _ if status.is_client_error() => {
                Fault::new(FaultCode::DownstreamPermanent, text).with_status(grpc_code(status)).blaming_request()
            }
            _ => Fault::new(FaultCode::DownstreamPermanent, text).with_status(grpc_code(status)),
        };
        match retry_after(response) {
            Some(delay) if retryable => fault.with_retry(Retry::After(delay)),
            _ if retryable => fault.with_retry(Retry::Backoff),
            _ => fault.with_retry(Retry::Never),
        }
    }
}

/// How a response is written; nothing if it is neither of the OTLP media types.
fn encoding_of(response: &ClientResponse) -> Option<Encoding> {
    Encoding::from_content_type(response.headers.get(CONTENT_TYPE)?.to_str().ok()?)
}

/// The wait that a response asks for: whole seconds, or a date (RFC 9110 section 10.2.3).
fn retry_after(response: &ClientResponse) -> Option<Duration> {
    let text = response.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Duration::try_from(date.duration_since(jiff::Timestamp::now())).ok()
}

/// The gRPC status that stands for an HTTP status (protocol contract, section 5).
fn grpc_code(status: StatusCode) -> GrpcCode {
    match status.as_u16() {
        400 => GrpcCode::InvalidArgument,
        401 => GrpcCode::Unauthenticated,
        403 => GrpcCode::PermissionDenied,
        404 => GrpcCode::Unimplemented,
        429 => GrpcCode::ResourceExhausted,
        502..=504 => GrpcCode::Unavailable,
        _ => GrpcCode::Unknown,
    }
}
