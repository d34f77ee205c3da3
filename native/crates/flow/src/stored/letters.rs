//! Dead letters: requests that a destination refused for good, in a log of their own beside that of the queues, until
//! they are sent again or given up by hand, or have to make room for newer ones.

use std::sync::Arc;

use parking_lot::Mutex;
use teleferric_buf::metrics::{Counter, Registration};
use teleferric_store::{
    Damage, Disk, End, Entry, GivenUp, Log as StoreLog, LogError, LogSettings, Observer, Reader, Tally, WhenFull,
    Writer,
};
use teleferric_wire::Signal;
use tokio::sync::oneshot;

use super::letter::Letter;
use super::logs::{OpenError, failed, random_uuid, tell};
use super::usage::tell_damaged;
use super::{StorageSettings, dead_letter_folder, now_ms, queue_name};
use crate::account::DropReason;
use crate::handles::Handles;
use crate::log::{Level, Log};
use crate::metrics::{dead_lettered, register_dead_letters};
use crate::payload::Payload;

/// The dead letters of all queues of a folder.
pub(super) struct DeadLetters {
    writer: Writer,
    held: Held,
}

/// What there is for each queue, by cursor.
type Held = Arc<Mutex<Vec<Tally>>>;

impl DeadLetters {
    /// Opens the log of dead letters, or begins one, of at most `max_bytes`.
    pub(super) fn open(settings: &StorageSettings, max_bytes: u64, handles: &Handles) -> Result<Self, OpenError> {
        let folder = dead_letter_folder(&settings.directory);
        let disk = Disk::open(&folder, settings.patience)?;
        let segment_bytes = (max_bytes / SEGMENTS_MIN).max(SEGMENT_BYTES_MIN).min(settings.segment_bytes);
        let reserve_free_bytes = settings.reserve_free_bytes(&disk).map_err(|error| failed(&folder, error.into()))?;
        let sizes = LogSettings {
            segment_bytes,
            max_bytes,
            reserve_free_bytes,
            sync: settings.sync,
            given_up_as: End::DeadLetterFull,
            fail_on_damage: settings.fail_on_damage,
            key: settings.key.clone(),
        };
        let (store, found) = StoreLog::open(disk, sizes, random_uuid()).map_err(|error| failed(&folder, error))?;
        tell(&handles.log, &folder, &found);
        let held = Held::default();
        let watch = Watch { held: Arc::clone(&held), handles: handles.clone() };
        let writer = Writer::start(store, settings.upkeep(WhenFull::GiveUpOldest), watch);
        let writer = writer.map_err(|error| failed(&folder, error.into()))?;
        Ok(DeadLetters { writer, held })
    }

    /// Those of one queue.
    ///
    /// # Errors
    /// The log has as many queues as it can, or cannot be written.
    pub(super) async fn of_queue(
        self: &Arc<Self>,
        exporter: &str,
        signal: Signal,
        handles: &Handles,
    ) -> Result<LetterBox, LogError> {
        let (tell, told) = oneshot::channel();
        let held = Arc::clone(&self.held);
        let then = move |found: Result<Reader, LogError>| {
            if let Ok(Reader { cursor, held: there, .. }) = found {
                change(&held, cursor, |held| *held = there);
            }
            // Nobody waits for it any more if this fails.
            drop(tell.send(found.map(|reader| reader.cursor)));
        };
        self.writer.cursor(&queue_name(exporter, signal), Box::new(then));
        let cursor = told.await.unwrap_or(Err(LogError::ReadOnly))?;
        let held = Arc::clone(&self.held);
        let items = move || held.lock().get(cursor as usize).map_or(0, |held| held.items);
        Ok(LetterBox {
            letters: Arc::clone(self),
            cursor,
            counter: Mutex::new(dead_lettered(&handles.metrics, exporter, signal)),
            log: handles.log.clone(),
            _gauge: register_dead_letters(&handles.metrics, exporter, signal, items),
        })
    }
}

/// Deals with what the log of dead letters gives up, and with damage in it.
struct Watch {
    held: Held,
    handles: Handles,
}

impl Observer for Watch {
    fn given_up(&mut self, GivenUp { cursor, tally, .. }: GivenUp) {
        self.handles.account.drop_items(DropReason::DeadLetterFull, tally.items);
        tell_given_up(&self.handles.log, tally);
        change(&self.held, cursor, |held| held.subtract(tally));
    }

    fn damaged(&mut self, damage: Damage) {
        tell_damaged(&self.handles.log, &damage);
    }
}

/// The dead letters of one queue.
pub(super) struct LetterBox {
    letters: Arc<DeadLetters>,
    cursor: u32,
    /// Items that became dead letters.
    counter: Mutex<Counter>,
    log: Log,
    _gauge: Registration,
}

impl LetterBox {
    /// Keeps `items` in `payload`. `then` is called, on the log's thread, when they last, or with `false` if they do not.
    pub(super) fn put(
        self: &Arc<Self>,
        items: u64,
        letter: &Letter<'_>,
        payload: &Payload,
        then: impl FnOnce(bool) + Send + 'static,
    ) {
        let entry = Entry {
            time: now_ms(),
            targets: 1 << self.cursor,
            items,
            head: letter.encode(),
            payload: payload.chunks().to_vec(),
        };
        let (own, tally) = (Arc::clone(self), Tally { records: 1, items, bytes: payload.bytes() });
        let written = move |written: Result<u64, Arc<LogError>>| {
            match &written {
                Ok(_) => {
                    change(&own.letters.held, own.cursor, |held| held.add(tally));
                    own.counter.lock().add(items);
                }
                Err(error) => own.tell_failure(error, items),
            }
            then(written.is_ok());
        };
        self.letters.writer.append(entry, Box::new(written));
    }

    fn tell_failure(&self, error: &LogError, items: u64) {
        let text = error.to_string();
        let fields = [("error", text.as_str().into()), ("dropped_items", items.into())];
        self.log.emit(Level::Error, "A dead letter cannot be kept. Dropping data.", &fields);
    }
}

fn change(held: &Held, cursor: u32, change: impl FnOnce(&mut Tally)) {
    let (mut held, index) = (held.lock(), cursor as usize);
    if held.len() <= index {
        held.resize(index + 1, Tally::default());
    }
    if let Some(held) = held.get_mut(index) {
        change(held);
    }
}

fn tell_given_up(log: &Log, tally: Tally) {
    let fields = [("requests", tally.records.into()), ("dropped_items", tally.items.into())];
    log.emit(Level::Warn, "There is no more room for dead letters. Dropping the oldest.", &fields);
}

/// Says that there are none.
pub(super) fn tell_missing(log: &Log, error: &dyn std::fmt::Display) {
    let text = error.to_string();
    let fields = [("error", text.as_str().into())];
    log.emit(Level::Error, "There are no dead letters. What is refused for good will be dropped.", &fields);
}

/// The log is cut into at least so many segments, so that room is made bit by bit.
const SEGMENTS_MIN: u64 = 8;
const SEGMENT_BYTES_MIN: u64 = 64 << 10;
