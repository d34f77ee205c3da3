//! From a stored queue to one thread's part of a delivery: reads requests as far as they fit a window, so that memory
//! holds what is being sent and no more.

use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::select;
use teleferric_buf::Permit;
use teleferric_store::{LogError, Memory};
use tokio::time::{Instant, sleep};

use crate::account::DropReason;
use crate::changes::Changes;
use crate::delivery::{Inner, Storage};
use crate::hold::Hold;
use crate::log::Level as LogLevel;
use crate::parcel::Parcel;
use crate::payload::Payload;
use crate::reply::{Keeper, Reply};
use crate::stop::Level;
use crate::stored::{Batch, Stored};

/// Payload bytes that one thread's part has in memory at most, or a single request.
const WINDOW_BYTES: u64 = 4 << 20;
/// Requests read at once, and bytes of memory that are reserved for that, if there are as many.
const READ_MAX: usize = 256;
const READ_BYTES: u64 = 1 << 20;
/// With less than this a read waits for memory, unless less is all that it may have.
const READ_BYTES_MIN: u64 = 64 << 10;
/// Wait for memory, or after the disk failed.
const PAUSE: Duration = Duration::from_millis(20);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Brings requests from a storage to a delivery.
pub(crate) struct Feed {
    storage: Storage,
    delivery: Rc<Inner>,
    window: Arc<Window>,
}

/// What is read and not settled.
#[derive(Default)]
struct Window {
    bytes: AtomicU64,
    freed: Changes,
}

/// A request's part of the window, free again when dropped, and what pays for its memory, if that is not the feed.
struct Pane {
    window: Arc<Window>,
    bytes: u64,
    _memory: Option<Memory>,
}

impl Drop for Pane {
    fn drop(&mut self) {
        self.window.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        self.window.freed.tell();
    }
}

impl Feed {
    pub(crate) fn new(storage: Storage, delivery: Rc<Inner>) -> Self {
        Feed { storage, delivery, window: Arc::default() }
    }

    /// Until a drain. What is read by then and not sent goes back.
    pub(crate) async fn run(&self) {
        let draining = pin!(self.delivery.sender.stop.reached(Level::Draining));
        select(draining, pin!(self.feed())).await;
        // It may have been told of something and not come to look.
        self.storage.queue.announce();
    }

    async fn feed(&self) {
        loop {
            let (requests, mut permit) = self.next().await;
            for request in requests {
                self.hand_on(request, &mut permit);
            }
        }
    }

    /// The next requests, when there are any and the window has room, with memory for those that come from the disk.
    async fn next(&self) -> (Vec<Stored>, Permit) {
        let mut wanted = None;
        loop {
            let room = self.room().await;
            let count = self.readable().await.min(READ_MAX);
            let permit = match wanted.take() {
                Some(larger) => self.memory(larger, larger).await,
                None => self.memory(room.min(READ_BYTES), room.min(READ_BYTES_MIN)).await,
            };
            let mut more = pin!(self.storage.queue.more());
            more.as_mut().enable();
            match self.storage.queue.read(count, permit.bytes(), &self.delivery.sender.account).await {
                Ok(Batch { requests, lost, more: unread, larger }) => {
                    if lost.records > 0 {
                        self.delivery.sender.account.drop_items(DropReason::Damaged, lost.items);
                        self.tell_lost(lost.records, lost.items);
                    }
                    if !requests.is_empty() {
                        // The rest may be for another thread while this one is busy.
                        if unread {
                            self.storage.queue.announce();
                        }
                        return (requests, permit);
                    }
                    drop(permit);
                    wanted = larger;
                    if !unread {
                        more.await;
                    }
                }
                Err(error) => {
                    drop(permit);
                    self.failed(&error);
                    sleep(PAUSE_AFTER_FAILURE).await;
                }
            }
        }
    }

    /// Bytes that fit the window; waits until some do.
    async fn room(&self) -> u64 {
        let left = || WINDOW_BYTES.saturating_sub(self.window.bytes.load(Ordering::Relaxed));
        self.window.freed.until(|| left() > 0).await;
        // Nobody but this feed fills it.
        left()
    }

    /// Requests that may be read; waits until some may.
    async fn readable(&self) -> usize {
        let queue = &self.storage.queue;
        loop {
            let (mut less, mut more) = (pin!(queue.less()), pin!(queue.more()));
            less.as_mut().enable();
            more.as_mut().enable();
            let count = queue.readable();
            if count > 0 {
                return count;
            }
            select(less, more).await;
        }
    }

    fn hand_on(&self, request: Stored, permit: &mut Permit) {
        let max_age = self.storage.max_age;
        if !max_age.is_zero() && request.age() > max_age {
            return request.drop_for(DropReason::Expired);
        }
        let Some((signal, context)) = request.content() else {
            self.tell_lost(1, request.items());
            return request.drop_for(DropReason::Damaged);
        };
        let now = Instant::now();
        let arrived = now.checked_sub(request.age()).unwrap_or(now);
        let bytes = request.payload().len() as u64;
        let memory = request.memory().cloned();
        let hold = Hold::from(if memory.is_some() { Permit::none() } else { permit.split_off(bytes) });
        self.window.bytes.fetch_add(bytes, Ordering::Relaxed);
        let pane = Pane { window: Arc::clone(&self.window), bytes, _memory: memory };
        let (items, payload) = (request.items(), Payload::from(request.payload().clone()));
        let keeper: Arc<dyn Keeper> = request.send(pane);
        let reply = Reply::kept(items, keeper);
        let parcel = Parcel { arrived, context, ..Parcel::new(signal, payload, items, hold, reply) };
        self.delivery.take(parcel);
    }

    /// `wanted` bytes of the ledger, or half of what is free but at least `least`; waits for those.
    async fn memory(&self, wanted: u64, least: u64) -> Permit {
        let ledger = &self.storage.ledger;
        loop {
            let free = ledger.limit().saturating_sub(ledger.used());
            match ledger.try_reserve(wanted.min(free / 2).max(least)) {
                Ok(permit) => return permit,
                Err(_) => sleep(PAUSE).await,
            }
        }
    }

    fn tell_lost(&self, records: u64, items: u64) {
        let sender = &self.delivery.sender;
        let fields = [("requests", records.into()), ("dropped_items", items.into())];
        sender.log.emit(LogLevel::Error, "Stored requests are damaged. Dropping data.", &fields);
    }

    fn failed(&self, error: &LogError) {
        let text = error.to_string();
        let fields = [("error", text.as_str().into())];
        self.delivery.sender.log.emit(LogLevel::Error, "The storage cannot be read. Will try again.", &fields);
    }
}
