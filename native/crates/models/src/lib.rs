//! Models of the lock-free parts: the sources of other crates, compiled here with loom's atomics in place of the
//! standard ones and run through every order of their steps. Nothing but tests; nothing depends on it.

#![forbid(unsafe_code)]

#[cfg(test)]
use loom::sync::atomic;

#[cfg(test)]
mod breaker;
#[cfg(test)]
#[path = "../../buf/src/ledger/budget.rs"]
mod budget;
#[cfg(test)]
#[path = "../../flow/src/breaker/gate.rs"]
mod gate;
#[cfg(test)]
mod ledger;
