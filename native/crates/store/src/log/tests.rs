mod damage;
mod giving_up;
mod reading;
mod scrub;
mod seal;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::record::Memory;
use crate::sim::{Dice, Sim};
use crate::vfs::Disk;

const SETTINGS: LogSettings = LogSettings {
    segment_bytes: 4096,
    max_bytes: 8 * 4096,
    reserve_free_bytes: 0,
    sync: true,
    given_up_as: End::QueueFull,
    fail_on_damage: false,
    key: None,
};
const UUID: Uuid = *b"0123456789abcdef";

fn open<V: Vfs>(vfs: V) -> (Log<V>, Opened) {
    Log::open(vfs, SETTINGS, UUID).unwrap()
}

/// A payload that only this id has.
fn payload(id: u64) -> Bytes {
    let length = (id * 37 % 700) as usize;
    Bytes::from(id.to_string().repeat(length / 4 + 1))
}

fn append<V: Vfs>(log: &mut Log<V>, targets: u64, ids: &[u64]) -> Result<Vec<u64>, LogError> {
    append_kept(log, targets, ids, None)
}

fn append_kept<V: Vfs>(
    log: &mut Log<V>,
    targets: u64,
    ids: &[u64],
    memory: Option<&Memory>,
) -> Result<Vec<u64>, LogError> {
    let payloads: Vec<[Bytes; 1]> = ids.iter().map(|id| [payload(*id)]).collect();
    let heads: Vec<[u8; 8]> = ids.iter().map(|id| id.to_le_bytes()).collect();
    let records: Vec<_> = payloads
        .iter()
        .zip(&heads)
        .map(|(payload, head)| NewRecord { time: 1, targets, items: 1, head, payload, memory })
        .collect();
    log.append(&records)
}

/// The id of a record, whose payload must be its own.
fn id_of(record: &Record) -> u64 {
    let id = u64::from_le_bytes(*record.head.first_chunk().unwrap());
    assert_eq!(record.payload, payload(id), "a record was invented");
    id
}

fn read_all<V: Vfs>(log: &mut Log<V>, cursor: u32) -> Vec<(u64, u64)> {
    log.read(cursor, usize::MAX, u64::MAX)
        .unwrap()
        .records
        .iter()
        .map(|record| (record.sequence, id_of(record)))
        .collect()
}

fn ids(records: &[(u64, u64)]) -> Vec<u64> {
    records.iter().map(|(_, id)| *id).collect()
}

#[test]
fn what_is_appended_is_read_once_by_each_that_is_to_read_it() {
    let (mut log, _) = open(Sim::default());
    let (a, b) = (log.cursor("a").unwrap(), log.cursor("b").unwrap());
    append(&mut log, 0b11, &[1, 2, 3]).unwrap();
    append(&mut log, 0b10, &[4]).unwrap();
    assert_eq!(ids(&read_all(&mut log, a)), [1, 2, 3]);
    assert_eq!(ids(&read_all(&mut log, b)), [1, 2, 3, 4]);
    assert_eq!(read_all(&mut log, a), []);
    append(&mut log, 0b01, &[5]).unwrap();
    assert_eq!((ids(&read_all(&mut log, a)), read_all(&mut log, b).len()), (vec![5], 0));
}

#[test]
fn what_is_acknowledged_is_not_read_again_and_the_rest_is() {
    let sim = Sim::default();
    let (mut log, _) = open(sim.clone());
    let a = log.cursor("a").unwrap();
    append(&mut log, 1, &(0..30).collect::<Vec<_>>()).unwrap();
    for (sequence, id) in read_all(&mut log, a) {
        if id % 3 == 0 || id < 5 {
            log.acknowledge(a, sequence);
        }
    }
    log.checkpoint().unwrap();
    drop(log);
    let (mut log, opened) = open(sim);
    assert_eq!(opened, Opened::default());
    let a = log.cursor("a").unwrap();
    assert_eq!(ids(&read_all(&mut log, a)), (5..30).filter(|id| id % 3 != 0).collect::<Vec<_>>());
}

