//! Collects parcels of one signal until they are worth sending: the one core of the `batch` processor and of
//! `sending_queue.batch`. No clock and no task here: whoever owns a batcher watches [`Batcher::due`].
//!
//! Parcels join by laying their chunks side by side; small ones are copied into one block, so that a batch is not a
//! thousand little buffers. Only the chunk that straddles a limit is cut. Profiles are neither joined nor cut, because
//! their dictionary belongs to the whole request.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use smallvec::SmallVec;
use teleferric_buf::{Block, Pool};
use teleferric_wire::Signal;
use tokio::time::Instant;

use crate::batch::{Batch, Member, Piece, Trigger};
use crate::cut::{Cutter, Portion};
use crate::fault::{Fault, FaultCode};
use crate::hold::Hold;
use crate::log::{Level, Log};
use crate::parcel::{Context, Parcel};
use crate::payload::Payload;
use crate::queue::Sizer;
use crate::reply::Reply;

/// When a batch is sent and how large it may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchSettings {
    /// The unit of the sizes.
    pub sizer: Sizer,
    /// A batch this large is sent at once; with zero, every parcel is.
    pub min_size: u64,
    /// No batch is larger; zero is no limit.
    pub max_size: u64,
    /// How long the first item of a batch waits for others; with zero it does not wait.
    pub flush_timeout: Duration,
}

/// Why items are refused that fit into no batch.
const TOO_LARGE: &str = "one item is larger than the maximum batch size";

/// Bodies below this many bytes are copied.
const COPY_BELOW_BYTES: usize = 4 << 10;
/// A block of copied bodies is closed when the next one does not fit into this.
const BLOCK_BYTES_MAX: usize = 64 << 10;

/// The batch being collected for one signal and one set of metadata values.
pub struct Batcher {
    signal: Signal,
    settings: Arc<BatchSettings>,
    /// What the batches carry instead of the contexts of their members.
    context: Arc<Context>,
    pool: Pool,
    log: Log,
    open: Open,
}

/// The content so far.
#[derive(Default)]
struct Open {
    payload: Payload,
    /// Small bodies not yet part of the payload.
    block: Option<Block>,
    members: Vec<Member>,
    items: u64,
    bytes: u64,
    hold: Hold,
    arrived: Option<Instant>,
    due: Option<Instant>,
    /// The latest deadline, as long as every member has one.
    deadline: Option<Instant>,
}

/// A parcel, or a part of one, with the part of its duties that goes with it.
struct Share {
    payload: Payload,
    items: u64,
    hold: Hold,
    reply: Reply,
    arrived: Instant,
    deadline: Option<Instant>,
}

impl Batcher {
    /// An empty batcher whose batches carry `context`.
    pub fn new(signal: Signal, settings: Arc<BatchSettings>, context: Arc<Context>, pool: Pool, log: Log) -> Self {
        Batcher { signal, settings, context, pool, log, open: Open::default() }
    }

    /// Adds `parcel` and puts every batch that became ready into `ready`, in order. Returns the items that were refused
    /// because one of them alone is over the maximum size in bytes.
    pub fn add(&mut self, mut parcel: Parcel, ready: &mut Vec<Batch>) -> u64 {
        let size = self.settings.sizer.of(&parcel);
        let max = self.max();
        let large = size >= self.settings.min_size || self.settings.flush_timeout.is_zero();
        let alone = self.open.members.is_empty() && large && size <= max;
        if alone || !self.signal.joinable() {
            parcel.context = Arc::clone(&self.context);
            ready.push(Batch { trigger: Trigger::Size, ..Batch::from(parcel) });
            return 0;
        }
        let mut refused = 0;
        if self.size().saturating_add(size) <= max {
            self.append(Share::whole(parcel));
        } else {
            refused = self.append_cut(parcel, ready);
        }
        if self.size() >= self.settings.min_size || self.settings.flush_timeout.is_zero() {
            ready.extend(self.take(Trigger::Size));
        }
        refused
    }

    /// When what was collected must be sent, if there is anything.
    pub fn due(&self) -> Option<Instant> {
        self.open.due
    }

    /// Whether nothing was collected.
    pub fn is_empty(&self) -> bool {
        self.open.members.is_empty()
    }

    /// What was collected so far.
    pub fn take(&mut self, trigger: Trigger) -> Option<Batch> {
        if self.open.members.is_empty() {
            return None;
        }
        let mut open = std::mem::take(&mut self.open);
        open.close_block();
        let parcel = Parcel {
            signal: self.signal,
            payload: open.payload,
            items: open.items,
            permit: open.hold,
            arrived: open.arrived.unwrap_or_else(Instant::now),
            deadline: open.deadline,
            batch_id: None,
            context: Arc::clone(&self.context),
            reply: Reply::inert(),
        };
        Some(Batch { trigger, members: open.members, ..Batch::from(parcel) })
    }

