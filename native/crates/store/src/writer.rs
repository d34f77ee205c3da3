//! The one thread that a log belongs to. Whatever has gathered while it waited for the disk goes out with the next
//! write and the next sync: load itself makes the groups.

mod jobs;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{self, Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use teleferric_tasks::{failpoint, spawn_thread};

use crate::log::{Damage, GivenUp, LagPolicy, Log, LogError, Read, Scrubbed};
use crate::record::{Memory, NewRecord, Tally};
use crate::segment::Uuid;
use crate::totals::{End, Totals};
use crate::vfs::Vfs;
use jobs::Jobs;

/// A record with everything it owns.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// Milliseconds since 1970.
    pub time: u64,
    /// A bit for each cursor that is to read it.
    pub targets: u64,
    /// Items in the payload.
    pub items: u64,
    /// What is known about the payload.
    pub head: Vec<u8>,
    /// The payload, in pieces.
    pub payload: Vec<Bytes>,
}

/// A cursor as it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reader {
    /// Its bit in the targets of an entry.
    pub cursor: u32,
    /// What there is for it.
    pub held: Tally,
    /// What was ever there, and what became of that.
    pub totals: Totals,
}

/// Told, on the writer's thread, what came of a job.
pub type Told<T> = Box<dyn FnOnce(T) + Send>;

/// What happens to an append for which there is no room, and none is made by the [`LagPolicy`] of the readers that are
/// behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// It is refused.
    Refuse,
    /// The oldest records go.
    GiveUpOldest,
}

/// What the thread of a log does by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upkeep {
    /// How often it writes down how far its cursors are; sooner after many acknowledgements.
    pub checkpoint: Duration,
    /// Bytes that it looks through in a second for damage in what was written a while ago; 0 is none.
    pub scrub_bytes_per_second: u64,
    /// What becomes of what there is no room for.
    pub when_full: WhenFull,
}

/// Told, on the writer's thread, what happens there unasked.
pub trait Observer: Send + 'static {
    /// Something was given up for want of room.
    fn given_up(&mut self, gone: GivenUp);

    /// Records are damaged. Their readers are told so when they come to them.
    fn damaged(&mut self, damage: Damage);
}

/// An entry on its way, with what pays for keeping it, and who is told.
struct Appending {
    entry: Entry,
    memory: Option<Memory>,
    then: Told<Result<u64, Arc<LogError>>>,
}

/// Whether what is gone is enough.
type Enough = Box<dyn FnMut(Tally) -> bool + Send>;

/// What is asked of the thread.
enum Job {
    Append(Appending),
    Read { cursor: u32, count: usize, bytes: u64, within: bool, then: Told<Result<Read, LogError>> },
    Settle { cursor: u32, sequence: u64, ends: Vec<(End, u64)> },
    Release { cursor: u32, sequence: u64 },
    Cursor { name: String, then: Told<Result<Reader, LogError>> },
    SetLagPolicy { cursor: u32, policy: LagPolicy },
    GiveUp { cursor: u32, end: u64, enough: Enough },
}

/// A log on a thread of its own. Clones are the same one; it ends, after all it was given, with the last of them.
#[derive(Clone)]
pub struct Writer(Arc<Handle>);

struct Handle {
    uuid: Uuid,
    jobs: Arc<Jobs<Job>>,
    gauges: Gauges,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What can be seen of a log without asking its thread. Clones are of the same one, and outlive it.
#[derive(Clone, Debug, Default)]
pub struct Gauges(Arc<Shown>);

#[derive(Debug, Default)]
struct Shown {
    fill_percent: AtomicU64,
    is_read_only: AtomicBool,
}

impl Gauges {
    /// How full the log is of what nothing but its readers can remove, percent; 100 when it takes nothing any more.
    pub fn fill_percent(&self) -> u64 {
        self.0.fill_percent.load(Ordering::Relaxed)
    }

