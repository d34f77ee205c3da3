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
