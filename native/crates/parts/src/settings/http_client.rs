//! An HTTP client (compatibility contract, section 5.2).

use std::time::Duration;

use serde::Deserialize;
use teleferric_net::client::{ClientConfig, ConnectConfig, Http2Config, Http2Mode, Ping, Proxy, ProxyRule};
use teleferric_net::tls::client::ClientTls;

use super::tls::TlsClient;
use super::{Pair, nanoseconds, non_zero, timed};
use crate::component::StartError;

/// An HTTP client.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HttpClient {
    /// Base URL; none where every signal has its own.
    pub endpoint: Option<String>,
    /// Proxy to go through; none: what the environment says.
    pub proxy_url: Option<String>,
    /// TLS, used for https URLs.
    pub tls: TlsClient,
    /// Accepted for compatibility.
    pub read_buffer_size: u64,
    /// Accepted for compatibility.
    pub write_buffer_size: u64,
    /// Time for one attempt, response body included, nanoseconds; 0: none.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub timeout: Duration,
    /// Headers added to every request; `Host` sets the host.
    pub headers: Vec<Pair>,
    /// Compression of requests.
    pub compression: String,
    /// Its level.
    pub compression_params: CompressionParams,
    /// Idle connections kept over all hosts; 0: no limit.
    pub max_idle_conns: u64,
    /// Idle connections kept for one host; 0: two.
    pub max_idle_conns_per_host: u64,
    /// Connections to one host; 0: no limit.
    pub max_conns_per_host: u64,
    /// How long an idle connection is kept, nanoseconds; 0: without limit.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub idle_conn_timeout: Duration,
    /// Whether every request gets a connection of its own.
    pub disable_keep_alives: bool,
    /// Quiet time on HTTP/2 after which the server is pinged, nanoseconds; 0: never.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub http2_read_idle_timeout: Duration,
    /// How long the answer may take, nanoseconds; 0: 15 s.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub http2_ping_timeout: Duration,
    /// Whether HTTP/2 is offered on TLS connections.
    pub force_attempt_http2: bool,
    /// Time to resolve and connect, nanoseconds; 0: none.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub connect_timeout: Duration,
    /// Time for each handshake on a new connection, nanoseconds; 0: none.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub tls_timeout: Duration,
}

/// How hard to compress.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CompressionParams {
    /// The codec's level; 0: its default.
    pub level: i32,
}

impl HttpClient {
    /// The client's settings as the network layer takes them; certificates are read here.
    ///
    /// # Errors
    /// A certificate or proxy that cannot be used.
    pub fn to_net(&self) -> Result<ClientConfig, StartError> {
        let refuse = |error: &dyn std::fmt::Display| StartError::new(error.to_string());
        let http2_mode = if self.force_attempt_http2 { Http2Mode::Alpn } else { Http2Mode::Never };
        let tls = ClientTls::new(&self.tls.to_net(), http2_mode.offer()).map_err(|error| refuse(&error))?;
        let proxy = match &self.proxy_url {
            Some(url) => ProxyRule::Always(Proxy::parse(url).map_err(|error| refuse(&error))?),
            None => ProxyRule::from_environment().map_err(|error| refuse(&error))?,
        };
        let ping = non_zero(self.http2_read_idle_timeout).map(|time| Ping {
            time,
            timeout: non_zero(self.http2_ping_timeout).unwrap_or(PING_TIMEOUT),
            while_idle: true,
        });
        let size = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        Ok(ClientConfig {
            connect: ConnectConfig { tls: Some(tls), ..timed(self.connect_timeout, self.tls_timeout) },
            proxy,
            http2_mode,
            http2: Http2Config { ping, ..Http2Config::default() },
            max_idle_conns: size(self.max_idle_conns),
            max_idle_conns_per_host: size(self.max_idle_conns_per_host),
            max_conns_per_host: size(self.max_conns_per_host),
            idle_conn_timeout: non_zero(self.idle_conn_timeout),
            disable_keep_alives: self.disable_keep_alives,
            ..ClientConfig::default()
        })
    }
}

/// Go's default for `http2_ping_timeout`.
const PING_TIMEOUT: Duration = Duration::from_secs(15);