    /// Whether the log takes nothing any more until it is opened anew, as the disk has failed.
    pub fn is_read_only(&self) -> bool {
        self.0.is_read_only.load(Ordering::Relaxed)
    }
}

impl Job {
    /// Whether somebody waits for it.
    fn is_awaited(&self) -> bool {
        matches!(self, Job::Append(_) | Job::Read { .. } | Job::Cursor { .. })
    }
}

impl Writer {
    /// Gives `log` a thread.
    ///
    /// # Errors
    /// The thread cannot be made.
    pub fn start<V: Vfs>(log: Log<V>, upkeep: Upkeep, observer: impl Observer) -> std::io::Result<Writer> {
        let jobs = Arc::new(Jobs::new());
        let theirs = Arc::clone(&jobs);
        let uuid = log.uuid();
        let gauges = Gauges::default();
        let now = Instant::now();
        let work = Work {
            log,
            gauges: gauges.clone(),
            upkeep,
            observer,
            changes: 0,
            due: now + upkeep.checkpoint,
            scrub_due: now,
            pass_began: now,
        };
        work.show();
        let (left, shown) = (Arc::clone(&jobs), gauges.clone());
        let put_right = move || {
            // What was written is there for the next who opens the log.
            shown.0.is_read_only.store(true, Ordering::Relaxed);
            shown.0.fill_percent.store(100, Ordering::Relaxed);
            left.abandon();
        };
        let thread = spawn_thread("storage.log", "teleferric-log".to_owned(), move || work.run(&theirs), put_right)?;
        Ok(Writer(Arc::new(Handle { uuid, jobs, gauges, thread: Mutex::new(Some(thread)) })))
    }

    /// What its log calls itself; see [`Log::uuid`].
    pub fn uuid(&self) -> Uuid {
        self.0.uuid
    }

    /// Appends an entry; `then` is told its sequence when it lasts, or that it does not.
    pub fn append(&self, entry: Entry, then: Told<Result<u64, Arc<LogError>>>) {
        self.give(Job::Append(Appending { entry, memory: None, then }));
    }

    /// As [`append`](Self::append), and keeps the entry in memory, which `memory` pays for, for readers that keep up.
    /// They get `memory` with the record.
    pub fn append_kept(&self, entry: Entry, memory: Memory, then: Told<Result<u64, Arc<LogError>>>) {
        self.give(Job::Append(Appending { entry, memory: Some(memory), then }));
    }

    /// Reads the next records for `cursor`; see [`Log::read`].
    pub fn read(&self, cursor: u32, count: usize, bytes: u64, then: Told<Result<Read, LogError>>) {
        self.give(Job::Read { cursor, count, bytes, within: false, then });
    }

    /// Reads the next records for `cursor` into memory that is reserved; see [`Log::read_within`].
    pub fn read_within(&self, cursor: u32, count: usize, bytes: u64, then: Told<Result<Read, LogError>>) {
        self.give(Job::Read { cursor, count, bytes, within: true, then });
    }

    /// `cursor` needs the record with this sequence no more: it was delivered.
    pub fn acknowledge(&self, cursor: u32, sequence: u64) {
        self.settle(cursor, sequence, Vec::new());
    }

    /// `cursor` needs the record with this sequence no more; what of it is not in `ends` was delivered.
    pub fn settle(&self, cursor: u32, sequence: u64, ends: Vec<(End, u64)>) {
        self.give(Job::Settle { cursor, sequence, ends });
    }

    /// `cursor` is to read the record with this sequence again.
    pub fn release(&self, cursor: u32, sequence: u64) {
        self.give(Job::Release { cursor, sequence });
    }

    /// The cursor with this name; see [`Log::cursor`].
    pub fn cursor(&self, name: &str, then: Told<Result<Reader, LogError>>) {
        self.give(Job::Cursor { name: name.to_owned(), then });
    }

    /// What can be seen of the log.
    pub fn gauges(&self) -> &Gauges {
        &self.0.gauges
    }

    /// What a cursor loses when there is no room because of it; see [`Log::set_lag_policy`].
    pub fn set_lag_policy(&self, cursor: u32, policy: LagPolicy) {
        self.give(Job::SetLagPolicy { cursor, policy });
    }

