//! The one thing that moves: request bytes of one signal with everything that belongs to them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use teleferric_wire::Signal;
use tokio::time::Instant;

use crate::account::Account;
use crate::ack::AckLevel;
use crate::batch_id::BatchId;
use crate::hold::Hold;
use crate::overload::Class;
use crate::payload::Payload;
use crate::reply::Reply;

/// Who sent a parcel and what they said beside the body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// Request headers by lower-case name, only where the receiver has `include_metadata`.
    pub metadata: Vec<(Box<str>, Box<str>)>,
    /// The sender's address, if it has one.
    pub peer: Option<SocketAddr>,
    /// Whose request it is, where that is known for certain: by a verified credential, from a trusted proxy or the host.
    pub tenant: Option<Arc<str>>,
    /// Who has authenticated to the host.
    pub principal: Option<Arc<str>>,
    /// How much it matters, where the host has said so; else that is judged by what is in it.
    pub class: Option<Class>,
    /// When the sender is to be answered; nothing: when each stage on the way answers by itself.
    pub ack: Option<AckLevel>,
    /// How long the sender waits for room in a queue; none: as long as it takes.
    pub admission_timeout: Option<Duration>,
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
    /// What tells it from all others at its destination, while it is sent from a storage.
    pub batch_id: Option<Box<BatchId>>,
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
            batch_id: None,
            context: Arc::default(),
            reply,
        }
    }

    /// Until when the sender waits for room in a queue: as long as the receiver lets it, and not so near to its own
    /// deadline that the refusal would come too late. None: as long as it takes, as where it has its answer already.
    pub fn admission_ends(&self) -> Option<Instant> {
        if self.reply.is_detached() {
            return None;
        }
        let own = self.context.admission_timeout.and_then(|timeout| self.arrived.checked_add(timeout));
        let hurried = self.deadline.map(|deadline| deadline.checked_sub(REFUSAL_TIME).unwrap_or(self.arrived));
        [own, hurried].into_iter().flatten().min()
    }

    /// A second parcel with the same bytes, which count once, and a duty of its own to answer.
    pub(crate) fn branch(&mut self, reply: Reply) -> Parcel {
        Parcel {
            signal: self.signal,
            payload: self.payload.clone(),
            items: self.items,
            permit: self.permit.share(),
            arrived: self.arrived,
            deadline: self.deadline,
            batch_id: None,
            context: Arc::clone(&self.context),
            reply,
        }
    }

    /// Takes the reply, leaving a parcel that can be kept while its sender has an answer: items that are refused
    /// from now on are counted in `account`.
    pub fn detach(&mut self, account: &Arc<Account>) -> Reply {
        let account = self.permit.account(account);
        std::mem::replace(&mut self.reply, Reply::detached(self.items, account))
    }
}

/// What a refusal needs to reach its sender before the sender's deadline.
const REFUSAL_TIME: Duration = Duration::from_millis(100);