#[test]
fn a_full_log_refuses_all_or_nothing_and_takes_more_when_something_is_done() {
    let (mut log, _) = open(Sim::default());
    let (a, b) = (log.cursor("a").unwrap(), log.cursor("b").unwrap());
    let mut taken = 0;
    let error = loop {
        match append(&mut log, 0b11, &[taken, taken + 1]) {
            Ok(_) => taken += 2,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, LogError::Full), "{error}");
    assert!(log.status().bytes <= SETTINGS.max_bytes && log.fill_percent() == 100);
    log.set_lag_policy(a, LagPolicy::DropOldest);
    assert_eq!(log.fill_percent(), 100, "the other blocks");
    log.set_lag_policy(b, LagPolicy::Detach);
    assert_eq!(log.fill_percent(), 0, "whatever is there can go");
    log.set_lag_policy(a, LagPolicy::Block);
    log.set_lag_policy(b, LagPolicy::Block);
    let read = read_all(&mut log, a);
    assert_eq!(ids(&read), (0..taken).collect::<Vec<_>>());
    read.iter().for_each(|(sequence, _)| log.acknowledge(a, *sequence));
    assert!(append(&mut log, 0b11, &[taken, taken + 1]).is_err(), "the other reader needs it");
    read_all(&mut log, b).iter().for_each(|(sequence, _)| log.acknowledge(b, *sequence));
    append(&mut log, 0b11, &[taken]).unwrap();
    assert!(log.status().bytes < SETTINGS.max_bytes && log.fill_percent() < 25);
    let large = Bytes::from(vec![0; 5000]);
    let record = NewRecord { time: 0, targets: 1, items: 1, head: &[], payload: &[large], memory: None };
    assert!(matches!(log.append(&[record]), Err(LogError::TooLarge { .. })));
}

#[test]
fn the_disk_keeps_it() {
    let folder = tempfile::tempdir().unwrap();
    let vfs = || Disk::open(&folder.path().join("queue"), Duration::ZERO).unwrap();
    let (mut log, _) = open(vfs());
    let a = log.cursor("a").unwrap();
    append(&mut log, 1, &(0..40).collect::<Vec<_>>()).unwrap();
    let read = log.read(a, 10, u64::MAX).unwrap().records;
    read.iter().for_each(|record| log.acknowledge(a, record.sequence));
    log.checkpoint().unwrap();
    drop(log);
    let (mut log, _) = open(vfs());
    assert_eq!(ids(&read_all(&mut log, a)), (10..40).collect::<Vec<_>>());
}

#[test]
fn a_write_that_fails_is_refused_and_a_second_ends_writing_and_not_reading() {
    let sim = Sim::default();
    let (mut log, _) = open(sim.clone());
    let a = log.cursor("a").unwrap();
    append(&mut log, 1, &[1]).unwrap();
    sim.fail_after(1);
    assert!(matches!(append(&mut log, 1, &[2]), Err(LogError::Disk(_))));
    sim.fail_after(u64::MAX);
    append(&mut log, 1, &[3]).unwrap();
    assert_eq!(ids(&read_all(&mut log, a)), [1, 3], "what was refused is not read in this life");
    sim.fail_after(0);
    assert!(matches!(append(&mut log, 1, &[4]), Err(LogError::Disk(_))));
    sim.fail_after(u64::MAX);
    assert!(log.fill_percent() == 100 && log.is_read_only());
    assert!(matches!(append(&mut log, 1, &[5]), Err(LogError::ReadOnly)));
    drop(log);
    let (mut log, _) = open(sim);
    let all = ids(&read_all(&mut log, a));
    assert!(all.starts_with(&[1]) && all.contains(&3), "{all:?}");
}

#[test]
fn a_log_of_a_later_version_is_left_as_it_is() {
    let sim = Sim::default();
    drop(open(sim.clone()));
    let name = segment::name(0);
    let mut header = Header { uuid: UUID, number: 0, first: 1, seal: None }.encode();
    header[8] = 9;
    let checksum = teleferric_codec::crc32c::crc32c(0, &header[..48]);
    header[48..52].copy_from_slice(&checksum.to_le_bytes());
    sim.open(&name).unwrap().write_at(&[&header], 0).unwrap();
    let before = sim.file(&name);
    assert!(matches!(Log::open(sim.clone(), SETTINGS, UUID), Err(LogError::Version(9))));
    assert_eq!(sim.file(&name), before);
}

