//! The ledger is exact: whatever permits do, `used` is the sum of what they hold.

use std::thread;

use proptest::prelude::*;

use super::*;

#[test]
fn reserves_up_to_the_last_byte_and_no_further() {
    let ledger = Ledger::new(10);
    let all = ledger.try_reserve(10).unwrap();
    assert_eq!(ledger.try_reserve(1).unwrap_err(), Exhausted { wanted: 1, free: 0 });
    assert_eq!(ledger.try_reserve(0).unwrap().bytes(), 0);
    drop(all);
    assert_eq!((ledger.used(), ledger.peak(), ledger.refused()), (0, 10, 1));
}

#[test]
fn refuses_a_sum_that_does_not_fit_in_u64() {
    let ledger = Ledger::new(u64::MAX);
    let mut permit = ledger.try_reserve(5).unwrap();
    assert_eq!(permit.try_grow(u64::MAX).unwrap_err(), Exhausted { wanted: u64::MAX, free: u64::MAX - 5 });
    assert_eq!(permit.bytes(), 5);
}

#[test]
fn failed_growth_keeps_what_was_held() {
    let ledger = Ledger::new(10);
    let mut permit = ledger.try_reserve(6).unwrap();
    assert!(permit.try_grow(5).is_err());
    assert_eq!((permit.bytes(), ledger.used()), (6, 6));
    permit.try_grow(4).unwrap();
    permit.shrink_to(1);
    permit.shrink_to(9);
    assert_eq!((permit.bytes(), ledger.used()), (1, 1));
}

#[test]
fn lowered_limit_refuses_until_permits_are_dropped() {
    let ledger = Ledger::new(10);
    let permit = ledger.try_reserve(8).unwrap();
    ledger.set_limit(4);
    assert_eq!(ledger.try_reserve(1).unwrap_err(), Exhausted { wanted: 1, free: 0 });
    drop(permit);
    assert_eq!(ledger.try_reserve(4).unwrap().bytes(), 4);
}

#[test]
fn permit_of_no_ledger_grows_for_free_and_adopts_a_ledger() {
    let ledger = Ledger::new(10);
    let mut permit = Permit::none();
    permit.try_grow(u64::MAX).unwrap();
    permit.shrink_to(0);
    assert_eq!((permit.bytes(), permit.split_off(3).bytes()), (0, 0));
    permit.merge(ledger.try_reserve(7).unwrap());
    permit.merge(Permit::none());
    assert_eq!((permit.bytes(), ledger.used()), (7, 7));
    drop(permit);
    assert_eq!(ledger.used(), 0);
}

#[test]
fn merging_across_ledgers_moves_the_account() {
    let (left, right) = (Ledger::new(10), Ledger::new(10));
    let mut permit = left.try_reserve(8).unwrap();
    permit.merge(right.try_reserve(6).unwrap());
    assert_eq!((permit.bytes(), left.used(), right.used()), (14, 14, 0));
    drop(permit);
    assert_eq!((left.used(), left.peak()), (0, 14));
}

#[test]
fn threads_together_never_pass_the_limit_and_leave_nothing_behind() {
    let ledger = Ledger::new(64);
    let rounds = if cfg!(miri) { 50 } else { 20_000 };
    thread::scope(|scope| {
        for seed in 1..=4_u64 {
            let ledger = &ledger;
            scope.spawn(move || {
                let mut held = Permit::none();
                for round in 0..rounds {
                    match ledger.try_reserve((round * seed) % 40) {
                        Ok(permit) => held.merge(permit),
                        Err(_) => drop(std::mem::take(&mut held)),
                    }
                    assert!(ledger.used() <= 64);
                }
            });
        }
    });
    assert_eq!(ledger.used(), 0);
    assert!(ledger.peak() <= 64);
}

#[derive(Clone, Debug)]
enum Step {
    Reserve(u64),
    Grow(usize, u64),
    Shrink(usize, u64),
    Split(usize, u64),
    Merge(usize, usize),
    Drop(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let at = 0..8_usize;
    let bytes = 0..200_u64;
    prop_oneof![
        bytes.clone().prop_map(Step::Reserve),
        (at.clone(), bytes.clone()).prop_map(|(i, n)| Step::Grow(i, n)),
        (at.clone(), bytes.clone()).prop_map(|(i, n)| Step::Shrink(i, n)),
        (at.clone(), bytes).prop_map(|(i, n)| Step::Split(i, n)),
        (at.clone(), at.clone()).prop_map(|(i, j)| Step::Merge(i, j)),
        at.prop_map(Step::Drop),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 256 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn used_is_the_sum_of_live_permits(steps in prop::collection::vec(step(), 0..60)) {
        let ledger = Ledger::new(500);
        let mut live: Vec<Permit> = Vec::new();
        for step in steps {
            let n = live.len();
            match step {
                Step::Reserve(bytes) => live.extend(ledger.try_reserve(bytes)),
                Step::Grow(i, bytes) if i < n => drop(live[i].try_grow(bytes)),
                Step::Shrink(i, bytes) if i < n => live[i].shrink_to(bytes),
                Step::Split(i, bytes) if i < n => { let part = live[i].split_off(bytes); live.push(part); }
                Step::Merge(i, j) if i < n && j < n && i != j => {
                    let other = std::mem::take(&mut live[j]);
                    live[i].merge(other);
                }
                Step::Drop(i) if i < n => drop(live.swap_remove(i)),
                _ => {}
            }
            prop_assert_eq!(ledger.used(), live.iter().map(Permit::bytes).sum::<u64>());
            prop_assert!(ledger.used() <= ledger.limit());
        }
        drop(live);
        prop_assert_eq!(ledger.used(), 0);
    }
}
