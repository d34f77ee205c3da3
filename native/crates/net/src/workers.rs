//! The data plane's threads: each is a named std thread with a single-threaded runtime and a set of local tasks.
//!
//! A worker runs what is handed to it with [`Workers::spawn_on`] and, from inside, with [`spawn_local`]. A panic in
//! such a task ends that task alone: it is reported to the hook given at start and the worker goes on. Work is never
//! moved from one worker to another.

mod restarts;

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc as std_mpsc;
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::Duration;

use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;

pub(crate) use restarts::Restarts;

/// What a panicking task leaves behind: the worker it ran on and the panic's message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PanicReport {
    /// The worker's number; `None` when the task ran on no worker of ours.
    pub worker: Option<usize>,
    /// The text given to `panic!`, or a placeholder when it carried none.
    pub message: String,
}

/// Called once per caught panic, on the thread that caught it. It must be quick and must not panic.
pub type PanicHook = Arc<dyn Fn(PanicReport) + Send + Sync>;

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
    /// Starts `n` workers (at least one) named `{name}-0`, `{name}-1`, … whose panics go unreported.
    ///
    /// # Errors
    /// When the system refuses a thread or a runtime; workers already started are stopped again.
    pub fn start(n: usize, name: &str) -> io::Result<Arc<Workers>> {
        Workers::start_with_hook(n, name, Arc::new(|_| {}))
    }

    /// As [`Workers::start`], with `on_panic` told of every panic caught in a task.
    ///
    /// # Errors
    /// As [`Workers::start`].
    pub fn start_with_hook(n: usize, name: &str, on_panic: PanicHook) -> io::Result<Arc<Workers>> {
        let mut workers = Workers { seats: Vec::new(), threads: Mutex::new(Vec::new()) };
        for index in 0..n.max(1) {
            let (jobs, queue) = mpsc::unbounded_channel();
            let (done_tx, done) = std_mpsc::channel();
            let identity = Identity { index, on_panic: on_panic.clone() };
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
            let thread = thread::Builder::new().name(format!("{name}-{index}")).spawn(move || {
                IDENTITY.set(Some(identity));
                work(runtime, queue);
                // The receiver may have stopped waiting.
                let _ = done_tx.send(());
            })?;
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

    /// Runs `make` on the worker and then the future it returns, as a local task of that worker.
    ///
    /// Callable from any thread, never blocks. `worker` counts modulo the number of workers. After a shutdown the work
    /// is dropped. The future is dropped at an await point if the worker ends first.
    pub fn spawn_on<F, Fut>(&self, worker: usize, make: F)
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        let job = Job::Spawn(Box::new(move || Box::pin(make())));
        // A worker that is gone drops the job, and with it whatever the job held.
        let _ = self.seat(worker).jobs.send(job);
    }

    /// As [`Workers::spawn_on`], returning the future's result to whoever awaits it (or calls [`RunOn::wait`]).
    pub fn run_on<F, Fut, T>(&self, worker: usize, make: F) -> RunOn<T>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = T> + 'static,
        T: Send + 'static,
    {
        let (tx, rx) = oneshot::channel();
        self.spawn_on(worker, move || {
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

/// Starts a local task on the current worker; a panic in it is caught and reported as one in [`Workers::spawn_on`].
///
/// # Panics
/// Outside a worker (or another [`LocalSet`]).
pub fn spawn_local<F>(task: F) -> tokio::task::JoinHandle<()>
where
    F: Future<Output = ()> + 'static,
{
    tokio::task::spawn_local(guarded(task))
}

/// The number of the worker that runs the calling code.
pub fn current_worker() -> Option<usize> {
    IDENTITY.with_borrow(|identity| identity.as_ref().map(|identity| identity.index))
}

/// Reports a panic caught by the caller to the hook of the current worker.
pub fn report_panic(payload: &(dyn std::any::Any + Send)) {
    let found = IDENTITY.with_borrow(|identity| identity.as_ref().map(|id| (id.index, id.on_panic.clone())));
    if let Some((index, hook)) = found {
        hook(PanicReport { worker: Some(index), message: panic_message(payload) });
    }
}

/// The text of a panic's payload.
pub fn panic_message(payload: &(dyn std::any::Any + Send)) -> String {
    payload
        .downcast_ref::<&'static str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic without a message".to_owned())
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
    Spawn(Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()>>> + Send>),
    Stop { deadline: tokio::time::Instant },
}

struct Identity {
    index: usize,
    on_panic: PanicHook,
}

thread_local! {
    static IDENTITY: RefCell<Option<Identity>> = const { RefCell::new(None) };
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
    while let Some(job) = queue.recv().await {
        match job {
            Job::Spawn(make) => {
                spawn_local(async move { make().await });
            }
            Job::Stop { deadline } => return deadline,
        }
    }
    tokio::time::Instant::now()
}

async fn guarded<F: Future<Output = ()>>(task: F) {
    if let Err(payload) = AssertUnwindSafe(task).catch_unwind().await {
        report_panic(&*payload);
    }
}

/// How long past its deadline a worker may stay away from its runtime before the join gives up on it.
const STUCK_AFTER: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
