//! A sending queue on disk: requests lie in a log until they are delivered, and outlive the process.
//!
//! ```text
//! parcel ─ append, synced ─▶ log ─ read, a window at a time ─▶ batch, send ─▶ acknowledge, or leave for the next life
//!            └▶ the sender's answer
//! ```
//! A request leaves the log when it was delivered, or kept as a dead letter, or dropped and counted. One that a drain
//! interrupts, or that is lost on the way inside, stays and is read again.

mod head;
mod letter;
mod letters;
mod logs;
mod usage;
mod waiters;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use smallvec::SmallVec;
use teleferric_buf::metrics::Registration;
use teleferric_store::{End, Entry, LogError, Memory, Reader, Record, Tally, Writer};
use teleferric_wire::Signal;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::sync::oneshot;

use crate::account::{Account, DropReason};
use crate::admission::busy;
use crate::batch_id::RecordId;
use crate::fate::{Follows, Kept};
use crate::fault::{Fault, FaultCode};
use crate::handles::Handles;
use crate::log::Log;
use crate::metrics::register_stored;
use crate::parcel::{Context, Parcel};
use crate::payload::Payload;
use crate::reply::{Keeper, Outcome, drop_reason};
use letters::LetterBox;
use logs::OpenLog;
use usage::Usage;
use waiters::{Waiters, Waiting};

pub(crate) use usage::Reserved;
pub(crate) use waiters::Tell;

pub use letter::Letter;
pub use logs::{OpenError, StorageSettings, StoredLogs, dead_letter_folder, storage_folder};

/// The part of a log that belongs to one exporter and signal. Clones are the same one.
#[derive(Clone)]
pub struct StoredQueue(Arc<State>);

struct State {
    writer: Writer,
    /// Open for as long as one of its queues is.
    _log: Arc<OpenLog>,
    cursor: u32,
    /// Where its requests go that are refused for good, if they are kept.
    letters: Option<Arc<LetterBox>>,
    usage: Arc<Mutex<Usage>>,
    _series: Vec<Registration>,
    waiters: Waiters,
    /// Told when there is more to read: one reader, which tells the next if it leaves something.
    more: Notify,
    /// Whether that was told and no reader has looked since.
    announced: AtomicBool,
    /// Told when there is more room.
    less: Notify,
    account: Arc<Account>,
    log: Log,
}

impl StoredQueue {
    /// The queue of `exporter` for `signal` in a log, with what it held when it was open last.
    async fn open(
        log: Arc<OpenLog>,
        exporter: &str,
        signal: Signal,
        keeps_letters: bool,
        handles: &Handles,
    ) -> Result<StoredQueue, LogError> {
        let (tell, told) = oneshot::channel();
        let writer = log.writer.clone();
        // Nobody waits for it any more if this fails.
        writer.cursor(&queue_name(exporter, signal), Box::new(move |cursor| drop(tell.send(cursor))));
        let Reader { cursor, held, totals } = told.await.unwrap_or(Err(LogError::ReadOnly))?;
        let letters = match &log.letters {
            Some(letters) if keeps_letters => {
                let opened = letters.of_queue(exporter, signal, handles).await;
                opened.map_err(|error| letters::tell_missing(&handles.log, &error)).ok().map(Arc::new)
            }
            _ => None,
        };
        let usage = Arc::new(Mutex::new(Usage::holding(held, totals)));
        let account = Arc::clone(&usage);
        let read = move || account.lock().account();
        Ok(StoredQueue(Arc::new(State {
            writer,
            _log: log,
            cursor,
            letters,
            usage,
            _series: register_stored(&handles.metrics, exporter, signal, read),
            waiters: Waiters::default(),
            more: Notify::new(),
            announced: AtomicBool::new(false),
            less: Notify::new(),
            account: Arc::clone(&handles.account),
            log: handles.log.clone(),
        })))
    }

    /// Whether what is refused for good is kept.
    pub(crate) fn keeps_dead_letters(&self) -> bool {
        self.0.letters.is_some()
    }

