//! The one way to begin a task or a thread: each has a name, and a panic in it ends no more than it. The panic is told to
//! the hook of the thread, and what must not end is begun anew.
//!
//! What the panic costs is up to the task. Work that nobody waits for is just gone ([`spawn_local`]); what others rely on
//! is put right behind it ([`spawn_local_or`]); a loop that serves others goes on ([`supervise`]).

#![forbid(unsafe_code)]

#[cfg(any(test, feature = "failpoints"))]
pub mod failpoints;
mod restarts;

use std::any::Any;
use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

pub use restarts::Restarts;

/// What a panic leaves behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PanicReport {
    /// The name that the task was begun with.
    pub task: &'static str,
    /// The text given to `panic!`, or a placeholder when it carried none.
    pub message: String,
    /// Whether the task does nothing but panic, so that what it serves stands still.
    pub failed: bool,
}

/// Called once per caught panic, on the thread that caught it. It must be quick and must not panic.
pub type PanicHook = Arc<dyn Fn(PanicReport) + Send + Sync>;

/// What a panic carries.
pub type Payload = Box<dyn Any + Send>;

thread_local! {
    static HOOK: RefCell<Option<PanicHook>> = const { RefCell::new(None) };
}

/// Lets `hook` be told of the panics that are caught on this thread, and on the threads that it begins from now on.
pub fn set_hook(hook: Option<PanicHook>) {
    HOOK.set(hook);
}

/// Tells the hook of this thread of a panic that the caller has caught in `task`.
#[cold]
pub fn report_panic(task: &'static str, payload: &Payload) {
    tell(task, payload, false);
}

#[cold]
fn tell(task: &'static str, payload: &Payload, failed: bool) {
    let hook = HOOK.with_borrow(Clone::clone);
    if let Some(hook) = hook {
        hook(PanicReport { task, message: message_of(payload), failed });
    }
}

/// Begins a task on the current thread's [`LocalSet`](tokio::task::LocalSet). A panic in it is told, and ends it alone.
///
/// # Panics
/// Outside a `LocalSet`.
pub fn spawn_local(name: &'static str, task: impl Future<Output = ()> + 'static) -> JoinHandle<()> {
    tokio::task::spawn_local(guarded(name, task, None::<fn()>))
}

/// As [`spawn_local`]; after a panic, when all that the task held is dropped, `put_right` is called.
///
/// # Panics
/// As [`spawn_local`].
pub fn spawn_local_or(
    name: &'static str,
    task: impl Future<Output = ()> + 'static,
    put_right: impl FnOnce() + 'static,
) -> JoinHandle<()> {
    tokio::task::spawn_local(guarded(name, task, Some(put_right)))
}

/// As [`spawn_local_or`] where there may be no `LocalSet`.
///
/// # Panics
/// Outside a runtime.
pub fn spawn_or(
    name: &'static str,
    task: impl Future<Output = ()> + Send + 'static,
    put_right: impl FnOnce() + Send + 'static,
) -> JoinHandle<()> {
    tokio::spawn(guarded(name, task, Some(put_right)))
}

/// Begins a task that is begun anew whenever it panics; see [`supervise`].
///
/// # Panics
/// As [`spawn_local`].
pub fn spawn_supervised(name: &'static str, work: impl AsyncFnMut() + 'static) -> JoinHandle<()> {
    tokio::task::spawn_local(supervise(name, work))
}

/// Does `work` until it ends without a panic. After one it is begun anew at once, and after a pause when it does nothing
/// but panic, which is told as a failure. What must outlive a panic belongs outside of `work`. Cancel safe as `work` is.
pub async fn supervise(name: &'static str, mut work: impl AsyncFnMut()) {
    let mut restarts = Restarts::default();
    while let Err(payload) = catch(name, work()).await {
        let goes_on = restarts.allow(Instant::now());
        tell(name, &payload, !goes_on);
        // What a payload does when it is dropped is anybody's guess.
        dispose(name, payload);
        if !goes_on {
            sleep(PAUSE).await;
        }
    }
}

/// How long a task waits that does nothing but panic.
const PAUSE: Duration = Duration::from_secs(10);

