//! Tasks that are used again: a task for each small request costs more than some of the work in it.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

/// The tasks of one thread that wait for something to do. Dropping it ends them.
pub(crate) struct Couriers<T> {
    idle: Rc<RefCell<Vec<Rc<Post<T>>>>>,
}

/// Where a task waits.
struct Post<T> {
    errand: Cell<Option<T>>,
    waker: RefCell<Option<Waker>>,
}

impl<T: 'static> Couriers<T> {
    pub(crate) fn new() -> Self {
        Couriers { idle: Rc::default() }
    }

    /// Gives `errand` to a task that waits.
    ///
    /// # Errors
    /// The errand, if no task waits: then it is time for another [`courier`](Self::courier).
    pub(crate) fn hand(&self, errand: T) -> Result<(), T> {
        let Some(post) = self.idle.borrow_mut().pop() else { return Err(errand) };
        post.errand.set(Some(errand));
        post.wake();
        Ok(())
    }

    /// The future of a task that runs `errand`, and after it what else there is, as long as tasks are wanted. A panic in
    /// an errand ends the task.
    pub(crate) fn courier<F, R>(&self, errand: T, run: R) -> impl Future<Output = ()> + use<T, F, R>
    where
        F: Future<Output = ()>,
        R: Fn(T) -> F,
    {
        let couriers = Rc::downgrade(&self.idle);
        async move {
            let post = Rc::new(Post { errand: Cell::new(None), waker: RefCell::new(None) });
            let mut next = Some(errand);
            while let Some(errand) = next {
                run(errand).await;
                next = Post::wait(&post, &couriers).await;
            }
        }
    }
}

impl<T> Drop for Couriers<T> {
    fn drop(&mut self) {
        for post in self.idle.take() {
            post.wake();
        }
    }
}

impl<T> Post<T> {
    /// Waits for an errand; none if enough others wait, or nobody will have one.
    async fn wait(post: &Rc<Self>, couriers: &Weak<RefCell<Vec<Rc<Self>>>>) -> Option<T> {
        match couriers.upgrade() {
            Some(idle) if idle.borrow().len() < IDLE_MAX => idle.borrow_mut().push(Rc::clone(post)),
            _ => return None,
        }
        poll_fn(|cx| post.poll(couriers, cx)).await
    }

    fn poll(&self, couriers: &Weak<RefCell<Vec<Rc<Self>>>>, cx: &Context<'_>) -> Poll<Option<T>> {
        if let Some(errand) = self.errand.take() {
            return Poll::Ready(Some(errand));
        }
        if couriers.strong_count() == 0 {
            return Poll::Ready(None);
        }
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }
}

/// Tasks that are kept for a burst to come; each holds some two kilobytes.
const IDLE_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::task::{LocalSet, spawn_local, yield_now};

    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        LocalSet::new().block_on(&runtime, test);
    }

    async fn settle() {
        for _ in 0..10 {
            yield_now().await;
        }
    }

    #[test]
    fn a_task_that_is_done_is_used_again_and_all_end_at_last() {
        run(async {
            let couriers = Couriers::new();
            let (started, done) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
            let mut tasks = Vec::new();
            for round in 1..=3 {
                for _ in 0..5 {
                    let done = Rc::clone(&done);
                    let errand: Box<dyn FnOnce()> = Box::new(move || done.set(done.get() + 1));
                    if let Err(errand) = couriers.hand(errand) {
                        started.set(started.get() + 1);
                        tasks.push(spawn_local(couriers.courier(errand, |errand: Box<dyn FnOnce()>| async move {
                            yield_now().await;
                            errand();
                        })));
                    }
                }
                settle().await;
                assert_eq!((started.get(), done.get()), (5, 5 * round));
            }
            assert_eq!(couriers.idle.borrow().len(), 5);
            drop(couriers);
            for task in tasks {
                task.await.unwrap();
            }
        });
    }

    #[test]
    fn no_more_tasks_are_kept_than_a_burst_needs() {
        run(async {
            let couriers = Couriers::new();
            for _ in 0..2 * IDLE_MAX {
                if couriers.hand(()).is_err() {
                    spawn_local(couriers.courier((), |()| async {}));
                }
            }
            settle().await;
            assert_eq!(couriers.idle.borrow().len(), IDLE_MAX);
        });
    }
}
