//! The data plane's threads: each is a named std thread with a single-threaded runtime and a set of local tasks.
//!
//! A worker runs what is handed to it with [`Workers::spawn_on`] and, from inside, what [`teleferric_tasks`] begins. A
//! panic in such a task ends that task alone: it is told to the hook of the thread that started the workers, and the
//! worker goes on. Work is never moved from one worker to another.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc as std_mpsc;
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::Duration;

use parking_lot::Mutex;
use teleferric_tasks::{spawn_local, spawn_thread, supervise};
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;

/// The workers of one collector. Dropping it stops them at once, as [`Workers::shutdown`] with no grace does.
pub struct Workers {
    seats: Vec<Seat>,
    threads: Mutex<Vec<Running>>,
}

/// What [`Workers::shutdown`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shutdown {
    /// Workers that ended and whose threads were joined.
    pub joined: usize,
    /// Workers that did not return to their runtime in time, or that asked for the shutdown themselves; their threads
    /// end by themselves as soon as they can.
    pub left: usize,
}

/// The worker is gone: it was shut down before, or while, it did the work; or the work panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the worker has stopped or the task panicked")]
pub struct WorkerGone;

impl Workers {
    /// Starts `n` workers (at least one) named `{name}-0`, `{name}-1`, … that tell of panics where this thread does.
    ///
    /// # Errors
    /// When the system refuses a thread or a runtime; workers already started are stopped again.
    pub fn start(n: usize, name: &str) -> io::Result<Arc<Workers>> {
        let mut workers = Workers { seats: Vec::new(), threads: Mutex::new(Vec::new()) };
        for index in 0..n.max(1) {
            let (jobs, queue) = mpsc::unbounded_channel();
            let (done_tx, done) = std_mpsc::channel();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
            let body = move || {
                INDEX.set(Some(index));
                work(runtime, queue);
                // The receiver may have stopped waiting.
                let _ = done_tx.send(());
            };
            // What it had to do is dropped with it, and so answered.
            let thread = spawn_thread("worker.thread", format!("{name}-{index}"), body, || {})?;
            let id = thread.thread().id();
            workers.seats.push(Seat { jobs, connections: Arc::default() });
            workers.threads.get_mut().push(Running { thread, id, done });
        }
        Ok(Arc::new(workers))
    }

    /// How many workers there are; never 0.
    #[allow(clippy::len_without_is_empty, reason = "there is always at least one")]
    pub fn len(&self) -> usize {
        self.seats.len()
    }

    /// Runs `make` on the worker and then the future it returns, as a local task of that worker with this name.
    ///
    /// Callable from any thread, never blocks. `worker` counts modulo the number of workers. After a shutdown the work
    /// is dropped. The future is dropped at an await point if the worker ends first.
    pub fn spawn_on<F, Fut>(&self, worker: usize, name: &'static str, make: F)
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        let job = Job::Spawn(name, Box::new(move || Box::pin(make())));
        // A worker that is gone drops the job, and with it whatever the job held.
        let _ = self.seat(worker).jobs.send(job);
    }