/// The outcome of `task`, or the panic in it, which is not told.
pub fn catch<F: Future>(name: &'static str, task: F) -> Caught<F> {
    Caught { name, task }
}

/// What `work` returns; none after a panic, which is told.
pub fn fence<T>(name: &'static str, work: impl FnOnce() -> T) -> Option<T> {
    let done = catch_unwind(AssertUnwindSafe(|| {
        failpoint(name);
        work()
    }));
    done.map_err(|payload| end(name, payload)).ok()
}

/// Begins a thread with the hook of this one. A panic in it ends the thread alone; it is told as a failure, as what the
/// thread serves stands still, and then `put_right` is called.
///
/// # Errors
/// The system gives no thread.
pub fn spawn_thread(
    task: &'static str,
    name: String,
    body: impl FnOnce() + Send + 'static,
    put_right: impl FnOnce() + Send + 'static,
) -> io::Result<thread::JoinHandle<()>> {
    let hook = HOOK.with_borrow(Clone::clone);
    thread::Builder::new().name(name).spawn(move || {
        set_hook(hook);
        let lived = catch_unwind(AssertUnwindSafe(|| {
            failpoint(task);
            body();
        }));
        if let Err(payload) = lived {
            tell(task, &payload, true);
            dispose(task, payload);
            quietly(task, put_right);
        }
    })
}

/// The text of a panic.
pub fn message_of(payload: &Payload) -> String {
    payload
        .downcast_ref::<&'static str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic without a message".to_owned())
}

/// Panics here if a test wants that, on a thread that tells of panics. Costs nothing elsewhere.
#[inline(always)]
#[cfg_attr(not(any(test, feature = "failpoints")), allow(unused_variables))]
pub fn failpoint(name: &'static str) {
    #[cfg(any(test, feature = "failpoints"))]
    if HOOK.with_borrow(Option::is_some) {
        failpoints::pass(name);
    }
}

/// Tells of a panic that ended `name`.
#[cold]
fn end(name: &'static str, payload: Payload) {
    report_panic(name, &payload);
    dispose(name, payload);
}

/// Does `work`, which follows a panic, and tells of another.
fn quietly(name: &'static str, work: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(work)) {
        end(name, payload);
    }
}

/// Drops the payload of a panic, which may be anything.
fn dispose(name: &'static str, payload: Payload) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        report_panic(name, &again);
        // To drop this one as well would ask for the next.
        std::mem::forget(again);
    }
}

pin_project! {
    /// What [`catch`] returns.
    #[must_use = "futures do nothing unless polled"]
    pub struct Caught<F> {
        name: &'static str,
        #[pin]
        task: F,
    }
}

impl<F: Future> Future for Caught<F> {
    type Output = Result<F::Output, Payload>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match poll_caught(this.name, this.task, cx) {
            Ok(poll) => poll.map(Ok),
            Err(payload) => Poll::Ready(Err(payload)),
        }
    }
}

pin_project! {
    /// A task that ends with its first panic, and what is to be done then.
    struct Guarded<F, P> {
        name: &'static str,
        #[pin]
        task: Option<F>,
        put_right: Option<P>,
    }
}

fn guarded<F, P>(name: &'static str, task: F, put_right: Option<P>) -> Guarded<F, P> {
    Guarded { name, task: Some(task), put_right }
}

impl<F: Future<Output = ()>, P: FnOnce()> Future for Guarded<F, P> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let Some(task) = this.task.as_mut().as_pin_mut() else { return Poll::Ready(()) };
        match poll_caught(this.name, task, cx) {
            Ok(poll) => poll,
            Err(payload) => {
                let name = this.name;
                end(name, payload);
                // What it held goes first.
                quietly(name, || this.task.set(None));
                if let Some(put_right) = this.put_right.take() {
                    quietly(name, put_right);
                }
                Poll::Ready(())
            }
        }
    }
}

/// One poll, up to a panic.
fn poll_caught<F: Future>(
    name: &'static str,
    task: Pin<&mut F>,
    cx: &mut Context<'_>,
) -> Result<Poll<F::Output>, Payload> {
    catch_unwind(AssertUnwindSafe(|| {
        failpoint(name);
        task.poll(cx)
    }))
}

#[cfg(test)]
mod tests;
