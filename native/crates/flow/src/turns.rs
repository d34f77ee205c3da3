//! What waits on one thread for one of an exporter's parallel sends, and whose turn is next: the most important class
//! first, and within it deficit round robin by bytes over those who sent it. For each of them the first comes first, or
//! the last.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};
use smallvec::SmallVec;

use crate::batch::Batch;
use crate::overload::Class;
use crate::parcel::Context;
use crate::partition::Key;
use crate::queue::Order;

/// Where a batch waits.
pub(crate) struct Turn {
    /// How much it matters; none where that does not count.
    pub(crate) class: Option<Class>,
    pub(crate) flow: Flow,
}

/// Whom a batch is from, as far as turns are concerned.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Flow {
    Tenant(Arc<str>),
    /// Who opens more connections has no more turns.
    Peer(IpAddr),
    /// Those whose requests share a batch because of their metadata.
    Partition(Key),
    /// Whoever cannot be told apart.
    Anyone,
}

impl Flow {
    /// The sender of a request.
    pub(crate) fn of(context: &Context) -> Flow {
        match (&context.tenant, context.peer) {
            (Some(tenant), _) => Flow::Tenant(Arc::clone(tenant)),
            (None, Some(peer)) => Flow::Peer(peer.ip().to_canonical()),
            (None, None) => Flow::Anyone,
        }
    }
}

/// The batches that wait: a lane for each class, the most important first, or one for all.
pub(crate) struct Turns {
    order: Order,
    lanes: SmallVec<[Lane; 1]>,
}

/// The batches of a class. A flow is known for as long as one of its batches waits, so they bound each other.
struct Lane {
    lines: HashMap<Flow, Line>,
    /// Every flow that has a line, in the order of their turns.
    round: VecDeque<Flow>,
    /// The room of a line that has ended, for the next one: a single flow that comes and goes allocates nothing.
    spare: VecDeque<Batch>,
    /// Sends while less important batches waited.
    streak: Streak,
}

/// What waits of one flow, never empty.
struct Line {
    batches: VecDeque<Batch>,
    /// What it may send in this turn.
    deficit_bytes: u64,
    /// Sends of the newest batch.
    streak: Streak,
}

/// Sends of one kind, one after another, while others would wait for ever behind them.
#[derive(Default)]
struct Streak(u32);

/// What a turn adds to a line: many small requests, or a part of a large one, which waits for several turns then.
const QUANTUM_BYTES: u64 = 64 << 10;

/// After so many sends in a streak there is one of the others, which have at least an eighth so.
const STREAK_MAX: u32 = 7;

impl Streak {
    fn is_over(&self) -> bool {
        self.0 >= STREAK_MAX
    }

    /// Whether the next send is one of the streak; the one after it counts anew if not.
    fn goes_on(&mut self) -> bool {
        let goes_on = !self.is_over();
        self.0 = if goes_on { self.0 + 1 } else { 0 };
        goes_on
    }
}

impl Turns {
    /// Nothing waits; `by_class` is whether the more important goes first.
    pub(crate) fn new(order: Order, by_class: bool) -> Self {
        let lanes = if by_class { Class::ALL.len() } else { 1 };
        Turns { order, lanes: (0..lanes).map(|_| Lane::new()).collect() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lanes.iter().all(Lane::is_empty)
    }

    pub(crate) fn push(&mut self, turn: Turn, batch: Batch) {
        let index = turn.class.map_or(0, |class| usize::from(class.number()));
        if let Some(lane) = self.lanes.get_mut(index) {
            lane.push(turn.flow, batch);
        }
    }

    /// The batch whose turn it is. Each class leaves at least every eighth send to those below it.
    pub(crate) fn pop(&mut self) -> Option<Batch> {
        let order = self.order;
        let mut lanes = self.lanes.iter_mut().filter(|lane| !lane.is_empty()).peekable();
        while let Some(lane) = lanes.next() {
            if lanes.peek().is_none() || lane.streak.goes_on() {
                return lane.pop(order);
            }
        }
        None
    }

    /// Everything, as it came for each flow of a class.
    pub(crate) fn take_all(&mut self) -> Vec<Batch> {
        self.lanes.iter_mut().flat_map(Lane::take_all).collect()
    }
}

impl Lane {
    fn new() -> Self {
        Lane { lines: HashMap::new(), round: VecDeque::new(), spare: VecDeque::new(), streak: Streak::default() }
    }

    fn is_empty(&self) -> bool {
        self.round.is_empty()
    }

    fn push(&mut self, flow: Flow, batch: Batch) {
        let Lane { lines, round, spare, .. } = self;
        let line = lines.entry(flow).or_insert_with_key(|flow| {
            round.push_back(flow.clone());
            Line { batches: std::mem::take(spare), deficit_bytes: QUANTUM_BYTES, streak: Streak::default() }
        });
        line.batches.push_back(batch);
    }

    /// The batch whose turn it is. Newest first leaves at least every eighth send of a flow to its oldest.
    fn pop(&mut self, order: Order) -> Option<Batch> {
        loop {
            let line = self.lines.get_mut(self.round.front()?)?;
            let newest = order == Order::NewestFirst && !line.streak.is_over();
            let next = if newest { line.batches.back() } else { line.batches.front() };
            let bytes = next?.parcel.payload.bytes();
            // Who is alone owes nobody.
            if line.deficit_bytes < bytes && self.round.len() > 1 {
                line.deficit_bytes += QUANTUM_BYTES;
                self.round.rotate_left(1);
                continue;
            }
            line.deficit_bytes = line.deficit_bytes.saturating_sub(bytes);
            line.streak.goes_on();
            let batch = if newest { line.batches.pop_back() } else { line.batches.pop_front() };
            if line.batches.is_empty() {
                self.end_line();
            }
            return batch;
        }
    }

    /// Forgets the flow whose turn it is: who has nothing to send saves nothing up either.
    fn end_line(&mut self) {
        let ended = self.round.pop_front().and_then(|flow| self.lines.remove(&flow));
        self.spare = ended.map(|line| line.batches).unwrap_or_default();
    }

    fn take_all(&mut self) -> impl Iterator<Item = Batch> {
        let lines = &mut self.lines;
        self.round.drain(..).filter_map(|flow| lines.remove(&flow)).flat_map(|line| line.batches)
    }
}

#[cfg(test)]
mod tests;
