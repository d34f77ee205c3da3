//! What a listener is told: its protocol, its limits, its manners.

use std::sync::Arc;
use std::time::Duration;

use teleferric_buf::Pool;

pub use crate::http2::conduct::Enforcement;
use crate::tls::ServerTls;

/// What is spoken on a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1 and HTTP/2: by ALPN under TLS, by prior knowledge without.
    Http,
    /// HTTP/2 only; HTTP/1 clients get a short answer that says so.
    Grpc,
}

/// A listener's configuration.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// What is spoken.
    pub protocol: Protocol,
    /// TLS, unless the port is plaintext.
    pub tls: Option<Arc<ServerTls>>,
    /// Bounds.
    pub limits: ConnLimits,
    /// Pings and ages.
    pub keepalive: Keepalive,
    /// Whether an HTTP/1 connection serves more than one request.
    pub keep_alives_enabled: bool,
    /// Where the blocks for bodies come from.
    pub pool: Pool,
}

/// Bounds on connections; `None` is no bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnLimits {
    /// Connections open at one time; the next one is closed at once. Within a twentieth of it new connections
    /// make idle ones close, first those of the address that holds most.
    pub max_connections: Option<usize>,
    /// From accept to the end of the TLS handshake.
    pub tls_handshake_timeout: Option<Duration>,
    /// From the first byte of a request's head (or from the accept) to its end; for HTTP/2 to the end of the preface.
    pub header_timeout: Option<Duration>,
    /// From the end of a request's head to its answer; later it is answered 503 and the service's future dropped.
    /// gRPC ports leave it off: there the client says how long it waits.
    pub answer_timeout: Option<Duration>,
    /// How long a peer may take no bytes while an answer waits for it.
    pub write_stall_timeout: Option<Duration>,
    /// How long a connection may stay without a request.
    pub idle_timeout: Option<Duration>,
    /// Header fields of one request; more are answered 431.
    pub max_headers: usize,
    /// Bytes of one request's head; more are answered 431.
    pub max_header_bytes: u32,
    /// Requests at one time on an HTTP/2 connection.
    pub max_concurrent_streams: Option<u32>,
    /// HTTP/2 flow control window of a request, in bytes.
    pub initial_stream_window: u32,
    /// HTTP/2 flow control window of a connection, in bytes.
    pub initial_connection_window: u32,
    /// The largest HTTP/2 frame a peer may send, 16,384 to 16,777,215 bytes.
    pub max_frame_size: u32,
}

/// Pings and ages; `None` is never.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keepalive {
    /// Ping an HTTP/2 client when it has been silent for this long.
    pub time: Option<Duration>,
    /// Close the connection when the ping has not been answered for this long; `None` is 20 s.
    pub timeout: Option<Duration>,
    /// Close an HTTP/2 connection, with GOAWAY, that has had no request for this long.
    pub max_connection_idle: Option<Duration>,
    /// Close a connection, with GOAWAY, at this age, more or less a tenth.
    pub max_connection_age: Option<Duration>,
    /// Break off what is still running this long after the close for age has begun.
    pub max_connection_age_grace: Option<Duration>,
    /// How often clients may ping; `None` is as often as they like.
    pub enforcement: Option<Enforcement>,
}

impl ServerConfig {
    /// A plaintext listener with the default bounds and no keepalive.
    pub fn new(protocol: Protocol) -> ServerConfig {
        ServerConfig {
            protocol,
            tls: None,
            limits: ConnLimits::default(),
            keepalive: Keepalive::default(),
            keep_alives_enabled: true,
            pool: Pool::new(),
        }
    }
}

impl Default for ConnLimits {
    /// The security profile `collector`.
    fn default() -> ConnLimits {
        ConnLimits {
            max_connections: Some(12_000),
            tls_handshake_timeout: Some(Duration::from_secs(10)),
            header_timeout: Some(Duration::from_secs(10)),
            answer_timeout: None,
            write_stall_timeout: Some(Duration::from_secs(30)),
            idle_timeout: None,
            max_headers: 100,
            max_header_bytes: 32 << 10,
            max_concurrent_streams: Some(100),
            initial_stream_window: 256 << 10,
            initial_connection_window: 1 << 20,
            max_frame_size: 64 << 10,
        }
    }
}
