//! Models of what threads share: the sources of other crates, compiled here with loom's atomics and locks in place of the
//! standard ones and run through every order of their steps. Nothing but tests; nothing depends on it.

#![forbid(unsafe_code)]

#[cfg(test)]
use array_queue::ArrayQueue;
#[cfg(test)]
use loom::sync::{self, atomic};

/// As many size classes as the models need.
#[cfg(test)]
const CLASSES: usize = 1;

#[cfg(test)]
use notify::Notify;

#[cfg(test)]
mod array_queue;
#[cfg(test)]
mod breaker;
#[cfg(test)]
#[path = "../../buf/src/ledger/budget.rs"]
mod budget;
#[cfg(test)]
#[path = "../../flow/src/changes.rs"]
mod changes;
#[cfg(test)]
#[path = "../../buf/src/pool/counts.rs"]
mod counts;
#[cfg(test)]
#[path = "../../flow/src/breaker/gate.rs"]
mod gate;
#[cfg(test)]
mod group_commit;
#[cfg(test)]
#[path = "../../store/src/writer/jobs.rs"]
mod jobs;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod notify;
#[cfg(test)]
mod pool;
#[cfg(test)]
#[path = "../../buf/src/pool/stocks.rs"]
mod stocks;
#[cfg(test)]
mod waiting;
