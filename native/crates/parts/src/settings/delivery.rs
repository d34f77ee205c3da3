//! Timeout, retry and sending queue of an exporter (compatibility contract, section 5.6).

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use teleferric_flow::{
    BatchSettings, BudgetSettings, DeliverySettings, LagPolicy, Order, Partitioning, QueueBatchSettings, QueueSettings,
    RetrySettings, Sizer, Spread, StorageSettings, WhenFull,
};

use super::encryption::Encryption;
use super::nanoseconds;
use super::priorities::Priority;
use crate::component::StartError;

/// `retry_on_failure`.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RetryOnFailure {
    /// Whether retryable failures are tried again.
    pub enabled: bool,
    /// First wait, nanoseconds.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub initial_interval: Duration,
    /// Longest wait, nanoseconds.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub max_interval: Duration,
    /// Growth of the wait from try to try.
    pub multiplier: f64,
    /// Spread of the wait, as a share of it.
    pub randomization_factor: f64,
    /// When to give up, from the first attempt, nanoseconds; 0: never.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub max_elapsed_time: Duration,
    /// collector or full: how waits are spread.
    pub jitter: String,
    /// Longest wait that a server can ask for, nanoseconds.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub max_hint: Duration,
    /// What bounds the retries of all requests together.
    pub budget: RetryBudget,
}

/// `retry_on_failure.budget`.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RetryBudget {
    /// Retries for each first attempt, over ten seconds.
    pub ratio: f64,
    /// Requests that may be tried again at the same time in any case.
    pub min_concurrent: u64,
}

/// `sending_queue`.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SendingQueue {
    /// Sends that may run at once, over all data-plane threads.
    pub num_consumers: u64,
    /// Capacity in `sizer` units.
    pub queue_size: u64,
    /// requests, items or bytes.
    pub sizer: String,
    /// Whether a full queue makes senders wait instead of refusing them.
    pub block_on_overflow: bool,
    /// Whether senders wait for the result of the export.
    pub wait_for_result: bool,
    /// fifo or newest_first: which request of a sender leaves a queue in memory next.
    pub order: String,
    /// The part of a queue in memory, 0 to 1, that one tenant may hold while others want some too.
    pub queue_share: f64,
    /// Rules for what is sent before what; none: no request matters more than another.
    pub priorities: Option<Vec<Priority>>,
    /// Batching behind the queue, if any.
    pub batch: Option<QueueBatch>,
    /// Where the queue lies, if not in memory.
    pub storage: Option<QueueStorage>,
}

/// `sending_queue.storage` with what its `file_storage` extension says.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct QueueStorage {
    /// The folder.
    pub directory: String,
    /// Whether it is made if it is not there.
    pub create_directory: bool,
    /// Permissions of a folder that is made.
    pub directory_permissions: u32,
    /// How long to wait for another process that uses the folder, nanoseconds.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub timeout: Duration,
    /// How long a request is kept, nanoseconds; 0: for ever.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub max_age: Duration,
    /// Bytes of a file of the log.
    pub segment_bytes: u64,
    /// Bytes of all files of the log.
    pub max_bytes: u64,
    /// The share of the file system that is left to others, percent.
    pub reserve_free_percent: u64,
    /// Whether an answer waits until the request has reached the disk.
    pub sync: bool,
    /// Bytes of the log that requests refused for good may take; none: they are dropped.
    pub dead_letter_bytes: Option<u64>,
    /// What goes when the queue is full, or the log because of it: block, drop_oldest or detach.
    pub lag_policy: String,
    /// What happens when the log is full otherwise: refuse or drop_oldest.
    pub on_full: String,
    /// What happens when the log is damaged as it is opened: quarantine or fail.
    pub on_corruption: String,
    /// Bytes of the log that are looked through in a second for damage; 0: none.
    pub scrub_bytes_per_second: u64,
    /// What the log is encrypted with, if it is.
    pub encryption: Option<Encryption>,
}

/// `sending_queue.batch`.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct QueueBatch {
    /// How long a batch may wait to fill, nanoseconds.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub flush_timeout: Duration,
    /// items or bytes.
    pub sizer: String,
    /// Size at which a batch is sent.
    pub min_size: u64,
    /// Size above which it is split; 0: never.
    pub max_size: u64,
    /// Keeps senders with different metadata apart.
    pub partition: Partition,
}

/// `sending_queue.batch.partition`.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// Metadata keys, lower case, whose values tell batches apart.
    pub metadata_keys: Vec<String>,
}