/// One life of a log: appends, reads, acknowledgements, checkpoints, until the disk fails. Returns what was promised.
fn live(sim: &Sim, settings: &LogSettings, dice: &mut Dice, promised: &mut Promises) {
    let Ok((mut log, _)) = Log::open(sim.clone(), settings.clone(), UUID) else { return };
    let (Ok(a), Ok(b)) = (log.cursor("a"), log.cursor("b")) else { return };
    let mut read: Vec<(u32, u64, u64)> = Vec::new();
    let before = promised.done.len();
    log.set_lag_policy(a, LagPolicy::DropOldest);
    log.set_lag_policy(b, if dice.below(2) == 0 { LagPolicy::Detach } else { LagPolicy::Block });
    let memory = Memory::paid_by(Arc::new(()));
    for _ in 0..40 {
        match dice.below(4) {
            0 | 1 => {
                let count = 1 + dice.below(5) as u64;
                let ids: Vec<u64> = (promised.next..promised.next + count).collect();
                promised.next += count;
                let targets = 1 + dice.below(3) as u64;
                let memory = (dice.below(3) > 0).then_some(&memory);
                match append_kept(&mut log, targets, &ids, memory) {
                    Ok(sequences) => {
                        promised.taken.extend(ids.iter().map(|id| (*id, targets)));
                        promised.sequences.extend(sequences.into_iter().zip(ids));
                    }
                    Err(LogError::Full) => {
                        let made = log.give_up_oldest(false, |GivenUp { cursor, sequences, .. }| {
                            let stays = |sequence| read.iter().any(|read| (read.0, read.1) == (cursor, sequence));
                            promised.give_up(cursor, sequences.filter(|sequence| !stays(*sequence)));
                        });
                        // What was read of that and is not acknowledged is not there to be read again either.
                        let start = log.segments.front().map_or(0, |oldest| oldest.header.first);
                        [a, b].into_iter().for_each(|cursor| promised.give_up(cursor, 0..start));
                        if !matches!(made, Ok(()) | Err(LogError::Full)) {
                            return;
                        }
                    }
                    Err(_) => return,
                }
            }
            2 => {
                for cursor in [a, b] {
                    for record in log.read(cursor, dice.below(6), u64::MAX).unwrap().records {
                        let id = id_of(&record);
                        assert!(id < promised.next, "{id} was never sent");
                        read.push((cursor, record.sequence, id));
                    }
                }
                for _ in 0..dice.below(8).min(read.len()) {
                    let (cursor, sequence, id) = read.swap_remove(dice.below(read.len()));
                    log.settle(cursor, sequence, if id % 5 == 0 { &[(End::Rejected, 1)] } else { &[] });
                    promised.done.push((cursor, id));
                }
            }
            _ if dice.below(4) == 0 => log.age(),
            _ if log.checkpoint().is_err() => return,
            // What an earlier life acknowledged at its end may have been forgotten.
            _ => promised.settled.extend(&promised.done[before..]),
        }
    }
}

#[derive(Default)]
struct Promises {
    next: u64,
    /// Ids that were taken, with their readers.
    taken: BTreeMap<u64, u64>,
    /// The id of the record with each sequence.
    sequences: BTreeMap<u64, u64>,
    /// What readers have acknowledged, or was given up for want of room.
    done: Vec<(u32, u64)>,
    /// What of that was written down.
    settled: BTreeSet<(u32, u64)>,
}

/// What was ever there for each reader is there or left.
fn assert_balanced(log: &Log<impl Vfs>) {
    for cursor in 0..log.cursors.len() as u32 {
        let (held, totals) = (log.held(cursor).items, log.totals(cursor));
        assert_eq!(totals.enqueued, held + totals.left_in_all(), "{totals:?}");
    }
}

impl Promises {
    fn give_up(&mut self, cursor: u32, sequences: impl Iterator<Item = u64>) {
        let ids = sequences.filter_map(|sequence| self.sequences.get(&sequence));
        let owed = ids.filter(|id| self.taken.get(id).is_some_and(|targets| targets >> cursor & 1 == 1));
        self.done.extend(owed.map(|id| (cursor, *id)));
    }
}