    /// Gives up what `cursor` has not read of what was appended before this call, until `enough`, asked on the writer's
    /// thread, says so; see [`Log::give_up`].
    pub fn give_up(&self, cursor: u32, enough: impl FnMut(Tally) -> bool + Send + 'static) {
        self.give(Job::GiveUp { cursor, end: u64::MAX, enough: Box::new(enough) });
    }

    fn give(&self, job: Job) {
        let is_awaited = job.is_awaited();
        self.0.jobs.give(job, is_awaited);
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.jobs.end();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // What the thread itself was told may have held the last handle: it ends by itself then. A panic of it has been
        // told where it happened.
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != std::thread::current().id()) {
            let _ = thread.join();
        }
    }
}

/// Acknowledgements and appends after which a checkpoint does not wait for its time.
const CHANGES_MAX: u64 = 4096;

/// How often all that was written is looked through, at most.
const SCRUB_EVERY: Duration = Duration::from_secs(3600);
/// How long the next part waits after the disk could not be read.
const SCRUB_RETRY: Duration = Duration::from_secs(60);

struct Work<V: Vfs, O> {
    log: Log<V>,
    gauges: Gauges,
    upkeep: Upkeep,
    observer: O,
    /// What has happened since the last checkpoint.
    changes: u64,
    due: Instant,
    /// When the next part is looked through, and when the first of this pass was.
    scrub_due: Instant,
    pass_began: Instant,
}

impl<V: Vfs, O: Observer> Work<V, O> {
    fn run(mut self, jobs: &Jobs<Job>) {
        loop {
            let (jobs, ending) = jobs.take(|| self.patience());
            failpoint("storage.log");
            let (mut entries, mut later) = (Vec::new(), Vec::new());
            for job in jobs {
                match job {
                    Job::Append(appending) => entries.push(appending),
                    // They are about nothing that comes now, and each between two entries would cost them a sync.
                    Job::Settle { .. } | Job::SetLagPolicy { .. } => self.work(job),
                    // What is there already goes at once, so that there is room, and what comes before it then.
                    Job::GiveUp { cursor, mut enough, .. } => {
                        let end = self.log.next_sequence() + entries.len() as u64;
                        self.give_up(cursor, u64::MAX, &mut enough);
                        later.push(Job::GiveUp { cursor, end, enough });
                    }
                    other => later.push(other),
                }
            }
            self.append(entries);
            // What came before is there for them.
            later.into_iter().for_each(|job| self.work(job));
            let is_due = ending || self.changes >= CHANGES_MAX || Instant::now() >= self.due;
            if is_due {
                self.checkpoint();
            }
            if self.scrubs() && Instant::now() >= self.scrub_due && !ending {
                self.scrub();
            }
            self.show();
            if ending {
                return;
            }
        }
    }

    fn show(&self) {
        let is_read_only = self.log.is_read_only();
        let makes_room = self.upkeep.when_full == WhenFull::GiveUpOldest && !is_read_only;
        let fill_percent = if makes_room { 0 } else { self.log.fill_percent() };
        self.gauges.0.fill_percent.store(fill_percent, Ordering::Relaxed);
        self.gauges.0.is_read_only.store(is_read_only, Ordering::Relaxed);
    }

    /// Writes down how far the cursors are, if that has changed, and gives up memory for those that do not keep up.
    fn checkpoint(&mut self) {
        // A failure costs no more than that some is read again; the next one may be better.
        if self.changes > 0 && self.log.checkpoint().is_ok() {
            self.changes = 0;
        }
        self.log.age();
        self.due = Instant::now() + self.upkeep.checkpoint;
    }

    /// Whether there is something to look through.
    fn scrubs(&self) -> bool {
        self.upkeep.scrub_bytes_per_second > 0 && self.log.has_sealed()
    }

