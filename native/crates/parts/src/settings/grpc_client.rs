//! A gRPC client (compatibility contract, section 5.4).

use std::time::Duration;

use http::HeaderValue;
use serde::Deserialize;
use teleferric_net::client::{Balancer, ConnectConfig, GrpcConfig, GrpcTarget, Http2Config, Ping, ProxyRule};
use teleferric_net::tls::client::{ClientTls, Offer};

use super::tls::TlsClient;
use super::{Pair, nanoseconds, timed};
use crate::component::StartError;

/// A gRPC client.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GrpcClient {
    /// `host:port`, or a target with a resolver scheme; empty where all are in a list of endpoints.
    pub endpoint: String,
    /// Compression of requests.
    pub compression: String,
    /// TLS, on unless `insecure`.
    pub tls: TlsClient,
    /// Keepalive pings, if any.
    pub keepalive: Option<GrpcClientKeepalive>,
    /// Accepted for compatibility.
    pub read_buffer_size: u64,
    /// Accepted for compatibility.
    pub write_buffer_size: u64,
    /// Whether a call waits for a connection instead of failing at once.
    pub wait_for_ready: bool,
    /// Metadata added to every call unless it is there already.
    pub headers: Vec<Pair>,
    /// The `user-agent`; none: the collector's.
    pub user_agent: Option<String>,
    /// `round_robin` or `pick_first`.
    pub balancer_name: String,
    /// The `:authority`; none: the endpoint's.
    pub authority: Option<String>,
    /// Time to resolve and connect, nanoseconds; 0: none.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub connect_timeout: Duration,
    /// Time for each handshake on a new connection, nanoseconds; 0: none.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub tls_timeout: Duration,
}

/// Keepalive of a gRPC client.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GrpcClientKeepalive {
    /// Quiet time after which the server is pinged, nanoseconds.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub time: Duration,
    /// How long the answer may take, nanoseconds.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub timeout: Duration,
    /// Whether to ping while no call runs.
    pub permit_without_stream: bool,
}

impl GrpcClient {
    /// The settings of a channel to `endpoint` as the network layer takes them; certificates are read here.
    ///
    /// # Errors
    /// An endpoint, certificate or word that cannot be used.
    pub fn to_net(&self, endpoint: &str, user_agent: &str) -> Result<GrpcConfig, StartError> {
        let refuse = |error: &dyn std::fmt::Display| StartError::new(error.to_string());
        let target = GrpcTarget::parse(endpoint).map_err(|error| refuse(&error))?;
        let tls = self.tls.to_net();
        let force_tls = matches!(target, GrpcTarget::Host { force_tls: true, .. });
        let tls = if tls.is_plaintext() && !force_tls {
            None
        } else {
            Some(ClientTls::new(&tls, Offer::Http2).map_err(|error| refuse(&error))?)
        };
        let balancer = match self.balancer_name.as_str() {
            "" | "round_robin" => Balancer::RoundRobin,
            "pick_first" => Balancer::PickFirst,
            other => return Err(StartError::new(format!("invalid balancer_name: {other}"))),
        };
        let ping = self.keepalive.as_ref().map(|keepalive| Ping {
            time: keepalive.time,
            timeout: keepalive.timeout,
            while_idle: keepalive.permit_without_stream,
        });
        let user_agent = self.user_agent.as_deref().unwrap_or(user_agent);
        Ok(GrpcConfig {
            target,
            connect: ConnectConfig { tls, ..timed(self.connect_timeout, self.tls_timeout) },
            proxy: ProxyRule::from_environment().map_err(|error| refuse(&error))?,
            http2: Http2Config { ping, ..Http2Config::default() },
            balancer,
            authority: self.authority.clone(),
            user_agent: HeaderValue::try_from(user_agent).map_err(|error| refuse(&error))?,
            accept_encoding: Some(HeaderValue::from_static("identity")),
            wait_for_ready: self.wait_for_ready,
        })
    }
}
