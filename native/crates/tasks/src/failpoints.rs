//! Panics on request: a test names a task, and its next polls panic. Tests of one process share them, so that those who
//! arm the same name take turns.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is armed, with the passes that panic and those that do not before them.
static ARMED: Mutex<Option<HashMap<&'static str, Plan>>> = Mutex::new(None);
/// How many are; looked at first.
static COUNT: AtomicUsize = AtomicUsize::new(0);

struct Plan {
    spared: u64,
    panics: u64,
}

/// Lets the next `panics` passes of the point with this name panic, after `spared` ones that do not.
pub fn arm(name: &'static str, spared: u64, panics: u64) {
    let mut armed = lock();
    let armed = armed.get_or_insert_default();
    armed.insert(name, Plan { spared, panics });
    COUNT.store(armed.len(), Ordering::Release);
}

/// Whether the point with this name has panics left.
pub fn is_armed(name: &str) -> bool {
    lock().as_ref().is_some_and(|armed| armed.contains_key(name))
}

/// Lets nothing panic any more.
pub fn disarm() {
    *lock() = None;
    COUNT.store(0, Ordering::Release);
}

/// A point that is passed.
pub(crate) fn pass(name: &'static str) {
    if COUNT.load(Ordering::Acquire) > 0 && takes(name) {
        panic!("failpoint {name}");
    }
}

fn takes(name: &str) -> bool {
    let mut armed = lock();
    let Some(armed) = armed.as_mut() else { return false };
    let Some(plan) = armed.get_mut(name) else { return false };
    if plan.spared > 0 {
        plan.spared -= 1;
        return false;
    }
    plan.panics = plan.panics.saturating_sub(1);
    if plan.panics == 0 {
        armed.remove(name);
        COUNT.store(armed.len(), Ordering::Release);
    }
    true
}

fn lock() -> MutexGuard<'static, Option<HashMap<&'static str, Plan>>> {
    ARMED.lock().unwrap_or_else(PoisonError::into_inner)
}
