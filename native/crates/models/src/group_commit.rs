//! The jobs of a log's thread, between those who give them and the thread that carries them out.

use std::time::Duration;

use loom::sync::{Arc, Mutex};
use loom::thread::{self, JoinHandle};

use crate::jobs::Jobs;

/// Takes jobs to the end, as the thread of a log does, sleeping for at most `patience`; those that it was given.
fn worker(jobs: &Arc<Jobs<u32>>, patience: Option<Duration>) -> JoinHandle<Vec<u32>> {
    let jobs = Arc::clone(jobs);
    thread::spawn(move || {
        let mut done = Vec::new();
        loop {
            let (taken, ending) = jobs.take(|| patience);
            done.extend(taken);
            if ending {
                return done;
            }
        }
    })
}

fn joined<T>(handle: JoinHandle<T>) -> T {
    handle.join().unwrap_or_else(|_| panic!("a thread panicked"))
}

/// A wake-up that is missed ends a model in a deadlock: nothing wakes a sleeper here but being told.
#[test]
fn every_job_is_taken_once_and_the_end_is_come_to() {
    loom::model(|| {
        let jobs = Arc::new(Jobs::new());
        let working = worker(&jobs, None);
        let other = Arc::clone(&jobs);
        let giving = thread::spawn(move || other.give(1, true));
        jobs.give(2, false);
        joined(giving);
        jobs.end();
        let mut done = joined(working);
        done.sort_unstable();
        assert_eq!(done, [1, 2]);
    });
}

/// Answers come while others give: each who waits is told before the end, which is not come to otherwise.
#[test]
fn who_waits_for_a_job_is_answered() {
    loom::model(|| {
        let jobs = Arc::new(Jobs::new());
        let answered = Arc::new((Mutex::new(false), loom::sync::Condvar::new()));
        let working = {
            let (jobs, answered) = (Arc::clone(&jobs), Arc::clone(&answered));
            thread::spawn(move || {
                while !jobs.take(|| None).0.contains(&1) {}
                *answered.0.lock().unwrap_or_else(|_| panic!("poisoned")) = true;
                answered.1.notify_one();
            })
        };
        jobs.give(1, true);
        let mut is_answered = answered.0.lock().unwrap_or_else(|_| panic!("poisoned"));
        while !*is_answered {
            is_answered = answered.1.wait(is_answered).unwrap_or_else(|_| panic!("poisoned"));
        }
        drop(is_answered);
        joined(working);
    });
}

/// loom's time does not pass: a thread that dozes is woken by what somebody waits for, or never.
#[test]
fn a_job_that_nobody_waits_for_comes_with_the_next_that_somebody_does() {
    loom::model(|| {
        let jobs = Arc::new(Jobs::new());
        let working = worker(&jobs, Some(Duration::from_secs(1)));
        jobs.give(1, false);
        jobs.give(2, true);
        jobs.give(3, false);
        jobs.end();
        assert_eq!(joined(working), [1, 2, 3]);
    });
}

/// Whoever waits for a job that the thread does not come to learns so as it is dropped.
#[test]
fn no_job_is_left_with_a_thread_that_is_gone() {
    loom::model(|| {
        let (jobs, job) = (Arc::new(Jobs::new()), Arc::new(()));
        let (other, given) = (Arc::clone(&jobs), Arc::clone(&job));
        let giving = thread::spawn(move || other.give(given, true));
        jobs.abandon();
        joined(giving);
        jobs.give(Arc::clone(&job), false);
        assert_eq!(Arc::strong_count(&job), 1);
    });
}
