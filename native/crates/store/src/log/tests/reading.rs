//! How much of the log is read for what a cursor needs.

use super::*;

/// Room for everything that is appended here.
const LARGE: LogSettings = LogSettings { segment_bytes: 1 << 20, max_bytes: 8 << 20, ..SETTINGS };

fn open_large(sim: &Sim) -> Log<Sim> {
    Log::open(sim.clone(), LARGE, UUID).unwrap().0
}

/// Appends `count` small records, numbered from `first`.
fn fill(log: &mut Log<Sim>, targets: u64, first: u64, count: u64) {
    let ids: Vec<u64> = (first..first + count).collect();
    for ids in ids.chunks(100) {
        append(log, targets, ids).unwrap();
    }
}

/// Reads to the end; what each call found and passed.
fn read_on(log: &mut Log<Sim>, cursor: u32) -> (Vec<u64>, Vec<u64>) {
    let (mut found, mut passed) = (Vec::new(), Vec::new());
    loop {
        let read = log.read(cursor, usize::MAX, u64::MAX).unwrap();
        found.extend(read.records.iter().map(id_of));
        passed.push(read.passed);
        if !read.more {
            return (found, passed);
        }
    }
}

#[test]
fn what_was_delivered_behind_an_old_request_is_not_passed_again() {
    let sim = Sim::default();
    let mut log = open_large(&sim);
    let a = log.cursor("a").unwrap();
    fill(&mut log, 1, 0, 5000);
    loop {
        let read = log.read(a, usize::MAX, u64::MAX).unwrap();
        let done = |record: &&Record| !matches!(id_of(record), 0 | 777 | 4000);
        read.records.iter().filter(done).for_each(|record| log.acknowledge(a, record.sequence));
        if !read.more {
            break;
        }
    }
    fill(&mut log, 1, 5000, 2);
    log.checkpoint().unwrap();
    drop(log);
    let mut log = open_large(&sim);
    let read = log.read(a, usize::MAX, u64::MAX).unwrap();
    let found: Vec<u64> = read.records.iter().map(id_of).collect();
    assert_eq!((found, read.passed, read.more), (vec![0, 777, 4000, 5000, 5001], 5, false));
    read.records.iter().for_each(|record| log.acknowledge(a, record.sequence));
    assert_eq!(log.held(a), Tally::default());
}

#[test]
fn one_read_passes_a_bounded_part_of_what_is_for_others() {
    let sim = Sim::default();
    let mut log = open_large(&sim);
    let (a, b) = (log.cursor("a").unwrap(), log.cursor("b").unwrap());
    fill(&mut log, 0b10, 0, 4500);
    fill(&mut log, 0b01, 4500, 1);
    let (found, passed) = read_on(&mut log, a);
    assert_eq!(found, [4500]);
    assert!(passed.len() >= 5 && passed.iter().all(|passed| *passed <= 1024), "{passed:?}");
    assert_eq!(read_on(&mut log, b).0.len(), 4500);
}

#[cfg(unix)]
#[test]
fn what_is_read_again_and_cannot_be_read_stays_to_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let (mut log, _) = Log::open(Disk::open(folder.path(), Duration::ZERO).unwrap(), SETTINGS, UUID).unwrap();
    let a = log.cursor("a").unwrap();
    append(&mut log, 1, &[1, 2]).unwrap();
    let first = log.read(a, 1, u64::MAX).unwrap().records.remove(0);
    log.release(a, first.sequence);
    log.window.clear();
    let sound = std::mem::replace(&mut log.segments[0].file, std::fs::File::open(folder.path()).unwrap());
    assert!(log.read(a, 9, u64::MAX).is_err(), "a folder cannot be read as a file");
    log.segments[0].file = sound;
    assert_eq!(ids_of(&mut log, a), [1, 2]);
}