    /// As [`Workers::spawn_on`], returning the future's result to whoever awaits it (or calls [`RunOn::wait`]).
    pub fn run_on<F, Fut, T>(&self, worker: usize, name: &'static str, make: F) -> RunOn<T>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = T> + 'static,
        T: Send + 'static,
    {
        let (tx, rx) = oneshot::channel();
        self.spawn_on(worker, name, move || {
            let work = make();
            async move {
                // Nobody may be waiting any more.
                let _ = tx.send(work.await);
            }
        });
        RunOn(rx)
    }

    /// Stops all workers: their tasks get `grace` to end by themselves, then they are dropped at their next await
    /// point, and the threads are joined. Blocks the caller for at most `grace` and a second. Calling it again, or
    /// from several threads, is harmless.
    ///
    /// Called from a worker it cannot join that worker, which then ends on its own after the call returns.
    pub fn shutdown(&self, grace: Duration) -> Shutdown {
        let deadline = tokio::time::Instant::now() + grace;
        for seat in &self.seats {
            let _ = seat.jobs.send(Job::Stop { deadline });
        }
        let mut report = Shutdown { joined: 0, left: 0 };
        let stuck_at = deadline + STUCK_AFTER;
        for running in std::mem::take(&mut *self.threads.lock()) {
            let patience = stuck_at.saturating_duration_since(tokio::time::Instant::now());
            let own = running.id == thread::current().id();
            let ended = !own && running.done.recv_timeout(patience) != Err(std_mpsc::RecvTimeoutError::Timeout);
            if ended {
                // A worker's own panic was reported where it happened; nothing is left to learn from the join.
                let _ = running.thread.join();
                report.joined += 1;
            } else {
                report.left += 1;
            }
        }
        report
    }

    /// The worker with the fewest connections now; of equals, the one with the lowest number.
    pub fn least_loaded(&self) -> usize {
        let load = |index: &usize| self.seats.get(*index).map_or(0, |seat| seat.connections.load(Ordering::Relaxed));
        (0..self.seats.len()).min_by_key(load).unwrap_or(0)
    }

    /// Counts one connection on `worker` until the returned guard is dropped.
    pub fn occupy(&self, worker: usize) -> Occupied {
        let connections = self.seat(worker).connections.clone();
        connections.fetch_add(1, Ordering::Relaxed);
        Occupied(connections)
    }

    fn seat(&self, worker: usize) -> &Seat {
        &self.seats[worker % self.seats.len()]
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.shutdown(Duration::ZERO);
    }
}

impl std::fmt::Debug for Workers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workers").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// The result of [`Workers::run_on`], to be awaited anywhere. Dropping it does not cancel the work.
#[must_use = "dropping it only stops waiting"]
pub struct RunOn<T>(oneshot::Receiver<T>);

impl<T> RunOn<T> {
    /// Blocks the calling thread until the result is there.
    ///
    /// # Errors
    /// [`WorkerGone`].
    ///
    /// # Panics
    /// When called from inside a runtime, a worker's for instance.
    pub fn wait(self) -> Result<T, WorkerGone> {
        self.0.blocking_recv().map_err(|_| WorkerGone)
    }
}

impl<T> Future for RunOn<T> {
    type Output = Result<T, WorkerGone>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map_err(|_| WorkerGone)
    }
}

/// One connection counted on a worker.
#[derive(Debug)]
pub struct Occupied(Arc<AtomicUsize>);

impl Drop for Occupied {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The number of the worker that runs the calling code.
pub fn current_worker() -> Option<usize> {
    INDEX.get()
}

struct Seat {
    jobs: mpsc::UnboundedSender<Job>,
    connections: Arc<AtomicUsize>,
}

struct Running {
    thread: JoinHandle<()>,
    id: ThreadId,
    done: std_mpsc::Receiver<()>,
}

enum Job {
    Spawn(&'static str, Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()>>> + Send>),
    Stop { deadline: tokio::time::Instant },
}

thread_local! {
    static INDEX: Cell<Option<usize>> = const { Cell::new(None) };
}

/// A worker's life: take jobs until told to stop, then let the tasks end by the deadline, then drop the rest.
fn work(runtime: tokio::runtime::Runtime, mut queue: mpsc::UnboundedReceiver<Job>) {
    let tasks = LocalSet::new();
    runtime.block_on(async {
        let deadline = tasks.run_until(take_jobs(&mut queue)).await;
        // `LocalSet` resolves when no task is left.
        let _ = tokio::time::timeout_at(deadline, tasks).await;
    });
    // Jobs that came too late are dropped with the queue, inside the runtime's context like all other work.
    let _guard = runtime.enter();
    drop(queue);
}

async fn take_jobs(queue: &mut mpsc::UnboundedReceiver<Job>) -> tokio::time::Instant {
    let mut ends_at = tokio::time::Instant::now();
    supervise("worker", async || {
        while let Some(job) = queue.recv().await {
            match job {
                Job::Spawn(name, make) => {
                    spawn_local(name, async move { make().await });
                }
                Job::Stop { deadline } => return ends_at = deadline,
            }
        }
        ends_at = tokio::time::Instant::now();
    })
    .await;
    ends_at
}

/// How long past its deadline a worker may stay away from its runtime before the join gives up on it.
const STUCK_AFTER: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
