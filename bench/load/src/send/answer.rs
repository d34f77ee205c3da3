//! What became of a request, and how to read it from an answer.

use crate::h2::Fault;
use crate::hpack;
use crate::http1::{self, Length};
use crate::payload::Encoding;
use crate::signal::Signal;

/// A request that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// When it was to be sent, in nanoseconds of the run's clock.
    pub intended_ns: u64,
    /// What was sent: an entry of the ring.
    pub entry: u32,
    pub outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Accepted, except for so many items.
    Accepted {
        rejected_items: u64,
    },
    Refused(Refusal),
    /// The connection or stream broke, or the answer made no sense.
    Failed,
}

/// The status of an answer that is not a success.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    Grpc(u8),
    Http(u16),
}

/// What matters of a head of HTTP/1.1 or a header block of HTTP/2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// 0 if there is none.
    pub http_status: u16,
    pub grpc_status: Option<u8>,
    /// HTTP/1.1 only.
    pub length: Length,
    /// HTTP/1.1 only: the connection ends with this answer.
    pub close: bool,
}

impl Head {
    /// Reads a header block.
    pub fn from_block(block: &[u8]) -> Result<Self, Fault> {
        let mut head = Self { http_status: 0, grpc_status: None, length: Length::Fixed(0), close: false };
        hpack::decode(block, |name, value| match name {
            b":status" => head.http_status = number(value).unwrap_or(0),
            // A status that is no number is UNKNOWN.
            b"grpc-status" => head.grpc_status = Some(number(value).unwrap_or(2) as u8),
            _ => {}
        })
        .map_err(|malformed| Fault(malformed.0))?;
        Ok(head)
    }

    /// Reads the head of a response.
    pub fn from_text(text: &[u8]) -> Result<Self, Fault> {
        let status = text.strip_prefix(b"HTTP/1.1 ").and_then(|rest| number(rest.get(..3)?));
        let http_status = status.ok_or(Fault("not an HTTP/1.1 response"))?;
        let mut length = if http_status == 204 { Ok(Length::Fixed(0)) } else { Err(Fault("response has no length")) };
        let mut close = false;
        http1::fields(text, |name, value| {
            if name.eq_ignore_ascii_case(b"content-length") {
                length = http1::decimal(value).map(Length::Fixed);
            } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
                length = Ok(Length::Chunked);
            } else if name.eq_ignore_ascii_case(b"connection") {
                close = value.eq_ignore_ascii_case(b"close");
            }
        });
        if http_status < 200 {
            length = Ok(Length::Interim);
        }
        Ok(Self { http_status, grpc_status: None, length: length?, close })
    }
}

/// Heads that were read before. Servers repeat themselves, so most answers cost a comparison.
#[derive(Debug, Default)]
pub struct KnownHeads {
    known: Vec<(Box<[u8]>, Head)>,
    oldest: usize,
}

impl KnownHeads {
    #[inline]
    pub fn read(&mut self, bytes: &[u8], read: fn(&[u8]) -> Result<Head, Fault>) -> Result<Head, Fault> {
        if let Some((_, head)) = self.known.iter().find(|(known, _)| **known == *bytes) {
            return Ok(*head);
        }
        let head = read(bytes)?;
        let entry = (bytes.into(), head);
        if self.known.len() < KNOWN_MAX {
            self.known.push(entry);
        } else {
            self.known[self.oldest] = entry;
            self.oldest = (self.oldest + 1) % KNOWN_MAX;
        }
        Ok(head)
    }
}

/// How many items the body of a successful answer says were rejected.
pub fn rejected_items(body: &[u8], encoding: Encoding, signal: Signal) -> u64 {
    match encoding {
        _ if body.is_empty() => 0,
        Encoding::Proto => rejected_in_proto(body).unwrap_or(0),
        Encoding::Json => rejected_in_json(body, signal).unwrap_or(0),
    }
}

/// Field 1 of the response is the partial success, whose field 1 is the number of rejected items, in every signal.
fn rejected_in_proto(body: &[u8]) -> Option<u64> {
    let partial_success = field_one(body)?;
    let rejected = field_one(partial_success.bytes).map_or(0, |field| field.number);
    Some(rejected)
}

struct Field<'a> {
    number: u64,
    bytes: &'a [u8],
}

/// The first field of a message, if its number is 1.
fn field_one(message: &[u8]) -> Option<Field<'_>> {
    let (&tag, rest) = message.split_first()?;
    let (number, rest) = varint(rest)?;
    match tag {
        0x08 => Some(Field { number, bytes: &[] }),
        0x0a => Some(Field { number: 0, bytes: rest.get(..usize::try_from(number).ok()?)? }),
        _ => None,
    }
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (at, &byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[at + 1..]));
        }
    }
    None
}

fn rejected_in_json(body: &[u8], signal: Signal) -> Option<u64> {
    let response: serde_json::Value = serde_json::from_slice(body).ok()?;
    let rejected = response.get("partialSuccess")?.get(signal.rejected_key())?;
    rejected.as_u64().or_else(|| rejected.as_str()?.parse().ok())
}

fn number(digits: &[u8]) -> Option<u16> {
    str::from_utf8(digits).ok()?.parse().ok()
}

const KNOWN_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_heads_of_both_protocols() {
        let head = Head::from_block(b"\x88\x00\x0bgrpc-status\x0214").expect("valid");
        assert_eq!((head.http_status, head.grpc_status), (200, Some(14)));
        let head =
            Head::from_text(b"HTTP/1.1 503 No\r\nContent-Length: 12\r\nconnection: close\r\n\r\n").expect("valid");
        assert_eq!((head.http_status, head.length, head.close), (503, Length::Fixed(12), true));
        assert_eq!(Head::from_text(b"HTTP/1.1 100 Go\r\n\r\n").map(|head| head.length), Ok(Length::Interim));
        assert!(Head::from_text(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(Head::from_text(b"SSH-2.0\r\n\r\n").is_err());
    }

    #[test]
    fn remembers_a_bounded_number_of_heads() {
        let mut heads = KnownHeads::default();
        for round in 0..3 {
            for status in 200..220u16 {
                let text = format!("HTTP/1.1 {status} x\r\ncontent-length: {round}\r\n\r\n");
                let head = heads.read(text.as_bytes(), Head::from_text).expect("valid");
                assert_eq!(head.http_status, status);
            }
        }
        assert_eq!(heads.known.len(), KNOWN_MAX);
    }

    #[test]
    fn finds_rejected_items_in_both_encodings() {
        let proto = |body: &[u8]| rejected_items(body, Encoding::Proto, Signal::Logs);
        assert_eq!(proto(b"\x0a\x03\x08\xac\x02"), 300);
        assert_eq!(proto(b"\x0a\x00"), 0);
        assert_eq!(proto(b"\x0a\x04\x12\x02hi"), 0);
        assert_eq!(proto(b"\x0a\xff\x01"), 0);
        let json = |body: &str| rejected_items(body.as_bytes(), Encoding::Json, Signal::Logs);
        assert_eq!(json("{}"), 0);
        assert_eq!(json("{\"partialSuccess\":{\"rejectedLogRecords\":\"7\"}}"), 7);
        assert_eq!(json("{\"partialSuccess\":{\"rejectedLogRecords\":7}}"), 7);
        assert_eq!(json("nonsense"), 0);
    }
}
