//! What is kept in the log beside a dead letter's bytes: why it was refused, and what its queue had kept beside it.
//!
//! ```text
//! version u8 │ gRPC status u8 │ taken u64, milliseconds since 1970 │ message: length u16, text │ head of the queue's record
//! ```
//! All little-endian.

use super::head;
use crate::fault::Fault;

const VERSION: u8 = 1;
/// More of what a destination says is not kept.
const MESSAGE_BYTES_MAX: usize = 1024;

/// What is known about a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Letter<'a> {
    /// Number of the gRPC status that stands for the refusal, whatever the transport was.
    pub status: u8,
    /// Why it was refused.
    pub message: &'a str,
    /// When its queue took it, milliseconds since 1970.
    pub taken_ms: u64,
    /// What its queue kept beside it.
    pub head: &'a [u8],
}

impl<'a> Letter<'a> {
    /// A letter for a request that was refused with `fault`.
    pub(super) fn new(fault: &'a Fault, taken_ms: u64, head: &'a [u8]) -> Self {
        let end =
            (0..=fault.message.len().min(MESSAGE_BYTES_MAX)).rev().find(|end| fault.message.is_char_boundary(*end));
        let message = fault.message.get(..end.unwrap_or_default()).unwrap_or_default();
        Letter { status: fault.grpc_status() as u8, message, taken_ms, head }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut letter = vec![VERSION, self.status];
        letter.extend_from_slice(&self.taken_ms.to_le_bytes());
        letter.extend_from_slice(&(self.message.len() as u16).to_le_bytes());
        letter.extend_from_slice(self.message.as_bytes());
        letter.extend_from_slice(self.head);
        letter
    }

    /// Reads the letter that a record of the log of dead letters has for a head; nothing if it is not of this version.
    pub fn decode(mut letter: &'a [u8]) -> Option<Self> {
        let rest = &mut letter;
        let [version, status] = head::take(rest, 2)? else { return None };
        if *version != VERSION {
            return None;
        }
        let taken_ms = u64::from_le_bytes(*head::take(rest, 8)?.first_chunk()?);
        let length = u16::from_le_bytes(*head::take(rest, 2)?.first_chunk()?);
        let message = std::str::from_utf8(head::take(rest, usize::from(length))?).ok()?;
        // A letter whose request could not be read would come to nothing in its queue.
        head::decode(rest)?;
        Some(Letter { status: *status, message, taken_ms, head: rest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{FaultCode, GrpcCode};
    use crate::parcel::Context;
    use teleferric_wire::Signal;

    #[test]
    fn why_it_was_refused_is_read_as_it_was_written_and_anything_else_is_not_read() {
        let request = head::encode(Signal::Logs, &Context::default());
        let long = "ä".repeat(MESSAGE_BYTES_MAX);
        for (message, kept) in [("no", "no"), ("", ""), (long.as_str(), &long[..MESSAGE_BYTES_MAX])] {
            let fault = Fault::new(FaultCode::DownstreamPermanent, message.to_owned());
            let fault = fault.with_status(GrpcCode::InvalidArgument);
            let bytes = Letter::new(&fault, 7, &request).encode();
            let expected = Letter { status: 3, message: kept, taken_ms: 7, head: &request };
            assert_eq!(Letter::decode(&bytes), Some(expected));
            assert!((0..bytes.len()).all(|end| Letter::decode(&bytes[..end]).is_none()));
        }
        assert_eq!(Letter::decode(&[9; 40]), None);
    }
}
