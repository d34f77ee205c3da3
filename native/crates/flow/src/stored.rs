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

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use foldhash::HashMap;
use parking_lot::Mutex;
use smallvec::SmallVec;
use teleferric_store::{Entry, LogError, Memory, Record, Tally, Writer};
use teleferric_wire::Signal;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::sync::oneshot;

use crate::account::{Account, DropReason};
use crate::admission::busy;
use crate::batch_id::RecordId;
use crate::fault::{Fault, FaultCode};
use crate::handles::Handles;
use crate::parcel::{Context, Parcel};
use crate::payload::Payload;
use crate::queue::Sizer;
use crate::reply::{Keeper, Outcome, drop_reason};
use letters::LetterBox;
use logs::OpenLog;

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
    used: Mutex<Used>,
    /// Requests that were read and are not settled.
    reading: AtomicUsize,
    /// Who waits for what becomes of a request that is not read yet, by its sequence.
    waiting: Mutex<HashMap<u64, Tell>>,
    /// Told when there is more to read: one reader, which tells the next if it leaves something.
    more: Notify,
    /// Whether that was told and no reader has looked since.
    announced: AtomicBool,
    /// Told when there is more room.
    less: Notify,
}

/// The room taken.
#[derive(Default)]
struct Used {
    /// What the log holds for the queue, and what is on its way there.
    tally: Tally,
    /// Requests of that which are on their way.
    storing: u64,
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
        let (cursor, held) = told.await.unwrap_or(Err(LogError::ReadOnly))?;
        let letters = match &log.letters {
            Some(letters) if keeps_letters => {
                let opened = letters.of_queue(exporter, signal, handles).await;
                opened.map_err(|error| letters::tell_missing(&handles.log, &error)).ok().map(Arc::new)
            }
            _ => None,
        };
        Ok(StoredQueue(Arc::new(State {
            writer,
            _log: log,
            cursor,
            letters,
            used: Mutex::new(Used { tally: held, storing: 0 }),
            reading: AtomicUsize::new(0),
            waiting: Mutex::default(),
            more: Notify::new(),
            announced: AtomicBool::new(false),
            less: Notify::new(),
        })))
    }

    /// Whether what is refused for good is kept.
    pub(crate) fn keeps_dead_letters(&self) -> bool {
        self.0.letters.is_some()
    }

    /// What it holds, in units of `sizer`.
    pub(crate) fn used(&self, sizer: Sizer) -> u64 {
        sizer.of_tally(self.0.used.lock().tally)
    }

    /// Takes room for a request, if `capacity` units of `sizer` have it.
    pub(crate) fn try_reserve(&self, tally: Tally, sizer: Sizer, capacity: u64) -> Option<Reserved> {
        let mut used = self.0.used.lock();
        if sizer.of_tally(used.tally).saturating_add(sizer.of_tally(tally)) > capacity {
            return None;
        }
        used.tally.add(tally);
        used.storing += 1;
        Some(Reserved { queue: self.clone(), tally, kept: false })
    }

    /// Ends after room was given back. Does not miss what happens from its first poll, or `enable`, on.
    pub(crate) fn less(&self) -> Notified<'_> {
        self.0.less.notified()
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
    /// dropped, it may last all the same. With `memory` the payload stays in memory for readers that keep up.
    ///
    /// # Errors
    /// The log is full or cannot be written; none of them has it then.
    pub(crate) async fn append(
        targets: SmallVec<[Target<'_>; 1]>,
        parcel: &Parcel,
        memory: Option<Memory>,
    ) -> Result<(), Fault> {
        let Some(first) = targets.first() else { return Ok(()) };
        let writer = first.queue.0.writer.clone();
        let entry = Entry {
            time: now_ms(),
            targets: targets.iter().fold(0, |targets, target| targets | 1 << target.queue.0.cursor),
            items: parcel.items,
            head: head::encode(parcel.signal, &parcel.context),
            payload: parcel.payload.chunks().to_vec(),
        };
        let (tell, told) = oneshot::channel();
        let states: SmallVec<[(Arc<State>, Option<Tell>); 1]> =
            targets.into_iter().map(|Target { queue, waiter }| (Arc::clone(&queue.0), waiter)).collect();
        let then = move |written: Result<u64, Arc<LogError>>| {
            if let Ok(sequence) = &written {
                states.into_iter().for_each(|(state, waiter)| state.appended(*sequence, waiter));
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
            let batch = read.map(|read| {
                queue.give_back(read.lost);
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

    fn give_back(&self, tally: Tally) {
        if tally == Tally::default() {
            return;
        }
        self.0.used.lock().tally.subtract(tally);
        self.0.less.notify_waiters();
    }
}

impl State {
    /// Tells a reader, once for a group that is written together.
    fn appended(&self, sequence: u64, waiter: Option<Tell>) {
        // It is read by a later job of this thread at the earliest.
        waiter.into_iter().for_each(|waiter| drop(self.waiting.lock().insert(sequence, waiter)));
        if !self.announced.swap(true, Ordering::AcqRel) {
            self.more.notify_one();
        }
    }
}

/// Told what becomes of a stored request.
pub(crate) type Tell = oneshot::Sender<Outcome>;

/// A queue that a request is for, and who waits for what becomes of it there.
pub(crate) struct Target<'a> {
    pub(crate) queue: &'a StoredQueue,
    pub(crate) waiter: Option<Tell>,
}

/// What was read at once.
pub(crate) struct Batch {
    pub(crate) requests: Vec<Stored>,
    /// What should have been there and was damaged.
    pub(crate) lost: Tally,
    /// Whether the end was not come to.
    pub(crate) more: bool,
    /// Bytes of the next request, if it alone has more than was asked for.
    pub(crate) larger: Option<u64>,
}

/// Room taken in a stored queue, given back unless a request went there.
pub(crate) struct Reserved {
    queue: StoredQueue,
    tally: Tally,
    kept: bool,
}

impl Reserved {
    /// The request lies in the log: its room is given back when it leaves that.
    pub(crate) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.queue.0.used.lock().storing -= 1;
        if !self.kept {
            self.queue.give_back(self.tally);
        }
    }
}

/// A request that was read. Dropping it settles it: it leaves the log, or is read again if it is unfinished.
pub(crate) struct Stored {
    queue: StoredQueue,
    record: Record,
    account: Arc<Account>,
    /// Whether something of it was neither delivered nor given up; all of it is, until it is sent.
    unfinished: AtomicBool,
    /// Items of it that were dropped, which counts when it leaves the log: what is read again may be delivered yet.
    dropped: Mutex<SmallVec<[(DropReason, u64); 1]>>,
    waiter: Option<Waiter>,
    /// What it takes of the memory for what is read, free when it is settled.
    _pane: Option<Box<dyn Send + Sync>>,
}

/// Who waits for what becomes of a request, and the outcome so far.
struct Waiter {
    tell: oneshot::Sender<Outcome>,
    so_far: Mutex<SoFar>,
}

/// What has become of the parts of a request that are settled.
struct SoFar {
    outcome: Outcome,
    refused_items: u64,
}

impl Waiter {
    fn new(tell: Tell) -> Self {
        Waiter { tell, so_far: Mutex::new(SoFar { outcome: Outcome::Accepted, refused_items: 0 }) }
    }

    fn add(&self, items: u64, part: Outcome) {
        let mut so_far = self.so_far.lock();
        if !part.is_taken() {
            so_far.refused_items += items;
        }
        so_far.outcome = std::mem::replace(&mut so_far.outcome, Outcome::Accepted).with_part(part);
    }

    /// Answers. Who went away meanwhile needs no answer, but nobody sends again what was refused.
    fn answer(self, account: &Account) {
        let SoFar { outcome, refused_items } = self.so_far.into_inner();
        if let Err(Outcome::Refused(fault)) = self.tell.send(outcome) {
            account.drop_items(drop_reason(&fault), refused_items);
        }
    }
}

impl Stored {
    fn new(queue: StoredQueue, record: Record, account: Arc<Account>) -> Self {
        queue.0.reading.fetch_add(1, Ordering::Relaxed);
        let tell = queue.0.waiting.lock().remove(&record.sequence);
        let waiter = tell.map(Waiter::new);
        Stored {
            queue,
            record,
            account,
            unfinished: AtomicBool::new(true),
            dropped: Mutex::default(),
            waiter,
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
        if !self.tell(self.record.items, Outcome::Refused(fault)) {
            self.note_dropped(reason, self.record.items);
        }
        self.unfinished.store(false, Ordering::Relaxed);
    }

    fn note_dropped(&self, reason: DropReason, items: u64) {
        self.dropped.lock().push((reason, items));
    }

    /// Adds to what the sender learns, if it waits.
    fn tell(&self, items: u64, part: Outcome) -> bool {
        let waiter = self.waiter.as_ref().filter(|waiter| !waiter.tell.is_closed());
        waiter.map(|waiter| waiter.add(items, part)).is_some()
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
                let reason = drop_reason(&fault);
                if !self.tell(items, Outcome::Refused(fault)) {
                    self.note_dropped(reason, items);
                }
            }
            Outcome::Partial { rejected, message } => {
                if !self.tell(items, Outcome::Partial { rejected, message }) {
                    self.reject(rejected.min(items));
                }
            }
            Outcome::Accepted => drop(self.tell(items, Outcome::Accepted)),
        }
    }

    fn reject(&self, items: u64) {
        self.note_dropped(DropReason::Rejected, items);
    }

    fn is_awaited(&self) -> bool {
        self.waiter.as_ref().is_some_and(|waiter| !waiter.tell.is_closed())
    }

    /// The dead letter lasts before the request leaves the log: what is told keeps that until then.
    fn give_up(self: Arc<Self>, items: u64, fault: Fault, payload: Payload) {
        // What its sender learns is the sender's to keep.
        let letters = self.queue.0.letters.as_ref().filter(|_| !self.is_awaited()).cloned();
        let Some(letters) = letters else { return self.settle(items, Outcome::Refused(fault)) };
        let reason = drop_reason(&fault);
        let request = Arc::clone(&self);
        let then = move |kept: bool| {
            if !kept {
                request.note_dropped(reason, items);
            }
        };
        letters.put(items, &Letter::new(&fault, self.record.time, &self.record.head), &payload, then);
    }
}

impl Drop for Stored {
    fn drop(&mut self) {
        let State { writer, cursor, waiting, reading, used, .. } = &*self.queue.0;
        let unfinished = *self.unfinished.get_mut();
        match self.waiter.take() {
            Some(Waiter { tell, .. }) if unfinished => drop(waiting.lock().insert(self.record.sequence, tell)),
            Some(waiter) => waiter.answer(&self.account),
            None => {}
        }
        if unfinished {
            writer.release(*cursor, self.record.sequence);
        } else {
            for (reason, items) in self.dropped.get_mut().drain(..) {
                self.account.drop_items(reason, items);
            }
            writer.acknowledge(*cursor, self.record.sequence);
            self.queue.give_back(self.record.tally());
        }
        let last = reading.fetch_sub(1, Ordering::Relaxed) == 1;
        // With the last one the log can tell whether something is missing of what should be there.
        let is_left = || {
            let used = used.lock();
            used.tally.records > used.storing
        };
        if unfinished || (last && is_left()) {
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
