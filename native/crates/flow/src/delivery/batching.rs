//! `sending_queue.batch`: one batch for each partition and class is collected between the queue and the sends.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use foldhash::HashMap;
use tokio::time::Instant;

use super::{Inner, QueueBatchSettings};
use crate::batch::Trigger;
use crate::batcher::{BatchSettings, Batcher};
use crate::overload::Class;
use crate::parcel::Parcel;
use crate::partition::{Key, Partitioning};
use crate::timer::{Timed, arm};
use crate::turns::{Flow, Turn};

/// The batches being collected, one per partition with anything in it and, where that counts, class.
pub(super) struct Batching {
    settings: Arc<BatchSettings>,
    partitioning: Partitioning,
    shards: RefCell<HashMap<ShardKey, Rc<Shard>>>,
}

/// What requests have in common that share a batch.
type ShardKey = (Key, Option<Class>);

struct Shard {
    inner: Weak<Inner>,
    key: ShardKey,
    batcher: RefCell<Batcher>,
    armed: Cell<bool>,
}

impl Batching {
    pub(super) fn new(settings: &QueueBatchSettings) -> Self {
        Batching {
            settings: Arc::new(settings.batch.clone()),
            partitioning: settings.partitioning.clone(),
            shards: RefCell::default(),
        }
    }

    /// Partitions take turns; within one, whose senders share batches, there is nobody to tell apart.
    fn turn(&self, (key, class): &ShardKey) -> Turn {
        let flow = if self.partitioning.is_one() { Flow::Anyone } else { Flow::Partition(key.clone()) };
        Turn { class: *class, flow }
    }

    /// Partitions by metadata come and go with their requests, so their number is bounded by the queue.
    fn forget(&self, key: &ShardKey) {
        if !self.partitioning.is_one() {
            self.shards.borrow_mut().remove(key);
        }
    }
}

impl Timed for Shard {
    fn armed(&self) -> &Cell<bool> {
        &self.armed
    }

    fn due(&self) -> Option<Instant> {
        self.batcher.borrow().due()
    }

    fn fire(self: &Rc<Self>) {
        let batch = self.batcher.borrow_mut().take(Trigger::Timeout);
        let (Some(batch), Some(inner)) = (batch, self.inner.upgrade()) else { return };
        if let Some(batching) = &inner.batching {
            batching.forget(&self.key);
            inner.send_in_turn(batch, |_| batching.turn(&self.key));
        }
    }
}

impl Inner {
    /// Puts the parcel into the batch of its partition.
    pub(super) fn collect(self: &Rc<Self>, batching: &Batching, parcel: Parcel) {
        let key = (batching.partitioning.key(&parcel.context), self.class_of(&parcel));
        let known = batching.shards.borrow().get(&key).cloned();
        let shard = known.unwrap_or_else(|| {
            let handles = &self.shared.0.handles;
            let batcher = Batcher::new(
                self.shared.0.signal,
                Arc::clone(&batching.settings),
                batching.partitioning.context(&parcel.context),
                handles.pool.clone(),
                handles.log.clone(),
            );
            let armed = Cell::new(false);
            let inner = Rc::downgrade(self);
            let shard = Rc::new(Shard { inner, key: key.clone(), batcher: RefCell::new(batcher), armed });
            batching.shards.borrow_mut().insert(key, Rc::clone(&shard));
            shard
        });
        let (mut ready, is_awaited) = (Vec::new(), !parcel.reply.is_detached());
        let refused = shard.batcher.borrow_mut().add(parcel, &mut ready);
        self.sender.refused(refused, is_awaited);
        ready.into_iter().for_each(|batch| self.send_in_turn(batch, |_| batching.turn(&shard.key)));
        if shard.batcher.borrow().is_empty() {
            batching.forget(&shard.key);
        } else {
            arm(&shard);
        }
    }

    /// Makes every batch being collected ready.
    pub(super) fn ready_all(&self) {
        let Some(batching) = &self.batching else { return };
        let shards = std::mem::take(&mut *batching.shards.borrow_mut());
        let mut ready = self.ready.borrow_mut();
        for (key, shard) in shards {
            if let Some(mut batch) = shard.batcher.borrow_mut().take(Trigger::Flush) {
                batch.epoch = self.sending.enter();
                ready.push(batching.turn(&key), batch);
            }
        }
    }
}
