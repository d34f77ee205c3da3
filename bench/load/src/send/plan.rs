//! What all connections of a run share and none of them changes.

use super::ring::{Ring, USER_AGENT, content_type};
use crate::cli::{SendFlags, SendProtocol};
use crate::hpack::{Field, HeaderBlock, encode_blocks};
use crate::payload::Encoding;
use crate::signal::Signal;

/// The requests, and how they are sent.
#[derive(Debug)]
pub struct Plan {
    pub ring: Ring,
    pub signal: Signal,
    pub encoding: Encoding,
    pub is_grpc: bool,
    /// Bodies are sent in pieces.
    pub trickles: bool,
    /// HTTP/2 only.
    pub request_block: HeaderBlock,
}

impl Plan {
    pub fn new(flags: &SendFlags) -> Self {
        Self {
            ring: Ring::new(flags),
            signal: flags.signal,
            encoding: flags.encoding,
            is_grpc: flags.protocol == SendProtocol::Grpc,
            trickles: flags.trickle_ms > 0.0,
            request_block: request_block(flags),
        }
    }
}

fn request_block(flags: &SendFlags) -> HeaderBlock {
    let grpc = flags.protocol == SendProtocol::Grpc;
    let authority = flags.target.to_string();
    let path = if grpc { flags.signal.grpc_path() } else { flags.signal.http_path() };
    let mut fields = vec![
        Field::Indexed(METHOD_POST),
        Field::Indexed(SCHEME_HTTP),
        Field::Value(AUTHORITY, &authority),
        Field::Value(PATH, path),
        Field::Value(CONTENT_TYPE, content_type(flags)),
        Field::Value(USER_AGENT_NAME, USER_AGENT),
    ];
    match flags.compression.name() {
        Some(name) if grpc => fields.push(Field::Literal("grpc-encoding", name)),
        Some(name) => fields.push(Field::Value(CONTENT_ENCODING, name)),
        None => {}
    }
    if grpc {
        fields.push(Field::Literal("te", "trailers"));
    }
    let [block] = encode_blocks([&fields]);
    block
}

/// Indices of the static table.
const AUTHORITY: u8 = 1;
const METHOD_POST: u8 = 3;
const PATH: u8 = 4;
const SCHEME_HTTP: u8 = 6;
const CONTENT_ENCODING: u8 = 26;
const CONTENT_TYPE: u8 = 31;
const USER_AGENT_NAME: u8 = 58;
