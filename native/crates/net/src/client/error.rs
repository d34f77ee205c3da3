//! What can go wrong with an outgoing request: one kind to act on, one text to read.

use std::fmt;
use std::io;

/// A failed exchange.
///
/// The kind decides what to do, the text says why in plain words. Cloneable because several requests may wait for the
/// same connection attempt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct ClientError {
    /// What failed.
    pub kind: ErrorKind,
    /// Why, in lower case and without a full stop; never contains header values or bodies.
    pub cause: String,
    /// The HTTP/2 error code of a reset stream or a closed connection (RFC 9113 section 7), when there was one.
    pub http2_code: Option<u32>,
    /// The peer's application provably never saw the request: nothing of it was written, or the peer said so
    /// (REFUSED_STREAM, GOAWAY with a lower last stream). The client has already tried again by itself.
    pub unprocessed: bool,
}

/// The part of an exchange that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// No connection: name not resolved, refused, unreachable, proxy refused, connect timeout.
    Connect,
    /// The TLS handshake or a certificate was refused, by either side.
    Tls,
    /// The deadline of the request passed.
    Timeout,
    /// The connection or stream ended before the response was complete.
    Reset,
    /// The response is larger than the caller allowed.
    TooLarge,
    /// The peer does not speak the protocol, or the request cannot be expressed in it.
    Protocol,
}

impl ErrorKind {
    /// The kind as a metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorKind::Connect => "connect",
            ErrorKind::Tls => "tls",
            ErrorKind::Timeout => "timeout",
            ErrorKind::Reset => "reset",
            ErrorKind::TooLarge => "too_large",
            ErrorKind::Protocol => "protocol",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl ClientError {
    pub(crate) fn new(kind: ErrorKind, cause: impl Into<String>) -> Self {
        Self { kind, cause: cause.into(), http2_code: None, unprocessed: false }
    }

    pub(crate) fn connect(cause: impl Into<String>) -> Self {
        Self { unprocessed: true, ..Self::new(ErrorKind::Connect, cause) }
    }

    /// The end of an attempt to connect that panicked.
    pub(crate) fn panicked() -> Self {
        Self::connect("internal error")
    }

    pub(crate) fn tls(cause: impl Into<String>) -> Self {
        Self::new(ErrorKind::Tls, cause)
    }

    pub(crate) fn protocol(cause: impl Into<String>) -> Self {
        Self::new(ErrorKind::Protocol, cause)
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        Self::new(ErrorKind::TooLarge, format!("response is larger than {limit} bytes"))
    }

    pub(crate) fn timeout(phase: &str) -> Self {
        Self::new(ErrorKind::Timeout, format!("deadline exceeded while {phase}"))
    }

    pub(crate) fn or_unprocessed(mut self, unprocessed: bool) -> Self {
        self.unprocessed |= unprocessed;
        self
    }

    /// Puts `what` in front of the cause.
    pub(crate) fn context(mut self, what: &str) -> Self {
        self.cause = format!("{what}: {}", self.cause);
        self
    }

    /// A socket that failed while an exchange was under way. TLS alerts arrive this way too.
    pub(crate) fn from_io(error: &io::Error) -> Self {
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match tls {
            Some(tls) => Self::tls(format!("tls: {tls}")),
            None => Self::new(ErrorKind::Reset, io_text(error)),
        }
    }

    /// An error of the HTTP/1.1 layer.
    pub(crate) fn from_hyper(error: &hyper::Error) -> Self {
        let mut source = std::error::Error::source(error);
        while let Some(inner) = source {
            if let Some(io) = inner.downcast_ref::<io::Error>() {
                return Self::from_io(io);
            }
            source = inner.source();
        }
        if error.is_parse_version_h2() {
            return Self::protocol("peer answered http/1.1 with http2");
        }
        if error.is_parse() {
            return Self::protocol(format!("malformed http response: {error}"));
        }
        if error.is_user() {
            return Self::protocol(format!("request cannot be sent: {error}"));
        }
        Self::new(ErrorKind::Reset, "connection closed before the response was complete")
    }
}

/// The usual words for the usual errors, without the number of the operating system.
pub(crate) fn io_text(error: &io::Error) -> String {
    let known = match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::ConnectionReset => "connection reset by peer",
        io::ErrorKind::ConnectionAborted => "connection aborted",
        io::ErrorKind::BrokenPipe => "connection closed by peer",
        io::ErrorKind::UnexpectedEof => "connection closed unexpectedly",
        io::ErrorKind::HostUnreachable => "host is unreachable",
        io::ErrorKind::NetworkUnreachable => "network is unreachable",
        io::ErrorKind::AddrNotAvailable => "address not available",
        io::ErrorKind::TimedOut => "connection timed out",
        io::ErrorKind::NotFound => "no such file or directory",
        io::ErrorKind::PermissionDenied => "permission denied",
        _ => return error.to_string(),
    };
    known.to_owned()
}