/// What was taken and not acknowledged is there for every reader, what was written down as acknowledged is not, nothing
/// is that was never sent, and nothing is missing that should be held.
fn hold_to(sim: Sim, settings: &LogSettings, promised: &Promises) {
    let (mut log, _) = Log::open(sim, LogSettings { fail_on_damage: true, ..settings.clone() }, UUID).unwrap();
    assert_balanced(&log);
    for name in ["a", "b"] {
        let cursor = log.cursor(name).unwrap();
        let before = log.totals(cursor);
        let taken = promised.taken.values().filter(|targets| *targets >> cursor & 1 == 1).count() as u64;
        assert!(before.enqueued >= taken, "{taken} were taken for {name}: {before:?}");
        let settled = promised.settled.iter().filter(|(reader, _)| *reader == cursor).count() as u64;
        assert!(before.left_in_all() >= settled, "{settled} are known to have left {name}: {before:?}");
        let read = read_all(&mut log, cursor);
        let there = ids(&read);
        let distinct: BTreeSet<_> = there.iter().collect();
        assert_eq!(distinct.len(), there.len(), "read twice in one life");
        for (id, targets) in &promised.taken {
            let owed = targets >> cursor & 1 == 1 && !promised.done.contains(&(cursor, *id));
            assert!(!owed || distinct.contains(id), "{id} is lost to {name}: {there:?}");
        }
        let again = there.iter().find(|id| promised.settled.contains(&(cursor, **id)));
        assert_eq!(again, None, "is read again by {name}");
        let dropped = |sequence: &u64| sequence.is_multiple_of(3);
        for (sequence, _) in &read {
            log.settle(cursor, *sequence, if dropped(sequence) { &[(End::Expired, 1)] } else { &[] });
        }
        assert_eq!(log.read(cursor, 1, u64::MAX).unwrap().lost, Tally::default());
        let (after, count) = (log.totals(cursor), read.iter().filter(|(sequence, _)| dropped(sequence)).count());
        assert_eq!(after.left(End::Expired) - before.left(End::Expired), count as u64);
        assert_eq!((after.enqueued, log.held(cursor)), (before.enqueued, Tally::default()));
        assert_balanced(&log);
    }
    append(&mut log, 0b11, &[promised.next]).unwrap_or_default();
}

/// Crashes after every operation of many lives, each with a few of the states that the disk may be left in, and again
/// in the middle of the recovery.
#[test]
fn whatever_a_crash_leaves_nothing_that_was_promised_is_lost() {
    let wanted: u64 = std::env::var("STORE_CRASH_STATES").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000);
    let mut states = 0;
    for seed in 1.. {
        let mut dice = Dice(u64::wrapping_mul(seed, 0x9e37_79b9_7f4a_7c15));
        let mut sim = Sim::default();
        let mut promised = Promises::default();
        // Every third is encrypted.
        let key = (seed % 3 == 0).then(|| Key::new(&[7; 32]));
        let settings = LogSettings { key, ..SETTINGS };
        for _ in 0..3 {
            sim.fail_after(dice.below(160) as u64);
            live(&sim, &settings, &mut dice, &mut promised);
            for _ in 0..4 {
                let state = sim.crash(&mut dice);
                // A second crash while recovering from the first.
                state.fail_after(dice.below(6) as u64);
                drop(Log::open(state.clone(), settings.clone(), UUID));
                hold_to(state.crash(&mut dice), &settings, &promised);
                states += 1;
            }
            sim = sim.crash(&mut dice);
        }
        if states >= wanted {
            return;
        }
    }
}

#[test]
fn a_log_without_its_word_about_readers_is_read_from_the_start() {
    let sim = Sim::default();
    let (mut log, _) = open(sim.clone());
    log.cursor("a").unwrap();
    append(&mut log, 1, &[1, 2]).unwrap();
    drop(log);
    for name in ["meta.a", "meta.b"] {
        if sim.file(name).is_some_and(|content| content.len() > 20) {
            sim.flip(name, 20);
        }
    }
    let (mut log, opened) = open(sim);
    assert!(opened.forgotten);
    let a = log.cursor("a").unwrap();
    append(&mut log, 1, &[3]).unwrap();
    assert_eq!(ids(&read_all(&mut log, a)), [1, 2, 3]);
}

/// Fills some segments with records for both readers, and leaves `a` in the middle.
fn filled(sim: &Sim) -> Vec<u64> {
    let (mut log, _) = open(sim.clone());
    let (a, b) = (log.cursor("a").unwrap(), log.cursor("b").unwrap());
    let ids: Vec<u64> = (0..60).collect();
    for ids in ids.chunks(5) {
        append(&mut log, 0b11, ids).unwrap();
    }
    for record in log.read(a, 20, u64::MAX).unwrap().records {
        log.acknowledge(a, record.sequence);
    }
    drop(log.read(b, 10, u64::MAX).unwrap());
    log.checkpoint().unwrap();
    assert!(log.segments.len() >= 3);
    ids
}

