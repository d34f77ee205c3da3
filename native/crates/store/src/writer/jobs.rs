//! What waits for the thread of a log. Whoever gives a job wakes the thread if it sleeps, and only if it must not sleep
//! on.

use std::sync::PoisonError;
use std::time::Duration;

use super::sync::{Condvar, Mutex, MutexGuard};

/// Jobs from many threads to one, in the order they came.
pub(crate) struct Jobs<J> {
    waiting: Mutex<Waiting<J>>,
    more: Condvar,
}

struct Waiting<J> {
    jobs: Vec<J>,
    ending: bool,
    thread: Thread,
}

/// What the thread is at, and so whether it must be told of a job.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Thread {
    /// It looks for jobs before it sleeps.
    Awake,
    /// It sleeps for a while. What nobody waits for may wait until then.
    Dozing,
    /// It sleeps until it is told.
    Asleep,
    /// It is no more.
    Gone,
}

impl<J> Jobs<J> {
    pub(crate) fn new() -> Self {
        let waiting = Waiting { jobs: Vec::new(), ending: false, thread: Thread::Awake };
        Jobs { waiting: Mutex::new(waiting), more: Condvar::new() }
    }

    /// Adds a job, which somebody waits for or not.
    pub(crate) fn give(&self, job: J, is_awaited: bool) {
        let mut waiting = self.lock();
        let wakes = match waiting.thread {
            // Whoever waits learns so as the job is dropped, which may want to give another.
            Thread::Gone => return drop(waiting),
            Thread::Awake => false,
            Thread::Dozing => is_awaited,
            Thread::Asleep => true,
        };
        waiting.jobs.push(job);
        if wakes {
            waiting.thread = Thread::Awake;
            drop(waiting);
            self.more.notify_one();
        }
    }

    /// There will be no more jobs.
    pub(crate) fn end(&self) {
        self.lock().ending = true;
        self.more.notify_one();
    }

    /// Nobody takes jobs any more: those that wait are dropped, and so are all that come.
    pub(crate) fn abandon(&self) {
        let mut waiting = self.lock();
        waiting.thread = Thread::Gone;
        let left = std::mem::take(&mut waiting.jobs);
        drop(waiting);
        drop(left);
    }

    /// All jobs, and whether they are the last. Sleeps while there are none, for as long as `patience` says each time it
    /// is asked, without an answer until it is told; there may be none when that is over.
    pub(crate) fn take(&self, patience: impl Fn() -> Option<Duration>) -> (Vec<J>, bool) {
        let mut waiting = self.lock();
        while waiting.jobs.is_empty() && !waiting.ending {
            waiting = match patience() {
                Some(Duration::ZERO) => break,
                Some(left) => {
                    waiting.thread = Thread::Dozing;
                    self.more.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0
                }
                None => {
                    waiting.thread = Thread::Asleep;
                    self.more.wait(waiting).unwrap_or_else(PoisonError::into_inner)
                }
            };
        }
        waiting.thread = Thread::Awake;
        (std::mem::take(&mut waiting.jobs), waiting.ending)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<J>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
