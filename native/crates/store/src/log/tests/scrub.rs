//! Damage that is found before a reader comes to it.

use super::*;
use crate::log::scrub::Damage;

/// One pass; how many steps it took and what it found.
fn pass(log: &mut Log<Sim>) -> (u64, Vec<Damage>) {
    let (mut steps, mut found) = (0, Vec::new());
    while let Some(step) = log.scrub().unwrap() {
        assert!(step.bytes <= (256 << 10) + 4096, "{}", step.bytes);
        steps += 1;
        found.extend(step.damage);
    }
    (steps, found)
}

#[test]
fn damage_in_what_is_sealed_is_found_in_bounded_steps_and_left_to_its_readers() {
    let settings = LogSettings { segment_bytes: 1 << 20, max_bytes: 8 << 20, ..SETTINGS };
    let sim = Sim::default();
    let (mut log, _) = Log::open(sim.clone(), settings, UUID).unwrap();
    let a = log.cursor("a").unwrap();
    assert_eq!((pass(&mut log), log.has_sealed()), ((0, vec![]), false));
    let ids: Vec<u64> = (0..9000).collect();
    for ids in ids.chunks(100) {
        append(&mut log, 1, ids).unwrap();
    }
    let (steps, found) = pass(&mut log);
    assert!(steps >= 2 * 4 && found.is_empty(), "{steps} {found:?}");
    // One in the middle of the first segment, and the last of the second.
    let [first, second] = [0, 1].map(|index| (log.segments[index].name.clone(), log.segments[index].end as usize));
    sim.flip(&first.0, first.1 / 2);
    sim.flip(&second.0, second.1 - 9);
    let damage = |segment: String| Damage { segment, records: 1 };
    assert_eq!(pass(&mut log).1, [damage(first.0), damage(second.0)]);
    let (mut found, mut lost) = (0, Tally::default());
    loop {
        let read = log.read(a, usize::MAX, u64::MAX).unwrap();
        found += read.records.len();
        read.records.iter().for_each(|record| log.acknowledge(a, record.sequence));
        lost.add(read.lost);
        if !read.more {
            break;
        }
    }
    lost.add(log.read(a, 1, u64::MAX).unwrap().lost);
    assert_eq!((found, lost.records), (8998, 2));
    // What is gone meanwhile is not looked for.
    log.scrub().unwrap();
    log.checkpoint().unwrap();
    assert_eq!((pass(&mut log), log.has_sealed()), ((0, vec![]), false));
}
