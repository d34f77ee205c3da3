//! Which streams of a connection can go on: a waker for each place of a stream, made once and used by every stream that
//! takes the place, so that a request allocates none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;

/// The streams that can go on.
pub(super) struct Ready {
    shared: Arc<Shared>,
    wakers: Vec<(Arc<Place>, Waker)>,
}

#[derive(Default)]
struct Shared {
    woken: Mutex<Woken>,
    connection: AtomicWaker,
}

#[derive(Default)]
struct Woken {
    places: Vec<usize>,
    /// The connection is being polled and will look by itself.
    attended: bool,
}

/// Where a stream stands in its connection.
struct Place {
    shared: Arc<Shared>,
    number: usize,
    queued: AtomicBool,
}

impl Ready {
    pub(super) fn new() -> Ready {
        Ready { shared: Arc::default(), wakers: Vec::new() }
    }

    /// The connection looks from now on; `waker` is its own.
    pub(super) fn attend(&self, waker: &Waker) {
        self.shared.connection.register(waker);
        self.shared.woken.lock().attended = true;
    }

    /// The connection stops looking, unless a stream can go on: then it must look again.
    pub(super) fn leave(&self) -> bool {
        let mut woken = self.shared.woken.lock();
        woken.attended = !woken.places.is_empty();
        !woken.attended
    }

    /// Says that the stream at `place` can go on.
    pub(super) fn push(&mut self, place: usize) {
        let place = self.place(place).0.clone();
        place.enter();
    }

    /// Takes all places that can go on, into `places`, which must be empty.
    pub(super) fn take(&self, places: &mut Vec<usize>) {
        std::mem::swap(&mut self.shared.woken.lock().places, places);
        for number in &*places {
            if let Some((place, _)) = self.wakers.get(*number) {
                place.queued.store(false, Ordering::Release);
            }
        }
    }

    /// Wakes the stream at `place`, or the one that takes its place next, which then finds nothing to do.
    pub(super) fn waker(&mut self, place: usize) -> Waker {
        self.place(place).1.clone()
    }

    fn place(&mut self, number: usize) -> &(Arc<Place>, Waker) {
        while self.wakers.len() <= number {
            let place =
                Place { shared: self.shared.clone(), number: self.wakers.len(), queued: AtomicBool::new(false) };
            let place = Arc::new(place);
            self.wakers.push((place.clone(), Waker::from(place)));
        }
        &self.wakers[number]
    }
}

impl Place {
    /// Whether the connection must be woken to see it.
    fn enter(&self) -> bool {
        if self.queued.swap(true, Ordering::AcqRel) {
            return false;
        }
        let mut woken = self.shared.woken.lock();
        woken.places.push(self.number);
        !woken.attended
    }
}

impl Wake for Place {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.enter() {
            self.shared.connection.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_wake_is_told_once_and_not_while_the_connection_looks() {
        let count = Arc::new(Count::default());
        let connection = Waker::from(count.clone());
        let mut ready = Ready::new();
        let mut places = Vec::new();
        ready.attend(&connection);
        let (first, second) = (ready.waker(0), ready.waker(1));
        first.wake_by_ref();
        first.wake_by_ref();
        assert_eq!(count.0.load(Ordering::SeqCst), 0);
        assert!(!ready.leave(), "a stream can go on");
        ready.take(&mut places);
        assert_eq!(places, [0]);
        assert!(ready.leave());
        second.wake();
        first.wake();
        assert_eq!(count.0.load(Ordering::SeqCst), 1, "the waker is taken by the first");
        places.clear();
        ready.take(&mut places);
        assert_eq!(places, [1, 0]);
    }
}
