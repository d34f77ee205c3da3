//! Waiting for a stop to come so far, and for a stage to be empty. In the collector both happen among the tasks of one
//! thread, and for memory between threads; here they are on threads of their own, which have every order that tasks
//! have, and more. A wake-up that is missed ends a model in a deadlock.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Wake, Waker};

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::{Arc, Condvar, Mutex, MutexGuard};
use loom::thread::{self, JoinHandle};

use crate::changes::Changes;

/// A number that is told when it changes: the level of a stop, or what a stage holds.
struct Told {
    number: AtomicUsize,
    changes: Changes,
}

impl Told {
    fn new(number: usize) -> Arc<Told> {
        Arc::new(Told { number: AtomicUsize::new(number), changes: Changes::new() })
    }

    fn number(&self) -> usize {
        self.number.load(Ordering::Relaxed)
    }

    /// As `Stop::raise` does it.
    fn raise(&self, level: usize) {
        self.number.store(level, Ordering::Relaxed);
        self.changes.tell();
    }

    /// As `Leave` does it.
    fn leave(&self) {
        self.number.fetch_sub(1, Ordering::Relaxed);
        self.changes.tell();
    }
}

/// All orders with at most two interruptions of a thread by another: of three threads there are too many otherwise.
fn model(orders: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(orders);
}

/// Polls a future whenever it is woken, until it is ready.
fn block_on(future: impl Future<Output = ()>) {
    let alarm = std::sync::Arc::new(Alarm::default());
    let waker = Waker::from(std::sync::Arc::clone(&alarm));
    let mut future = pin!(future);
    while future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
        alarm.sleep();
    }
}

/// Wakes a thread.
#[derive(Default)]
struct Alarm {
    rung: Mutex<bool>,
    ringing: Condvar,
}

impl Alarm {
    fn sleep(&self) {
        let mut rung = self.lock();
        while !*rung {
            rung = self.ringing.wait(rung).unwrap_or_else(|_| panic!("poisoned"));
        }
        *rung = false;
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.rung.lock().unwrap_or_else(|_| panic!("poisoned"))
    }
}

impl Wake for Alarm {
    fn wake(self: std::sync::Arc<Self>) {
        *self.lock() = true;
        self.ringing.notify_one();
    }
}

fn there(told: &Arc<Told>, work: impl FnOnce(&Told) + 'static) -> JoinHandle<()> {
    let told = Arc::clone(told);
    thread::spawn(move || work(&told))
}

fn joined(handle: JoinHandle<()>) {
    handle.join().unwrap_or_else(|_| panic!("the other thread panicked"));
}

#[test]
fn each_who_waits_for_a_level_is_woken_by_it_or_a_stricter_one() {
    model(|| {
        let stop = Told::new(0);
        let first = there(&stop, |stop| block_on(stop.changes.until(|| stop.number() >= 1)));
        let second = there(&stop, |stop| block_on(stop.changes.until(|| stop.number() >= 2)));
        stop.raise(1);
        stop.raise(2);
        joined(first);
        joined(second);
    });
}

#[test]
fn a_drain_ends_when_the_last_has_left() {
    model(|| {
        let held = Told::new(2);
        let leaving = [there(&held, Told::leave), there(&held, Told::leave)];
        block_on(held.changes.until(|| held.number() == 0));
        assert_eq!(held.number(), 0);
        leaving.into_iter().for_each(joined);
    });
}

/// A request that is done gives up its wait for the end; nobody else's wake-up goes with it.
#[test]
fn who_stops_waiting_takes_no_wake_up_along() {
    model(|| {
        let stop = Told::new(0);
        let raising = there(&stop, |stop| stop.raise(1));
        {
            let mut given_up = pin!(stop.changes.until(|| stop.number() >= 1));
            let polled = given_up.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(polled == Poll::Pending || stop.number() == 1);
        }
        block_on(stop.changes.until(|| stop.number() >= 1));
        joined(raising);
    });
}
