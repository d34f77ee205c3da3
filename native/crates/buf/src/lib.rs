//! Memory and numbers shared by all data-plane threads: the byte ledger that says whether memory may be taken, the
//! pool it is taken from, and the counter slots that cost no contention.
//!
//! - [`Ledger`] and [`Permit`]: one exact byte budget; a permit gives its bytes back on drop.
//! - [`Pool`] and [`Block`]: reusable buffers by size class; a frozen block returns when its last reader is done.
//! - [`metrics`]: series with one writer per slot, read together as one array of numbers.
//! - [`inflate`]: a step of decompression that only unsafe code can offer; see there.
//!
//! The ledger and the pool know nothing of each other: whoever takes memory for a sender reserves it first.

pub mod inflate;
mod ledger;
pub mod metrics;
pub mod pool;

pub use ledger::{Exhausted, Ledger, Permit};
pub use pool::{AllocError, Block, CLASS_BYTES, CLASSES, Pool, PoolConfig, PoolStats};
