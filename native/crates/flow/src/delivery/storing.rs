//! From a parcel to a record in a log: one for the queue that it is for, or one for all queues of a fan-out that lie in
//! the same log. Those have it all or none of them, whatever happens in between.

use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

use futures_util::future::{Either, join_all, select, select_all};
use smallvec::SmallVec;
use teleferric_store::Memory;
use teleferric_tasks::spawn_local;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Delivery, Inner, Leave, Storage, draining};
use crate::ack::AckLevel;
use crate::contract::Consumer;
use crate::fanout::Fanout;
use crate::fault::{Fault, FaultCode, GrpcCode};
use crate::parcel::Parcel;
use crate::queue::{Place, full};
use crate::reply::{Outcome, Reply};
use crate::stop::Level;
use crate::stored::{Reserved, StoredQueue, Target};
use crate::timer::passed;

/// A delivery whose queue lies in a log.
#[derive(Clone)]
pub struct StoredBranch(Rc<Inner>);

/// A delivery with the room that a parcel has in its queue.
pub(super) struct Member {
    pub(super) inner: Rc<Inner>,
    pub(super) reserved: Reserved,
}

/// Those who share a record.
pub(super) type Members = SmallVec<[Member; 1]>;

/// Writes a parcel down for `members`, and answers when it lasts, unless its sender asked for less or for more.
pub(super) fn start(members: Members, mut parcel: Parcel) {
    let storing = members.iter().map(|member| Leave::enter(&member.inner, |inner| &inner.storing)).collect();
    // One receiver and one process: all members answer alike, and count in the same account.
    if let Some(Member { inner, .. }) = members.first()
        && inner.answers_at(&parcel) == AckLevel::Received
    {
        parcel.deadline = None;
        parcel.detach(&inner.sender.account).settle(Outcome::Accepted);
    }
    spawn_local("storage.append", store(members, storing, parcel));
}

/// A sender that waits for the result is answered when it is there. A disk that does not answer holds up no drain.
async fn store(members: Members, storing: SmallVec<[Leave; 1]>, mut parcel: Parcel) {
    let (inners, reserved): (SmallVec<[Rc<Inner>; 1]>, SmallVec<[Reserved; 1]>) =
        members.into_iter().map(|Member { inner, reserved }| (inner, reserved)).unzip();
    let follows = parcel.permit.take_follows();
    let may_keep = inners.iter().filter_map(|inner| inner.storage()).all(Storage::may_keep);
    let memory = may_keep.then(|| Memory::paid_by(Arc::new(std::mem::take(&mut parcel.permit))));
    let (mut targets, mut results) = (SmallVec::new(), SmallVec::<[_; 1]>::new());
    for (inner, reserved) in inners.iter().zip(reserved) {
        let (waiter, told) = (inner.answers_at(&parcel) == AckLevel::Delivered).then(oneshot::channel).unzip();
        targets.push(Target { reserved, waiter, follows: follows.clone() });
        results.extend(told.map(|told| (inner, told)));
    }
    // Theirs alone: what lies in the storage is not in memory, also while its sender waits.
    drop(follows);
    let written = match select(pin!(StoredQueue::append(targets, &parcel, memory)), pin!(cut(&inners))).await {
        Either::Left((written, _)) => written,
        Either::Right(_) => Err(draining()),
    };
    if let Err(fault) = written {
        return reject(&inners, parcel, fault);
    }
    for inner in &inners {
        inner.sender.metrics.enqueued(parcel.items, parcel.payload.bytes());
    }
    drop(storing);
    let Parcel { reply, deadline, .. } = parcel;
    let replies = reply.split(results.len());
    join_all(results.into_iter().zip(replies).map(|((inner, told), reply)| inner.answer(told, deadline, reply))).await;
}

impl Inner {
    fn storage(&self) -> Option<&Storage> {
        self.shared.0.stored.as_ref()
    }

    /// Answers for a stored request when it is known what becomes of it, or nobody waits for that any more.
    async fn answer(&self, told: oneshot::Receiver<Outcome>, deadline: Option<Instant>, reply: Reply) {
        let ended = match select(pin!(self.result(told, deadline)), pin!(reply.outvoted())).await {
            Either::Left((outcome, _)) => Some(outcome),
            Either::Right(_) => None,
        };
        match ended {
            Some(outcome) => reply.settle(outcome),
            None => reply.leave_to_keeper(),
        }
    }

    /// What becomes of a stored request whose sender waits for it, as far as that can be told while it does: the request
    /// stays in any case.
    async fn result(&self, told: oneshot::Receiver<Outcome>, deadline: Option<Instant>) -> Outcome {
        let (cut, late) = (pin!(self.sender.stop.reached(Level::Cut)), pin!(passed(deadline)));
        match select(told, select(cut, late)).await {
            Either::Left((Ok(outcome), _)) => outcome,
            Either::Right((Either::Right(_), _)) => {
                let fault = Fault::new(FaultCode::DownstreamTemporary, "the request is stored and not delivered yet");
                Outcome::Refused(fault.with_status(GrpcCode::DeadlineExceeded))
            }
            Either::Left((Err(_), _)) | Either::Right((Either::Left(_), _)) => Outcome::Refused(draining()),
        }
    }
}

/// Ends when one of them is cut. Cancel safe.
async fn cut(inners: &[Rc<Inner>]) {
    match inners {
        [only] => only.sender.stop.reached(Level::Cut).await,
        many => {
            let cuts = many.iter().map(|inner| Box::pin(inner.sender.stop.reached(Level::Cut)));
            select_all(cuts).await;
        }
    }
}

