//! What the OTLP exporters have in common: compressing what they send and reading what comes back.

use bytes::Bytes;
use teleferric_buf::Pool;
use teleferric_codec::Codec;
use teleferric_flow::{Fault, FaultCode, GrpcCode, Outcome};
use teleferric_net::client::{ClientError, ErrorKind};
use teleferric_wire::response::PartialSuccess;

/// Largest response body read, bytes (OTLP specification, "response size limits").
pub(super) const RESPONSE_BYTES_MAX: usize = 4 << 20;

/// The chunks as one compressed body, or nothing where they go as they are.
///
/// # Errors
/// When the codec fails, which it does for want of memory only.
pub(super) fn compress(
    codec: Option<Codec>,
    level: Option<i32>,
    chunks: &[Bytes],
    pool: &Pool,
) -> Result<Option<Vec<Bytes>>, Fault> {
    let Some(codec) = codec else { return Ok(None) };
    teleferric_codec::compress(codec, level, chunks, pool)
        .map(|body| Some(vec![body]))
        .map_err(|error| Fault::new(FaultCode::MemoryPressure, format!("cannot compress the request: {error}")))
}

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
