//! What moves through a pipeline and the rules it moves by: parcels, faults, component contracts, admission,
//! batching, queues, retry, fan-out and drain.
//!
//! Everything here runs on one data-plane thread at a time: a [`Consumer`] is called from the thread that owns
//! it, takes a [`Parcel`] by value and never blocks. Whoever waits for the parcel learns its [`Outcome`] through
//! the [`Reply`] that travels with it.

#![forbid(unsafe_code)]

pub mod account;
pub mod contract;
pub mod fault;
pub mod parcel;
pub mod reply;

pub use account::{Account, DropReason};
pub use contract::{Consumer, Exporter, LocalFuture, Processor, Stage};
pub use fault::{Blame, Fault, FaultCode, GrpcCode, Retry};
pub use parcel::{Context, Parcel, Payload};
pub use reply::{Outcome, Reply};