    /// Ends after something was added, for one of those who wait. Does not miss what happens from its first poll, or
    /// `enable`, on; who is told, and does not look then, has to [`announce`](Self::announce) it again.
    pub(crate) fn more(&self) -> Notified<'_> {
        self.0.more.notified()
    }

    /// Tells one reader, the next that looks if none waits, that there is something to read.
    pub(crate) fn announce(&self) {
        self.0.announced.store(true, Ordering::Release);
        self.0.more.notify_one();
    }

    /// Whether `other` lies in the same log and is another queue.
    pub(crate) fn is_beside(&self, other: &StoredQueue) -> bool {
        Arc::ptr_eq(&self.0._log, &other.0._log) && self.0.cursor != other.0.cursor
    }

    /// Writes a parcel down, once for all of `targets`, which lie in one log. Ends when it lasts; if the future is
    /// dropped, it may last all the same, and takes its room then. With `memory` the payload stays in memory for readers
    /// that keep up.
    ///
    /// # Errors
    /// The log is full or cannot be written; none of them has it then.
    pub(crate) async fn append(
        targets: SmallVec<[Target; 1]>,
        parcel: &Parcel,
        memory: Option<Memory>,
    ) -> Result<(), Fault> {
        let Some(first) = targets.first() else { return Ok(()) };
        targets.iter().for_each(|target| target.reserved.queue.give_up_excess());
        let writer = first.reserved.queue.0.writer.clone();
        let entry = Entry {
            time: now_ms(),
            targets: targets.iter().fold(0, |targets, target| targets | 1 << target.reserved.queue.0.cursor),
            items: parcel.items,
            head: head::encode(parcel.signal, &parcel.context),
            payload: parcel.payload.chunks().to_vec(),
        };
        let (tell, told) = oneshot::channel();
        let then = move |written: Result<u64, Arc<LogError>>| {
            if let Ok(sequence) = &written {
                for Target { reserved, waiter, follows } in targets {
                    reserved.keep(*sequence, waiter, &follows);
                }
            }
            // A caller that is gone has nobody to tell either.
            let _ = tell.send(written);
        };
        match memory {
            Some(memory) => writer.append_kept(entry, memory, Box::new(then)),
            None => writer.append(entry, Box::new(then)),
        }
        match told.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(refusal(&error)),
            Err(_) => Err(busy(FaultCode::StorageFailed, "the storage is closed")),
        }
    }

    /// The next requests: at most `count`, with at most `bytes` bytes, for which the caller has reserved memory. Those
    /// that are not settled are read again, also if the future is dropped.
    ///
    /// # Errors
    /// The disk failed.
    pub(crate) async fn read(&self, count: usize, bytes: u64, account: &Arc<Account>) -> Result<Batch, LogError> {
        let (tell, told) = oneshot::channel();
        let (queue, account) = (self.clone(), Arc::clone(account));
        let then = move |read: Result<teleferric_store::Read, LogError>| {
            let batch = read.map(|mut read| {
                let learned = queue.0.refuse_lost(read.settled_below);
                queue.0.leave(read.lost, &[(End::Refused, learned)], End::Damaged);
                read.lost.items = read.lost.items.saturating_sub(learned);
                let keep = |record| Stored::new(queue.clone(), record, Arc::clone(&account));
                let requests = read.records.into_iter().map(keep).collect();
                Batch { requests, lost: read.lost, more: read.more, larger: read.larger }
            });
            // What nobody takes is given back as it is dropped.
            drop(tell.send(batch));
        };
        // Whatever is added from here on is announced anew; what was before is there for this read.
        self.0.announced.store(false, Ordering::Release);
        self.0.writer.read_within(self.0.cursor, count, bytes, Box::new(then));
        told.await.unwrap_or(Err(LogError::ReadOnly))
    }
}

impl State {
    /// Tells a reader of a request that lasts, once for a group that is written together.
    fn appended(&self, sequence: u64, items: u64, tell: Option<Tell>, follows: &Follows) {
        // It is read by a later job of this thread at the earliest.
        self.waiters.add(sequence, Waiting { items, tell, kept: follows.iter().map(Kept::new).collect() });
        if !self.announced.swap(true, Ordering::AcqRel) {
            self.more.notify_one();
        }
    }
}

/// A queue that a request is for, and who waits for what becomes of it there.
pub(crate) struct Target {
    /// Its room there.
    pub(crate) reserved: Reserved,
    pub(crate) waiter: Option<Tell>,
    /// What follows it, until it is in the log.
    pub(crate) follows: Follows,
}