/// A cursor that has read far into a segment that is gone must not take a new one of that number for it.
#[test]
fn a_new_segment_is_read_from_its_beginning_also_where_the_last_one_is_gone() {
    let sim = Sim::default();
    let expected = filled(&sim);
    let (mut log, _) = open(sim.clone());
    ids_of(&mut log, 0);
    log.checkpoint().unwrap();
    drop(log);
    sim.remove(segment_names(&sim).last().unwrap()).unwrap();
    let (mut log, _) = open(sim);
    append(&mut log, 0b01, &[60, 61]).unwrap();
    let found = ids_of(&mut log, 0);
    assert!(found.ends_with(&[60, 61]), "{found:?}");
    assert!(found.iter().all(|id| *id >= 60 || expected[20..].contains(id)));
}

/// What pays for memory, and how much of it is in use.
fn paid() -> (Memory, impl Fn() -> usize) {
    let guard = Arc::new(());
    let weak = Arc::downgrade(&guard);
    (Memory::paid_by(guard), move || weak.strong_count())
}

/// Whether each record that is read now comes from memory.
fn from_memory(log: &mut Log<Sim>, cursor: u32) -> Vec<bool> {
    let read = log.read(cursor, usize::MAX, u64::MAX).unwrap();
    let kept = |record: &Record| id_of(record) < u64::MAX && record.memory.is_some();
    read.records.iter().map(kept).collect()
}

#[test]
fn who_keeps_up_never_asks_the_disk_and_memory_is_given_back_when_the_last_has_read() {
    let sim = Sim::default();
    let mut log = open_large(&sim);
    let (a, b) = (log.cursor("a").unwrap(), log.cursor("b").unwrap());
    // Over the end of a segment too.
    let before = sim.reads();
    for first in (0..9000).step_by(10) {
        let (memory, in_use) = paid();
        append_kept(&mut log, 0b11, &(first..first + 10).collect::<Vec<_>>(), Some(&memory)).unwrap();
        drop(memory);
        assert_eq!(from_memory(&mut log, a), [true; 10]);
        assert!(in_use() > 0 && log.keeps());
        assert_eq!(from_memory(&mut log, b), [true; 10]);
        assert_eq!((in_use(), log.keeps()), (0, false));
        for sequence in 0..log.next {
            log.acknowledge(a, sequence);
            log.acknowledge(b, sequence);
        }
        log.checkpoint().unwrap();
    }
    assert_eq!(sim.reads(), before);
}

#[test]
fn what_nothing_pays_for_is_read_from_the_disk_and_in_its_place() {
    let sim = Sim::default();
    let mut log = open_large(&sim);
    let a = log.cursor("a").unwrap();
    let (memory, _) = paid();
    append_kept(&mut log, 1, &[1, 2], Some(&memory)).unwrap();
    append(&mut log, 1, &[3]).unwrap();
    append_kept(&mut log, 1, &[4], Some(&memory)).unwrap();
    assert_eq!(from_memory(&mut log, a), [false, false, false, true]);
    append_kept(&mut log, 1, &[5], Some(&memory)).unwrap();
    let five = log.read(a, 1, u64::MAX).unwrap().records.remove(0);
    assert_eq!((id_of(&five), &five.memory), (5, &Some(memory.clone())));
    append_kept(&mut log, 1, &[6], Some(&memory)).unwrap();
    // What is given back comes first, wherever it was read.
    log.release(a, five.sequence);
    log.release(a, five.sequence - 2);
    assert_eq!(ids_of(&mut log, a), [3, 5, 6]);
}

#[test]
fn memory_for_those_who_do_not_keep_up_is_bounded_and_given_up() {
    let sim = Sim::default();
    let mut log = open_large(&sim);
    let a = log.cursor("a").unwrap();
    let (memory, in_use) = paid();
    // All small.
    let ids: Vec<u64> = (0..=20_000).map(|number| number * 700).collect();
    for ids in ids[..20_000].chunks(100) {
        append_kept(&mut log, 1, ids, Some(&memory)).unwrap();
    }
    assert_eq!(in_use(), 1 + 16_384);
    log.age();
    append_kept(&mut log, 1, &ids[20_000..], Some(&memory)).unwrap();
    log.age();
    assert_eq!(in_use(), 2);
    log.age();
    assert!(in_use() == 1 && !log.keeps());
    assert_eq!(read_on(&mut log, a).0, ids);
}

