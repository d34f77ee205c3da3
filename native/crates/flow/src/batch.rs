//! What is sent at once: one parcel, or several joined side by side that are still answered one by one.

use std::future::poll_fn;
use std::ops::Range;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use smallvec::SmallVec;

use crate::account::Account;
use crate::batch_id::BatchId;
use crate::epochs::Epoch;
use crate::fault::Fault;
use crate::hold::Hold;
use crate::parcel::Parcel;
use crate::payload::Payload;
use crate::reply::{Outcome, Reply};

/// Why a batch was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// It was large enough.
    Size,
    /// Its first item waited long enough.
    Timeout,
    /// The stage is stopping, or there was nothing to wait for.
    Flush,
}

/// One or more requests that travel as one.
#[derive(Debug)]
pub struct Batch {
    /// The joined request. Its reply stands in for those of the members, if there are any.
    pub parcel: Parcel,
    /// Why it was sent.
    pub trigger: Trigger,
    /// The requests in it, in the order of their bytes; empty if the parcel answers for itself.
    pub(crate) members: Vec<Member>,
    /// When the delivery that sends it got it.
    pub(crate) epoch: Epoch,
}

/// A request, or a part of one, in a batch.
#[derive(Debug)]
pub(crate) struct Member {
    /// Where its bytes stand: chunk of the batch and range in it.
    pub(crate) pieces: SmallVec<[Piece; 1]>,
    pub(crate) items: u64,
    pub(crate) reply: Reply,
}

#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) chunk: usize,
    pub(crate) range: Range<usize>,
}

impl Piece {
    /// Its bytes in the batch's payload.
    fn of(&self, payload: &Payload) -> Option<Bytes> {
        let bytes = payload.chunks().get(self.chunk)?;
        Some(bytes.slice(self.range.start.min(bytes.len())..self.range.end.min(bytes.len())))
    }
}

impl From<Parcel> for Batch {
    fn from(parcel: Parcel) -> Self {
        Batch { parcel, trigger: Trigger::Flush, members: Vec::new(), epoch: Epoch::default() }
    }
}

impl Batch {
    /// Requests in it.
    pub fn requests(&self) -> usize {
        self.members.len().max(1)
    }

    /// Whether nobody waits for what becomes of it.
    pub(crate) fn is_detached(&self) -> bool {
        self.parcel.reply.is_detached() && self.members.iter().all(|member| member.reply.is_detached())
    }

    /// Items of the requests for which somebody waits.
    pub(crate) fn awaited_items(&self) -> u64 {
        if self.members.is_empty() {
            return if self.parcel.reply.is_detached() { 0 } else { self.parcel.items };
        }
        let awaited = self.members.iter().filter(|member| !member.reply.is_detached());
        awaited.map(|member| member.items).sum()
    }

    /// Gives it its id, if a storage keeps all that is in it.
    pub(crate) fn identify(&mut self) {
        let extracts: Option<Vec<_>> = match &self.members[..] {
            [] => self.parcel.reply.extract().map(|whole| vec![whole]),
            members => members.iter().map(|member| member.reply.extract()).collect(),
        };
        self.parcel.batch_id = extracts.and_then(|extracts| BatchId::of(&extracts)).map(Box::new);
    }

    /// Whether all who waited for what becomes of it have gone away.
    pub(crate) fn is_abandoned(&self) -> bool {
        match &self.members[..] {
            [] => self.parcel.reply.is_abandoned(),
            members => members.iter().all(|member| member.reply.is_abandoned()),
        }
    }

    /// Ends when all who waited for what becomes of it have gone away. Cancel safe.
    pub(crate) async fn abandoned(&self) {
        poll_fn(|cx| {
            let gone = |reply: &Reply, cx: &mut Context<'_>| reply.poll_abandoned(cx).is_ready();
            let all = match &self.members[..] {
                [] => gone(&self.parcel.reply, cx),
                members => members.iter().all(|member| gone(&member.reply, cx)),
            };
            if all { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Answers every request in it. Rejected items that nobody can be told of are counted in `account`.
    pub fn settle(self, outcome: Outcome, account: &Arc<Account>) {
        match outcome {
            Outcome::Refused(fault) if fault.is_permanent() => self.give_up(&fault),
            outcome => self.into_parcel(account).reply.settle(outcome),
        }
    }

    /// Refuses every request in it for good, each with its own bytes.
    fn give_up(self, fault: &Fault) {
        let Batch { parcel, members, .. } = self;
        if members.is_empty() {
            return parcel.reply.give_up(fault.clone(), || parcel.payload);
        }
        for Member { pieces, reply, .. } in members {
            reply.give_up(fault.clone(), || {
                let mut payload = Payload::default();
                pieces.iter().filter_map(|piece| piece.of(&parcel.payload)).for_each(|bytes| payload.push(bytes));
                payload
            });
        }
    }

    /// The batch as one parcel whose reply answers every request in it, as [`settle`](Self::settle) does.
    pub fn into_parcel(self, account: &Arc<Account>) -> Parcel {
        let Batch { mut parcel, members, .. } = self;
        if !members.is_empty() {
            parcel.reply = Reply::all(members.into_iter().map(|member| member.reply).collect(), account);
        }
        parcel
    }

    /// The requests of the batch in two batches. They hold no memory: the caller keeps what this one held.
    pub(crate) fn halves(mut self) -> (Batch, Batch) {
        let second = self.members.split_off(self.members.len() / 2);
        let first = std::mem::take(&mut self.members);
        (self.with_members(first), self.with_members(second))
    }

    fn with_members(&self, mut members: Vec<Member>) -> Batch {
        let mut payload = Payload::default();
        for piece in members.iter_mut().flat_map(|member| &mut member.pieces) {
            if let Some(bytes) = piece.of(&self.parcel.payload) {
                *piece = Piece { chunk: payload.chunks().len(), range: 0..bytes.len() };
                payload.push(bytes);
            }
        }
        let parcel = Parcel {
            signal: self.parcel.signal,
            payload,
            items: members.iter().map(|member| member.items).sum(),
            permit: Hold::none(),
            arrived: self.parcel.arrived,
            deadline: self.parcel.deadline,
            batch_id: None,
            context: Arc::clone(&self.parcel.context),
            reply: Reply::inert(),
        };
        Batch { parcel, trigger: self.trigger, members, epoch: self.epoch }
    }
}
