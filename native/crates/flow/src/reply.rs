//! The answer that travels with a parcel back to whoever waits for it.

mod quorum;

use std::future::pending;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::account::{Account, DropReason};
use crate::batch_id::{Extract, RecordId};
use crate::fault::{Fault, FaultCode, Retry};
use crate::payload::Payload;
use quorum::Vote;

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every item was taken, at the acknowledgement level of the path.
    Accepted,
    /// The request was taken but the next hop rejected some items.
    Partial {
        /// Items rejected.
        rejected: u64,
        /// What the next hop said about them.
        message: String,
    },
    /// Nothing was taken.
    Refused(Fault),
}

impl Outcome {
    /// The worse of two outcomes of one request: a permanent refusal, then a retryable one, then partial.
    ///
    /// Of two alike, the partial outcome that rejects more counts, and retryable refusals keep the longer wait.
    #[must_use]
    pub fn worse(self, other: Outcome) -> Outcome {
        match (self, other) {
            (Outcome::Partial { rejected: mine, .. }, Outcome::Partial { rejected, message }) if rejected > mine => {
                Outcome::Partial { rejected, message }
            }
            (Outcome::Refused(mine), Outcome::Refused(other)) if hint(&other) > hint(&mine) && !mine.is_permanent() => {
                Outcome::Refused(other)
            }
            (mine, other) if other.rank() > mine.rank() => other,
            (mine, _) => mine,
        }
    }

    /// Whether the request was taken, if not every item of it.
    pub fn is_taken(&self) -> bool {
        !matches!(self, Outcome::Refused(_))
    }

    /// The outcome of two parts of one request: the worse one, with the rejected items of both.
    pub(crate) fn with_part(self, part: Outcome) -> Outcome {
        match (self, part) {
            (Outcome::Partial { rejected, message }, Outcome::Partial { rejected: more, .. }) => {
                Outcome::Partial { rejected: rejected.saturating_add(more), message }
            }
            (mine, part) => mine.worse(part),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Outcome::Accepted => 0,
            Outcome::Partial { .. } => 1,
            Outcome::Refused(fault) if !fault.is_permanent() => 2,
            Outcome::Refused(_) => 3,
        }
    }
}

/// The duty to answer. Settling is by value, so a request is answered once; a reply dropped unsettled refuses its
/// sender as [`FaultCode::Abandoned`], or counts its items as dropped if nobody waits any more.
#[derive(Debug)]
pub struct Reply(Option<Kind>);

enum Kind {
    Waiter(Box<dyn FnOnce(Outcome) + Send>),
    Caller(Mutex<oneshot::Sender<Outcome>>),
    Member(Arc<Join>),
    Vote { items: u64, vote: Arc<Vote> },
    All(Box<Members>),
    Detached { items: u64, account: Arc<Account> },
    Kept(Box<Kept>),
}

// It moves with every parcel, from stage to stage.
const _: () = assert!(size_of::<Reply>() <= 24);

/// The requests of a merged batch, and where it is counted what none of their senders can be told.
struct Members {
    replies: Vec<Reply>,
    account: Arc<Account>,
}

/// Items of a request that is kept.
struct Kept {
    /// The place of the first of them in the request.
    first: u64,
    items: u64,
    keeper: Arc<dyn Keeper>,
}

/// Where a request is kept until all of it is settled, whether or not its sender waits for that. Dropping the last handle
/// tells that it is.
pub(crate) trait Keeper: Send + Sync {
    /// Where it is kept, and how many items it has.
    fn record(&self) -> (RecordId, u64);

    /// Says what became of `items` of the request.
    fn settle(&self, items: u64, outcome: Outcome);

    /// Says that some of the request, which was taken, may have been rejected, which nobody can be told; `items` of it
    /// count so.
    fn reject(&self, items: u64);

    /// Says that `items` of the request, which are in `payload`, were refused for good.
    fn give_up(self: Arc<Self>, items: u64, fault: Fault, payload: Payload);

    /// Whether its sender waits for what becomes of it.
    fn is_awaited(&self) -> bool;
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Kind::Waiter(_) => "Waiter",
            Kind::Caller(_) => "Caller",
            Kind::Member(_) => "Member",
            Kind::Vote { .. } => "Vote",
            Kind::All(_) => "All",
            Kind::Detached { .. } => "Detached",
            Kind::Kept(_) => "Kept",
        })
    }
}

/// Branches or parts of one request, answered together by the worst of their outcomes.
#[derive(Debug)]
struct Join(Mutex<JoinState>);

