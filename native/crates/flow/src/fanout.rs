//! One parcel to several consumers. All are called, one after another, even if one refuses; the sender learns the
//! worst of their outcomes. The bytes are shared, and counted once until the last branch lets go of them. Branches whose
//! queues lie in the same log are one branch: they share a record.

use std::rc::Rc;

use crate::contract::{Consumer, LocalFuture, Stage};
use crate::delivery::{StoredBranch, join_stored};
use crate::parcel::Parcel;
use crate::reply::Reply;
use tokio::time::Instant;

/// Hands each parcel to every branch.
pub struct Fanout {
    branches: Vec<Rc<dyn Consumer>>,
}

impl Fanout {
    /// A fan-out to `branches`, called in this order, those last that have a queue on disk. With one branch there is
    /// nothing to share, and with none every parcel counts as accepted.
    pub fn new(branches: Vec<Rc<dyn Consumer>>) -> Self {
        Fanout { branches: join_stored(branches) }
    }

    /// A fan-out to `branches` none of which share a record.
    pub(crate) fn apart(branches: Vec<Rc<dyn Consumer>>) -> Self {
        Fanout { branches }
    }
}

impl Consumer for Fanout {
    fn consume(&self, mut parcel: Parcel) {
        let Some((last, others)) = self.branches.split_last() else {
            parcel.reply.settle(crate::Outcome::Accepted);
            return;
        };
        if others.is_empty() {
            last.consume(parcel);
            return;
        }
        let mut replies = std::mem::replace(&mut parcel.reply, Reply::inert()).split(self.branches.len());
        let last_reply = replies.pop();
        for (branch, reply) in others.iter().zip(replies) {
            branch.consume(parcel.branch(reply));
        }
        if let Some(reply) = last_reply {
            last.consume(Parcel { reply, ..parcel });
        }
    }

    fn stored(&self) -> Vec<StoredBranch> {
        match &self.branches[..] {
            [only] => only.stored(),
            _ => Vec::new(),
        }
    }
}

impl Stage for Fanout {
    /// A fan-out holds nothing; its branches are drained by whoever built them.
    fn drain(&self, _deadline: Option<Instant>) -> LocalFuture<'_, ()> {
        Box::pin(async {})
    }
}