#[test]
fn within_reserved_memory_a_larger_record_is_told_and_not_read() {
    let sim = Sim::default();
    for kept in [false, true] {
        let mut log = open_large(&sim);
        let a = log.cursor("a").unwrap();
        log.purge(a).unwrap();
        let (memory, _) = paid();
        append_kept(&mut log, 1, &[4, 18, 4], kept.then_some(&memory)).unwrap();
        let sizes = [4, 18, 4].map(|id| payload(id).len() as u64);
        assert!(sizes[1] > 2 * sizes[0]);
        let read = log.read_within(a, 9, sizes[0] + sizes[1] - 1).unwrap();
        assert_eq!((read.records.len(), read.larger, read.more), (1, None, true));
        let read = log.read_within(a, 9, sizes[1] - 1).unwrap();
        assert_eq!((read.records.len(), read.larger, read.more), (0, Some(sizes[1]), true));
        assert_eq!(log.read(a, 9, 1).unwrap().records.len(), 1, "alone");
        let read = log.read_within(a, 9, sizes[2]).unwrap();
        assert_eq!((read.records.len(), read.larger), (1, None));
        log.release(a, read.records[0].sequence - 1);
        assert_eq!(log.read_within(a, 9, 1).unwrap().larger, Some(sizes[1]), "also what was given back");
    }
}

/// A record that no window holds, among small ones.
#[test]
fn a_record_larger_than_what_is_read_at_once_is_read_whole() {
    let sim = Sim::default();
    let mut log = open_large(&sim);
    let (a, b) = (log.cursor("a").unwrap(), log.cursor("b").unwrap());
    append(&mut log, 0b11, &[1]).unwrap();
    let payload = Bytes::from((0..700_000_u32).map(|at| (at % 251) as u8).collect::<Vec<_>>());
    log.append(&[NewRecord { targets: 0b10, ..large(std::slice::from_ref(&payload)) }]).unwrap();
    append(&mut log, 0b11, &[2]).unwrap();
    assert_eq!(ids_of(&mut log, a), [1, 2]);
    let read = log.read(b, 9, u64::MAX).unwrap().records;
    assert_eq!(read.iter().map(|record| record.payload.len()).collect::<Vec<_>>()[1], 700_000);
    assert_eq!(read[1].payload, payload);
    read.iter().for_each(|record| assert_eq!(log.release(b, record.sequence), None));
    assert_eq!(log.read(b, 9, u64::MAX).unwrap().records[1].payload, payload);
}

#[test]
fn many_small_records_are_read_with_few_reads_of_the_disk() {
    let sim = Sim::default();
    let mut log = open_large(&sim);
    let a = log.cursor("a").unwrap();
    fill(&mut log, 1, 0, 3000);
    let bytes: u64 = log.segments.iter().map(|segment| segment.end).sum();
    let before = sim.reads();
    read_on(&mut log, a);
    let reads = sim.reads() - before;
    assert!(reads <= bytes / (256 << 10) + 8, "{reads} reads of {bytes} bytes");
}

#[test]
fn each_append_is_told_its_own_sequence_also_over_the_end_of_a_segment() {
    let (mut log, _) = open(Sim::default());
    let a = log.cursor("a").unwrap();
    let told = append(&mut log, 1, &(0..40).collect::<Vec<_>>()).unwrap();
    assert!(log.segments.len() > 1);
    let found: Vec<u64> = read_all(&mut log, a).iter().map(|(sequence, _)| *sequence).collect();
    assert_eq!(told, found);
}
