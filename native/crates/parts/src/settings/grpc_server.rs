//! A gRPC listener (compatibility contract, section 5.3).

use std::time::Duration;

use serde::Deserialize;
use teleferric_buf::Pool;
use teleferric_net::{ConnLimits, Enforcement, Keepalive, Protocol, ServerConfig};

use super::tls::TlsServer;
use super::{nanoseconds, non_zero};
use crate::component::StartError;

/// A gRPC listener.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GrpcServer {
    /// Whether the host receives the requests and hands them over; nothing is bound then.
    pub host: bool,
    /// `host:port`, or a path with `transport: unix`.
    pub endpoint: String,
    /// tcp, tcp4, tcp6 or unix.
    pub transport: String,
    /// TLS, if the listener speaks it.
    pub tls: Option<TlsServer>,
    /// Largest message, before and after decompression, MiB.
    pub max_recv_msg_size_mib: u64,
    /// Streams a connection may have open; 0: the built-in guard.
    pub max_concurrent_streams: u32,
    /// Accepted for compatibility; reads grow by themselves.
    pub read_buffer_size: u64,
    /// Accepted for compatibility; writes are vectored.
    pub write_buffer_size: u64,
    /// Keepalive of connections.
    pub keepalive: GrpcServerKeepalive,
    /// Whether request metadata travels with the data.
    pub include_metadata: bool,
}

/// Keepalive of a gRPC listener.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GrpcServerKeepalive {
    /// What the server does itself.
    pub server_parameters: ServerParameters,
    /// What it asks of clients.
    pub enforcement_policy: EnforcementPolicy,
}

/// What the server does to keep connections fresh. 0 stands for "never" in the first three.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ServerParameters {
    /// Idle time after which a connection is closed, nanoseconds.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub max_connection_idle: Duration,
    /// Age after which a connection is closed, nanoseconds.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub max_connection_age: Duration,
    /// Time for running requests after that, nanoseconds.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub max_connection_age_grace: Duration,
    /// Quiet time after which the client is pinged, nanoseconds.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub time: Duration,
    /// How long the answer may take, nanoseconds.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub timeout: Duration,
}

/// How often clients may ping.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EnforcementPolicy {
    /// Least time between pings, nanoseconds.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub min_time: Duration,
    /// Whether pings without a running request are fine.
    pub permit_without_stream: bool,
}

impl GrpcServer {
    /// The listener as the network layer takes it; certificates are read here. Where the Collector has no limit the
    /// built-in guard stays.
    ///
    /// # Errors
    /// TLS settings that cannot be used.
    pub fn to_net(&self, max_connections: usize, pool: Pool) -> Result<ServerConfig, StartError> {
        let guards = ConnLimits::default();
        let streams = (self.max_concurrent_streams > 0).then_some(self.max_concurrent_streams);
        let (server, policy) = (&self.keepalive.server_parameters, &self.keepalive.enforcement_policy);
        Ok(ServerConfig {
            protocol: Protocol::Grpc,
            tls: self.tls.as_ref().filter(|_| !self.host).map(TlsServer::to_net).transpose()?,
            limits: ConnLimits {
                max_connections: Some(max_connections),
                max_concurrent_streams: streams.or(guards.max_concurrent_streams),
                ..guards
            },
            keepalive: Keepalive {
                time: Some(non_zero(server.time).unwrap_or(PING_TIME)),
                timeout: Some(non_zero(server.timeout).unwrap_or(PING_TIMEOUT)),
                max_connection_idle: non_zero(server.max_connection_idle),
                max_connection_age: non_zero(server.max_connection_age),
                max_connection_age_grace: non_zero(server.max_connection_age_grace),
                enforcement: Some(Enforcement {
                    min_time: non_zero(policy.min_time).unwrap_or(CLIENT_PING_TIME_MIN),
                    permit_without_stream: policy.permit_without_stream,
                }),
            },
            keep_alives_enabled: true,
            pool,
        })
    }
}

/// Defaults of gRPC servers for `time`, `timeout` and `min_time` (protocol contract, section 8).
const PING_TIME: Duration = Duration::from_secs(2 * 3600);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
const CLIENT_PING_TIME_MIN: Duration = Duration::from_secs(5 * 60);
