//! What waits on one thread for one of an exporter's parallel sends, and whose turn is next: deficit round robin by bytes
//! over those who sent it, first come first served for each of them.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};

use crate::batch::Batch;
use crate::parcel::Context;
use crate::partition::Key;

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

/// The batches that wait. A flow is known for as long as one of its batches does, so they bound each other.
pub(crate) struct Turns {
    lines: HashMap<Flow, Line>,
    /// Every flow that has a line, in the order of their turns.
    round: VecDeque<Flow>,
    /// The room of a line that has ended, for the next one: a single flow that comes and goes allocates nothing.
    spare: VecDeque<Batch>,
}

/// What waits of one flow, never empty.
struct Line {
    batches: VecDeque<Batch>,
    /// What it may send in this turn.
    deficit_bytes: u64,
}

/// What a turn adds to a line: many small requests, or a part of a large one, which waits for several turns then.
const QUANTUM_BYTES: u64 = 64 << 10;

impl Turns {
    pub(crate) fn new() -> Self {
        Turns { lines: HashMap::new(), round: VecDeque::new(), spare: VecDeque::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.round.is_empty()
    }

    pub(crate) fn push(&mut self, flow: Flow, batch: Batch) {
        let Turns { lines, round, spare } = self;
        let line = lines.entry(flow).or_insert_with_key(|flow| {
            round.push_back(flow.clone());
            Line { batches: std::mem::take(spare), deficit_bytes: QUANTUM_BYTES }
        });
        line.batches.push_back(batch);
    }

    /// The batch whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<Batch> {
        loop {
            let line = self.lines.get_mut(self.round.front()?)?;
            let bytes = line.batches.front()?.parcel.payload.bytes();
            // Who is alone owes nobody.
            if line.deficit_bytes < bytes && self.round.len() > 1 {
                line.deficit_bytes += QUANTUM_BYTES;
                self.round.rotate_left(1);
                continue;
            }
            line.deficit_bytes = line.deficit_bytes.saturating_sub(bytes);
            let batch = line.batches.pop_front();
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

    /// Everything, as it came for each flow.
    pub(crate) fn take_all(&mut self) -> Vec<Batch> {
        let Turns { lines, round, .. } = self;
        round.drain(..).filter_map(|flow| lines.remove(&flow)).flat_map(|line| line.batches).collect()
    }
}

#[cfg(test)]
mod tests;
