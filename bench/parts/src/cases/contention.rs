//! The same small operation on several threads at once.

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use cpu_time::ThreadTime;

use crate::measure::{Clock, Contender};

/// How `shared` measures so many threads: one alone waits for nobody.
pub(super) fn clock(threads: usize) -> Clock {
    if threads == 1 { Clock::Cpu } else { Clock::Wall }
}

/// A contender that repeats `operation` on one thread for each of the handles. Its time is that of one operation while
/// the others do theirs.
pub(super) fn shared<H: Send + 'static>(
    name: &'static str,
    mut handles: Vec<H>,
    operation: impl Fn(&mut H) + Copy + Send + 'static,
) -> Contender {
    Contender::timed(name, move |count| match &mut handles[..] {
        [handle] => {
            let start = ThreadTime::now();
            repeat(handle, count, operation);
            start.elapsed()
        }
        handles => side_by_side(handles, count, operation),
    })
}

/// How long the slowest thread takes, from the moment on when all are there.
fn side_by_side<H: Send>(handles: &mut [H], count: u64, operation: impl Fn(&mut H) + Copy + Send) -> Duration {
    let barrier = Barrier::new(handles.len());
    thread::scope(|scope| {
        let start = |handle| {
            let barrier = &barrier;
            scope.spawn(move || {
                barrier.wait();
                let start = Instant::now();
                repeat(handle, count, operation);
                start.elapsed()
            })
        };
        let running: Vec<_> = handles.iter_mut().map(start).collect();
        running.into_iter().map(|thread| thread.join().expect("operations do not panic")).max().unwrap_or_default()
    })
}

fn repeat<H>(handle: &mut H, count: u64, operation: impl Fn(&mut H)) {
    for _ in 0..count {
        operation(black_box(&mut *handle));
    }
}