fn segment_names(sim: &Sim) -> Vec<String> {
    let names = sim.list().unwrap();
    names.into_iter().filter(|name| name.starts_with("seg-")).collect()
}

#[test]
fn held_is_known_after_opening_whatever_was_checkpointed() {
    let sim = Sim::default();
    let ids = filled(&sim);
    let (mut log, _) = open(sim.clone());
    assert_eq!((log.held(0).records, log.held(1).records), (40, 60));
    append(&mut log, 0b10, &[60, 61]).unwrap();
    drop(log);
    // Not checkpointed: found by reading what was written since.
    let (mut log, _) = open(sim);
    assert_eq!((log.held(0).records, log.held(1).records), (40, 62));
    let bytes = |ids: &[u64]| ids.iter().map(|id| payload(*id).len() as u64).sum::<u64>();
    assert_eq!(log.held(0).bytes, bytes(&ids[20..]));
    assert_eq!(ids_of(&mut log, 0), &ids[20..]);
    for sequence in 1..100 {
        log.acknowledge(0, sequence);
    }
    assert_eq!(log.held(0), Tally::default());
}

fn ids_of<V: Vfs>(log: &mut Log<V>, cursor: u32) -> Vec<u64> {
    ids(&read_all(log, cursor))
}

#[test]
fn segments_whose_names_are_mixed_up_are_read_by_what_they_say() {
    let sim = Sim::default();
    let expected = filled(&sim);
    let names = segment_names(&sim);
    sim.rename(&names[0], "aside").unwrap();
    sim.rename(&names[1], &names[0]).unwrap();
    sim.rename("aside", &names[1]).unwrap();
    let (mut log, opened) = open(sim);
    assert_eq!(opened, Opened::default());
    assert_eq!((ids_of(&mut log, 0), ids_of(&mut log, 1)), (expected[20..].to_vec(), expected));
    append(&mut log, 0b11, &(60..90).collect::<Vec<_>>()).unwrap();
    assert_eq!(ids_of(&mut log, 0), (60..90).collect::<Vec<_>>());
}

#[test]
fn a_missing_segment_costs_its_records_and_they_are_told() {
    for missing in 0..3 {
        let sim = Sim::default();
        let expected = filled(&sim);
        let names = segment_names(&sim);
        sim.remove(&names[missing]).unwrap();
        let (mut log, _) = open(sim);
        let read = log.read(1, usize::MAX, u64::MAX).unwrap();
        assert_eq!(read.lost, Tally::default(), "not before all else is done");
        let there: Vec<u64> = read.records.iter().map(id_of).collect();
        assert!(there.len() < expected.len() && there.iter().all(|id| expected.contains(id)));
        read.records.iter().for_each(|record| log.acknowledge(1, record.sequence));
        let lost = log.read(1, usize::MAX, u64::MAX).unwrap().lost;
        assert_eq!(lost.records as usize, expected.len() - there.len());
        assert_eq!(log.held(1), Tally::default());
        append(&mut log, 0b11, &[77]).unwrap();
        assert_eq!(ids_of(&mut log, 1), [77]);
    }
}

#[test]
fn a_segment_with_a_broken_header_is_put_aside() {
    let sim = Sim::default();
    filled(&sim);
    let names = segment_names(&sim);
    sim.flip(&names[1], 20);
    let (mut log, opened) = open(sim.clone());
    assert_eq!(opened.strays, 1);
    assert!(sim.file(&format!("quarantine-{}", names[1])).is_some());
    assert!(!ids_of(&mut log, 1).is_empty());
    assert_eq!(survey(&sim, 0, None).unwrap().quarantined_bytes, SETTINGS.segment_bytes);
}

#[test]
fn segments_are_used_again_and_what_stood_in_them_is_not_read() {
    let sim = Sim::default();
    let (mut log, _) = open(sim.clone());
    let a = log.cursor("a").unwrap();
    let mut next = 0;
    for _ in 0..40 {
        append(&mut log, 1, &(next..next + 9).collect::<Vec<_>>()).unwrap();
        for (sequence, id) in read_all(&mut log, a) {
            assert_eq!(id, next);
            next += 1;
            log.acknowledge(a, sequence);
        }
        log.checkpoint().unwrap();
        assert!(sim.list().unwrap().len() <= 8, "{:?}", sim.list());
    }
    assert_eq!(next, 360);
    drop(log);
    let (mut log, opened) = open(sim);
    assert_eq!((opened, ids_of(&mut log, a)), (Opened::default(), vec![]));
}

