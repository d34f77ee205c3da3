//! What moves through a pipeline and the rules it moves by: parcels, faults, component contracts, admission,
//! overload, batching, queues, retry, endpoints, circuit breaking, fan-out and drain.
//!
//! Everything here runs on one data-plane thread at a time: a [`Consumer`] is called from the thread that owns
//! it, takes a [`Parcel`] by value and never blocks. Whoever waits for the parcel learns its [`Outcome`] through
//! the [`Reply`] that travels with it.

#![forbid(unsafe_code)]

pub mod account;
pub mod ack;
pub mod admission;
pub mod balancer;
pub mod batch;
mod batch_id;
pub mod batch_processor;
pub mod batcher;
pub mod breaker;
mod budget;
mod changes;
mod consumers;
pub mod contract;
mod courier;
mod credentials;
mod cut;
pub mod delivery;
pub mod endpoints;
mod epochs;
pub mod failover;
pub mod fanout;
mod fate;
pub mod fault;
mod feed;
mod guard;
pub mod handles;
pub mod hold;
pub mod log;
mod metrics;
mod moment;
pub mod overload;
pub mod parcel;
pub mod partition;
pub mod payload;
pub mod plugin;
pub mod queue;
pub mod reply;
pub mod retry;
mod sender;
mod shares;
mod stagger;
mod stop;
mod stored;
pub mod tenant;
mod timer;
mod turns;

// Not by its path in `changes`, where loom puts another one in its place.
use tokio::sync::Notify;

pub use account::{Account, DropReason, Drops};
pub use ack::AckLevel;
pub use admission::Admission;
pub use balancer::{Balancer, BalancerSettings, BalancerShared, Lane, Resolver};
pub use batch::Batch;
pub use batch_id::BatchId;
pub use batch_processor::{BatchProcessor, BatchProcessorSettings, BatchProcessorShared};
pub use batcher::{BatchSettings, Batcher};
pub use breaker::{BreakerSettings, Override, WindowSettings};
pub use budget::BudgetSettings;
pub use contract::{Consumer, Exporter, LocalFuture, Processor, Stage};
pub use delivery::{Delivery, DeliverySettings, DeliveryShared, QueueBatchSettings, Storage, StoredBranch};
pub use endpoints::{Destination, EndpointPolicy, EndpointPool, PooledEndpoint};
pub use failover::{Failover, FailoverShared};
pub use fanout::Fanout;
pub use fate::{Fate, FateState, Follow};
pub use fault::{Blame, Fault, FaultCode, GrpcCode, Retry};
pub use guard::EndpointBreaker;
pub use handles::Handles;
pub use hold::Hold;
pub use log::Log;
pub use overload::{Class, Gate, Overload, OverloadSettings, Priorities, PriorityRule};
pub use parcel::{Context, Parcel};
pub use partition::Partitioning;
pub use payload::{Packed, Payload};
pub use queue::{Order, QueueSettings, Room, Sizer};
pub use reply::{Outcome, Reply};
pub use retry::{RetrySettings, Spread};
pub use stored::{Letter, OpenError, StorageSettings, StoredLogs, StoredQueue, dead_letter_folder, storage_folder};
pub use teleferric_store::{KEY_BYTES, Key, LagPolicy, WhenFull};
pub use tenant::{CertificateName, Network, Quota, TenantSettings, TenantTable, Tenants, Visit};