#[derive(Debug)]
struct JoinState {
    remaining: usize,
    fold: fn(Outcome, Outcome) -> Outcome,
    worst: Outcome,
    reply: Reply,
}

impl Reply {
    /// Calls `waiter` with the outcome, on whichever thread settles.
    pub fn to(waiter: impl FnOnce(Outcome) + Send + 'static) -> Self {
        Reply(Some(Kind::Waiter(Box::new(waiter))))
    }

    /// Tells `caller`, who shows that it has gone away by closing the channel.
    pub fn to_caller(caller: oneshot::Sender<Outcome>) -> Self {
        Reply(Some(Kind::Caller(Mutex::new(caller))))
    }

    /// A reply for `items` whose sender has its answer already: what is refused or rejected is counted in `account`.
    pub fn detached(items: u64, account: Arc<Account>) -> Self {
        Reply(Some(Kind::Detached { items, account }))
    }

    /// A reply for `items` that `keeper` keeps: it says what becomes of them.
    pub(crate) fn kept(items: u64, keeper: Arc<dyn Keeper>) -> Self {
        Kept { first: 0, items, keeper }.into()
    }

    /// What is answered for, if a keeper has it.
    pub(crate) fn extract(&self) -> Option<Extract> {
        let Some(Kind::Kept(kept)) = &self.0 else { return None };
        let (record, of) = kept.keeper.record();
        Some(Extract { record, first: kept.first, items: kept.items, of })
    }

    /// A reply for a request with `items`, which is taken when `needed` of the exporters that it is split among have it, or
    /// none of them refuses it. What others refuse then is counted in `account`.
    #[must_use]
    pub fn by_quorum(self, needed: usize, items: u64, account: &Arc<Account>) -> Self {
        Reply(Some(Kind::Vote { items, vote: Vote::first(needed, Arc::clone(account), self) }))
    }

    /// One reply that settles all of `members` alike: what a merged batch carries.
    ///
    /// A partial outcome cannot be shared out among several senders: they learn `Accepted`, and what was rejected is
    /// counted in `account`. A single member learns it as it is.
    pub fn all(mut members: Vec<Reply>, account: &Arc<Account>) -> Self {
        match members.len() {
            1 => members.remove(0),
            _ => Reply::all_detached(&mut members).unwrap_or_else(|| {
                let members = Members { replies: members, account: Arc::clone(account) };
                Reply(Some(Kind::All(Box::new(members))))
            }),
        }
    }

    /// Nothing waits for this one: stands in where the duty to answer is kept elsewhere.
    pub(crate) fn inert() -> Self {
        Reply(None)
    }

    /// One detached reply for all, if all are detached with the same account.
    fn all_detached(members: &mut [Reply]) -> Option<Self> {
        let Some(Kind::Detached { account, .. }) = &members.first()?.0 else { return None };
        let account = Arc::clone(account);
        let mut sum = 0_u64;
        for member in members.iter() {
            match &member.0 {
                Some(Kind::Detached { items, account: other }) if Arc::ptr_eq(&account, other) => sum += items,
                _ => return None,
            }
        }
        members.iter_mut().for_each(|member| member.0 = None);
        Some(Reply::detached(sum, account))
    }

    /// Splits the duty among `parts` branches; the sender learns the worst of their outcomes once all are in.
    /// With no parts the request counts as accepted. Where a quorum decides, each part has a vote.
    pub fn split(mut self, parts: usize) -> Vec<Reply> {
        match &self.0 {
            Some(Kind::Vote { items, vote }) if parts > 1 && vote.is_whole() => {
                let votes = vote.split(parts).into_iter();
                let replies = votes.map(|vote| Reply(Some(Kind::Vote { items: *items, vote }))).collect();
                self.0 = None;
                replies
            }
            _ => self.join(parts, Outcome::worse),
        }
    }

    fn join(self, parts: usize, fold: fn(Outcome, Outcome) -> Outcome) -> Vec<Reply> {
        match parts {
            0 => {
                self.settle(Outcome::Accepted);
                Vec::new()
            }
            1 => vec![self],
            _ => {
                let state = JoinState { remaining: parts, fold, worst: Outcome::Accepted, reply: self };
                let join = Arc::new(Join(Mutex::new(state)));
                (0..parts).map(|_| Reply(Some(Kind::Member(Arc::clone(&join))))).collect()
            }
        }
    }