#[test]
fn space_for_others_is_left_and_the_rest_is_taken_when_there_is_some() {
    let sim = Sim::default();
    let settings = LogSettings { reserve_free_bytes: 100_000, ..SETTINGS };
    let (mut log, _) = Log::open(sim.clone(), settings, UUID).unwrap();
    let a = log.cursor("a").unwrap();
    sim.set_free_bytes(100_000);
    let mut taken = 0;
    let error = loop {
        match append(&mut log, 1, &[taken]) {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, LogError::NoSpace), "{error}");
    assert_eq!(ids_of(&mut log, a).len() as u64, taken);
    sim.set_free_bytes(200_000);
    append(&mut log, 1, &[taken]).unwrap();
    assert!(!log.status().read_only);
}

#[test]
fn a_survey_sees_what_opening_would_and_changes_nothing() {
    let sim = Sim::default();
    filled(&sim);
    let before: Vec<_> = sim.list().unwrap().into_iter().map(|name| (sim.file(&name), name)).collect();
    let found = survey(&sim, 3, None).unwrap();
    let after: Vec<_> = sim.list().unwrap().into_iter().map(|name| (sim.file(&name), name)).collect();
    assert!(before == after);
    let (log, _) = open(sim);
    let cursors: Vec<_> = found.cursors.iter().map(|cursor| (cursor.name.clone(), cursor.held)).collect();
    assert_eq!(cursors, log.status().cursors);
    let totals: Vec<_> = found.cursors.iter().map(|cursor| cursor.totals).collect();
    assert_eq!(totals, [log.totals(0), log.totals(1)]);
    assert_eq!((totals[0].enqueued, totals[0].left(End::Delivered)), (60, 20));
    assert_eq!(found.cursors[0].records.len(), 3);
    assert_eq!(found.cursors[0].records[0].bytes, payload(20).len() as u64);
    assert_eq!(found.segments.iter().map(|segment| segment.damaged_bytes).sum::<u64>(), 0);
}

#[test]
fn readers_are_known_by_the_segments_when_nothing_else_tells() {
    let sim = Sim::default();
    let expected = filled(&sim);
    for name in ["meta.a", "meta.b"] {
        sim.flip(name, 20);
    }
    let (mut log, opened) = open(sim);
    assert!(opened.forgotten);
    assert_eq!((log.cursor("b").unwrap(), log.cursor("a").unwrap()), (1, 0));
    assert_eq!((log.held(0).records, log.held(1).records), (60, 60));
    assert_eq!((ids_of(&mut log, 1), ids_of(&mut log, 0)), (expected.clone(), expected));
}

#[test]
fn a_segment_that_cannot_be_made_is_made_when_the_disk_is_well_again() {
    for failing in 0..4 {
        let sim = Sim::default();
        let (mut log, _) = open(sim.clone());
        let a = log.cursor("a").unwrap();
        let mut taken = 0;
        while log.segments.len() == 1 && log.fitting(&[large(&[payload(5)]), large(&[payload(5)])]) == 2 {
            append(&mut log, 1, &[taken]).unwrap();
            taken += 1;
        }
        let pieces: Vec<Bytes> = (0..20).map(|_| payload(5)).collect();
        sim.fail_after(failing);
        assert!(matches!(log.append(&[large(&pieces)]), Err(LogError::Disk(_))));
        sim.fail_after(u64::MAX);
        append(&mut log, 1, &[taken]).unwrap();
        assert_eq!(ids_of(&mut log, a), (0..=taken).collect::<Vec<_>>(), "failing at {failing}");
        drop(log);
        let (mut log, _) = open(sim);
        assert_eq!(ids_of(&mut log, a), (0..=taken).collect::<Vec<_>>());
    }
}

fn large(payload: &[Bytes]) -> NewRecord<'_> {
    NewRecord { time: 1, targets: 1, items: 1, head: &[], payload, memory: None }
}

#[test]
fn what_is_given_up_is_told_and_not_read_again() {
    let sim = Sim::default();
    filled(&sim);
    let (mut log, _) = open(sim.clone());
    assert_eq!(log.purge(0).unwrap().records, 40);
    assert_eq!((log.held(0), ids_of(&mut log, 0)), (Tally::default(), vec![]));
    drop(log);
    let (mut log, _) = open(sim);
    assert_eq!((ids_of(&mut log, 0).len(), ids_of(&mut log, 1).len()), (0, 60));
}
