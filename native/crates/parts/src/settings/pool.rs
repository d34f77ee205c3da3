//! The connections of an exporter (reliability design, section 4).

use std::time::Duration;

use serde::Deserialize;
use teleferric_net::client::{ConnectConfig, Http2Config};

use super::{nanoseconds, non_zero};

/// `pool`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// HTTP/2 connections of a thread to one address.
    pub connections: u64,
    /// Requests at a time on an HTTP/2 connection before another is opened.
    pub streams: u64,
    /// How long a connection is used, nanoseconds; 0: without limit.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub max_age: Duration,
    /// How often a name is resolved again, nanoseconds; 0: only when a connection is lost or opened.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub dns_refresh: Duration,
    /// How long sent bytes may stay unacknowledged, nanoseconds; 0: as the system has it.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub tcp_user_timeout: Duration,
}

impl Pool {
    /// Puts these settings among those of a client.
    pub fn apply(&self, connect: &mut ConnectConfig, http2: &mut Http2Config) {
        let count = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        http2.connections_max = count(self.connections);
        http2.streams_max = count(self.streams);
        connect.age_max = non_zero(self.max_age);
        connect.dns_refresh = non_zero(self.dns_refresh);
        connect.tcp_user_timeout = non_zero(self.tcp_user_timeout);
    }
}
