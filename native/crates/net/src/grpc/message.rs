//! The request's one message: a five-byte prefix (compressed flag, length), then exactly that many bytes.

use bytes::{Buf, Bytes};
use teleferric_buf::{Exhausted, Permit, Pool};

use super::status;
use crate::body::{Admit, Body, BodyError, BodyLimits, Chunks, FIRST_BLOCK_BYTES_MAX, Flow, Way};

/// A unary request's message as it was on the wire.
#[derive(Debug)]
pub struct Message {
    /// Whether the bytes are compressed, as `grpc-encoding` says how.
    pub compressed: bool,
    /// The message, in one pooled block.
    pub bytes: Bytes,
    /// Covers exactly `bytes`.
    pub permit: Permit,
}

/// Why there is no message. Nothing of it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrpcReadError {
    /// The prefix says it is longer than allowed; the message was not read.
    #[error("grpc: received message larger than max ({length} vs. {limit})")]
    TooLarge {
        /// Bytes it was to have.
        length: u64,
        /// Bytes allowed.
        limit: usize,
    },
    /// The byte budget has no room for it.
    #[error("no room for the message: {0}")]
    Exhausted(Exhausted),
    /// The stream ended without a message.
    #[error("request has no message")]
    Missing,
    /// A second message followed in a unary call.
    #[error("unary request has more than one message")]
    Extra,
    /// The stream ended within a message.
    #[error("request ended within its message")]
    Truncated,
    /// The compressed flag is neither 0 nor 1.
    #[error("unexpected payload flag {0}")]
    BadFlag(u8),
    /// It came too slowly.
    #[error("request came too slowly")]
    Timeout,
    /// The client broke it off.
    #[error("request was broken off")]
    Aborted,
}

impl GrpcReadError {
    /// The status code that tells the client what to do: never to send it again, unless it was the budget or the time.
    pub fn code(&self) -> u32 {
        match self {
            GrpcReadError::TooLarge { .. } => status::RESOURCE_EXHAUSTED,
            GrpcReadError::Exhausted(_) => status::UNAVAILABLE,
            GrpcReadError::Timeout => status::DEADLINE_EXCEEDED,
            GrpcReadError::Aborted => status::CANCELLED,
            GrpcReadError::Missing | GrpcReadError::Extra | GrpcReadError::Truncated | GrpcReadError::BadFlag(_) => {
                status::INTERNAL
            }
        }
    }
}

impl From<BodyError> for GrpcReadError {
    fn from(error: BodyError) -> GrpcReadError {
        match error {
            BodyError::TooLarge { limit, declared } => {
                GrpcReadError::TooLarge { length: declared.unwrap_or(limit as u64), limit }
            }
            BodyError::Exhausted(exhausted) => GrpcReadError::Exhausted(exhausted),
            BodyError::Timeout => GrpcReadError::Timeout,
            BodyError::Aborted => GrpcReadError::Aborted,
            BodyError::LengthMismatch { .. } => GrpcReadError::Truncated,
        }
    }
}

/// Reads the one message of a unary call, of at most `limits.max` bytes without its prefix.
///
/// The length in the prefix decides about the limit and is asked of the budget before a byte of the message is kept;
/// memory is taken as the bytes come.
///
/// # Errors
/// [`GrpcReadError`].
///
/// # Cancellation
/// As [`Body::read`].
pub async fn read_message(
    body: Body,
    limits: &BodyLimits,
    admit: &impl Admit,
    pool: &Pool,
) -> Result<Message, GrpcReadError> {
    let mut chunks = match body.split(limits) {
        Way::Flow(flow) => return read_flow(flow, limits, admit).await,
        Way::Chunks(chunks) => chunks,
    };
    let (compressed, length, mut rest) = read_prefix(&mut chunks).await?;
    let (length, permit) = admitted(length, limits, admit)?;
    let mut block = pool.block(length.min(FIRST_BLOCK_BYTES_MAX));
    loop {
        if block.len().saturating_add(rest.len()) > length {
            return Err(GrpcReadError::Extra);
        }
        block.extend_from_slice(&rest);
        // Also after the last byte: only the end of the stream says that no second message follows.
        match chunks.next().await? {
            Some(chunk) => rest = chunk,
            None => break,
        }
    }
    if block.len() < length {
        return Err(GrpcReadError::Truncated);
    }
    let bytes = if length == 0 { Bytes::new() } else { block.freeze() };
    Ok(Message { compressed, bytes, permit })
}

/// The same where the connection has put the bytes into a block already: the message is the part behind the prefix.
async fn read_flow(flow: Flow, limits: &BodyLimits, admit: &impl Admit) -> Result<Message, GrpcReadError> {
    let mut arrived = flow.beyond(0).await?;
    while arrived.bytes < PREFIX_BYTES {
        if arrived.ended {
            return Err(if arrived.bytes == 0 { GrpcReadError::Missing } else { GrpcReadError::Truncated });
        }
        arrived = flow.beyond(arrived.bytes).await?;
    }
    let (compressed, length) = flow.peek(prefix)?;
    let (length, permit) = admitted(length, limits, admit)?;
    let total = PREFIX_BYTES + length;
    if !arrived.ended {
        flow.expect(total);
    }
    loop {
        if arrived.bytes > total {
            return Err(GrpcReadError::Extra);
        }
        if arrived.ended {
            break;
        }
        arrived = flow.beyond(arrived.bytes).await?;
    }
    if arrived.bytes < total {
        return Err(GrpcReadError::Truncated);
    }
    let mut bytes = flow.take();
    bytes.advance(PREFIX_BYTES);
    let bytes = if bytes.is_empty() { Bytes::new() } else { bytes };
    Ok(Message { compressed, bytes, permit })
}

/// The length as a size in memory, and the permit for it.
fn admitted(length: u32, limits: &BodyLimits, admit: &impl Admit) -> Result<(usize, Permit), GrpcReadError> {
    if u64::from(length) > limits.max as u64 {
        return Err(GrpcReadError::TooLarge { length: length.into(), limit: limits.max });
    }
    let permit = admit.try_reserve(length.into()).map_err(GrpcReadError::Exhausted)?;
    Ok((length as usize, permit))
}

/// The flag and the length that `bytes` begin with.
fn prefix(bytes: &[u8]) -> Result<(bool, u32), GrpcReadError> {
    let [flag, length @ ..] = bytes.first_chunk::<PREFIX_BYTES>().ok_or(GrpcReadError::Truncated)?;
    match flag {
        0 | 1 => Ok((*flag == 1, u32::from_be_bytes(*length))),
        other => Err(GrpcReadError::BadFlag(*other)),
    }
}

/// The flag, the length, and what came behind them in the same chunk.
async fn read_prefix(chunks: &mut Chunks) -> Result<(bool, u32, Bytes), GrpcReadError> {
    let mut prefix = [0; PREFIX_BYTES];
    let mut have = 0;
    loop {
        let Some(mut chunk) = chunks.next().await? else {
            return Err(if have == 0 { GrpcReadError::Missing } else { GrpcReadError::Truncated });
        };
        let taken = (PREFIX_BYTES - have).min(chunk.len());
        if let Some(place) = prefix.get_mut(have..have + taken) {
            chunk.copy_to_slice(place);
        }
        have += taken;
        if have < PREFIX_BYTES {
            continue;
        }
        let (compressed, length) = self::prefix(&prefix)?;
        return Ok((compressed, length, chunk));
    }
}

pub(super) const PREFIX_BYTES: usize = 5;