    /// Splits the duty among parts of the request, with the items of each: as [`Reply::split`], but rejected items add
    /// up, and where nobody waits any more each part counts its own items, and no part those of another.
    pub fn split_items(mut self, items: &[u64]) -> Vec<Reply> {
        match &self.0 {
            Some(Kind::Detached { account, .. }) => {
                let parts = items.iter().map(|items| Reply::detached(*items, Arc::clone(account))).collect();
                self.0 = None;
                parts
            }
            Some(Kind::Kept(kept)) => {
                let mut next = kept.first;
                let part = |items: &u64| {
                    let first = next;
                    next = next.saturating_add(*items);
                    Kept { first, items: *items, keeper: Arc::clone(&kept.keeper) }.into()
                };
                let parts = items.iter().map(part).collect();
                self.0 = None;
                parts
            }
            Some(Kind::Vote { vote, .. }) if !items.is_empty() => {
                vote.cut(items.len());
                let part = |items: &u64| Reply(Some(Kind::Vote { items: *items, vote: Arc::clone(vote) }));
                let parts = items.iter().map(part).collect();
                self.0 = None;
                parts
            }
            _ => self.join(items.len(), Outcome::with_part),
        }
    }

    /// Whether nobody waits for the outcome.
    pub fn is_detached(&self) -> bool {
        match &self.0 {
            None | Some(Kind::Detached { .. }) => true,
            Some(Kind::Kept(kept)) => !kept.keeper.is_awaited(),
            Some(Kind::All(members)) => members.replies.iter().all(Reply::is_detached),
            Some(Kind::Vote { vote, .. }) => vote.is_answered(),
            Some(Kind::Waiter(_) | Kind::Caller(_) | Kind::Member(_)) => false,
        }
    }

    /// Whether all who waited for the outcome have gone away, so that the request is of no use to anybody.
    pub(crate) fn is_abandoned(&self) -> bool {
        match &self.0 {
            Some(Kind::Caller(caller)) => caller.lock().is_closed(),
            Some(Kind::Member(join)) => join.0.lock().reply.is_abandoned(),
            Some(Kind::All(members)) => members.replies.iter().all(Reply::is_abandoned),
            // Exporters that a quorum does not wait for go on without their sender.
            None | Some(Kind::Waiter(_) | Kind::Vote { .. } | Kind::Detached { .. } | Kind::Kept { .. }) => false,
        }
    }