/// What was read at once.
pub(crate) struct Batch {
    pub(crate) requests: Vec<Stored>,
    /// What should have been there and was damaged; of its items those whose senders do not learn so.
    pub(crate) lost: Tally,
    /// Whether the end was not come to.
    pub(crate) more: bool,
    /// Bytes of the next request, if it alone has more than was asked for.
    pub(crate) larger: Option<u64>,
}

/// A request that was read. Dropping it settles it: it leaves the log, or is read again if it is unfinished.
pub(crate) struct Stored {
    queue: StoredQueue,
    record: Record,
    account: Arc<Account>,
    /// Whether something of it was neither delivered nor given up; all of it is, until it is sent.
    unfinished: AtomicBool,
    /// Items of it that were not delivered, which counts when it leaves the log: what is read again may be yet.
    ends: Mutex<Vec<(End, u64)>>,
    waiter: Option<Waiter>,
    /// Those who may ask.
    kept: SmallVec<[Kept; 1]>,
    /// What it takes of the memory for what is read, free when it is settled.
    _pane: Option<Box<dyn Send + Sync>>,
}

/// Who waits for what becomes of a request, and the outcome so far.
struct Waiter {
    tell: Tell,
    so_far: Mutex<SoFar>,
}

/// What has become of the parts of a request that are settled.
struct SoFar {
    outcome: Outcome,
    /// Items that were not delivered, by what they count as if nobody is told.
    ends: Vec<(End, u64)>,
}

impl Waiter {
    fn new(tell: Tell) -> Self {
        Waiter { tell, so_far: Mutex::new(SoFar { outcome: Outcome::Accepted, ends: Vec::new() }) }
    }

    fn add(&self, part: Outcome, end: End, items: u64) {
        let mut so_far = self.so_far.lock();
        so_far.ends.push((end, items));
        so_far.outcome = std::mem::replace(&mut so_far.outcome, Outcome::Accepted).with_part(part);
    }

    /// Answers; what became of the items that were not delivered. Who went away meanwhile needs no answer, but nobody
    /// sends again what was refused.
    fn answer(self) -> Vec<(End, u64)> {
        let SoFar { outcome, mut ends } = self.so_far.into_inner();
        if self.tell.send(outcome).is_ok() {
            ends.iter_mut().for_each(|(end, _)| *end = End::Refused);
        }
        ends
    }
}

impl Stored {
    fn new(queue: StoredQueue, record: Record, account: Arc<Account>) -> Self {
        queue.0.usage.lock().reading.add(record.tally());
        let Waiting { tell, kept, .. } = queue.0.waiters.take(record.sequence).unwrap_or_default();
        let waiter = tell.map(Waiter::new);
        Stored {
            queue,
            record,
            account,
            unfinished: AtomicBool::new(true),
            ends: Mutex::default(),
            waiter,
            kept,
            _pane: None,
        }
    }

    /// Its bytes and what belongs to them; nothing if they are not of this version.
    pub(crate) fn content(&self) -> Option<(Signal, Arc<Context>)> {
        head::decode(&self.record.head)
    }

    pub(crate) fn payload(&self) -> &bytes::Bytes {
        &self.record.payload
    }

    /// What pays for the payload, if it has stayed in memory since it was taken.
    pub(crate) fn memory(&self) -> Option<&Memory> {
        self.record.memory.as_ref()
    }

    pub(crate) fn items(&self) -> u64 {
        self.record.items
    }

    /// How long ago it was taken, by the clock on the wall.
    pub(crate) fn age(&self) -> Duration {
        Duration::from_millis(now_ms().saturating_sub(self.record.time))
    }

    /// It is on its way: from now on each of its replies says what became of it. `pane` is dropped when it is settled.
    pub(crate) fn send(mut self, pane: impl Send + Sync + 'static) -> Arc<Self> {
        self._pane = Some(Box::new(pane));
        self.unfinished.store(false, Ordering::Relaxed);
        Arc::new(self)
    }

    /// It is given up, and counted unless its sender learns so.
    pub(crate) fn drop_for(self, reason: DropReason) {
        let fault = Fault::new(FaultCode::DownstreamTemporary, "the stored request is too old or damaged");
        self.note(Outcome::Refused(fault), reason.end(), self.record.items);
        self.unfinished.store(false, Ordering::Relaxed);
    }

