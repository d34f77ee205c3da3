//! Those who want to know what becomes of a stored request that is not read yet: senders that wait for it, and whoever
//! may ask.

use std::collections::BTreeMap;
use std::ops::Range;

use parking_lot::Mutex;
use smallvec::SmallVec;
use teleferric_store::End;
use tokio::sync::oneshot;

use crate::fate::Kept;
use crate::fault::Fault;
use crate::reply::Outcome;

/// Told what becomes of a stored request.
pub(crate) type Tell = oneshot::Sender<Outcome>;

/// Those of one queue, by the sequence of what they want to know of.
#[derive(Default)]
pub(super) struct Waiters(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: BTreeMap<u64, Waiting>,
    /// At how many those are looked for whom nobody asks any more: a backlog may be larger than what is asked about.
    sweep_at: usize,
}

/// Those of one request.
#[derive(Default)]
pub(super) struct Waiting {
    pub(super) items: u64,
    /// The sender, if it waits.
    pub(super) tell: Option<Tell>,
    /// What may be asked about.
    pub(super) kept: SmallVec<[Kept; 1]>,
}

impl Waiters {
    /// Adds those of a request, if there are any.
    pub(super) fn add(&self, sequence: u64, waiting: Waiting) {
        if !waiting.is_wanted() {
            return;
        }
        let mut state = self.0.lock();
        if state.waiting.len() >= state.sweep_at {
            state.waiting.retain(|_, waiting| waiting.is_wanted());
            state.sweep_at = SWEEP_MIN.max(2 * state.waiting.len());
        }
        state.waiting.insert(sequence, waiting);
    }

    /// Those of a request, which is read.
    pub(super) fn take(&self, sequence: u64) -> Option<Waiting> {
        self.0.lock().waiting.remove(&sequence)
    }

    /// Refuses those who wait for any of these, which have come to `end`; the items of those who have learned so.
    pub(super) fn refuse(&self, sequences: Range<u64>, fault: &Fault, end: End) -> u64 {
        let mut state = self.0.lock();
        let lost: Vec<u64> = state.waiting.range(sequences).map(|(sequence, _)| *sequence).collect();
        let lost: Vec<Waiting> = lost.iter().filter_map(|sequence| state.waiting.remove(sequence)).collect();
        drop(state);
        let learned = |Waiting { items, tell, kept }: Waiting| {
            kept.into_iter().for_each(|kept| kept.leave([end]));
            tell?.send(Outcome::Refused(fault.clone())).is_ok().then_some(items)
        };
        lost.into_iter().filter_map(learned).sum()
    }
}

impl Waiting {
    fn is_wanted(&self) -> bool {
        self.tell.is_some() || self.kept.iter().any(Kept::is_wanted)
    }
}

/// So few are not worth looking through.
const SWEEP_MIN: usize = 1024;
