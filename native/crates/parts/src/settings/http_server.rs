//! An HTTP listener (compatibility contract, section 5.1).

use std::time::Duration;

use serde::Deserialize;
use teleferric_buf::Pool;
use teleferric_net::{ConnLimits, Keepalive, Protocol, ServerConfig};

use super::tls::TlsServer;
use super::{Pair, nanoseconds, non_zero};
use crate::component::StartError;

/// An HTTP listener.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HttpServer {
    /// Whether the host receives the requests and hands them over; nothing is bound then.
    pub host: bool,
    /// `host:port`, or a path with `transport: unix`.
    pub endpoint: String,
    /// tcp, tcp4, tcp6 or unix.
    pub transport: String,
    /// TLS, if the listener speaks it.
    pub tls: Option<TlsServer>,
    /// Cross-origin rules, if browsers may send here.
    pub cors: Option<Cors>,
    /// Largest body, before and after decompression, bytes.
    pub max_request_body_size: u64,
    /// Whether request headers travel with the data.
    pub include_metadata: bool,
    /// Headers added to every response.
    pub response_headers: Vec<Pair>,
    /// Accepted `Content-Encoding` values; empty: the header is ignored.
    pub compression_algorithms: Vec<String>,
    /// Time for a whole request, nanoseconds; 0: none.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub read_timeout: Duration,
    /// Time for the request headers, nanoseconds; 0: the built-in guard.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub read_header_timeout: Duration,
    /// Time from the end of the request's head to the end of the response, nanoseconds; 0: none.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub write_timeout: Duration,
    /// How long an idle connection is kept, nanoseconds; 0: until connections run short.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub idle_timeout: Duration,
    /// Whether connections serve more than one request.
    pub keep_alives_enabled: bool,
}

/// Cross-origin resource sharing.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Cors {
    /// Origins that may send; `*` stands for any run of characters.
    pub allowed_origins: Vec<String>,
    /// Request headers allowed beside the safe-listed ones.
    pub allowed_headers: Vec<String>,
    /// Response headers that scripts may read.
    pub exposed_headers: Vec<String>,
    /// How long a preflight answer holds, seconds; 0: unsaid.
    pub max_age: u64,
}

impl HttpServer {
    /// The listener as the network layer takes it; certificates are read here. Where the Collector has no limit the
    /// built-in guard stays.
    ///
    /// # Errors
    /// TLS settings that cannot be used.
    pub fn to_net(&self, max_connections: usize, pool: Pool) -> Result<ServerConfig, StartError> {
        let guards = ConnLimits::default();
        Ok(ServerConfig {
            protocol: Protocol::Http,
            tls: self.tls.as_ref().filter(|_| !self.host).map(TlsServer::to_net).transpose()?,
            limits: ConnLimits {
                max_connections: Some(max_connections),
                header_timeout: non_zero(self.read_header_timeout).or(guards.header_timeout),
                answer_timeout: non_zero(self.write_timeout),
                idle_timeout: non_zero(self.idle_timeout),
                ..guards
            },
            keepalive: Keepalive::default(),
            keep_alives_enabled: self.keep_alives_enabled,
            pool,
        })
    }
}
