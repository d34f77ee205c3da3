//! The one thread that a log belongs to. Whatever has gathered while it waited for the disk goes out with the next
//! write and the next sync: load itself makes the groups.

mod jobs;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{self, Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::log::{GivenUp, LagPolicy, Log, LogError, Read};
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

/// Told, on the writer's thread, what was given up for want of room.
pub type TellGivenUp = Box<dyn FnMut(GivenUp) + Send>;

/// An entry on its way, with what pays for keeping it, and who is told.
struct Appending {
    entry: Entry,
    memory: Option<Memory>,
    then: Told<Result<u64, Arc<LogError>>>,
}

/// What is asked of the thread.
enum Job {
    Append(Appending),
    Read { cursor: u32, count: usize, bytes: u64, within: bool, then: Told<Result<Read, LogError>> },
    Settle { cursor: u32, sequence: u64, ends: Vec<(End, u64)> },
    Release { cursor: u32, sequence: u64 },
    Cursor { name: String, then: Told<Result<Reader, LogError>> },
    SetLagPolicy { cursor: u32, policy: LagPolicy },
    GiveUp { cursor: u32, enough: Box<dyn FnMut(Tally) -> bool + Send> },
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
    /// Gives `log` a thread, which writes down how far its cursors are after `checkpoint`, or after many
    /// acknowledgements.
    ///
    /// # Errors
    /// The thread cannot be made.
    pub fn start<V: Vfs>(
        log: Log<V>,
        checkpoint: Duration,
        when_full: WhenFull,
        given_up: TellGivenUp,
    ) -> std::io::Result<Writer> {
        let jobs = Arc::new(Jobs::new());
        let theirs = Arc::clone(&jobs);
        let uuid = log.uuid();
        let gauges = Gauges::default();
        let due = Instant::now() + checkpoint;
        let work = Work { log, gauges: gauges.clone(), when_full, given_up, changes: 0, due, checkpoint };
        work.show();
        let thread = std::thread::Builder::new().name("teleferric-log".to_owned()).spawn(move || work.run(&theirs))?;
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

    /// Gives up what `cursor` has not read, until `enough`, asked on the writer's thread, says so; see [`Log::give_up`].
    pub fn give_up(&self, cursor: u32, enough: impl FnMut(Tally) -> bool + Send + 'static) {
        self.give(Job::GiveUp { cursor, enough: Box::new(enough) });
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

struct Work<V: Vfs> {
    log: Log<V>,
    gauges: Gauges,
    when_full: WhenFull,
    given_up: TellGivenUp,
    /// What has happened since the last checkpoint.
    changes: u64,
    due: Instant,
    checkpoint: Duration,
}

impl<V: Vfs> Work<V> {
    fn run(mut self, jobs: &Jobs<Job>) {
        loop {
            let (jobs, ending) = jobs.take(|| self.patience());
            let (mut entries, mut later) = (Vec::new(), Vec::new());
            for job in jobs {
                match job {
                    Job::Append(appending) => entries.push(appending),
                    // They are about nothing that comes now, and each between two entries would cost them a sync.
                    Job::Settle { .. } | Job::GiveUp { .. } => self.work(job),
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
            self.show();
            if ending {
                return;
            }
        }
    }

    fn show(&self) {
        let is_read_only = self.log.is_read_only();
        let makes_room = self.when_full == WhenFull::GiveUpOldest && !is_read_only;
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
        self.due = Instant::now() + self.checkpoint;
    }

    /// How long until a checkpoint is due; none if there is nothing to write down or to give up.
    fn patience(&self) -> Option<Duration> {
        let is_due = self.changes > 0 || self.log.keeps();
        is_due.then(|| self.due.saturating_duration_since(Instant::now()))
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
                gone.into_iter().for_each(&mut self.given_up);
            }
            Job::SetLagPolicy { cursor, policy } => self.log.set_lag_policy(cursor, policy),
            Job::GiveUp { cursor, enough } => {
                let gone = self.log.give_up(cursor, enough);
                self.changes += u64::from(gone.is_some());
                gone.into_iter().for_each(&mut self.given_up);
            }
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
        self.log.give_up_oldest(self.when_full == WhenFull::GiveUpOldest, &mut self.given_up)
    }
}

impl Appending {
    fn record(&self) -> NewRecord<'_> {
        let Entry { time, targets, items, head, payload } = &self.entry;
        NewRecord { time: *time, targets: *targets, items: *items, head, payload, memory: self.memory.as_ref() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::LogSettings;
    use crate::record::Record;
    use crate::sim::{Dice, Sim};
    use std::sync::mpsc;

    const SETTINGS: LogSettings = LogSettings {
        segment_bytes: 4096,
        max_bytes: 8 * 4096,
        reserve_free_bytes: 0,
        sync: true,
        given_up_as: End::QueueFull,
        fail_on_damage: false,
    };

    fn start(sim: &Sim) -> Writer {
        start_with(sim, Duration::from_millis(5))
    }

    fn start_with(sim: &Sim, checkpoint: Duration) -> Writer {
        let (mut log, _) = Log::open(sim.clone(), SETTINGS, [7; 16]).unwrap();
        log.cursor("a").unwrap();
        Writer::start(log, checkpoint, WhenFull::Refuse, Box::new(|_| ())).unwrap()
    }

    fn entry(id: u8) -> Entry {
        Entry { targets: 1, items: 1, head: vec![id], payload: vec![Bytes::from(vec![id; 100])], ..Entry::default() }
    }

    fn read(writer: &Writer, count: usize) -> Vec<Record> {
        let (told, reading) = mpsc::channel();
        writer.read(0, count, u64::MAX, Box::new(move |read| told.send(read.unwrap().records).unwrap()));
        reading.recv().unwrap()
    }

    #[test]
    fn entries_of_many_threads_last_when_they_are_told_so_and_share_their_syncs() {
        let sim = Sim::default();
        let writer = start(&sim);
        let before = sim.operations();
        let (told, written) = mpsc::channel();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (writer, told) = (writer.clone(), told.clone());
                scope.spawn(move || {
                    for id in 0..25 {
                        let told = told.clone();
                        let then = move |result: Result<u64, _>| told.send(result.is_ok()).unwrap();
                        writer.append(entry(thread * 25 + id), Box::new(then));
                    }
                });
            }
        });
        assert_eq!(written.iter().take(100).filter(|taken| *taken).count(), 100);
        assert!(sim.operations() - before < 200, "fewer than a write and a sync for each");
        let mut heads: Vec<_> = read(&writer, 1000).iter().map(|record| record.head[0]).collect();
        heads.sort_unstable();
        assert_eq!(heads, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn entries_share_a_sync_whatever_else_is_asked_between_them() {
        let sim = Sim::default();
        let writer = start_with(&sim, Duration::from_secs(3600));
        (0..8).for_each(|id| writer.append(entry(id), Box::new(|_| ())));
        let sequences: Vec<_> = read(&writer, 8).iter().map(|record| record.sequence).collect();
        // The thread is held up until all has gathered.
        let (go, gate) = mpsc::channel::<()>();
        let (told, written) = mpsc::channel();
        let (come, waiting) = mpsc::channel();
        let wait = move |_| {
            come.send(()).unwrap();
            gate.recv().unwrap();
        };
        writer.read(0, 1, u64::MAX, Box::new(wait));
        waiting.recv().unwrap();
        for (id, sequence) in (8..16).zip(sequences) {
            let (sim, told) = (sim.clone(), told.clone());
            writer.append(entry(id), Box::new(move |_| told.send(sim.operations()).unwrap()));
            writer.acknowledge(0, sequence);
        }
        let before = sim.operations();
        go.send(()).unwrap();
        let operations: Vec<_> = written.iter().take(8).map(|at| at - before).collect();
        assert_eq!(operations, [2; 8], "one write and one sync");
        assert_eq!(read(&writer, 100).len(), 8);
    }

    /// The power goes in the moment of each answer: what was answered is there, whatever else is not.
    #[test]
    fn an_answer_never_comes_before_its_sync() {
        let sim = Sim::default();
        let writer = start(&sim);
        let (told, written) = mpsc::channel();
        for id in 0..60 {
            let (sim, told) = (sim.clone(), told.clone());
            let then = move |result: Result<u64, _>| told.send((id, result.unwrap(), sim.crash(&mut Dice(7)))).unwrap();
            writer.append(entry(id), Box::new(then));
        }
        for (id, sequence, crashed) in written.iter().take(60) {
            let (mut log, _) = Log::open(crashed, SETTINGS, [7; 16]).unwrap();
            let found = log.read(0, 1000, u64::MAX).unwrap().records;
            assert!(found.iter().any(|record| record.sequence == sequence && record.head[0] == id), "{id}");
        }
    }

    #[test]
    fn what_is_acknowledged_is_written_down_at_the_latest_in_the_end() {
        let sim = Sim::default();
        let writer = start(&sim);
        (0..10).for_each(|id| writer.append(entry(id), Box::new(|_| ())));
        let records = read(&writer, 4);
        records.iter().for_each(|record| writer.acknowledge(0, record.sequence));
        drop(writer);
        let heads: Vec<_> = read(&start(&sim), 100).iter().map(|record| record.head[0]).collect();
        assert_eq!(heads, [4, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn what_is_given_back_is_read_again_and_counts_until_it_is_acknowledged() {
        let writer = start(&Sim::default());
        (0..5).for_each(|id| writer.append(entry(id), Box::new(|_| ())));
        let first = read(&writer, 3);
        writer.release(0, first[1].sequence);
        writer.release(0, first[0].sequence);
        let heads = |records: &[Record]| records.iter().map(|record| record.head[0]).collect::<Vec<_>>();
        assert_eq!(heads(&read(&writer, 3)), [0, 1, 3]);
        (0..4).for_each(|index| writer.acknowledge(0, first[0].sequence + index));
        let (told, asked) = mpsc::channel();
        writer.cursor("a", Box::new(move |cursor| told.send(cursor.unwrap()).unwrap()));
        let Reader { cursor, held, totals } = asked.recv().unwrap();
        assert_eq!((cursor, held), (0, Tally { records: 1, items: 1, bytes: 100 }));
        assert_eq!((totals.enqueued, totals.left(End::Delivered)), (5, 4));
    }

    #[test]
    fn the_oldest_makes_room_and_is_told_where_that_is_asked_for() {
        let sim = Sim::default();
        let (mut log, _) = Log::open(sim.clone(), SETTINGS, [7; 16]).unwrap();
        assert_eq!(["a", "b"].map(|name| log.cursor(name).unwrap()), [0, 1]);
        let (tell, given_up) = mpsc::channel();
        let given_up_to = Box::new(move |gone| tell.send(gone).unwrap());
        let writer = Writer::start(log, Duration::from_millis(5), WhenFull::GiveUpOldest, given_up_to).unwrap();
        let (told, written) = mpsc::channel();
        for id in 0..=255 {
            let (told, targets) = (told.clone(), 1 + u64::from(id) % 2);
            let then = move |result: Result<u64, _>| told.send(result.is_ok()).unwrap();
            writer.append(Entry { targets, ..entry(id) }, Box::new(then));
        }
        assert_eq!(written.iter().take(256).filter(|taken| *taken).count(), 256);
        let heads: Vec<_> = read(&writer, 1000).iter().map(|record| record.head[0]).collect();
        drop(writer);
        let mut gone = [0, 0];
        for GivenUp { cursor, tally, .. } in given_up.iter() {
            gone[cursor as usize] += tally.records;
            assert_eq!((tally.items, tally.bytes), (tally.records, tally.records * 100));
        }
        assert!(gone[0] > 20 && gone[0].abs_diff(gone[1]) <= 1, "{gone:?}");
        let kept = (gone[0]..128).map(|number| number as u8 * 2).collect::<Vec<_>>();
        assert_eq!(heads, kept, "what is left is the newest, each once");
        let (log, _) = Log::open(sim, SETTINGS, [7; 16]).unwrap();
        assert_eq!(log.held(1).records, 128 - gone[1]);
    }

    #[test]
    fn what_does_not_fit_is_refused_and_what_does_is_taken() {
        let sim = Sim::default();
        let writer = start(&sim);
        let (told, written) = mpsc::channel();
        for id in 0..=255 {
            let told = told.clone();
            writer.append(entry(id), Box::new(move |result| told.send(result.is_ok()).unwrap()));
        }
        let taken = written.iter().take(256).filter(|taken| *taken).count();
        assert!((100..256).contains(&taken), "{taken}");
        assert_eq!(read(&writer, 1000).len(), taken);
    }
}
