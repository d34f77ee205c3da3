//! The one thing that moves: request bytes of one signal with everything that belongs to them.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;
use teleferric_wire::Signal;
use tokio::time::Instant;

use crate::account::Account;
use crate::hold::Hold;
use crate::reply::Reply;

/// Request bytes as a rope. Every chunk is by itself a whole, valid request message of the parcel's signal, so
/// chunks laid side by side are one too (a repeated field merges), and each can be edited or sent alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payload {
    chunks: SmallVec<[Bytes; 1]>,
    bytes: u64,
}

impl Payload {
    /// The chunks in order.
    pub fn chunks(&self) -> &[Bytes] {
        &self.chunks
    }

    /// Bytes over all chunks.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds one whole request message; an empty one adds nothing.
    pub fn push(&mut self, chunk: Bytes) {
        if !chunk.is_empty() {
            self.bytes += chunk.len() as u64;
            self.chunks.push(chunk);
        }
    }

    /// Moves all chunks of `other` behind these.
    pub fn append(&mut self, other: Payload) {
        self.bytes += other.bytes;
        self.chunks.extend(other.chunks);
    }

    /// The chunks by value.
    pub fn into_chunks(self) -> SmallVec<[Bytes; 1]> {
        self.chunks
    }

    /// Whether there is no byte in it.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }
}

impl From<Bytes> for Payload {
    fn from(chunk: Bytes) -> Self {
        let mut payload = Payload::default();
        payload.push(chunk);
        payload
    }
}

impl FromIterator<Bytes> for Payload {
    fn from_iter<I: IntoIterator<Item = Bytes>>(chunks: I) -> Self {
        let mut payload = Payload::default();
        chunks.into_iter().for_each(|chunk| payload.push(chunk));
        payload
    }
}

/// Who sent a parcel and what they said beside the body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// Request headers by lower-case name, only where the receiver has `include_metadata`.
    pub metadata: Vec<(Box<str>, Box<str>)>,
    /// The sender's address, if it has one.
    pub peer: Option<SocketAddr>,
}

impl Context {
    /// All values of one metadata key, which must be lower case.
    pub fn values<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.metadata.iter().filter(move |(name, _)| &**name == key).map(|(_, value)| &**value)
    }
}

/// Request bytes on their way, with their memory permit and the duty to answer.
#[derive(Debug)]
pub struct Parcel {
    /// What the bytes are.
    pub signal: Signal,
    /// The request bytes, valid for `signal`.
    pub payload: Payload,
    /// Spans, data points, log records or samples in the payload.
    pub items: u64,
    /// The memory this parcel holds in the byte ledger, given back when the parcel, and whatever shares it, is
    /// dropped. A `Permit` becomes one by `into()`.
    pub permit: Hold,
    /// When the request arrived.
    pub arrived: Instant,
    /// When the sender stops waiting, if it said so.
    pub deadline: Option<Instant>,
    /// Who sent it; shared between the parts of a split and the branches of a fan-out.
    pub context: Arc<Context>,
    /// The duty to answer.
    pub reply: Reply,
}

impl Parcel {
    /// A parcel that arrives now, from nobody in particular, without a deadline.
    pub fn new(signal: Signal, payload: impl Into<Payload>, items: u64, permit: impl Into<Hold>, reply: Reply) -> Self {
        Parcel {
            signal,
            payload: payload.into(),
            items,
            permit: permit.into(),
            arrived: Instant::now(),
            deadline: None,
            context: Arc::default(),
            reply,
        }
    }

    /// Takes the reply, leaving a parcel that can be kept while its sender has an answer: items that are refused
    /// from now on are counted in `account`.
    pub fn detach(&mut self, account: &Arc<Account>) -> Reply {
        std::mem::replace(&mut self.reply, Reply::detached(self.items, Arc::clone(account)))
    }
}
