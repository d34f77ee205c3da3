//! A request that counts as delivered when some of the exporters on its way have it (`ack_quorum`). Each has a vote. The
//! sender is told OK with the last one needed; the others go on, and what they refuse counts as with any request that
//! has its answer.

use std::sync::Arc;

use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::sync::Notify;

use super::{Outcome, Reply, drop_reason};
use crate::account::{Account, DropReason};

/// One request and who waits for it.
#[derive(Debug)]
struct Ballot {
    needed: usize,
    account: Arc<Account>,
    state: Mutex<BallotState>,
    /// Told when the sender is.
    answered: Notify,
}

#[derive(Debug)]
struct BallotState {
    /// Votes that are still out.
    open: usize,
    /// Votes of those who have it.
    taken: usize,
    /// The worst of those, and the worst of all.
    worst_taken: Outcome,
    worst: Outcome,
    /// What was refused while the sender waits: lost only if it is told OK.
    refused: Refused,
    /// None once the sender has its answer.
    reply: Option<Reply>,
}

/// Items by what their refusal counts as.
type Refused = SmallVec<[(DropReason, u64); 1]>;

/// The vote of an exporter, or of all that are behind a branch, shared by the parts of a request that was cut.
#[derive(Debug)]
pub(super) struct Vote {
    ballot: Arc<Ballot>,
    parts: Mutex<Parts>,
}

#[derive(Debug)]
struct Parts {
    open: usize,
    is_cut: bool,
    outcome: Outcome,
    refused: Refused,
}

impl Vote {
    /// The only vote so far on what `reply` waits for, of which `needed` will do.
    pub(super) fn first(needed: usize, account: Arc<Account>, reply: Reply) -> Arc<Vote> {
        let state = BallotState {
            open: 1,
            taken: 0,
            worst_taken: Outcome::Accepted,
            worst: Outcome::Accepted,
            refused: Refused::new(),
            reply: Some(reply),
        };
        let ballot = Ballot { needed, account, state: Mutex::new(state), answered: Notify::new() };
        Vote::new(Arc::new(ballot))
    }

    fn new(ballot: Arc<Ballot>) -> Arc<Vote> {
        let parts = Parts { open: 1, is_cut: false, outcome: Outcome::Accepted, refused: Refused::new() };
        Arc::new(Vote { ballot, parts: Mutex::new(parts) })
    }

    /// Whether the request goes on as a whole.
    pub(super) fn is_whole(&self) -> bool {
        !self.parts.lock().is_cut
    }

    /// As many votes in the place of this one, at least one.
    pub(super) fn split(&self, votes: usize) -> Vec<Arc<Vote>> {
        self.ballot.state.lock().open += votes.saturating_sub(1);
        (0..votes).map(|_| Vote::new(Arc::clone(&self.ballot))).collect()
    }

    /// The request is cut into so many parts, at least one.
    pub(super) fn cut(&self, parts: usize) {
        let mut state = self.parts.lock();
        state.open += parts.saturating_sub(1);
        state.is_cut = true;
    }

    /// Says what became of a part with `items`.
    pub(super) fn settle(&self, items: u64, outcome: Outcome) {
        let (outcome, refused) = {
            let mut parts = self.parts.lock();
            match &outcome {
                Outcome::Accepted => {}
                Outcome::Partial { rejected, .. } => parts.refused.push((DropReason::Rejected, *rejected)),
                Outcome::Refused(fault) => parts.refused.push((drop_reason(fault), items)),
            }
            let before = std::mem::replace(&mut parts.outcome, Outcome::Accepted);
            parts.outcome = before.with_part(outcome);
            parts.open = parts.open.saturating_sub(1);
            if parts.open > 0 {
                return;
            }
            (std::mem::replace(&mut parts.outcome, Outcome::Accepted), std::mem::take(&mut parts.refused))
        };
        self.ballot.count(outcome, refused);
    }

    /// Whether the sender has its answer.
    pub(super) fn is_answered(&self) -> bool {
        self.ballot.state.lock().reply.is_none()
    }

    /// Ends when the sender has its answer. Cancel safe.
    pub(super) async fn answered(&self) {
        let answered = self.ballot.answered.notified();
        let mut answered = std::pin::pin!(answered);
        answered.as_mut().enable();
        if !self.is_answered() {
            answered.await;
        }
    }
}

impl Ballot {
    fn count(&self, outcome: Outcome, refused: Refused) {
        let (reply, answer, lost) = {
            let mut state = self.state.lock();
            state.open = state.open.saturating_sub(1);
            if state.reply.is_none() {
                drop(state);
                return self.lose(refused);
            }
            if outcome.is_taken() {
                // The sender is told what was rejected.
                state.taken += 1;
                let before = std::mem::replace(&mut state.worst_taken, Outcome::Accepted);
                state.worst_taken = before.worse(outcome.clone());
            } else {
                state.refused.extend(refused);
            }
            let before = std::mem::replace(&mut state.worst, Outcome::Accepted);
            state.worst = before.worse(outcome);
            // A branch may have ended early and well, for instance in a filter: then there are fewer votes than exporters.
            let is_enough = state.taken >= self.needed || (state.open == 0 && state.worst.is_taken());
            if !is_enough && state.open > 0 {
                return;
            }
            let answer = if is_enough { &mut state.worst_taken } else { &mut state.worst };
            let answer = std::mem::replace(answer, Outcome::Accepted);
            let lost = std::mem::take(&mut state.refused);
            (state.reply.take(), answer, if is_enough { lost } else { Refused::new() })
        };
        self.lose(lost);
        self.answered.notify_waiters();
        if let Some(reply) = reply {
            reply.settle(answer);
        }
    }

