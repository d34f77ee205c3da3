//! The byte ledger between threads.

use loom::sync::Arc;
use loom::thread;

use crate::budget::Budget;

/// Runs `work` on another thread and here.
fn both<T: 'static>(budget: &Arc<Budget>, work: fn(&Budget) -> T) -> [T; 2] {
    let other = Arc::clone(budget);
    let there = thread::spawn(move || work(&other));
    let here = work(budget);
    [here, there.join().unwrap_or_else(|_| panic!("the other thread panicked"))]
}

#[test]
fn what_is_taken_never_passes_the_limit_and_all_comes_back() {
    loom::model(|| {
        let budget = Arc::new(Budget::new(10));
        let taken = both(&budget, |budget| {
            let taken = budget.take(6);
            assert!(budget.used() <= 10 && budget.peak() <= 10);
            if taken.is_ok() {
                budget.give_back(6);
            }
            taken
        });
        let refused = taken.iter().filter(|taken| taken.is_err()).count();
        assert!(refused <= 1, "one of two fits");
        assert_eq!((budget.used(), budget.peak(), budget.refused()), (0, 6, refused as u64));
        assert_eq!(budget.released(), 6 * (2 - refused as u64));
    });
}

#[test]
fn of_those_that_do_not_fit_together_one_is_refused_and_told_what_is_free() {
    loom::model(|| {
        let budget = Arc::new(Budget::new(10));
        let taken = both(&budget, |budget| budget.take(6));
        let refusals: Vec<_> = taken.iter().filter_map(|taken| taken.err()).collect();
        assert_eq!(refusals, [4]);
        assert_eq!((budget.used(), budget.peak(), budget.refused()), (6, 6, 1));
    });
}

#[test]
fn a_lower_limit_holds_for_whoever_sees_it() {
    loom::model(|| {
        let budget = Arc::new(Budget::new(10));
        let other = Arc::clone(&budget);
        let lowering = thread::spawn(move || other.set_limit(4));
        let early = budget.take(6);
        lowering.join().unwrap_or_else(|_| panic!("the other thread panicked"));
        assert_eq!(budget.used(), if early.is_ok() { 6 } else { 0 });
        assert_eq!(budget.limit(), 4);
        let late = budget.take(4);
        assert_eq!(late.is_ok(), early.is_err());
    });
}

#[test]
fn the_peak_misses_nothing_that_was_taken_over() {
    loom::model(|| {
        let budget = Arc::new(Budget::new(1));
        both(&budget, |budget| budget.take_over(5));
        assert_eq!((budget.used(), budget.peak()), (10, 10));
    });
}
