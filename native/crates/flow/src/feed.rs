//! From a stored queue to one thread's part of a delivery: reads requests as far as they fit a window, so that memory
//! holds what is being sent and no more.

use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::select;
use teleferric_buf::Permit;
use teleferric_store::LogError;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::account::DropReason;
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
/// Requests read at once.
const READ_MAX: usize = 256;
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
    freed: Notify,
}

/// A request's part of the window, free again when dropped.
struct Pane {
    window: Arc<Window>,
    bytes: u64,
}

impl Drop for Pane {
    fn drop(&mut self) {
        self.window.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        self.window.freed.notify_waiters();
    }
}

impl Feed {
    pub(crate) fn new(storage: Storage, delivery: Rc<Inner>) -> Self {
        Feed { storage, delivery, window: Arc::default() }
    }

    /// Until a drain. What is read by then and not sent goes back.
    pub(crate) async fn run(self) {
        let draining = pin!(self.delivery.sender.stop.reached(Level::Draining));
        select(draining, pin!(self.feed())).await;
    }

    async fn feed(&self) {
        loop {
            for request in self.next().await {
                self.hand_on(request).await;
            }
        }
    }

    /// The next requests, when there are any and the window has room.
    async fn next(&self) -> Vec<Stored> {
        loop {
            let room = self.room().await;
            let mut more = pin!(self.storage.queue.more());
            more.as_mut().enable();
            match self.storage.queue.read(READ_MAX, room, &self.delivery.sender.account).await {
                Ok(Batch { requests, lost, more: unread }) => {
                    if lost.records > 0 {
                        self.delivery.sender.account.drop_items(DropReason::Damaged, lost.items);
                        self.tell_lost(lost.records, lost.items);
                    }
                    if !requests.is_empty() {
                        return requests;
                    }
                    if !unread {
                        more.await;
                    }
                }
                Err(error) => {
                    self.failed(&error);
                    sleep(PAUSE_AFTER_FAILURE).await;
                }
            }
        }
    }

    /// Bytes that fit the window; waits until some do.
    async fn room(&self) -> u64 {
        loop {
            let mut freed = pin!(self.window.freed.notified());
            freed.as_mut().enable();
            let left = WINDOW_BYTES.saturating_sub(self.window.bytes.load(Ordering::Relaxed));
            if left > 0 {
                return left;
            }
            freed.await;
        }
    }

    async fn hand_on(&self, request: Stored) {
        let max_age = self.storage.max_age;
        if !max_age.is_zero() && request.age() > max_age {
            return request.drop_for(DropReason::Expired);
        }
        let Some((signal, context)) = request.content() else {
            self.tell_lost(1, request.items());
            return request.drop_for(DropReason::Damaged);
        };
        let bytes = request.payload().len() as u64;
        let mut permit = Hold::from(self.memory(bytes).await);
        self.window.bytes.fetch_add(bytes, Ordering::Relaxed);
        permit.attach(Arc::new(Pane { window: Arc::clone(&self.window), bytes }));
        let (items, payload) = (request.items(), Payload::from(request.payload().clone()));
        let keeper: Arc<dyn Keeper> = request.send();
        let reply = Reply::kept(items, keeper);
        let arrived = Instant::now();
        self.delivery.take(Parcel { signal, payload, items, permit, arrived, deadline: None, context, reply });
    }

    /// Room in the ledger for a request, as soon as there is.
    async fn memory(&self, bytes: u64) -> Permit {
        loop {
            match self.storage.ledger.try_reserve(bytes) {
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