    /// Notes that `items` were not delivered, for the sender if it waits, or else for the account, as `end`.
    fn note(&self, part: Outcome, end: End, items: u64) {
        match self.waiter.as_ref().filter(|waiter| !waiter.tell.is_closed()) {
            Some(waiter) => waiter.add(part, end, items),
            None => self.count(end, items),
        }
    }

    fn count(&self, end: End, items: u64) {
        self.ends.lock().push((end, items));
    }
}

impl Keeper for Stored {
    fn record(&self) -> (RecordId, u64) {
        let Record { sequence, time, items, .. } = self.record;
        (RecordId { log: self.queue.0.writer.uuid(), sequence, time }, items)
    }

    fn settle(&self, items: u64, outcome: Outcome) {
        match outcome {
            Outcome::Refused(Fault { code: FaultCode::Draining | FaultCode::Abandoned, .. }) => {
                self.unfinished.store(true, Ordering::Relaxed);
            }
            Outcome::Refused(fault) => {
                let end = drop_reason(&fault).end();
                self.note(Outcome::Refused(fault), end, items);
            }
            Outcome::Partial { rejected, message } => {
                self.note(Outcome::Partial { rejected, message }, End::Rejected, rejected.min(items));
            }
            Outcome::Accepted => {}
        }
    }

    fn reject(&self, items: u64) {
        self.count(End::Rejected, items);
    }

    fn is_awaited(&self) -> bool {
        self.waiter.as_ref().is_some_and(|waiter| !waiter.tell.is_closed())
    }

    /// The dead letter lasts before the request leaves the log: what is told keeps that until then.
    fn give_up(self: Arc<Self>, items: u64, fault: Fault, payload: Payload) {
        // What its sender learns is the sender's to keep.
        let letters = self.queue.0.letters.as_ref().filter(|_| !self.is_awaited()).cloned();
        let Some(letters) = letters else { return self.settle(items, Outcome::Refused(fault)) };
        let dropped = drop_reason(&fault).end();
        let request = Arc::clone(&self);
        let then = move |kept: bool| request.count(if kept { End::DeadLettered } else { dropped }, items);
        letters.put(items, &Letter::new(&fault, self.record.time, &self.record.head), &payload, then);
    }
}

impl Drop for Stored {
    fn drop(&mut self) {
        let State { writer, cursor, waiters, usage, .. } = &*self.queue.0;
        let (unfinished, tally) = (*self.unfinished.get_mut(), self.record.tally());
        usage.lock().reading.subtract(tally);
        let (waiter, kept) = (self.waiter.take(), std::mem::take(&mut self.kept));
        if unfinished {
            let tell = waiter.map(|waiter| waiter.tell);
            waiters.add(self.record.sequence, Waiting { items: self.record.items, tell, kept });
            writer.release(*cursor, self.record.sequence);
        } else {
            let mut ends = std::mem::take(self.ends.get_mut());
            ends.extend(waiter.into_iter().flat_map(Waiter::answer));
            let drops = ends.iter().filter_map(|(end, items)| Some((DropReason::of(*end)?, *items)));
            drops.for_each(|(reason, items)| self.account.drop_items(reason, items));
            // What its sender was told is the sender's to keep.
            let untold = ends.iter().map(|(end, _)| *end).filter(|end| *end != End::Refused);
            kept.into_iter().for_each(|kept| kept.leave(untold.clone()));
            // Before whoever waits for the room appends something.
            writer.settle(*cursor, self.record.sequence, ends.clone());
            self.queue.0.leave(tally, &ends, End::Delivered);
        }
        // With the last one the log can tell whether something is missing of what should be there.
        if unfinished || usage.lock().is_left_unread() {
            self.queue.announce();
        }
    }
}

/// What the queue of an exporter is called in the log.
fn queue_name(exporter: &str, signal: Signal) -> String {
    format!("exporter/{exporter}/{signal}")
}

/// The tally of one parcel.
pub(crate) fn tally_of(parcel: &Parcel) -> Tally {
    Tally { records: 1, items: parcel.items, bytes: parcel.payload.bytes() }
}

fn refusal(error: &LogError) -> Fault {
    match error {
        LogError::Full | LogError::NoSpace => busy(FaultCode::QueueFull, "").with_message(error.to_string()),
        LogError::TooLarge { .. } => Fault::new(FaultCode::LargerThanQueue, error.to_string()),
        _ => busy(FaultCode::StorageFailed, "").with_message(error.to_string()),
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
