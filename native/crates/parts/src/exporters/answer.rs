//! How the OTLP exporters read what comes back.

use teleferric_flow::{Fault, FaultCode, GrpcCode, Outcome};
use teleferric_net::client::{ClientError, ErrorKind};
use teleferric_wire::response::PartialSuccess;

/// Largest response body read, bytes (OTLP specification, "response size limits").
pub(super) const RESPONSE_BYTES_MAX: usize = 4 << 20;

/// The outcome of a request that was taken. An answer that cannot be read changes nothing about that.
pub(super) fn partial(answer: Option<PartialSuccess>) -> Outcome {
    match answer {
        Some(partial) if partial.rejected > 0 || !partial.message.is_empty() => {
            Outcome::Partial { rejected: partial.rejected, message: partial.message }
        }
        _ => Outcome::Accepted,
    }
}

/// No answer at all: the connection, the clock or the protocol failed.
pub(super) fn transport_fault(error: &ClientError) -> Fault {
    match error.kind {
        ErrorKind::TooLarge => Fault::new(FaultCode::DownstreamPermanent, error.to_string()),
        ErrorKind::Timeout => {
            Fault::new(FaultCode::DownstreamTemporary, error.to_string()).with_status(GrpcCode::DeadlineExceeded)
        }
        ErrorKind::Connect | ErrorKind::Tls | ErrorKind::Reset | ErrorKind::Protocol => {
            Fault::new(FaultCode::DownstreamTemporary, error.to_string())
        }
    }
}