/// What stands in front of an exporter with these settings; `timeout` 0 is none. Without `retry` there is one attempt.
///
/// # Errors
/// A word that stands for nothing, or a class or signal that there is not.
pub fn delivery(
    timeout: Duration,
    retry: Option<&RetryOnFailure>,
    queue: Option<&SendingQueue>,
) -> Result<DeliverySettings, StartError> {
    Ok(DeliverySettings {
        queue: queue.map(queue_settings).transpose()?,
        batch: queue.and_then(|queue| queue.batch.as_ref()).map(batch_settings).transpose()?,
        retry: retry.filter(|retry| retry.enabled).map(retry_settings).transpose()?,
        timeout,
        storage: queue.and_then(|queue| queue.storage.as_ref()).map(storage_settings).transpose()?,
    })
}

/// Nothing in front: one attempt without limit, whose outcome the sender waits for.
pub fn direct() -> DeliverySettings {
    DeliverySettings { queue: None, batch: None, retry: None, timeout: Duration::ZERO, storage: None }
}

fn retry_settings(retry: &RetryOnFailure) -> Result<RetrySettings, StartError> {
    let jitter = match retry.jitter.as_str() {
        "collector" => Spread::Collector,
        "full" => Spread::Full,
        other => return Err(StartError::new(format!("invalid jitter: \"{other}\""))),
    };
    Ok(RetrySettings {
        initial_interval: retry.initial_interval,
        max_interval: retry.max_interval,
        multiplier: retry.multiplier,
        randomization_factor: retry.randomization_factor,
        max_elapsed_time: retry.max_elapsed_time,
        jitter,
        max_hint: retry.max_hint,
        budget: BudgetSettings {
            ratio: retry.budget.ratio,
            min_concurrent: usize::try_from(retry.budget.min_concurrent).unwrap_or(usize::MAX),
        },
    })
}

fn queue_settings(queue: &SendingQueue) -> Result<QueueSettings, StartError> {
    Ok(QueueSettings {
        queue_size: queue.queue_size,
        sizer: sizer(&queue.sizer)?,
        block_on_overflow: queue.block_on_overflow,
        wait_for_result: queue.wait_for_result,
        num_consumers: usize::try_from(queue.num_consumers).unwrap_or(usize::MAX),
        order: match queue.order.as_str() {
            "fifo" => Order::Fifo,
            "newest_first" => Order::NewestFirst,
            other => return Err(StartError::new(format!("invalid order: \"{other}\""))),
        },
        queue_share: queue.queue_share,
        priorities: queue.priorities.as_deref().map(Priority::rules).transpose()?.map(Arc::new),
    })
}

fn storage_settings(storage: &QueueStorage) -> Result<StorageSettings, StartError> {
    let lag_policy = match storage.lag_policy.as_str() {
        "block" => LagPolicy::Block,
        "drop_oldest" => LagPolicy::DropOldest,
        "detach" => LagPolicy::Detach,
        other => return Err(StartError::new(format!("invalid lag_policy: \"{other}\""))),
    };
    let when_full = match storage.on_full.as_str() {
        "refuse" => WhenFull::Refuse,
        "drop_oldest" => WhenFull::GiveUpOldest,
        other => return Err(StartError::new(format!("invalid on_full: \"{other}\""))),
    };
    let fail_on_damage = match storage.on_corruption.as_str() {
        "quarantine" => false,
        "fail" => true,
        other => return Err(StartError::new(format!("invalid on_corruption: \"{other}\""))),
    };
    let key = storage.encryption.as_ref().map(Encryption::key).transpose().map_err(StartError::new)?;
    Ok(StorageSettings {
        directory: storage.directory.clone().into(),
        create: storage.create_directory.then_some(storage.directory_permissions),
        patience: storage.timeout,
        max_age: storage.max_age,
        segment_bytes: storage.segment_bytes,
        max_bytes: storage.max_bytes,
        reserve_free_percent: storage.reserve_free_percent,
        sync: storage.sync,
        dead_letter_bytes: storage.dead_letter_bytes,
        lag_policy,
        when_full,
        fail_on_damage,
        scrub_bytes_per_second: storage.scrub_bytes_per_second,
        key,
    })
}

fn batch_settings(batch: &QueueBatch) -> Result<QueueBatchSettings, StartError> {
    Ok(QueueBatchSettings {
        batch: BatchSettings {
            sizer: sizer(&batch.sizer)?,
            min_size: batch.min_size,
            max_size: batch.max_size,
            flush_timeout: batch.flush_timeout,
        },
        partitioning: Partitioning::new(&batch.partition.metadata_keys),
    })
}

fn sizer(word: &str) -> Result<Sizer, StartError> {
    match word {
        "requests" => Ok(Sizer::Requests),
        "items" => Ok(Sizer::Items),
        "bytes" => Ok(Sizer::Bytes),
        other => Err(StartError::new(format!("invalid sizer: \"{other}\""))),
    }
}
