//! The gate of a circuit breaker between threads.

use loom::sync::Arc;
use loom::thread;

use crate::gate::{Ask, Gate, State};

/// When an open gate of these models takes probes.
const UNTIL: u64 = 10;
const OVERDUE: u64 = 20;

/// A gate opened once, in generation 1.
fn opened() -> Arc<Gate> {
    let gate = Arc::new(Gate::new());
    assert!(gate.open(State::Closed, 0, UNTIL));
    gate
}

/// Runs `work` on another thread and here.
fn both<T: 'static>(gate: &Arc<Gate>, work: fn(&Gate) -> T) -> [T; 2] {
    let other = Arc::clone(gate);
    let there = thread::spawn(move || work(&other));
    let here = work(gate);
    [here, there.join().unwrap_or_else(|_| panic!("the other thread panicked"))]
}

fn count<T>(results: &[T], is: impl Fn(&T) -> bool) -> usize {
    results.iter().filter(|result| is(result)).count()
}

#[test]
fn one_of_many_failures_opens() {
    loom::model(|| {
        let gate = Arc::new(Gate::new());
        let opened = both(&gate, |gate| gate.open(State::Closed, 0, UNTIL));
        assert_eq!(count(&opened, |opened| *opened), 1);
        assert_eq!((gate.read().state(), gate.read().generation()), (State::Open, 1));
        assert_eq!(gate.probe(0, 1, OVERDUE), Ask::Wait(UNTIL));
    });
}

#[test]
fn one_of_many_turns_open_to_half_open() {
    loom::model(|| {
        let gate = opened();
        let asked = both(&gate, |gate| gate.probe(UNTIL, 2, OVERDUE));
        assert_eq!(count(&asked, |ask| matches!(ask, Ask::Probe { first: true, .. })), 1);
        assert_eq!(count(&asked, |ask| matches!(ask, Ask::Probe { generation: 2, .. })), 2);
        assert_eq!((gate.read().state(), gate.read().probes()), (State::HalfOpen, 2));
    });
}

#[test]
fn probes_are_no_more_than_permits() {
    loom::model(|| {
        let gate = opened();
        let asked = both(&gate, |gate| {
            let ask = gate.probe(UNTIL, 1, OVERDUE);
            assert!(gate.read().probes() <= 1);
            ask
        });
        assert_eq!(count(&asked, |ask| matches!(ask, Ask::Probe { .. })), 1);
        assert_eq!(count(&asked, |ask| *ask == Ask::Wait(OVERDUE)), 1);
    });
}

#[test]
fn a_permit_given_back_can_be_had_again() {
    loom::model(|| {
        let gate = opened();
        both(&gate, |gate| {
            if let Ask::Probe { generation, .. } = gate.probe(UNTIL, 1, OVERDUE) {
                assert_eq!(gate.read().probes(), 1);
                gate.give_back(generation);
            }
        });
        assert_eq!(gate.read().probes(), 0);
        assert_eq!(gate.probe(UNTIL, 1, OVERDUE), Ask::Probe { generation: 2, first: false });
    });
}

#[test]
fn one_of_many_successes_closes() {
    loom::model(|| {
        let gate = opened();
        assert!(matches!(gate.probe(UNTIL, 2, OVERDUE), Ask::Probe { .. }));
        assert!(matches!(gate.probe(UNTIL, 2, OVERDUE), Ask::Probe { .. }));
        assert_eq!((gate.read().probes(), gate.read().successes()), (2, 0));
        let closed = both(&gate, |gate| gate.succeed(2, 2));
        assert_eq!(count(&closed, |closed| *closed), 1);
        assert_eq!((gate.read().state(), gate.read().generation()), (State::Closed, 3));
    });
}

#[test]
fn a_success_and_a_failure_come_to_one_state_and_the_later_is_stale() {
    loom::model(|| {
        let gate = opened();
        assert!(matches!(gate.probe(UNTIL, 2, OVERDUE), Ask::Probe { .. }));
        assert!(matches!(gate.probe(UNTIL, 2, OVERDUE), Ask::Probe { .. }));
        let other = Arc::clone(&gate);
        let failure = thread::spawn(move || other.open(State::HalfOpen, 2, 2 * UNTIL));
        let closed = gate.succeed(2, 1);
        let opened = failure.join().unwrap_or_else(|_| panic!("the other thread panicked"));
        assert!(closed != opened, "exactly one of them is in time");
        let word = gate.read();
        assert_eq!((word.generation(), word.probes()), (3, 0));
        assert_eq!(word.state(), if closed { State::Closed } else { State::Open });
    });
}

#[test]
fn results_of_an_older_generation_change_nothing() {
    loom::model(|| {
        let gate = opened();
        let other = Arc::clone(&gate);
        let late = thread::spawn(move || {
            assert!(!other.succeed(0, 1) && !other.open(State::Closed, 0, 1_000));
            other.give_back(0);
        });
        assert_eq!(gate.probe(UNTIL, 1, OVERDUE), Ask::Probe { generation: 2, first: true });
        late.join().unwrap_or_else(|_| panic!("the other thread panicked"));
        let word = gate.read();
        assert_eq!((word.state(), word.generation(), word.probes()), (State::HalfOpen, 2, 1));
        assert_eq!(gate.probe(OVERDUE, 1, 30), Ask::Overdue(2));
    });
}
