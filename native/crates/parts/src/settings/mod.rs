//! Configuration blocks that several components share, as they arrive from the control plane: complete, checked
//! for shape here, with no defaults of their own. Keys are the Collector's; durations are whole nanoseconds.

pub mod breaker;
pub mod delivery;
pub mod encryption;
pub mod endpoints;
pub mod grpc_client;
pub mod grpc_server;
pub mod http_client;
pub mod http_server;
pub mod pool;
pub mod priorities;
#[cfg(feature = "schema")]
pub mod schema;
pub mod tls;

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Deserializer};
use teleferric_codec::Codec;
use teleferric_net::client::ConnectConfig;

use crate::component::StartError;

/// A name and a value, as in HTTP headers.
pub type Pair = (String, String);

/// Reads a duration written as whole nanoseconds.
pub(crate) fn nanoseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_nanos)
}

/// Zero means "none" in the Collector's duration keys.
pub(crate) fn non_zero(duration: Duration) -> Option<Duration> {
    (!duration.is_zero()).then_some(duration)
}

/// How connections are opened, with these limits; zero is none.
fn timed(connect: Duration, handshake: Duration) -> ConnectConfig {
    let limit = |limit| non_zero(limit).unwrap_or(Duration::MAX);
    ConnectConfig { connect_timeout: limit(connect), handshake_timeout: limit(handshake), ..ConnectConfig::default() }
}

/// Header-like pairs as a header map; a name that occurs twice gets both values.
///
/// # Errors
/// The first name or value that cannot be a header. The value itself, which may be a secret, is not repeated.
pub(crate) fn header_map(pairs: &[Pair]) -> Result<HeaderMap, StartError> {
    let mut headers = HeaderMap::with_capacity(pairs.len());
    for (name, value) in pairs {
        let key = HeaderName::try_from(name.to_lowercase())
            .map_err(|_| StartError::new(format!("headers: \"{name}\" is no header name")))?;
        let value = HeaderValue::try_from(value)
            .map_err(|_| StartError::new(format!("headers: the value of \"{name}\" cannot be sent")))?;
        headers.append(key, value);
    }
    Ok(headers)
}

/// The codec of an exporter's `compression`, as `find` knows the transport's words; none for `none` and the empty word.
///
/// # Errors
/// A word that is no codec.
pub(crate) fn compression(word: &str, find: fn(&str) -> Option<Codec>) -> Result<Option<Codec>, StartError> {
    match word {
        "" | "none" => Ok(None),
        word => find(word).map(Some).ok_or_else(|| StartError::new(format!("unsupported compression type \"{word}\""))),
    }
}