    fn lose(&self, refused: Refused) {
        refused.into_iter().for_each(|(reason, items)| self.account.drop_items(reason, items));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{Fault, FaultCode};
    use std::sync::mpsc::{Receiver, channel};

    const ITEMS: u64 = 10;

    fn refused() -> Outcome {
        Outcome::Refused(Fault::new(FaultCode::DownstreamPermanent, "no"))
    }

    /// A request with so many branches, its answer, and what is counted.
    fn asked(needed: usize, branches: usize) -> (Vec<Reply>, Receiver<Outcome>, Arc<Account>) {
        let (told, answer) = channel();
        let account = Arc::new(Account::default());
        let reply = Reply::to(move |outcome| told.send(outcome).unwrap_or(()));
        let reply = reply.by_quorum(needed, ITEMS, &account);
        (reply.split(branches), answer, account)
    }

    #[test]
    fn the_sender_is_told_with_the_last_vote_needed_and_later_refusals_are_counted() {
        let (branches, answer, account) = asked(2, 4);
        let mut branches = branches.into_iter();
        let mut settle = |outcome| branches.next().unwrap().settle(outcome);
        settle(refused());
        settle(Outcome::Partial { rejected: 1, message: "one".into() });
        assert_eq!((answer.try_recv().ok(), account.dropped(DropReason::Permanent)), (None, 0));
        settle(Outcome::Accepted);
        assert!(matches!(answer.try_recv(), Ok(Outcome::Partial { rejected: 1, .. })));
        assert_eq!(account.dropped(DropReason::Permanent), ITEMS);
        let last = branches.next().unwrap();
        assert!(last.is_detached(), "nobody waits any more");
        last.settle(refused());
        assert_eq!((answer.try_recv().ok(), account.dropped(DropReason::Permanent)), (None, 2 * ITEMS));
        assert_eq!(account.dropped(DropReason::Rejected), 0, "the sender knows of that");
    }

    #[test]
    fn what_is_rejected_after_the_answer_is_counted() {
        let (branches, answer, account) = asked(1, 2);
        let outcomes = [Outcome::Accepted, Outcome::Partial { rejected: 3, message: "three".into() }];
        branches.into_iter().zip(outcomes).for_each(|(branch, outcome)| branch.settle(outcome));
        assert_eq!((answer.try_recv(), account.dropped(DropReason::Rejected)), (Ok(Outcome::Accepted), 3));
    }

    #[test]
    fn a_quorum_that_cannot_be_had_is_a_refusal_and_nothing_is_lost() {
        let (branches, answer, account) = asked(2, 3);
        let outcomes = [Outcome::Accepted, refused(), refused()];
        branches.into_iter().zip(outcomes).for_each(|(branch, outcome)| branch.settle(outcome));
        assert_eq!(answer.try_recv(), Ok(refused()));
        assert_eq!(account.dropped(DropReason::Permanent), 0);
    }

    #[test]
    fn branches_of_branches_vote_each_and_one_that_ends_early_refuses_nobody() {
        let (mut branches, answer, _) = asked(3, 2);
        let inner = branches.pop().unwrap().split(2);
        for branch in inner.into_iter().chain(branches) {
            assert!(answer.try_recv().is_err());
            branch.settle(Outcome::Accepted);
        }
        assert_eq!(answer.try_recv(), Ok(Outcome::Accepted));
        let (branches, answer, _) = asked(3, 2);
        branches.into_iter().for_each(|branch| branch.settle(Outcome::Accepted));
        assert_eq!(answer.try_recv(), Ok(Outcome::Accepted), "both of two, though three were wanted");
    }

    #[test]
    fn parts_of_a_cut_request_are_one_vote_and_lose_their_own_items() {
        let (mut branches, answer, account) = asked(1, 2);
        let parts = branches.pop().unwrap().split_items(&[3, 7]);
        parts.into_iter().zip([Outcome::Accepted, refused()]).for_each(|(part, outcome)| part.settle(outcome));
        assert!(answer.try_recv().is_err(), "a part is no delivery");
        branches.pop().unwrap().settle(Outcome::Accepted);
        assert_eq!((answer.try_recv(), account.dropped(DropReason::Permanent)), (Ok(Outcome::Accepted), 7));
    }

    #[test]
    fn what_a_part_rejects_counts_where_the_vote_as_a_whole_is_a_refusal_that_nobody_hears_of() {
        let (mut branches, answer, account) = asked(1, 2);
        let parts = branches.pop().unwrap().split_items(&[4, 6]);
        let outcomes = [Outcome::Partial { rejected: 3, message: "three".into() }, refused()];
        parts.into_iter().zip(outcomes).for_each(|(part, outcome)| part.settle(outcome));
        branches.pop().unwrap().settle(Outcome::Accepted);
        assert_eq!(answer.try_recv(), Ok(Outcome::Accepted));
        assert_eq!([DropReason::Rejected, DropReason::Permanent].map(|reason| account.dropped(reason)), [3, 6]);
    }

    #[test]
    fn a_vote_that_is_dropped_is_a_refusal() {
        let (branches, answer, _) = asked(1, 2);
        drop(branches);
        assert!(matches!(answer.try_recv(), Ok(Outcome::Refused(fault)) if fault.code == FaultCode::Abandoned));
    }
}
