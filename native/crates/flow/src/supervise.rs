//! Runs a task that must not die: a panic is caught, counted and answered with a restart, until there were too many.
//!
//! Tokio alone swallows the panic of a task, and whatever the task served stands still without a word.

use std::any::Any;
use std::collections::VecDeque;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::Instant;

use crate::log::{Level, Log};

/// Restarts within [`RESTART_WINDOW`]; one panic more and the task has failed.
pub const RESTARTS_MAX: usize = 5;
/// The time over which restarts are counted.
pub const RESTART_WINDOW: Duration = Duration::from_secs(60);

/// What happened to a supervised task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// It panicked and runs again.
    Restarted,
    /// It panicked too often and stays down.
    Failed,
}

/// Runs the future of `make` on this thread, and a new one whenever it panics. `on_crash` is told each time, to count
/// and to report the state. The handle ends with `true` if the task came to its own end.
///
/// Aborting the handle stops the task.
pub fn supervise<F>(
    name: &'static str,
    log: Log,
    on_crash: impl Fn(Crash) + 'static,
    mut make: impl FnMut() -> F + 'static,
) -> JoinHandle<bool>
where
    F: Future<Output = ()> + 'static,
{
    spawn_local(async move {
        let mut crashes = VecDeque::new();
        loop {
            // The task starts from nothing after a panic, so no broken state is seen again.
            let run = AssertUnwindSafe(async { make().await }).catch_unwind();
            let Err(panic) = run.await else { return true };
            let crash = judge(&mut crashes, Instant::now());
            let fields = [("task", name.into()), ("panic", text(&*panic).into())];
            match crash {
                Crash::Restarted => log.emit(Level::Error, "Task panicked, restarting it.", &fields),
                Crash::Failed => log.emit(Level::Error, "Task panicked too often, giving it up.", &fields),
            }
            on_crash(crash);
            if crash == Crash::Failed {
                return false;
            }
        }
    })
}

fn judge(crashes: &mut VecDeque<Instant>, now: Instant) -> Crash {
    while crashes.front().is_some_and(|crash| now.duration_since(*crash) >= RESTART_WINDOW) {
        crashes.pop_front();
    }
    crashes.push_back(now);
    if crashes.len() > RESTARTS_MAX { Crash::Failed } else { Crash::Restarted }
}

fn text(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        _ => "not a text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};
    use std::rc::Rc;
    use tokio::task::LocalSet;
    use tokio::time::sleep;

    /// Panics after `lifetime`, `times` times, and returns what the hook heard and how it ended.
    async fn crash(times: usize, lifetime: Duration) -> (Vec<Crash>, bool) {
        let heard = Rc::new(RefCell::new(Vec::new()));
        let left = Rc::new(Cell::new(times));
        let (hook, counter) = (heard.clone(), left.clone());
        let task = supervise(
            "test",
            Log::none(),
            move |crash| hook.borrow_mut().push(crash),
            move || {
                let left = counter.clone();
                async move {
                    sleep(lifetime).await;
                    if left.get() > 0 {
                        left.set(left.get() - 1);
                        panic!("as scripted");
                    }
                }
            },
        );
        let finished = task.await.unwrap();
        (heard.take(), finished)
    }

    #[tokio::test(start_paused = true)]
    async fn restarts_a_panicking_task_until_it_panics_too_often() {
        LocalSet::new()
            .run_until(async {
                assert_eq!(crash(5, Duration::from_secs(1)).await, (vec![Crash::Restarted; 5], true));
                let (heard, finished) = crash(9, Duration::from_secs(1)).await;
                assert_eq!((heard.len(), heard.last(), finished), (6, Some(&Crash::Failed), false));
                assert_eq!(crash(9, Duration::from_secs(20)).await, (vec![Crash::Restarted; 9], true));
            })
            .await;
    }
}
