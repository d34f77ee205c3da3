//! Whatever happens to the files: the log opens, and loses no more than the records that were touched.

use std::ops::Range;

use super::*;
use crate::log::reading::Step;

/// A few segments, each of a few blocks.
const SIZES: LogSettings = LogSettings { segment_bytes: 16 << 10, max_bytes: 16 * (16 << 10), ..SETTINGS };
/// What a disk loses at once.
const BLOCK_BYTES: usize = 4096;
/// What no append wrote.
const NOBODY: u64 = u64::MAX;

/// A record, and where it stands.
struct Placed {
    id: u64,
    sequence: u64,
    targets: u64,
    file: String,
    bytes: Range<usize>,
}

/// A log that has lived, and what is owed from it.
struct Case {
    sim: Sim,
    records: Vec<Placed>,
    /// What each of the two readers has acknowledged.
    done: [BTreeSet<u64>; 2],
    /// Whether all of that was written down.
    is_settled: bool,
    /// Sequences of records that damage has touched.
    touched: BTreeSet<u64>,
    /// Whether what was written down was touched.
    is_forgotten: bool,
}

impl Case {
    fn new(dice: &mut Dice) -> Case {
        let sim = Sim::default();
        let (mut log, _) = Log::open(sim.clone(), SIZES, UUID).unwrap();
        let cursors = [log.cursor("a").unwrap(), log.cursor("b").unwrap()];
        let mut done = [BTreeSet::new(), BTreeSet::new()];
        let mut next = 0;
        for _ in 0..12 + dice.below(12) {
            let ids: Vec<u64> = (next..next + 1 + dice.below(12) as u64).collect();
            next += ids.len() as u64;
            append(&mut log, 1 + dice.below(3) as u64, &ids).unwrap();
            for (cursor, done) in cursors.into_iter().zip(&mut done) {
                for record in log.read(cursor, dice.below(8), u64::MAX).unwrap().records {
                    if dice.below(3) > 0 {
                        log.acknowledge(cursor, record.sequence);
                        done.insert(record.sequence);
                    }
                }
            }
            if dice.below(4) == 0 {
                log.checkpoint().unwrap();
            }
        }
        let is_settled = dice.below(2) == 0;
        if is_settled {
            log.checkpoint().unwrap();
        }
        let records = placed(&mut log);
        Case { sim, records, done, is_settled, touched: BTreeSet::new(), is_forgotten: false }
    }

    fn hurt(&mut self, dice: &mut Dice) {
        let segments = segment_names(&self.sim);
        if segments.is_empty() {
            return;
        }
        let name = segments[dice.below(segments.len())].clone();
        let length = self.sim.file(&name).unwrap().len();
        match dice.below(8) {
            0 | 1 => {
                let at = dice.below(length.max(1));
                self.touch(&name, at..at + 1);
                self.sim.damage(&name, |content| {
                    content.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << dice.below(8))
                });
            }
            2 => {
                let at = dice.below(length / BLOCK_BYTES + 1) * BLOCK_BYTES;
                self.touch(&name, at..at + BLOCK_BYTES);
                self.sim
                    .damage(&name, |content| content.iter_mut().skip(at).take(BLOCK_BYTES).for_each(|byte| *byte = 0));
            }
            3 => {
                let end = dice.below(length + 1);
                self.touch(&name, end..usize::MAX);
                self.sim.damage(&name, |content| content.truncate(end));
            }
            4 => {
                let other = segments[dice.below(segments.len())].clone();
                if other != name {
                    self.swap(&name, &other);
                }
            }
            5 => {
                self.touch(&name, 0..usize::MAX);
                self.sim.remove(&name).unwrap();
            }
            6 => {
                let stray = segment::name(90 + dice.below(9) as u64);
                if self.sim.file(&stray).is_none() {
                    drop(self.sim.create(&stray, dice.below(9000) as u64).unwrap());
                    self.sim
                        .damage(&stray, |content| content.iter_mut().for_each(|byte| *byte = dice.below(256) as u8));
                }
            }
            _ => {
                self.is_forgotten = true;
                let name = ["meta.a", "meta.b"][dice.below(2)];
                let (from, to) = (dice.below(200), dice.below(200));
                let noise = |content: &mut Vec<u8>| {
                    content[from.min(to)..from.max(to)].iter_mut().for_each(|byte| *byte = dice.below(256) as u8)
                };
                self.sim.damage(name, noise);
            }
        }
    }

    /// Takes note of the records of a file that stand in `bytes`; without its header a segment is nothing.
    fn touch(&mut self, file: &str, bytes: Range<usize>) {
        let whole = bytes.start < HEADER_BYTES as usize;
        let hit = |record: &&Placed| {
            let overlap = record.bytes.start < bytes.end && bytes.start < record.bytes.end;
            record.file == file && (whole || overlap)
        };
        self.touched.extend(self.records.iter().filter(hit).map(|record| record.sequence));
    }

    fn swap(&mut self, one: &str, other: &str) {
        self.sim.rename(one, "aside").unwrap();
        self.sim.rename(other, one).unwrap();
        self.sim.rename("aside", other).unwrap();
        for record in &mut self.records {
            if record.file == one {
                record.file = other.to_owned();
            } else if record.file == other {
                record.file = one.to_owned();
            }
        }
    }

    fn judge(&self, seed: u64) {
        let (mut log, _) = Log::open(self.sim.clone(), SIZES, UUID).unwrap();
        let written: BTreeSet<(u64, u64)> = self.records.iter().map(|record| (record.sequence, record.id)).collect();
        for (bit, name) in ["a", "b"].into_iter().enumerate() {
            let cursor = log.cursor(name).unwrap();
            let (read, mut lost) = to_the_end(&mut log, cursor);
            let there: BTreeSet<u64> = read.iter().map(|(sequence, _)| *sequence).collect();
            assert_eq!(there.len(), read.len(), "seed {seed}: read twice");
            assert!(read.iter().all(|pair| written.contains(pair)), "seed {seed}: read what was not written");
            let owed = |record: &&Placed| record.targets >> bit & 1 == 1 && !self.done[bit].contains(&record.sequence);
            let missing: Vec<_> =
                self.records.iter().filter(owed).filter(|record| !there.contains(&record.sequence)).collect();
            let untouched = missing.iter().find(|record| !self.touched.contains(&record.sequence));
            assert!(untouched.is_none(), "seed {seed}: {:?} is lost to {name}", untouched.map(|record| record.id));
            read.iter().for_each(|(sequence, _)| log.acknowledge(cursor, *sequence));
            lost.add(log.read(cursor, 1, u64::MAX).unwrap().lost);
            if self.is_settled && !self.is_forgotten {
                assert_eq!(lost.records as usize, missing.len(), "seed {seed}: not counted for {name}");
            }
            assert_eq!(log.held(cursor), Tally::default(), "seed {seed}");
            assert_balanced(&log);
        }
        // It goes on as a log does, in this life and the next.
        append(&mut log, 0b11, &[NOBODY / 700]).unwrap();
        assert_eq!(ids_of(&mut log, 0), [NOBODY / 700], "seed {seed}");
        drop(log);
        let (mut log, _) = Log::open(self.sim.clone(), SIZES, UUID).unwrap();
        assert!(to_the_end(&mut log, 1).0.iter().any(|(_, id)| *id == NOBODY / 700), "seed {seed}");
    }
}