    /// Looks through a part of what was written.
    fn scrub(&mut self) {
        let now = Instant::now();
        self.scrub_due = match self.log.scrub() {
            Ok(Some(Scrubbed { bytes, damage })) => {
                damage.into_iter().for_each(|damage| self.observer.damaged(damage));
                now + Duration::from_secs_f64(bytes as f64 / self.upkeep.scrub_bytes_per_second as f64)
            }
            Ok(None) => {
                let next = now.max(self.pass_began + SCRUB_EVERY);
                self.pass_began = next;
                next
            }
            // Who reads there is told so.
            Err(_) => now + SCRUB_RETRY,
        };
    }

    /// How long until a checkpoint or a scrub is due; none if there is nothing to write down, to give up or to look
    /// through.
    fn patience(&self) -> Option<Duration> {
        let checkpoint = (self.changes > 0 || self.log.keeps()).then_some(self.due);
        let due = checkpoint.into_iter().chain(self.scrubs().then_some(self.scrub_due)).min();
        due.map(|due| due.saturating_duration_since(Instant::now()))
    }

    fn work(&mut self, job: Job) {
        match job {
            Job::Append(appending) => self.append(vec![appending]),
            Job::Read { cursor, count, bytes, within: false, then } => then(self.log.read(cursor, count, bytes)),
            Job::Read { cursor, count, bytes, within: true, then } => then(self.log.read_within(cursor, count, bytes)),
            Job::Settle { cursor, sequence, ends } => {
                self.log.settle(cursor, sequence, &ends);
                self.changes += 1;
            }
            Job::Release { cursor, sequence } => {
                let gone = self.log.release(cursor, sequence);
                gone.into_iter().for_each(|gone| self.observer.given_up(gone));
            }
            Job::SetLagPolicy { cursor, policy } => self.log.set_lag_policy(cursor, policy),
            Job::GiveUp { cursor, end, mut enough } => self.give_up(cursor, end, &mut enough),
            Job::Cursor { name, then } => {
                let found = self.log.cursor(&name);
                then(found.map(|cursor| Reader {
                    cursor,
                    held: self.log.held(cursor),
                    totals: self.log.totals(cursor),
                }));
            }
        }
    }

    fn give_up(&mut self, cursor: u32, end: u64, enough: &mut Enough) {
        let gone = self.log.give_up(cursor, end, enough);
        self.changes += u64::from(gone.is_some());
        gone.into_iter().for_each(|gone| self.observer.given_up(gone));
    }

    /// Appends entries together, or in halves where that is too much at once.
    fn append(&mut self, mut entries: Vec<Appending>) {
        while !entries.is_empty() {
            let records: Vec<_> = entries.iter().map(Appending::record).collect();
            let result = match self.log.append(&records) {
                Ok(sequences) => Ok(sequences),
                Err(LogError::Full | LogError::NoSpace | LogError::TooLarge { .. }) if entries.len() > 1 => {
                    let rest = entries.split_off(entries.len() / 2);
                    self.append(entries);
                    entries = rest;
                    continue;
                }
                Err(error @ (LogError::Full | LogError::NoSpace)) => match self.make_room() {
                    Ok(()) => continue,
                    Err(LogError::Full) => Err(Arc::new(error)),
                    Err(error) => Err(Arc::new(error)),
                },
                Err(error) => Err(Arc::new(error)),
            };
            self.changes += 1;
            for (index, Appending { then, .. }) in entries.drain(..).enumerate() {
                let sequence = |sequences: &Vec<u64>| sequences.get(index).copied().unwrap_or_default();
                then(result.as_ref().map(sequence).map_err(Arc::clone));
            }
        }
    }

    /// Gives up the oldest records: of readers that are behind and lose something then, or of all where the log is set up
    /// so.
    fn make_room(&mut self) -> Result<(), LogError> {
        let Work { log, upkeep, observer, .. } = self;
        log.give_up_oldest(upkeep.when_full == WhenFull::GiveUpOldest, |gone| observer.given_up(gone))
    }
}

impl Appending {
    fn record(&self) -> NewRecord<'_> {
        let Entry { time, targets, items, head, payload } = &self.entry;
        NewRecord { time: *time, targets: *targets, items: *items, head, payload, memory: self.memory.as_ref() }
    }
}

#[cfg(test)]
mod tests;
