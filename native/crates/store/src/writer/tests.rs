//! The thread of a log: what it is told and what it does by itself.

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
    key: None,
};

const UPKEEP: Upkeep =
    Upkeep { checkpoint: Duration::from_millis(5), scrub_bytes_per_second: 0, when_full: WhenFull::Refuse };

/// What was told, if somebody wants to know.
struct Watch(mpsc::Sender<Result<GivenUp, Damage>>);

impl Observer for Watch {
    fn given_up(&mut self, gone: GivenUp) {
        let _ = self.0.send(Ok(gone));
    }

    fn damaged(&mut self, damage: Damage) {
        let _ = self.0.send(Err(damage));
    }
}

fn start(sim: &Sim) -> Writer {
    start_with(sim, Duration::from_millis(5))
}

fn start_with(sim: &Sim, checkpoint: Duration) -> Writer {
    let (mut log, _) = Log::open(sim.clone(), SETTINGS, [7; 16]).unwrap();
    log.cursor("a").unwrap();
    Writer::start(log, Upkeep { checkpoint, ..UPKEEP }, Watch(mpsc::channel().0)).unwrap()
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
    let upkeep = Upkeep { when_full: WhenFull::GiveUpOldest, ..UPKEEP };
    let writer = Writer::start(log, upkeep, Watch(tell)).unwrap();
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
    for GivenUp { cursor, tally, .. } in given_up.iter().map(Result::unwrap) {
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
fn damage_is_told_by_a_thread_that_has_nothing_else_to_do() {
    let sim = Sim::default();
    let (mut log, _) = Log::open(sim.clone(), SETTINGS, [7; 16]).unwrap();
    log.cursor("a").unwrap();
    let (told, found) = mpsc::channel();
    let upkeep = Upkeep { scrub_bytes_per_second: 1 << 20, ..UPKEEP };
    let writer = Writer::start(log, upkeep, Watch(told)).unwrap();
    let (told, written) = mpsc::channel();
    for id in 0..20 {
        let told = told.clone();
        writer.append(entry(id), Box::new(move |result| told.send(result.is_ok()).unwrap()));
    }
    assert!(written.iter().take(20).all(|taken| taken));
    sim.flip("seg-0000000000000000.log", 1000);
    // It seals the segment, and so there is something to look through.
    (20..40).for_each(|id| writer.append(entry(id), Box::new(|_| ())));
    let damage = found.recv().unwrap().unwrap_err();
    assert_eq!((damage.segment.as_str(), damage.records), ("seg-0000000000000000.log", 1));
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