/// All records and where they stand.
fn placed(log: &mut Log<Sim>) -> Vec<Placed> {
    let (mut place, mut records) = (log.start(), Vec::new());
    loop {
        match log.find(place, u64::MAX).unwrap() {
            Step::Record { outline, front, at, next } => {
                place = next;
                if outline.targets == 0 {
                    continue;
                }
                let record = log.load(at, &front.unwrap()).unwrap().unwrap();
                records.push(Placed {
                    id: id_of(&record),
                    sequence: outline.sequence,
                    targets: outline.targets,
                    file: segment::name(at.segment),
                    bytes: at.offset as usize..next.offset as usize,
                });
            }
            Step::Skip { to, .. } => place = to,
            Step::End => return records,
        }
    }
}

/// Sequences and ids of what is read, and what is told to be lost.
fn to_the_end(log: &mut Log<Sim>, cursor: u32) -> (Vec<(u64, u64)>, Tally) {
    let (mut all, mut lost) = (Vec::new(), Tally::default());
    loop {
        let read = log.read(cursor, usize::MAX, u64::MAX).unwrap();
        all.extend(read.records.iter().map(|record| (record.sequence, id_of(record))));
        lost.add(read.lost);
        if !read.more {
            return (all, lost);
        }
    }
}

#[test]
fn damage_costs_the_records_it_touches() {
    let cases: u64 = std::env::var("STORE_DAMAGE_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(100);
    for seed in 1..=cases {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut case = Case::new(&mut dice);
        for _ in 0..1 + dice.below(3) {
            case.hurt(&mut dice);
        }
        case.judge(seed);
    }
}

/// Whoever does not want to go on without what is gone is told, and may look at everything as it was left.
#[test]
fn a_log_that_is_not_to_be_opened_when_damaged_is_left_as_it_is() {
    let settings = LogSettings { fail_on_damage: true, ..SIZES };
    let contents = |sim: &Sim| sim.list().unwrap().into_iter().map(|name| (sim.file(&name), name)).collect::<Vec<_>>();
    for seed in 1..=60 {
        let mut dice = Dice(u64::wrapping_mul(seed, 0x9e37_79b9_7f4a_7c15));
        let mut case = Case::new(&mut dice);
        let is_hurt = dice.below(4) > 0;
        if is_hurt {
            case.hurt(&mut dice);
        }
        let before = contents(&case.sim);
        let opened = Log::open(case.sim.clone(), settings.clone(), UUID);
        if let Err(error) = opened {
            assert!(matches!(error, LogError::Damaged), "seed {seed}: {error}");
            assert_eq!(contents(&case.sim), before, "seed {seed}: something was changed");
            assert!(is_hurt, "seed {seed}: nothing was damaged");
        } else if case.is_settled && !case.is_forgotten {
            let owed = case.records.iter().filter(|record| case.touched.contains(&record.sequence));
            let owed =
                |bit: usize| owed.clone().any(|r| r.targets >> bit & 1 == 1 && !case.done[bit].contains(&r.sequence));
            assert!(!owed(0) && !owed(1), "seed {seed}: damage was not noticed");
        }
    }
}
