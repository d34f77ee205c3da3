//! A bounded queue in the place of a lock-free one, which is not ours to check.

use std::collections::VecDeque;

use loom::sync::Mutex;

pub(crate) struct ArrayQueue<T> {
    capacity: usize,
    values: Mutex<VecDeque<T>>,
}

impl<T> ArrayQueue<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        ArrayQueue { capacity, values: Mutex::new(VecDeque::new()) }
    }

    pub(crate) fn push(&self, value: T) -> Result<(), T> {
        self.with(|values| {
            if values.len() == self.capacity {
                return Err(value);
            }
            values.push_back(value);
            Ok(())
        })
    }

    pub(crate) fn pop(&self) -> Option<T> {
        self.with(VecDeque::pop_front)
    }

    pub(crate) fn len(&self) -> usize {
        self.with(|values| values.len())
    }

    fn with<R>(&self, work: impl FnOnce(&mut VecDeque<T>) -> R) -> R {
        work(&mut self.values.lock().unwrap_or_else(|_| panic!("poisoned")))
    }
}
