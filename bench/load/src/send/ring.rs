//! The requests that are sent in turn, written and compressed before the run.

use crate::cli::{SendFlags, SendProtocol};
use crate::payload::{Encoding, PayloadSpec, compress, generate};

/// Requests in the form in which they go on the wire.
#[derive(Debug)]
pub struct Ring {
    entries: Vec<Entry>,
}

/// One of them.
#[derive(Debug)]
pub struct Entry {
    /// HTTP/1.1: the whole request. HTTP/2: what the DATA frames carry.
    pub bytes: Vec<u8>,
    /// How much of `bytes` is not body.
    pub head_bytes: usize,
    /// Size of the body before compression.
    pub body_bytes: u64,
}

impl Ring {
    pub fn new(flags: &SendFlags) -> Self {
        let spec = PayloadSpec {
            signal: flags.signal,
            encoding: flags.encoding,
            items: flags.items as usize,
            seed: flags.seed,
        };
        let mut entries = vec![Entry::new(flags, &generate(&spec, 0))];
        let by_size = (RING_BYTES / entries[0].bytes.len()).clamp(ENTRIES_MIN, ENTRIES_MAX);
        let wanted = flags.ring.map_or(by_size, |entries| entries as usize);
        entries.extend((1..wanted as u64).map(|nth| Entry::new(flags, &generate(&spec, nth))));
        Self { entries }
    }

    #[inline]
    pub fn entry(&self, index: u32) -> &Entry {
        &self.entries[index as usize]
    }

    /// The entry of the request with this number.
    #[inline]
    pub fn index(&self, request: u64) -> u32 {
        (request % self.entries.len() as u64) as u32
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }
}

impl Entry {
    fn new(flags: &SendFlags, plain: &[u8]) -> Self {
        let body = compress(flags.compression, flags.level, plain);
        let head = match flags.protocol {
            SendProtocol::Http2 => Vec::new(),
            SendProtocol::Http1 => http1_head(flags, body.len()).into_bytes(),
            SendProtocol::Grpc => {
                let [l0, l1, l2, l3] = (body.len() as u32).to_be_bytes();
                vec![u8::from(flags.compression.name().is_some()), l0, l1, l2, l3]
            }
        };
        Self { bytes: [&head[..], &body].concat(), head_bytes: head.len(), body_bytes: plain.len() as u64 }
    }
}

fn http1_head(flags: &SendFlags, body_bytes: usize) -> String {
    let encoding = flags.compression.name().map_or(String::new(), |name| format!("content-encoding: {name}\r\n"));
    format!(
        "POST {} HTTP/1.1\r\nhost: {}\r\nuser-agent: {USER_AGENT}\r\ncontent-type: {}\r\n{encoding}content-length: {body_bytes}\r\n\r\n",
        flags.signal.http_path(),
        flags.target,
        content_type(flags),
    )
}

/// The media type of the requests.
pub fn content_type(flags: &SendFlags) -> &'static str {
    match (flags.protocol, flags.encoding) {
        (SendProtocol::Grpc, _) => "application/grpc",
        (_, Encoding::Proto) => "application/x-protobuf",
        (_, Encoding::Json) => "application/json",
    }
}

pub const USER_AGENT: &str = concat!("teleferric-load/", env!("CARGO_PKG_VERSION"));

/// About what the ring takes unless a flag says otherwise: small requests then stay in the second-level cache, which keeps
/// the generator cheap. What receives them sees a copy, so it makes no difference there.
const RING_BYTES: usize = 512 << 10;
const ENTRIES_MIN: usize = 16;
const ENTRIES_MAX: usize = 4096;