fn reject(inners: &[Rc<Inner>], parcel: Parcel, fault: Fault) {
    inners.iter().for_each(|inner| inner.note_rejection(parcel.items, &fault));
    parcel.reply.refuse(fault);
}

/// Puts branches of a fan-out together whose queues lie in the same log; the others stay as they are, and come first.
pub(crate) fn join_stored(branches: Vec<Rc<dyn Consumer>>) -> Vec<Rc<dyn Consumer>> {
    let (mut joined, mut groups) = (Vec::new(), Vec::<Vec<StoredBranch>>::new());
    for branch in branches {
        let stored = branch.stored();
        if stored.is_empty() {
            joined.push(branch);
        }
        for member in stored {
            match groups.iter_mut().find(|group| member.may_join(group)) {
                Some(group) => group.push(member),
                None => groups.push(vec![member]),
            }
        }
    }
    joined.extend(groups.into_iter().map(|mut group| -> Rc<dyn Consumer> {
        match (group.pop(), group.is_empty()) {
            (Some(only), true) => Rc::new(only),
            (last, _) => Rc::new(StoredFanout(group.into_iter().chain(last).map(|branch| branch.0).collect())),
        }
    }));
    joined
}

impl StoredBranch {
    pub(super) fn of(inner: &Rc<Inner>) -> Option<Self> {
        inner.shared.0.stored.is_some().then(|| StoredBranch(Rc::clone(inner)))
    }

    /// Whether its queue lies in the log of `group` and is none of theirs: a queue that is fed twice has two records.
    fn may_join(&self, group: &[StoredBranch]) -> bool {
        let queue = |branch: &StoredBranch| branch.0.shared.0.stored.as_ref().map(|stored| stored.queue.clone());
        let Some(mine) = queue(self) else { return false };
        group.iter().filter_map(queue).all(|other| mine.is_beside(&other))
    }
}

impl Consumer for StoredBranch {
    fn consume(&self, parcel: Parcel) {
        Delivery(Rc::clone(&self.0)).consume(parcel);
    }

    fn stored(&self) -> Vec<StoredBranch> {
        vec![self.clone()]
    }
}

/// One record for several deliveries. Clones are the same one.
#[derive(Clone)]
struct StoredFanout(Rc<[Rc<Inner>]>);

/// Why a parcel does not get into all queues now.
enum Short {
    /// One of them is draining.
    Draining,
    /// It will not.
    Refused(Fault),
    /// This one is full.
    Full(usize, Fault),
}

impl Consumer for StoredFanout {
    fn consume(&self, parcel: Parcel) {
        if parcel.items == 0 {
            return parcel.reply.settle(Outcome::Accepted);
        }
        self.take(parcel, None);
    }

    fn stored(&self) -> Vec<StoredBranch> {
        self.0.iter().cloned().map(StoredBranch).collect()
    }
}

impl StoredFanout {
    /// Takes a parcel if all have room for it; `held` is the room that one of them has already given.
    fn take(&self, parcel: Parcel, held: Option<(usize, Place)>) {
        match self.try_reserve(&parcel, held) {
            Ok(members) => start(members, parcel),
            Err(Short::Draining) => self.apart(parcel),
            Err(Short::Refused(fault)) => reject(&self.0, parcel, fault),
            Err(Short::Full(at, fault)) => match self.0.get(at).filter(|inner| inner.blocks_on_overflow()) {
                Some(inner) => {
                    let waiting = Leave::enter(inner, |inner| &inner.waiting);
                    spawn_local("storage.admission", self.clone().wait(at, waiting, parcel));
                }
                None => reject(&self.0, parcel, fault),
            },
        }
    }

    /// Room in each queue, or in none.
    fn try_reserve(&self, parcel: &Parcel, held: Option<(usize, Place)>) -> Result<Members, Short> {
        if self.0.iter().any(|inner| inner.sender.stop.is_at(Level::Draining)) {
            return Err(Short::Draining);
        }
        let has_waited = held.is_some();
        let mut held = held;
        let mut members = Members::new();
        for (at, inner) in self.0.iter().enumerate() {
            let Some(room) = &inner.shared.0.room else { continue };
            let place = match held.take_if(|(index, _)| *index == at) {
                Some((_, place)) => place,
                None => {
                    let demand = room.demand(parcel).map_err(Short::Refused)?;
                    // Who waits already goes first.
                    if !has_waited && inner.waiting.count() > 0 {
                        return Err(Short::Full(at, full()));
                    }
                    room.try_take(&demand).map_err(|fault| Short::Full(at, fault))?
                }
            };
            if let Place::Stored(reserved) = place {
                members.push(Member { inner: Rc::clone(inner), reserved });
            }
        }
        Ok(members)
    }

    /// Waits for room in one queue, holding none in the others, and tries again.
    async fn wait(self, at: usize, waiting: Leave, parcel: Parcel) {
        let inner = &waiting.inner;
        let Some(room) = inner.shared.0.room.clone() else { return };
        let taken = match room.demand(&parcel) {
            Ok(demand) => inner.room_in_time(&room, &demand, parcel.admission_ends()).await,
            Err(fault) => Some(Err(fault)),
        };
        match taken {
            Some(Ok(place)) => self.take(parcel, Some((at, place))),
            Some(Err(fault)) => reject(&self.0, parcel, fault),
            None => self.apart(parcel),
        }
    }

    /// To each by itself, as each deals with its drain.
    fn apart(&self, parcel: Parcel) {
        let branches = self.0.iter().map(|inner| Rc::new(Delivery(Rc::clone(inner))) as Rc<dyn Consumer>);
        Fanout::apart(branches.collect()).consume(parcel);
    }
}
