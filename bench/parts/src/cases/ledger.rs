//! Reserving bytes and giving them back: the ledger against a budget behind a mutex.

use std::hint::black_box;
use std::sync::{Arc, Mutex, PoisonError};

use teleferric_buf::Ledger;

use super::contention::{clock, shared};
use super::{Built, Entry, Plan, same};
use crate::measure::Case;

const LIMIT_BYTES: u64 = 1 << 30;
const BODY_BYTES: u64 = 4 << 10;

pub(super) fn entries(plan: &Plan) -> Vec<Entry> {
    let entry = |threads: &usize| {
        let threads = *threads;
        Entry::new(format!("ledger/{threads}-threads"), move || build(threads))
    };
    plan.threads.iter().map(entry).collect()
}

fn build(threads: usize) -> Built {
    let ledger = Ledger::new(LIMIT_BYTES);
    let budget = Arc::new(Budget { used: Mutex::new(0), limit: LIMIT_BYTES });
    let permit = ledger.try_reserve(LIMIT_BYTES).ok();
    let guard = Budget::reserve(&budget, LIMIT_BYTES);
    same("whether more than all is refused", ledger.try_reserve(1).is_err(), Budget::reserve(&budget, 1).is_none())?;
    drop((permit, guard));
    same("bytes in use after all was given back", ledger.used(), *budget.used())?;

    let contenders = vec![
        shared("ledger", vec![ledger; threads], |ledger| {
            drop(black_box(ledger.try_reserve(black_box(BODY_BYTES))));
        }),
        shared("mutex", vec![budget; threads], |budget| {
            drop(black_box(Budget::reserve(budget, black_box(BODY_BYTES))));
        }),
    ];
    Ok(Case { clock: clock(threads), unit: "reservation", units_per_operation: 1, contenders })
}

/// The plain way: a number behind a lock, and a guard that gives back.
struct Budget {
    used: Mutex<u64>,
    limit: u64,
}

struct Guard {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Budget {
    fn used(&self) -> std::sync::MutexGuard<'_, u64> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reserve(budget: &Arc<Budget>, bytes: u64) -> Option<Guard> {
        let mut used = budget.used();
        *used = used.checked_add(bytes).filter(|after| *after <= budget.limit)?;
        Some(Guard { budget: Arc::clone(budget), bytes })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        *self.budget.used() -= self.bytes;
    }
}