    fn append(&mut self, share: Share) {
        let timeout = self.settings.flush_timeout;
        let open = &mut self.open;
        open.deadline = match (open.members.is_empty(), open.deadline, share.deadline) {
            (true, _, first) => first,
            (false, Some(mine), Some(other)) => Some(mine.max(other)),
            (false, _, _) => None,
        };
        if open.members.is_empty() {
            open.arrived = Some(share.arrived);
            open.due = Instant::now().checked_add(timeout);
        }
        let pieces = open.append(share.payload, &self.pool);
        open.items = open.items.saturating_add(share.items);
        open.hold.merge(share.hold);
        open.members.push(Member { pieces, items: share.items, reply: share.reply });
    }

    /// Adds a parcel that does not fit whole: fills the batch, sends it, and goes on with the rest.
    fn append_cut(&mut self, parcel: Parcel, ready: &mut Vec<Batch>) -> u64 {
        let mut refused = 0;
        let max = self.max();
        let mut cutter = Cutter::new(self.signal, self.settings.sizer, max, max.saturating_sub(self.size()));
        let portions = cutter.cut(&parcel);
        for (portion, share) in Share::parts(parcel, portions) {
            if portion.size > max && self.settings.sizer == Sizer::Bytes {
                refused += share.items;
                self.refuse(share);
                continue;
            }
            if self.size().saturating_add(portion.size) > max {
                ready.extend(self.take(Trigger::Size));
            }
            self.append(share);
        }
        refused
    }

    fn refuse(&self, share: Share) {
        self.log.emit(
            Level::Error,
            "Dropping data larger than the maximum batch size.",
            &[("error", TOO_LARGE.into()), ("dropped_items", share.items.into())],
        );
        share.reply.refuse(Fault::new(FaultCode::TooLarge, TOO_LARGE));
    }

    fn max(&self) -> u64 {
        match self.settings.max_size {
            0 => u64::MAX,
            max => max,
        }
    }

    fn size(&self) -> u64 {
        match self.settings.sizer {
            Sizer::Requests => self.open.members.len() as u64,
            Sizer::Items => self.open.items,
            Sizer::Bytes => self.open.bytes,
        }
    }
}

impl Open {
    /// Puts a payload behind what there is and says where its chunks stand. The first is taken over whole if it has a
    /// packed form, which lasts as long as no other joins it.
    fn append(&mut self, payload: Payload, pool: &Pool) -> SmallVec<[Piece; 1]> {
        if self.members.is_empty() && payload.has_packed() {
            self.bytes = payload.bytes();
            self.payload = payload;
            let whole = |(chunk, bytes): (usize, &Bytes)| Piece { chunk, range: 0..bytes.len() };
            return self.payload.chunks().iter().enumerate().map(whole).collect();
        }
        self.payload.forget_packed();
        payload.into_chunks().into_iter().map(|chunk| self.push(chunk, pool)).collect()
    }

    /// Puts one chunk behind the others, copied if it is small, and says where it stands.
    fn push(&mut self, chunk: Bytes, pool: &Pool) -> Piece {
        self.bytes = self.bytes.saturating_add(chunk.len() as u64);
        let full = |block: &Block| block.len() + chunk.len() > BLOCK_BYTES_MAX;
        if chunk.len() >= COPY_BELOW_BYTES || self.block.as_ref().is_some_and(full) {
            self.close_block();
        }
        let position = self.payload.chunks().len();
        if chunk.len() >= COPY_BELOW_BYTES {
            let range = 0..chunk.len();
            self.payload.push(chunk);
            return Piece { chunk: position, range };
        }
        let block = self.block.get_or_insert_with(|| pool.block(COPY_BELOW_BYTES));
        let start = block.len();
        block.extend_from_slice(&chunk);
        Piece { chunk: position, range: start..block.len() }
    }

    fn close_block(&mut self) {
        if let Some(block) = self.block.take() {
            self.payload.push(block.freeze());
        }
    }
}

impl Share {
    fn whole(parcel: Parcel) -> Self {
        Share {
            items: parcel.items,
            hold: parcel.permit,
            reply: parcel.reply,
            arrived: parcel.arrived,
            deadline: parcel.deadline,
            payload: parcel.payload,
        }
    }

    /// Shares out the duties of `parcel` among the portions of its bytes.
    fn parts(mut parcel: Parcel, portions: Vec<Portion>) -> impl Iterator<Item = (Portion, Share)> {
        let items: Vec<u64> = portions.iter().map(|portion| portion.items).collect();
        let replies = parcel.reply.split_items(&items);
        let last = portions.len().saturating_sub(1);
        let mut hold = std::mem::take(&mut parcel.permit);
        let copied: u64 = portions.iter().flat_map(|portion| &portion.chunks).map(|chunk| chunk.len() as u64).sum();
        // What repeated headers add is counted as far as the ledger allows; the items may be acknowledged already, so
        // there is nobody left to refuse.
        let _ = hold.try_grow(copied.saturating_sub(parcel.payload.bytes()));
        let (arrived, deadline) = (parcel.arrived, parcel.deadline);
        portions.into_iter().zip(replies).enumerate().map(move |(index, (mut portion, reply))| {
            let payload: Payload = std::mem::take(&mut portion.chunks).into_iter().collect();
            let hold = if index == last { std::mem::take(&mut hold) } else { hold.split_off(payload.bytes()) };
            let share = Share { payload, items: portion.items, hold, reply, arrived, deadline };
            (portion, share)
        })
    }
}