    /// As [`Reply::is_abandoned`], waking the task when that becomes true; for a branch or part, whose sender can wake
    /// only one, without.
    pub(crate) fn poll_abandoned(&self, cx: &mut Context<'_>) -> Poll<()> {
        match &self.0 {
            Some(Kind::Caller(caller)) => caller.lock().poll_closed(cx),
            // The first who is still there wakes the task.
            Some(Kind::All(members)) => {
                let are_all = members.replies.iter().all(|member| member.poll_abandoned(cx).is_ready());
                if are_all { Poll::Ready(()) } else { Poll::Pending }
            }
            Some(Kind::Member(_)) if self.is_abandoned() => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }

    /// Ends when the sender has its answer by a quorum without this one; else never. Cancel safe.
    pub(crate) async fn outvoted(&self) {
        match &self.0 {
            Some(Kind::Vote { vote, .. }) => vote.answered().await,
            _ => pending().await,
        }
    }

    /// Leaves what becomes of the request to a keeper who has it too: nobody waits any more.
    pub(crate) fn leave_to_keeper(mut self) {
        self.0 = None;
    }

    /// Answers. The outcome reaches the sender on this call.
    pub fn settle(mut self, outcome: Outcome) {
        self.settle_in_place(outcome);
    }

    /// Answers with a refusal.
    pub fn refuse(self, fault: Fault) {
        self.settle(Outcome::Refused(fault));
    }

    /// Answers with a refusal for good of what is in `payload`: whoever keeps the request may keep that.
    pub(crate) fn give_up(mut self, fault: Fault, payload: impl FnOnce() -> Payload) {
        match self.0.take() {
            Some(Kind::Kept(kept)) => kept.keeper.give_up(kept.items, fault, payload()),
            other => {
                self.0 = other;
                self.settle_in_place(Outcome::Refused(fault));
            }
        }
    }

    /// Notes that the request may have had some of the items that were rejected: as many of `rejected` as it can have had,
    /// if somebody keeps it; how many that are.
    fn note_rejected(&self, rejected: u64) -> u64 {
        let Some(Kind::Kept(kept)) = &self.0 else { return 0 };
        let own = rejected.min(kept.items);
        kept.keeper.reject(own);
        own
    }

    fn settle_in_place(&mut self, outcome: Outcome) {
        match self.0.take() {
            None => {}
            Some(Kind::Waiter(waiter)) => waiter(outcome),
            // It may have gone away.
            Some(Kind::Caller(caller)) => drop(caller.into_inner().send(outcome)),
            Some(Kind::Member(join)) => join.settle_one(outcome),
            Some(Kind::Vote { items, vote }) => vote.settle(items, outcome),
            Some(Kind::All(members)) => settle_all(members.replies, outcome, &members.account),
            Some(Kind::Detached { items, account }) => match outcome {
                Outcome::Accepted => {}
                Outcome::Partial { rejected, .. } => account.drop_items(DropReason::Rejected, rejected.min(items)),
                Outcome::Refused(fault) => account.drop_items(drop_reason(&fault), items),
            },
            Some(Kind::Kept(kept)) => kept.keeper.settle(kept.items, outcome),
        }
    }
}

impl From<Kept> for Reply {
    fn from(kept: Kept) -> Self {
        Reply(Some(Kind::Kept(Box::new(kept))))
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if self.0.is_some() {
            let fault = Fault::new(FaultCode::Abandoned, "request was dropped inside the collector");
            self.settle_in_place(Outcome::Refused(fault));
        }
    }
}

impl Join {
    fn settle_one(&self, outcome: Outcome) {
        let finished = {
            let mut state = self.0.lock();
            let worst = std::mem::replace(&mut state.worst, Outcome::Accepted);
            state.worst = (state.fold)(worst, outcome);
            state.remaining -= 1;
            (state.remaining == 0).then(|| {
                let worst = std::mem::replace(&mut state.worst, Outcome::Accepted);
                (std::mem::replace(&mut state.reply, Reply(None)), worst)
            })
        };
        if let Some((reply, worst)) = finished {
            reply.settle(worst);
        }
    }
}

fn settle_all(members: Vec<Reply>, outcome: Outcome, account: &Account) {
    let Outcome::Partial { mut rejected, .. } = outcome else {
        return members.into_iter().for_each(|member| member.settle(outcome.clone()));
    };
    for member in members {
        rejected -= member.note_rejected(rejected);
        member.settle(Outcome::Accepted);
    }
    if rejected > 0 {
        account.drop_items(DropReason::Rejected, rejected);
    }
}

/// The refusal of a request that nobody waits for any more; nobody is told.
pub(crate) fn caller_gone() -> Fault {
    Fault::new(FaultCode::CallerGone, "the sender has gone away")
}

fn hint(fault: &Fault) -> Duration {
    match fault.retry {
        Retry::After(wait) => wait,
        Retry::Never | Retry::Backoff => Duration::ZERO,
    }
}

/// What a refusal after the answer is counted as.
pub(crate) fn drop_reason(fault: &Fault) -> DropReason {
    match fault.code {
        FaultCode::Abandoned | FaultCode::Panicked => DropReason::Abandoned,
        FaultCode::QueueFull | FaultCode::MemoryPressure | FaultCode::Overloaded | FaultCode::StorageFailed => {
            DropReason::QueueFull
        }
        FaultCode::Draining => DropReason::Shutdown,
        // Whoever was told OK cannot send it again.
        FaultCode::PluginFailed => DropReason::Permanent,
        _ if fault.is_permanent() => DropReason::Permanent,
        _ => DropReason::Expired,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn waiter() -> (Reply, mpsc::Receiver<Outcome>) {
        let (sender, receiver) = mpsc::channel();
        (Reply::to(move |outcome| sender.send(outcome).unwrap_or(())), receiver)
    }

    fn refused(code: FaultCode) -> Outcome {
        Outcome::Refused(Fault::new(code, "no"))
    }

    #[test]
    fn a_dropped_reply_refuses_its_sender() {
        let (reply, answer) = waiter();
        drop(reply);
        assert!(matches!(answer.try_recv(), Ok(Outcome::Refused(f)) if f.code == FaultCode::Abandoned));
    }

    #[test]
    fn branches_answer_once_with_the_worst_outcome() {
        let (reply, answer) = waiter();
        let mut parts = reply.split(3).into_iter();
        let mut settle = |outcome| parts.next().into_iter().for_each(|part| part.settle(outcome_clone(&outcome)));
        fn outcome_clone(outcome: &Outcome) -> Outcome {
            outcome.clone()
        }
        settle(Outcome::Accepted);
        settle(refused(FaultCode::DownstreamPermanent));
        assert!(answer.try_recv().is_err(), "answered before the last branch");
        settle(refused(FaultCode::QueueFull));
        assert_eq!(answer.try_recv(), Ok(refused(FaultCode::DownstreamPermanent)));
        assert!(answer.try_recv().is_err(), "answered twice");
    }

    #[test]
    fn a_batch_answers_every_member_and_counts_what_it_cannot_tell() {
        let account = Arc::new(Account::default());
        let (first, first_answer) = waiter();
        let (second, second_answer) = waiter();
        Reply::all(vec![first, second], &account).settle(partial(1));
        assert_eq!(first_answer.try_recv(), Ok(Outcome::Accepted));
        assert_eq!(second_answer.try_recv(), Ok(Outcome::Accepted));
        assert_eq!(account.dropped(DropReason::Rejected), 1);
        let (only, answer) = waiter();
        Reply::all(vec![only], &account).settle(partial(2));
        assert_eq!((answer.try_recv(), account.dropped(DropReason::Rejected)), (Ok(partial(2)), 1));
    }

    #[test]
    fn a_request_is_abandoned_once_all_who_waited_have_gone() {
        let (callers, mut waiting): (Vec<_>, Vec<_>) = (0..3).map(|_| oneshot::channel()).unzip();
        let mut replies: Vec<Reply> = callers.into_iter().map(Reply::to_caller).collect();
        let mut branches = replies.remove(0).split(2);
        let (merged, branch) = (Reply::all(replies, &Arc::default()), branches.remove(0));
        let cx = &mut Context::from_waker(std::task::Waker::noop());
        assert!(!branch.is_abandoned() && branch.poll_abandoned(cx).is_pending());
        drop(waiting.remove(0));
        assert!(branch.is_abandoned() && branch.poll_abandoned(cx).is_ready());
        drop(waiting.remove(0));
        assert!(!merged.is_abandoned() && merged.poll_abandoned(cx).is_pending());
        drop(waiting.remove(0));
        assert!(merged.is_abandoned() && merged.poll_abandoned(cx).is_ready());
        let detached = Reply::detached(1, Arc::default());
        assert!(!detached.is_abandoned() && !waiter().0.is_abandoned(), "nobody can tell");
        detached.settle(Outcome::Accepted);
    }

    #[test]
    fn detached_items_are_counted_by_reason() {
        let account = Arc::new(Account::default());
        drop(Reply::detached(7, Arc::clone(&account)));
        Reply::detached(5, Arc::clone(&account)).settle(refused(FaultCode::DownstreamPermanent));
        Reply::detached(3, Arc::clone(&account)).settle(refused(FaultCode::DownstreamTemporary));
        Reply::detached(2, Arc::clone(&account)).settle(Outcome::Accepted);
        Reply::detached(2, Arc::clone(&account)).settle(partial(9));
        assert_eq!(account.dropped(DropReason::Abandoned), 7);
        assert_eq!(account.dropped(DropReason::Permanent), 5);
        assert_eq!(account.dropped(DropReason::Expired), 3);
        assert_eq!(account.dropped(DropReason::Rejected), 2);
    }

    fn partial(rejected: u64) -> Outcome {
        Outcome::Partial { rejected, message: "x".into() }
    }

    #[test]
    fn rejected_items_add_up_over_parts_but_not_over_branches() {
        for (split, told) in [(false, 3), (true, 5)] {
            let (reply, answer) = waiter();
            let parts = if split { reply.split_items(&[4, 4]) } else { reply.split(2) };
            parts.into_iter().zip([3, 2]).for_each(|(part, rejected)| part.settle(partial(rejected)));
            assert_eq!(answer.try_recv(), Ok(partial(told)));
        }
    }

    #[test]
    fn parts_of_an_acknowledged_request_count_their_own_items() {
        let account = Arc::new(Account::default());
        let parts = Reply::detached(10, Arc::clone(&account)).split_items(&[3, 7]);
        for (part, outcome) in parts.into_iter().zip([Outcome::Accepted, refused(FaultCode::DownstreamPermanent)]) {
            part.settle(outcome);
        }
        assert_eq!((account.dropped(DropReason::Permanent), account.dropped(DropReason::Abandoned)), (7, 0));
    }

    #[test]
    fn of_two_retryable_refusals_the_longer_wait_is_told() {
        let after = |seconds| {
            let wait = Retry::After(Duration::from_secs(seconds));
            Outcome::Refused(Fault::new(FaultCode::QueueFull, "no").with_retry(wait))
        };
        assert_eq!(after(2).worse(after(9)), after(9));
        assert_eq!(after(9).worse(refused(FaultCode::DownstreamTemporary)), after(9));
        assert_eq!(after(9).worse(refused(FaultCode::Malformed)), refused(FaultCode::Malformed));
        assert_eq!(refused(FaultCode::Malformed).worse(after(9)), refused(FaultCode::Malformed));
    }
}
