//! Exporter `load_balancing`: deals requests out to backends by a key, each behind an `otlp_grpc` exporter of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use teleferric_flow::Resolver;
use teleferric_net::client::resolve;
use teleferric_wire::Signal;
use teleferric_wire::split::Key;

use super::otlp_grpc::{self, OtlpGrpcConfig};
use crate::component::{BalancedPart, DestinationPart, ExporterPart, Shared, StartError};
use crate::registry::Configured;
use crate::settings::delivery::{RetryOnFailure, SendingQueue, delivery};
use crate::settings::nanoseconds;

/// Settings.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LoadBalancingConfig {
    /// What belongs together: traceID, service or metric; empty: traceID, and service for metrics.
    pub routing_key: String,
    /// Where the backends come from.
    pub resolver: BackendResolver,
    /// How each backend is sent to; its endpoint is empty.
    pub backend: OtlpGrpcConfig,
    /// Time for one attempt of the exporter as a whole, nanoseconds; 0: none.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub timeout: Duration,
    /// Retries of the exporter as a whole.
    pub retry_on_failure: RetryOnFailure,
    /// The queue in front of the exporter as a whole, if it is on.
    pub sending_queue: Option<SendingQueue>,
}

/// Where the backends come from.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BackendResolver {
    /// Backends that never change: hosts, with or without port.
    pub hostnames: Vec<String>,
    /// A name whose addresses are the backends, if not those.
    pub dns: Option<DnsResolver>,
}

/// A name whose addresses are the backends.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DnsResolver {
    /// The name.
    pub hostname: String,
    /// The port of all backends; empty: that of OTLP over gRPC.
    pub port: String,
    /// From one look to the next, nanoseconds.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub interval: Duration,
    /// The longest a look may take, nanoseconds.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub timeout: Duration,
}

/// The port of backends that are named without one.
const PORT_DEFAULT: &str = "4317";

/// Builds the exporter.
pub fn build(component: Configured<'_>, signal: Signal, shared: &Arc<Shared>) -> Result<ExporterPart, StartError> {
    let config: LoadBalancingConfig = component.settings()?;
    let front = delivery(config.timeout, Some(&config.retry_on_failure), config.sending_queue.as_ref())?;
    let (key, name) = (routing_key(&config.routing_key, signal)?, name_of(component.id).to_owned());
    let BackendResolver { hostnames, dns } = config.resolver;
    let (template, shared) = (config.backend, Arc::clone(shared));
    let lane = move |backend: &str| {
        let mut config = template.clone();
        config.client.endpoint = with_port(backend);
        let part = otlp_grpc::part(&config, signal, &shared)?;
        let id = if name.is_empty() { backend.to_owned() } else { format!("{name}_{backend}") };
        Ok((format!("otlp_grpc/{id}"), part))
    };
    let balanced = BalancedPart { key, backends: hostnames, resolver: dns.map(resolver), lane: Arc::new(lane) };
    Ok(ExporterPart { destination: DestinationPart::Balanced(balanced), delivery: front, labels: Vec::new() })
}

fn routing_key(word: &str, signal: Signal) -> Result<Key, StartError> {
    let key = match word {
        "" if signal == Signal::Metrics => Some(Key::Service),
        "" | "traceID" => Some(Key::TraceId),
        "service" => Some(Key::Service),
        "metric" => Some(Key::MetricName),
        _ => None,
    };
    key.filter(|key| key.fits(signal)).ok_or_else(|| StartError::new(format!("unsupported routing_key: {word:?}")))
}

/// What stands behind the type in a component's id.
fn name_of(id: &str) -> &str {
    id.split_once('/').map(|(_, name)| name).unwrap_or_default()
}

/// The backend's name as an endpoint.
fn with_port(backend: &str) -> String {
    let is_without = backend.ends_with(']') || !backend.contains(':');
    if is_without { format!("{backend}:{PORT_DEFAULT}") } else { backend.to_owned() }
}

fn resolver(dns: DnsResolver) -> Resolver {
    let DnsResolver { hostname, port, interval, timeout } = dns;
    let resolve = move || {
        let (hostname, port) = (hostname.clone(), port.clone());
        Box::pin(async move {
            let found = resolve(&hostname, 0).await.map_err(|error| error.to_string())?;
            Ok(found.iter().map(|address| backend_at(address, &port)).collect())
        }) as _
    };
    Resolver { resolve: Arc::new(resolve), interval, timeout }
}

/// What a backend at this address is called. As in the Collector, the port is part of its place on the ring only if it is
/// configured.
fn backend_at(address: &SocketAddr, port: &str) -> String {
    let host = match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    };
    if port.is_empty() { host } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_that_the_signal_has() {
        let key = |word, signal| routing_key(word, signal).map_err(|error| error.to_string());
        assert_eq!(key("", Signal::Traces), Ok(Key::TraceId));
        assert_eq!(key("", Signal::Metrics), Ok(Key::Service));
        assert_eq!(key("service", Signal::Logs), Ok(Key::Service));
        assert_eq!(key("metric", Signal::Metrics), Ok(Key::MetricName));
        assert_eq!(key("traceID", Signal::Metrics), Err("unsupported routing_key: \"traceID\"".to_owned()));
        assert_eq!(key("metric", Signal::Logs), Err("unsupported routing_key: \"metric\"".to_owned()));
        assert_eq!(key("service", Signal::Profiles), Err("unsupported routing_key: \"service\"".to_owned()));
    }

    #[test]
    fn backends_get_the_port_that_they_lack() {
        let four: SocketAddr = "10.0.0.7:0".parse().expect("an address");
        let six: SocketAddr = "[2001:db8::1]:0".parse().expect("an address");
        assert_eq!(with_port(&backend_at(&four, "")), "10.0.0.7:4317");
        assert_eq!(with_port(&backend_at(&six, "")), "[2001:db8::1]:4317");
        assert_eq!(with_port(&backend_at(&six, "55680")), "[2001:db8::1]:55680");
        assert_eq!(with_port("backend-1"), "backend-1:4317");
        assert_eq!(with_port("backend-1:1234"), "backend-1:1234");
    }
}
